#!/usr/bin/env bash
# rustc for run.sh (RUSTC_WRAPPER): counts edges in our own code and in the parsers that it hands bytes to, and in nothing else. The fuzzer walks all
# counters after every execution; those of a command line parser or an HTTP server cost time, twice, and tell nothing.
set -euo pipefail
counted=(plimsoll plimsoll_fuzz serde_json toml toml_parser winnow flate2 miniz_oxide ruzstd xz4rust)
flags=()
for name in "${counted[@]}"; do
    # With a target named, what runs while building (macros, build scripts) has no fuzzer to report to; it has other names anyway.
    if [[ " $* " == *" --crate-name $name "*" --target "* ]]; then
        flags=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
            -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares)
    fi
done
exec "$@" "${flags[@]}"
