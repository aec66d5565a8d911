#!/usr/bin/env bash
# Validators on this machine, as daemons over STOQ on the loopback interface, and clients that have
# operations ordered by them (consensus.py has the options). Writes build/bench/consensus.json.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
exec python3 "$here/bench/consensus.py" --build "$here/build/release" --out "$here/build/bench/consensus.json" "$@"
