#!/usr/bin/env bash
# Runs a fuzzer that build.sh built: run.sh read|rulefile|wildcards SECONDS [libFuzzer's flags]. Inputs that break a law are left in
# artifacts/.
set -euo pipefail
cd "$(dirname "$0")"
usage="usage: run.sh read|rulefile|wildcards SECONDS [flags]"
target=${1:?$usage}
seconds=${2:?$usage}
shift 2
case $target in
read) flags=(-dict=fits.dict -max_len=49152 -timeout=180 -rss_limit_mb=3000) ;;
*) flags=(-max_len=4096 -timeout=10) ;;
esac
mkdir -p "corpus/$target" artifacts
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=32:allocator_may_return_null=0
exec "./bin/$target" "corpus/$target" -artifact_prefix=artifacts/ "${flags[@]}" -max_total_time="$seconds" -print_final_stats=1 "$@"
