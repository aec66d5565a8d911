#!/usr/bin/env bash
# Measures: one table per benchmark on standard output, and its figures in build/bench/NAME.json.
#
#   ./bench.sh                     every benchmark
#   ./bench.sh NAME...             these
#   ./bench.sh NAME -- ARG...      this one, with arguments of its own
#   ./bench.sh --list              the names
#
# A benchmark is a script bench/NAME.sh that writes build/bench/NAME.json, or a Google Benchmark program
# bench_NAME of the release build. Run them on an idle machine: each table names the hardware, and what else
# ran at the time shows in it or spoils it.
set -euo pipefail

# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/tools/common.sh"
cd "$here"

bin=build/release/bin

# Helpers lie beside the benchmarks: a script counts by what it writes, a program by the options it knows.
is_script() { [ -x "bench/$1.sh" ] && grep -q "/$1\.json" "bench/$1.sh"; }
is_program() { [ -x "$bin/bench_$1" ] && devroot "$bin/bench_$1" --benchmark_list_tests >/dev/null 2>&1; }

known() {
  local file name
  for file in bench/*.sh "$bin"/bench_*; do
    name=$(basename "${file#"$bin"/bench_}" .sh)
    if is_script "$name" || is_program "$name"; then echo "$name"; fi
  done | sort -u
}

machine() {
  local model
  model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
  printf '%s, %s cores, Linux %s, %s\n' "${model:-$(uname -m)}" "$(nproc)" "$(uname -r)" \
    "$(git rev-parse --short HEAD 2>/dev/null || echo 'no revision')"
}

run_one() { # NAME [ARG...]
  local name=$1 json=build/bench/$1.json
  shift
  title "$name"
  rm -f "$json"
  if is_script "$name"; then
    devroot "bench/$name.sh" "$@" || return
  else
    devroot "$bin/bench_$name" --benchmark_out="$json" --benchmark_out_format=json \
      --benchmark_counters_tabular=true "$@" || return
  fi
  [ -s "$json" ] || die "$name left no $json"
  say "figures: $json"
}

names=()
arguments=()
list=0
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) print_help && exit 0 ;;
    --list) list=1 ;;
    --) shift && arguments=("$@") && break ;;
    -*) usage_error "unknown option $1" ;;
    *) names+=("$1") ;;
  esac
  shift
done
[ ${#arguments[@]} -eq 0 ] || [ ${#names[@]} -eq 1 ] || usage_error "arguments after -- want exactly one NAME"

mkdir -p build/bench
configure release
# The server is what the system benchmarks run.
mapfile -t targets < <(program_targets release | grep -E '^(bench_.*|internet2-server)$')
[ ${#targets[@]} -eq 0 ] || build release "${targets[@]}" >&2
mapfile -t all < <(known)
if [ $list = 1 ]; then
  printf '%s\n' "${all[@]}"
  exit 0
fi
[ ${#names[@]} -gt 0 ] || names=("${all[@]}")
[ ${#names[@]} -gt 0 ] || die "this tree has no benchmarks"
for name in "${names[@]}"; do
  printf '%s\n' "${all[@]}" | grep -qxF -- "$name" || usage_error "no benchmark '$name'; known: ${all[*]}"
done

machine
failed=()
for name in "${names[@]}"; do
  (run_one "$name" "${arguments[@]}") || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
