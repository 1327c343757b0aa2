#!/usr/bin/env bash
# Runs the fuzzer that build.sh built: run.sh SECONDS [libFuzzer's flags]. Inputs that break a law are left in artifacts/.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:?usage: run.sh SECONDS [flags]}
shift
mkdir -p corpus/read artifacts
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=32:allocator_may_return_null=0
exec ./bin/read corpus/read -artifact_prefix=artifacts/ -dict=fits.dict -max_len=49152 -timeout=60 -rss_limit_mb=3000 \
    -max_total_time="$seconds" -print_final_stats=1 "$@"
