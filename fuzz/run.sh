#!/usr/bin/env bash
# fuzz/run.sh [SECONDS [TARGET…]]: every target for so long (10 s), from the kept corpus in fuzz/corpus/TARGET. Ends with 1 at the first finding: the input
# stays in artifacts, what broke is printed. New inputs go to the folder of the target in `work` and are the start of the next run; CI has none of them.
# Needs a C++ compiler beside the Rust toolchain. `cargo fuzz run TARGET` does the same with nightly and an address sanitizer; there is no unsafe code to look for here.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-10}
shift || true
triple=$(rustc -vV | sed -n 's/^host: //p')
# With a target named, macros and build scripts are not instrumented.
RUSTC_WRAPPER=$PWD/rustc.sh cargo build --locked --release --target "$triple" ${FUZZ_QUIET:+--quiet}
mkdir -p artifacts
for target in ${*:-$(ls corpus)}; do
    mkdir -p "work/$target"
    kept=("corpus/$target")
    longest=2048
    case $target in
        # The transcripts of the rules are a corpus by themselves.
        transcript | inspector) kept+=(../fixtures/rules) ;;
        # The smallest archive with a file in it has four blocks of 512 bytes.
        tar | archive) longest=6144 ;;
    esac
    printf '%-12s ' "$target"
    log=work/$target.log
    if ! "target/$triple/release/$target" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=20 -max_len=$longest -print_final_stats=1 \
        -artifact_prefix="artifacts/$target-" "work/$target" "${kept[@]}" > "$log" 2>&1; then
        printf 'FAILED\n'
        tail -40 "$log"
        exit 1
    fi
    sed -n 's/^stat::number_of_executed_units: */executions /p; s/.*DONE *cov: \([0-9]*\).*/edges \1/p' "$log" | tr '\n' ' '
    printf '\n'
done
