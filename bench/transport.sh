#!/usr/bin/env bash
# The transport against the ceilings of this machine and against TCP, in one run.
#
#   bench/transport.sh [--duration SECONDS] [--repetitions N] [--build DIR]
#
# Paths: veth with MTU 1500, veth with MTU 9000, loopback with jumbo datagrams. On each: raw UDP with GSO
# and GRO, the same with AES-128-GCM and header protection, one TCP flow (iperf3), and STOQ through its own
# API, mutually authenticated, counted by what the receiver acknowledged. Every repetition goes through all of them, so that a drift of the machine meets
# all alike; medians are reported. The receiver runs on CPU 0, the sender on CPU 1.
#
# Prints a table and writes DIR/bench/transport.json (default: build/bench/transport.json of the tree).
# Takes about paths x 4 x repetitions x duration seconds. Wants an idle machine: the table shows how much
# CPU other processes took meanwhile.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
bin=$here/build/release/bin
out=$here/build/bench
duration=3
repetitions=3
port=9300

die() { echo "transport.sh: $*" >&2; exit 1; }

# --- one repetition on one path; runs inside netns.sh ---------------------------------------------------

# CPU seconds that the whole machine has worked since boot.
busy_seconds() {
  awk -v hz="$(getconf CLK_TCK)" '/^cpu /{printf "%.2f", ($2+$3+$4+$7+$8+$9)/hz}' /proc/stat
}

# record WHAT PAYLOAD CMD...: runs CMD, which prints one JSON object, and appends a line to the results.
record() {
  local what=$1 payload=$2 before after json
  shift 2
  before=$(busy_seconds)
  json=$("$@") || die "$what on $path failed"
  after=$(busy_seconds)
  jq -c -n --arg path "$path" --arg what "$what" --argjson payload "$payload" \
    --argjson busy "$before" --argjson busy_after "$after" --argjson run "$json" '
    {path: $path, what: $what, payload: $payload, gbps: $run.gbps, cpu_seconds: $run.cpu_seconds,
     seconds: $run.seconds,
     other_cpu_seconds: ([0, $busy_after - $busy - $run.cpu_seconds.tx - $run.cpu_seconds.rx] | max)}' \
    >>"$results"
}

raw_udp() {
  "$bin/bench_raw_udp" --bind "[$address]:$port" --peer "[$address]:$port" \
    --rx-netns "$ns_rx" --tx-netns "$ns_tx" --rx-cpu "$cpu_rx" --tx-cpu "$cpu_tx" \
    --duration "$duration" "$@" | jq -c '. + {seconds: .received.seconds}' # what the receiver measured
}

# listening PROTOCOL PORT: waits until something in the receiver's namespace has this port.
listening() {
  local tries
  for tries in $(seq 250); do
    [ -n "$(ip netns exec "$ns_rx" ss -Hn "$1" "sport = :$2")" ] && return 0
    sleep 0.02
  done
  die "nothing listens on port $2 after $((tries / 50)) s"
}

tcp() {
  local server
  ip netns exec "$ns_rx" iperf3 -s -1 -A "$cpu_rx" >/dev/null &
  server=$!
  listening -tl 5201
  # The receiver's rate; CPU is given in per cent of one core.
  ip netns exec "$ns_tx" iperf3 -6 -c "$address" -P 1 -t "$duration" -A "$cpu_tx" -J |
    jq -c '{gbps: (.end.sum_received.bits_per_second / 1e9), seconds: .end.sum_received.seconds,
            cpu_seconds: {tx: (.end.cpu_utilization_percent.host_total * .end.sum_sent.seconds / 100),
                          rx: (.end.cpu_utilization_percent.remote_total * .end.sum_sent.seconds / 100)}}' || return
  wait "$server"
}

# stoq PAYLOAD WHAT [ARG...]: one run of bench_stoq against a server of its own.
stoq() {
  local server payload=$1 what=$2
  shift 2
  ip netns exec "$ns_rx" "$bin/bench_stoq" server --keys "$keys" --bind "[$address]:$port" \
    --cpu "$cpu_rx" --payload "$payload" >/dev/null &
  server=$!
  listening -ul "$port"
  ip netns exec "$ns_tx" "$bin/bench_stoq" client --keys "$keys" --peer "[$address]:$port" \
    --cpu "$cpu_tx" --duration "$duration" --payload "$payload" --what "$what" "$@" || return
  kill "$server" 2>/dev/null || true
  wait "$server" || true
}

bulk() { stoq "$1" bulk | jq -c '{gbps, seconds, cpu_seconds}'; }

# The figures that are not rates, once a repetition, on the loopback path.
other_figures() {
  local what
  for what in request handshake resumed; do
    stoq 1452 "$what" | jq -c --arg what "$what" '{figure: $what} + .' >>"$results"
  done
  ip netns exec "$ns_tx" "$bin/bench_stoq" pair --cpu "$cpu_tx" --peer-cpu "$cpu_rx" --duration "$duration" |
    jq -c '{figure: "handshake_p256"} + .' >>"$results"
  stoq 1452 idle --connections 1000 | jq -c '{figure: "idle"} + .' >>"$results"
}

one_repetition() {
  path=$1 results=$2
  ns_rx=$I2_NS_A ns_tx=$I2_NS_B address=$I2_ADDRESS_A
  cpu_rx=0 cpu_tx=$(($(nproc) > 1 ? 1 : 0))
  local payload
  case "$path" in
    veth-1500) payload=1452 ;;
    veth-9000) payload=8900 ;;
    loopback) payload=65487 ns_tx=$I2_NS_A address=::1 ;;
    *) die "unknown path $path" ;;
  esac
  record raw_udp "$payload" raw_udp --payload "$payload"
  record raw_udp_aes "$payload" raw_udp --payload "$payload" --aes
  record tcp "$payload" tcp
  record stoq "$payload" bulk "$payload"
  if [ "$path" = loopback ]; then other_figures; fi
}

# --- all repetitions ------------------------------------------------------------------------------------

if [ "${1:-}" = --inside ]; then
  shift
  duration=$3 bin=$4 keys=$5
  one_repetition "$1" "$2"
  exit 0
fi

arguments=("$@")
while [ $# -gt 0 ]; do
  case "$1" in
    --duration) duration=${2:?}; shift 2 ;;
    --repetitions) repetitions=${2:?}; shift 2 ;;
    --build) bin=$(cd "${2:?}" && pwd -P)/bin; shift 2 ;;
    -h | --help) sed -n '2,/^set -/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 0 ;;
    *) die "unknown option $1" ;;
  esac
done

# Namespaces live as long as one call of devroot, so everything happens inside one.
if [ -z "${INTERNET2_IN_ROOT:-}" ]; then
  INTERNET2_IN_ROOT='' exec "$here/tools/devroot" env INTERNET2_IN_ROOT=1 \
    "$here/bench/transport.sh" "${arguments[@]}"
fi
for program in bench_raw_udp bench_stoq; do
  [ -x "$bin/$program" ] || die "$bin/$program is missing: build $program first"
done

mkdir -p "$out"
results=$(mktemp "$out/transport.XXXXXX")
keys=$(mktemp -d)
trap 'rm -rf "$results" "$keys"' EXIT
"$bin/bench_stoq" keys --out "$keys"
for repetition in $(seq "$repetitions"); do
  for path in veth-1500 veth-9000 loopback; do
    echo "repetition $repetition of $repetitions: $path" >&2
    mtu=1500
    [ "$path" = veth-9000 ] && mtu=9000
    "$here/bench/netns.sh" --mtu "$mtu" -- "$here/bench/transport.sh" --inside "$path" "$results" \
      "$duration" "$bin" "$keys"
  done
done
python3 "$here/bench/transport_report.py" "$results" "$out/transport.json" "$duration"
