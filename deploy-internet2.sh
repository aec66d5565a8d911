#!/usr/bin/env bash
# Sets up and runs an Internet 2.0 node from this checkout.
#
#   ./deploy-internet2.sh [deploy]   dependencies, build, identity, start; waits until the node is healthy.
#                                    Run it again: it rebuilds what changed and restarts only if something did
#   ./deploy-internet2.sh build      dependencies and build only
#   ./deploy-internet2.sh start      start what is built
#   ./deploy-internet2.sh stop       stop the node, waiting for it to finish
#   ./deploy-internet2.sh restart    stop and start
#   ./deploy-internet2.sh status     state of the node; exit code 0 healthy, 3 not running
#   ./deploy-internet2.sh logs [-f]  the last lines of the log; -f follows
#
# Which node:
#   --data-dir DIR        its data (default: var/ in the checkout). Several nodes can run from one checkout,
#                         each with its own data directory and --port; give --data-dir to every command
# At the first start, to make the identity:
#   --fleet NAME          make a new fleet of this name (default: home)
#   --join TOKEN|BUNDLE   join an existing fleet instead
#   --name NODE           the node's name (default: the host's name; a bundle already has one)
# How it runs (remembered for the next time in run/):
#   --profile NAME        development (default) or production
#   --federated           production only: take part in ordering with the other validators
#   --config FILE         configuration (default: config/PROFILE.toml)
#   --port N              UDP port (default: the configuration's)
#   --user NAME           run as root only: the user that the node becomes (production wants one) and that
#                         then owns the data directory; it has to be able to reach it
#
# The process id is in run/server.pid and the log in logs/server.log; for another data directory both names
# carry it (run/server-NAME.pid).
set -euo pipefail

# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/tools/common.sh"

bin=$here/build/release/bin
health_seconds=60
stop_seconds=30

command=deploy
follow=0
data=$here/var
fleet=home name="" join=""
profile="" config="" port="" federated="" user="" # what is remembered
configured=0                                      # one of those was given

parse() {
  case "${1:-}" in
    deploy | build | start | stop | restart | status | logs) command=$1 && shift ;;
  esac
  while [ $# -gt 0 ]; do
    case "$1" in
      -h | --help) print_help && exit 0 ;;
      --federated) federated=1 configured=1 ;;
      -f) follow=1 ;;
      --config | --profile | --join | --fleet | --name | --port | --user | --data-dir)
        [ -n "${2:-}" ] || usage_error "$1 wants a value"
        case "$1" in
          --config) config=$(realpath -m -- "$2") configured=1 ;;
          --profile) profile=$2 configured=1 ;;
          --port) port=$2 configured=1 ;;
          --user) user=$2 configured=1 ;;
          --join) join=$2 ;;
          --fleet) fleet=$2 ;;
          --name) name=$2 ;;
          --data-dir) data=$(realpath -m -- "$2") ;;
        esac
        shift
        ;;
      *) usage_error "unknown argument '$1'" ;;
    esac
    shift
  done
  case "$profile" in "" | development | production) ;; *) usage_error "no such profile '$profile'" ;; esac
  [ -z "$federated" ] || [ "$profile" = production ] || usage_error "--federated needs --profile production"
  [ -z "$port" ] || { [[ $port =~ ^[0-9]{1,5}$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ]; } ||
    usage_error "'$port' is no port"
  [ -z "$user" ] || [ "$(id -u)" = 0 ] || usage_error "--user is for root: only root can become somebody else"
  [ -z "$config" ] || [ -r "$config" ] || die "cannot read $config"
  # A bundle is a file, a token is not.
  [ ! -e "$join" ] || join=$(realpath -- "$join")
}

# run/ and logs/ of this node; the state of a node in another data directory has its own names.
locate() {
  local id=${data#"$here/"}
  [ "$data" = "$here/var" ] && id="" || id=-$(printf '%s' "${id#/}" | tr -c 'A-Za-z0-9._-' _)
  mkdir -p "$here/run" "$here/logs"
  pid_file=$here/run/server$id.pid
  options_file=$here/run/server$id.options
  log=$here/logs/server$id.log
  exec 8>"$here/run/server$id.lock"
}

# Everything the node touches is visible in the private root.
i2() {
  INTERNET2_BIND=$data:$(dirname "${config:-/}"):$(dirname "${join:-/}") devroot "$bin/i2" --data-dir "$data" "$@"
}

# The node's process id, if it runs. A stale file whose number now belongs to something else counts as none.
server_pid() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$data" || return 1
  echo "$pid"
}

# Whether a process has let go of its files: it is gone, or a zombie that nobody has collected yet. (The
# command line is empty too early for this, before sockets and locks are closed.)
has_ended() {
  local state
  state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 0
  case "$state" in "" | Z* | X*) return 0 ;; esac
  return 1
}

is_healthy() { i2 status --json >/dev/null 2>&1; }

# Options of this call replace the remembered ones; without any, those hold. Exits 1 when they changed.
settle_options() {
  local now
  if [ $configured = 0 ] && [ -r "$options_file" ]; then
    { read -r profile && read -r config && read -r port && read -r federated && read -r user; } <"$options_file" ||
      true
  fi
  [ -n "$profile" ] || profile=development
  if [ -z "$config" ] && [ -e "$here/config/$profile.toml" ]; then
    config=$here/config/$profile.toml
  fi
  now=$(printf '%s\n' "$profile" "$config" "$port" "$federated" "$user")
  [ "$now" = "$(cat "$options_file" 2>/dev/null)" ] && return 0
  printf '%s\n' "$now" >"$options_file"
  return 1
}

build_server() {
  title "build"
  build release internet2-server
}

# VERSION is the last file that init and join write.
has_identity() { [ -e "$data/VERSION" ]; }

# The host's name as a node's name: 1 to 63 of a-z, 0-9 and '-', not at either end.
default_name() {
  local host
  host=$(uname -n | cut -d. -f1 | tr '[:upper:]' '[:lower:]' | tr -c 'a-z0-9\n' - | cut -c1-63 |
    sed 's/^-*//; s/-*$//')
  echo "${host:-node}"
}

make_identity() {
  (umask 077 && mkdir -p "$data")
  if has_identity; then
    [ -z "$join" ] || say "this node already has an identity in $data: --join is not used"
    return 0
  fi
  title "identity"
  if [ -f "$join" ]; then
    i2 join "$join" # a bundle was made for one node and has its name
  elif [ -n "$join" ]; then
    i2 join "$join" --name "${name:-$(default_name)}"
  else
    i2 init --fleet "$fleet" --name "${name:-$(default_name)}"
  fi
}

# The last lines that this start has logged.
log_tail() { tail -c "+$((log_start + 1))" "$log" 2>/dev/null | tail -n 20 >&2 || true; }

start_server() {
  local options=(--data-dir "$data") mode=("$profile") pid left=$((health_seconds * 2)) log_start=0
  [ -x "$bin/internet2-server" ] || die "not built yet: run ./deploy-internet2.sh"
  if is_healthy; then
    say "already running"
    return 0
  fi
  if ! pid=$(server_pid); then
    title "start"
    [ -z "$config" ] || options+=(--config "$config")
    [ -z "$port" ] || options+=(--port "$port")
    [ -z "$federated" ] || mode+=(--federated)
    if [ -n "$user" ]; then
      devroot chown -R "$user:" "$data"
      export I2_USER=$user
    fi
    [ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -lt 16777216 ] || mv -f "$log" "$log.1"
    log_start=$(stat -c %s "$log" 2>/dev/null || echo 0)
    # devroot replaces itself by the server, so this is the server's own process id.
    INTERNET2_BIND=$data:$(dirname "${config:-/}") setsid "$here/tools/devroot" \
      "$bin/internet2-server" "${options[@]}" "${mode[@]}" </dev/null >>"$log" 2>&1 8>&- &
    pid=$!
    echo "$pid" >"$pid_file"
  fi
  while ! is_healthy; do
    if has_ended "$pid"; then
      rm -f "$pid_file"
      log_tail
      die "the node stopped while starting; its log is $log"
    fi
    left=$((left - 1))
    if [ $left -le 0 ]; then
      log_tail
      die "the node is not healthy after $health_seconds s; its log is $log"
    fi
    sleep 0.5
  done
}

stop_server() {
  local pid left=$((stop_seconds * 10))
  if ! pid=$(server_pid); then
    rm -f "$pid_file"
    is_healthy && die "a node that this script did not start serves $data: stop it where it was started"
    say "not running"
    return 0
  fi
  kill -TERM "$pid"
  while ! has_ended "$pid"; do
    left=$((left - 1))
    if [ $left -le 0 ]; then
      say "the node did not stop within $stop_seconds s: killing it"
      kill -KILL "$pid" || true
      left=50
    fi
    sleep 0.1
  done
  rm -f "$pid_file"
  say "stopped"
}

show_status() {
  local code=0 suffix=""
  if [ ! -x "$bin/i2" ]; then
    say "not built yet: run ./deploy-internet2.sh"
    return 3
  fi
  i2 status || code=$?
  if [ $code = 0 ]; then
    [ "$data" = "$here/var" ] || suffix=" --data-dir $data"
    say ""
    say "client  ${here}/tools/i2${suffix} VERB"
    say "log     $log"
    say "stop    $here/deploy-internet2.sh stop$suffix"
  fi
  return $code
}

# Starts the node, or restarts it if it runs with other options or an older program; else changes nothing.
bring_up() {
  local same=1
  settle_options || same=0
  if server_pid >/dev/null; then
    if [ $same = 0 ]; then
      say "the options changed: restarting"
      stop_server
    elif [ "$bin/internet2-server" -nt "$pid_file" ]; then
      say "the program changed: restarting"
      stop_server
    fi
  fi
  start_server
  title "status"
  show_status
}

parse "$@"
locate
case "$command" in
  status) show_status ;;
  logs)
    [ -e "$log" ] || die "no log yet: $log"
    if [ $follow = 1 ]; then exec tail -n 100 -F "$log"; else tail -n 100 "$log"; fi
    ;;
  *)
    flock 8 # one deployment of a node at a time
    case "$command" in
      deploy)
        build_server
        make_identity
        bring_up
        ;;
      build) build_server ;;
      stop) stop_server ;;
      start | restart)
        has_identity || die "no node in $data yet: run ./deploy-internet2.sh"
        [ "$command" = start ] || stop_server
        bring_up
        ;;
    esac
    ;;
esac
