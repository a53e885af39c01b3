# The commands of everyday work: each is one line that can be typed by hand as well.
# `just` alone lists them. `.ci/run` has what must hold before a change lands.

# List the commands
default:
    @just --list --unsorted

# Format everything
fmt:
    cargo fmt --all

# Format, clippy and rustdoc, without a warning
lint: _fmt-check _clippy doc

_fmt-check:
    cargo fmt --all --check

_clippy:
    cargo clippy --workspace --all-targets --all-features -- --deny warnings

# Build the documentation without a warning
doc:
    RUSTDOCFLAGS="--deny warnings --cfg madsim" cargo doc --workspace --no-deps --all-features

# Run every test of the workspace
test *args:
    cargo test {{ args }}

# Rewrite the golden files of counterexamples and violations, to be read as a diff
golden:
    GAPLESS_REWRITE=1 cargo test --package gapless-model --features check
    GAPLESS_REWRITE=1 cargo test --package gapless-sim --test it judges
    GAPLESS_REWRITE=1 cargo test --package gapless --features embedded --test it transcripts
    GAPLESS_REWRITE=1 cargo test --test it golden
    git diff --stat -- model/testdata sim/testdata impl/tests/transcripts tests/testdata

# Keep a stream busy on the embedded engine for a while
busy time="10m":
    cargo run --release --package gapless-soak -- --time {{ time }}

# Split and merge partitions under real processes, of which some are killed
reshape time="60s":
    cargo build --release --package gapless-cli --package gapless-soak
    "${CARGO_TARGET_DIR:-target}/release/soak" reshape --time {{ time }}

# Run every example on the embedded engine
examples:
    for example in impl/examples/*.rs; do cargo run --quiet --package gapless --features embedded --example "$(basename "$example" .rs)" || exit 1; done

# Check every named design against its declared verdict, at full bounds
check-all:
    cargo run --release --quiet -- check --all

# Simulate clusters under faults: `just sim --seeds 10000 --strict`
sim *args:
    cargo run --release --quiet -- sim {{ args }}

# Simulate seeds that nobody has run yet, for as long as told
soak time="10m":
    cargo run --release --quiet -- sim --seeds 1000000 --from "$(date +%s)000" --time-budget {{ time }}

# Break the traffic and the model on purpose, and see what notices
mutants *args:
    cargo run --release --quiet -- mutants {{ args }}

# Put small faults into the sources, and see what notices: `just source-mutants impl --sample 20`
source-mutants *args:
    cargo run --quiet --package gapless-source-mutants -- {{ args }}

# Licences, duplicate versions, sources and advisories (needs cargo-deny and the network)
deny:
    cargo deny check

# Compile with the oldest supported Rust (needs rustup and the network)
msrv:
    cargo "+$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)" check --workspace --all-features --locked

# Everything that CI runs
ci:
    .ci/run
