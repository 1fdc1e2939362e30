# `make` lists what can be done: every target with a text behind `##`.

SHELL := /bin/bash
.DEFAULT_GOAL := help

CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)

RECORDING ?= fail
ENDPOINT ?=
SPANS ?= $(TARGET_DIR)/spans.jsonl
KILLS ?= 3000
SEED ?=
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= $(sort $(basename $(notdir $(wildcard fuzz/targets/*.rs))))

# Tools of a fixed version, beside the build and not in the user's home. A version is a directory: a new one is installed.
CARGO_FUZZ := target/tools/cargo-fuzz@0.13.2/bin/cargo-fuzz
CARGO_DENY := target/tools/cargo-deny@0.20.2/bin/cargo-deny

CLUSTER := $(CARGO) run --quiet --package tracestamp-tests --bin cluster --
TEKTON ?=
NAMES ?=

PROCESSES := --package tracestamp-webhook --package tracestamp-exporter --package tracestamp

##@ See it work
.PHONY: demo
# Not in release: link-time optimisation would take longer than everything that the demo does.
demo: build ## send RECORDING=fail (a name or a file) through both processes and show the trace; ENDPOINT=URL delivers it
	$(TARGET_DIR)/debug/tracestamp demo $(RECORDING) $(if $(ENDPOINT),--endpoint $(ENDPOINT))

.PHONY: replay
replay: build ## run RECORDING=fail through the decision alone and write its spans to SPANS=target/spans.jsonl
	$(TARGET_DIR)/debug/tracestamp replay $(RECORDING) --out $(SPANS)

##@ Build
.PHONY: build
build: ## build the webhook, the exporter and the command for debugging
	$(CARGO) build $(PROCESSES)

.PHONY: release
release: ## the same, optimised
	$(CARGO) build --release $(PROCESSES)

# Podman and buildah take the same file.
BUILDER ?= $(shell docker info >/dev/null 2>&1 && echo docker || command -v podman buildah | head -1)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
IMAGE ?= docker.io/library/tracestamp:$(VERSION)

.PHONY: image
image: ## build IMAGE by docker, podman or buildah, or without any of them as target/tracestamp-image.tar
ifneq ($(BUILDER),)
	$(BUILDER) build --tag $(IMAGE) .
else
	$(MAKE) image-archive
endif

.PHONY: image-archive
image-archive: release ## the image as an OCI archive, target/tracestamp-image.tar, without a builder
	tools/image $(TARGET_DIR)/release $(IMAGE) target/tracestamp-image.tar

##@ Test
.PHONY: test
test: check-size check-layers check-docs check-fmt clippy unit doc check-settings e2e bench-short ## every test there is, and every check that needs no tool of its own

.PHONY: unit
unit: ## the tests that need no cluster
	$(CARGO) test --workspace --exclude tracestamp-tests

.PHONY: clippy
clippy: ## the lints of the workspace, warnings are errors
	$(CARGO) clippy --workspace --all-targets -- -D warnings

.PHONY: doc
# The crates are not published: their documentation is for who works on them, so it holds and links to private items.
doc: ## the documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

.PHONY: check-fmt
check-fmt: ## whether the code is formatted
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check

.PHONY: check-layers
check-layers: ## whether the arrows between the crates point to the core
	@tools/check-layers

.PHONY: check-size
check-size: ## whether files are small: .rs up to 400 lines, main.rs below 40, no mod.rs
	@find crates tests fuzz -name target -prune -o -name '*.rs' -exec wc -l {} + | awk '\
	  $$2 == "total" { next } { files++ } \
	  $$1 > 400 { print "check-size: " $$2 " has " $$1 " lines, more than 400"; bad = 1 } \
	  $$2 ~ /src\/main\.rs$$/ && $$1 >= 40 { print "check-size: " $$2 " has " $$1 " lines, not below 40"; bad = 1 } \
	  $$2 ~ /\/mod\.rs$$/ { print "check-size: " $$2 " should be named as its module"; bad = 1 } \
	  END { if (!files) { print "check-size: no file found"; bad = 1 } \
	    if (!bad) print "check-size: " files " files are small enough"; exit bad }'

.PHONY: check-settings
check-settings: build ## whether docs/configuration.md has every setting of each process, and no other
	@CARGO_TARGET_DIR=$(TARGET_DIR) tools/check-settings

.PHONY: check-docs
check-docs: ## whether links of documents resolve, and their lines and tables are short
	@tools/check-docs

.PHONY: deny
deny: $(CARGO_DENY) ## licences, sources and banned crates of all dependencies
	$(CARGO_DENY) check bans licenses sources

.PHONY: audit
audit: $(CARGO_DENY) ## known vulnerabilities of all dependencies; fetches the advisory database
	$(CARGO_DENY) check advisories

.PHONY: torture
torture: ## kill -9 both processes at random, KILLS=3000 times, while the backend misbehaves; SEED= repeats a run
	TORTURE_KILLS=$(KILLS) TORTURE_SEED=$(SEED) $(CARGO) test --package tracestamp --test torture -- --nocapture

.PHONY: fuzz
# Without a sanitizer the toolchain of rust-toolchain.toml is enough, no nightly; our code has no `unsafe` to watch.
fuzz: $(CARGO_FUZZ) ## fuzz each of FUZZ_TARGETS for FUZZ_SECONDS=60, led by coverage; fails when one finds something
	$(CARGO_FUZZ) build --sanitizer none
	@set -o pipefail; found=; for target in $(FUZZ_TARGETS); do \
	  echo "fuzz: $$target, $(FUZZ_SECONDS) s"; \
	  mkdir -p fuzz/corpus/$$target; \
	  dictionary=fuzz/dictionaries/$$target.dict; [ -f $$dictionary ] || dictionary=; \
	  $(CARGO_FUZZ) run --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_funcs=0 $${dictionary:+-dict=$$dictionary} 2>&1 | awk '\
	    /^###### Recommended/ { hidden = 1 } \
	    !hidden && !/^(#[0-9]+\t(NEW|REDUCE|pulse|RELOAD) |INFO:|WARNING: Failed to find function)/ { print; fflush() } \
	    /^###### End/ { hidden = 0 }' || found+=" $$target"; \
	done; \
	if [ -n "$$found" ]; then echo "fuzz: something was found by$$found, the inputs are in fuzz/artifacts"; exit 1; fi; \
	echo "fuzz: nothing was found"

.PHONY: fuzz-seeds
fuzz-seeds: ## write fuzz/seeds anew from the recordings
	$(CARGO) run --quiet --manifest-path fuzz/Cargo.toml --example seeds

##@ On a real cluster
.PHONY: cluster
cluster: ## build what a real cluster is made of, from Go modules, and install the Debian packages it needs
	$(CLUSTER) build

.PHONY: e2e
e2e: ## start a real cluster, run the tests on it and take it down; TEKTON=1.3.0 or 0.59.0 for another Tekton
	TEKTON=$(TEKTON) $(CLUSTER) run

.PHONY: e2e-examples
e2e-examples: ## play Tekton's own examples without and with tracestamp and compare; NAMES="matrix sidecar" for some
	TEKTON=$(TEKTON) $(CLUSTER) examples $(NAMES)

.PHONY: cluster-up
cluster-up: ## start a real cluster and keep it until Ctrl-C
	TEKTON=$(TEKTON) $(CLUSTER) up

.PHONY: cluster-down
cluster-down: ## take away what a killed cluster left
	$(CLUSTER) down

.PHONY: bench
# On a machine that runs no cluster all but Tekton's webhook and the API server is measured.
bench: release ## measure beside what it is compared with, into target/bench; BENCH="--rounds 3" for less
	$(CARGO) build --release --package tracestamp-bench
	TRACESTAMP_BIN_DIR=$(abspath $(TARGET_DIR))/release $(CLUSTER) run $(TARGET_DIR)/release/tracestamp-bench $(BENCH)

.PHONY: bench-short
# In the programs built for debugging: whether everything is measured, not how much it is.
bench-short: build ## the same in a minute: fails when a part of it is broken, never by a figure
	$(CARGO) build --package tracestamp-bench
	$(CLUSTER) run $(TARGET_DIR)/debug/tracestamp-bench --short --out $(TARGET_DIR)/bench-short

.PHONY: record
record: ## record what the API server sends while SCENARIO=name of tests/scenarios runs, to OUT=file
	$(CLUSTER) record --scenario $(SCENARIO) --out $(or $(OUT),$(SCENARIO).jsonl.zst)

##@ Keep house
.PHONY: fmt
fmt: ## format the code
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml

.PHONY: clean
clean: ## remove everything that was built, the installed tools too
	$(CARGO) clean
	rm -rf target fuzz/target

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

define INSTALL
$(CARGO) install --locked --root target/tools/$* --target-dir $(TARGET_DIR)/tools/build $*
endef

target/tools/%/bin/cargo-fuzz:
	$(INSTALL)

target/tools/%/bin/cargo-deny:
	$(INSTALL)
