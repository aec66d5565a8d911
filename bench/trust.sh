#!/usr/bin/env bash
# The services of trust on this machine's disk; arguments go to bench_trust_log (trust_log.cc has
# them). Writes build/bench/trust.json.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
out=$here/build/bench/trust.json
"$here/build/release/bin/bench_trust_log" --dir "$here/build/bench/trust-log" "$@" >"$out.new"
mv "$out.new" "$out"
cat "$out"
