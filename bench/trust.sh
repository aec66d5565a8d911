#!/usr/bin/env bash
# The log, the authority and fleets that renew and revoke, on this machine (trust.py has the options). Writes
# build/bench/trust.json.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
exec python3 "$here/bench/trust.py" --build "$here/build/release" --out "$here/build/bench/trust.json" "$@"
