#!/usr/bin/env bash
# Builds and tests Internet 2.0, from a fresh machine to a green run.
#
#   ./test.sh                  GCC release build with all tests, then clang ASan+UBSan build with most of them
#   ./test.sh --quick          GCC release build, without the tests that take over a minute
#   ./test.sh --full           all tests with ASan+UBSan too, and: clang release, TSan, fuzz smoke, slow interop tests
#   ./test.sh --soak [HOURS]   soak tests and fuzzing in rounds for so long (default 8); run it again to
#                              continue with the next round
#
# Dependencies are installed as tools/devroot describes. The last lines are ctest's own summary; the exit
# code is 0 only when every step passed.
#
# Labels of tests: `slow` takes over a minute, `full` runs with --full only, `soak` with --soak only; `plain` runs
# under sanitizers with --full only, `tools` never does.
set -euo pipefail

# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/tools/common.sh"
cd "$here"

failed=()

# tests PRESET NAME [CTEST-OPTION...]: a failure is remembered, and the other steps still run.
tests() {
  local preset=$1 name=$2
  shift 2
  title "$name"
  devroot ctest --preset "$preset" "$@" || failed+=("$name")
}

# has_tests PRESET LABEL
has_tests() { ! devroot ctest --preset "$1" -L "^$2\$" -N | grep -q '^Total Tests: 0$'; }

finish() {
  [ ${#failed[@]} -eq 0 ] && exit 0
  printf 'FAILED: %s\n' "${failed[@]}" >&2
  exit 1
}

release_and() { # CTEST-OPTION...
  title "build: GCC release"
  build release
  tests release "tests: GCC release" "$@"
}

sanitized() { # PRESET NAME [LABEL-LEFT-OUT]
  title "build: clang $2"
  build "$1"
  [ -n "${3:-}" ] || build "$1" plain_programs
  tests "$1" "tests: clang $2" -LE "^(slow|full|soak|tools${3:+|$3})\$"
}

full() {
  title "build: clang release"
  build clang
  tests clang "tests: clang release" -LE '^(slow|full|soak)$'
  title "build: benchmarks"
  ./bench.sh --list >/dev/null || failed+=("build: benchmarks")
  sanitized tsan TSan
  title "fuzz smoke"
  tools/fuzz --seconds 30 || failed+=("fuzz smoke")
  if has_tests release full; then
    tests release "tests: slow interop" -L '^full$'
  fi
}

soak() { # HOURS
  local state=build/soak end round
  end=$(awk -v hours="$1" -v now="$(date +%s)" 'BEGIN { printf "%d", now + hours * 3600 }')
  mkdir -p "$state"
  title "build: GCC release"
  build release
  while [ "$(date +%s)" -lt "$end" ]; do
    round=$(($(cat "$state/round" 2>/dev/null || echo 0) + 1))
    title "soak round $round"
    # A soak test derives its seeds from the round, so a continued run never repeats one.
    if has_tests release soak; then
      I2_SOAK_ROUND=$round devroot ctest --preset release -L '^soak$' || die "soak round $round failed"
    fi
    tools/fuzz --seconds 120 || die "fuzzing failed in round $round"
    echo "$round" >"$state/round"
  done
  say "$round rounds passed in all"
}

case "${1:-}" in
  "") mode=default ;;
  --quick | --full | --soak) mode=${1#--} ;;
  -h | --help) print_help && exit 0 ;;
  *) usage_error "unknown option $1" ;;
esac
[ $# -le 1 ] || { [ "$mode" = soak ] && [ $# -eq 2 ]; } || usage_error "too many arguments"

case "$mode" in
  quick)
    release_and -LE '^(slow|full|soak)$'
    ;;
  soak)
    [[ ${2:-8} =~ ^[0-9]+([.][0-9]+)?$ ]] || usage_error "'$2' is no number of hours"
    soak "${2:-8}"
    ;;
  *)
    release_and -LE '^(full|soak)$'
    if [ "$mode" = full ]; then
      full
      sanitized asan ASan+UBSan
    else
      sanitized asan ASan+UBSan plain
    fi
    ;;
esac
finish
