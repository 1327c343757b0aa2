#!/usr/bin/env bash
# Builds the fuzzer on the stable toolchain: Rust with libFuzzer's counters, C with AddressSanitizer. CFITSIO is built inside its
# crate's folder, so that a Cargo home of its own keeps the instrumented objects out of every other build. Needs GCC with
# libasan and libstdc++.
set -euo pipefail
cd "$(dirname "$0")"
export CARGO_TARGET_DIR=$PWD/target
home=${CARGO_HOME:-$HOME/.cargo}
export CARGO_HOME=$CARGO_TARGET_DIR/cargo-home
mkdir -p "$CARGO_HOME/registry"
for part in registry/index registry/cache config.toml; do
    [ -e "$CARGO_HOME/$part" ] || [ ! -e "$home/$part" ] || cp -r "$home/$part" "$CARGO_HOME/$part"
done
target=x86_64-unknown-linux-gnu
export CFLAGS_x86_64_unknown_linux_gnu="-g1 -fsanitize=address"
export ASAN_OPTIONS=detect_leaks=0 # of configure's tests
export FLOW_FUZZ_ASAN=1
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares"
cargo build --release --target "$target" --bins
# AddressSanitizer must be loaded first of all.
mkdir -p bin
for name in read rulefile wildcards seeds; do
    printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$(gcc -print-file-name=libasan.so)" \
        "$CARGO_TARGET_DIR/$target/release/$name" >bin/$name
    chmod +x bin/$name
done
