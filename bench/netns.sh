#!/usr/bin/env bash
# Runs a command with two network namespaces that are joined by a veth pair, and removes them again
# however the command ends.
#
#   bench/netns.sh [--mtu BYTES] [--] CMD [ARG...]
#
# The command finds in its environment:
#   I2_NS_A I2_NS_B           names for `ip netns exec`
#   I2_ADDRESS_A I2_ADDRESS_B IPv6 addresses, usable at once
#   I2_DEVICE_A I2_DEVICE_B   the two ends of the pair
#   I2_MTU                    their MTU (default 1500); offloads are as the kernel sets them
#
# Needs root, or a user namespace in which the caller is root. Under tools/devroot the namespaces exist
# for the length of that one call.
set -euo pipefail

mtu=1500
while [ $# -gt 0 ]; do
  case "$1" in
    --mtu) mtu=${2:?"--mtu needs a value"}; shift 2 ;;
    --) shift; break ;;
    -h | --help) sed -n '2,/^set -/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 0 ;;
    -*) echo "netns.sh: unknown option $1" >&2; exit 2 ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || { echo "netns.sh: no command given" >&2; exit 2; }

export I2_NS_A="i2-$$-a" I2_NS_B="i2-$$-b" I2_DEVICE_A=i2a I2_DEVICE_B=i2b I2_MTU=$mtu
# A unique local prefix (RFC 4193) of our own; it exists only between the two namespaces.
export I2_ADDRESS_A=fd3a:91c4:7e52::1 I2_ADDRESS_B=fd3a:91c4:7e52::2

child=""
# shellcheck disable=SC2317  # called by the trap
cleanup() {
  local ns pid
  [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
  for ns in "$I2_NS_A" "$I2_NS_B"; do
    ip netns list 2>/dev/null | grep -q "^$ns\b" || continue
    # Whatever the command left running inside holds the namespace open.
    for pid in $(ip netns pids "$ns" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null || true; done
    ip netns del "$ns" 2>/dev/null || true
  done
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

ip netns add "$I2_NS_A"
ip netns add "$I2_NS_B"
ip -n "$I2_NS_A" link add "$I2_DEVICE_A" mtu "$mtu" type veth \
  peer name "$I2_DEVICE_B" mtu "$mtu" netns "$I2_NS_B"
# nodad: an address under duplicate address detection cannot be bound for the first second.
ip -n "$I2_NS_A" address add "$I2_ADDRESS_A/64" dev "$I2_DEVICE_A" nodad
ip -n "$I2_NS_B" address add "$I2_ADDRESS_B/64" dev "$I2_DEVICE_B" nodad
for side in A B; do
  ns=I2_NS_$side device=I2_DEVICE_$side
  ip -n "${!ns}" link set lo up
  ip -n "${!ns}" link set "${!device}" up
done

# In the background, so that a signal ends the wait and cleans up at once.
"$@" <&0 &
child=$!
status=0
wait "$child" || status=$?
child=""
exit "$status"
