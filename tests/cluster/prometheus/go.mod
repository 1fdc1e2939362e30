// For its CRDs alone: nothing is built of it.
module tracestamp.dev/tests/cluster/prometheus

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
