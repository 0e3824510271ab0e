# The daily commands; `just` alone lists them.

_default:
    @just --list --unsorted

# Tests that need no daemon
test *ARGS:
    cargo test --locked {{ARGS}}

# Format, lints as errors, documents
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# What CI runs, without the daemons
ci: test lint

# Check the schema files
schemas:
    cargo run --locked -q -- schemas lint schemas

# Real dockerd and docker CLI (root, Debian 12)
daemons:
    bash tests/daemons/run.sh

# Fuzz targets, from the kept corpus: SECONDS, TARGET…
fuzz *ARGS:
    bash fuzz/run.sh {{ARGS}}

# Decoders and judge
bench *ARGS:
    cargo bench --locked --bench judge {{ARGS}}

# Beside nginx and haproxy
compare:
    cargo build --release --locked
    bash benches/compare.sh
