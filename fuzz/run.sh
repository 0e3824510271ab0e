#!/usr/bin/env bash
# fuzz/run.sh [SECONDS [TARGET…]]: every target for so long (10 s), from the kept corpus in fuzz/corpus/TARGET; what is found stays in fuzz/artifacts.
# Needs a nightly toolchain and a C++ compiler. `cargo fuzz run TARGET` does the same with an address sanitizer; there is no unsafe code to look for here.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-10}
shift || true
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
 -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=16"
triple=$(rustc -vV | sed -n 's/^host: //p')
# With a target named, build scripts and macros are not instrumented: they have no fuzzer to report to.
cargo +nightly build --release --target "$triple" ${FUZZ_QUIET:+--quiet}
mkdir -p artifacts work
for target in ${*:-head body json_stream frames websocket tar archive transcript waivers config schemas inspector}; do
    mkdir -p "work/$target"
    # The transcripts of the rules are a corpus by themselves.
    kept=(corpus/"$target")
    case $target in transcript | inspector) kept+=(../fixtures/rules) ;; esac
    printf '%-12s ' "$target"
    log=work/$target.log
    if ! "target/$triple/release/$target" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=20 -max_len=16384 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target-" "work/$target" "${kept[@]}" > "$log" 2>&1; then
        printf 'FAILED\n'
        tail -40 "$log"
        exit 1
    fi
    sed -n 's/^stat::number_of_executed_units: */executions /p; s/.*DONE *cov: \([0-9]*\).*/edges \1/p' "$log" | tr '\n' ' '
    printf '\n'
done
