# Sourced by the scripts of this repository, at their top.
# shellcheck shell=bash
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) # the top of the checkout

say() { printf '%s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}
usage_error() {
  printf '%s: %s (try --help)\n' "${0##*/}" "$*" >&2
  exit 2
}
# The comment at the top of the calling script is its manual.
print_help() { sed -n '2,/^set -/s/^# \{0,1\}//p' "$0"; }

title() {
  if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
    printf '\n\033[1m== %s\033[0m\n' "$*" >&2
  else
    printf '\n== %s\n' "$*" >&2
  fi
}

devroot() { "$here/tools/devroot" "$@"; }

# Compilers at once: one per core, but never more than one per 1.5 GB of memory.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemTotal:/ { print int($2 / 1500000) }' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  echo $((cores < memory ? cores : memory))
}

# What CMake has to say is on standard error.
configure() { (cd "$here" && devroot cmake --preset "$1" >/dev/null); }

# build PRESET [TARGET...]: configures and builds; everything without a target.
build() {
  local preset=$1 targets=()
  shift
  [ $# -eq 0 ] || targets=(--target "$@")
  configure "$preset" || return
  # The preset's environment tells ccache what all checkouts may share.
  (cd "$here" && devroot cmake --build --preset "$preset" -j "$(build_jobs)" "${targets[@]}")
}

# program_targets PRESET: the programs below build/PRESET/bin that the configured build knows.
program_targets() {
  devroot ninja -C "$here/build/$1" -t targets all |
    sed -n 's,^bin/\([^/]*\): C[X_]*_EXECUTABLE_LINKER.*,\1,p' | sort -u
}
