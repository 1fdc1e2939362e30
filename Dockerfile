# For each platform that the build image has: `docker buildx build --platform linux/amd64,linux/arm64 .`
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --release --package tracestamp-webhook --package tracestamp-exporter --package tracestamp \
 && tools/rootfs target/release /rootfs \
 && chmod 1777 /rootfs/tmp

FROM scratch
COPY --from=build /rootfs/ /
USER 65532:65532
CMD ["/tracestamp", "--help"]
