# Sourced by what starts the servers of bench/peers: each in a folder and a process group of its own.
# shellcheck shell=bash disable=SC2034,SC2154,SC2164 # who sources this
# sets path, where a server is asked whether it is there, luaserve, built, kind, and -e; and reads www and ports.
start_deadline=20 # seconds
stop_deadline=3

fail() {
  echo "bench: $*" >&2
  exit 1
}

# Descriptors for servers and load generators, unless who sources this says how many.
ulimit -Sn "${descriptors:-8192}" 2> /dev/null || ulimit -Sn "$(ulimit -Hn)"

declare -A pids=() ports=() # of the servers that run
work=$(mktemp -d)
www=$work/www
trap 'stop_all; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# of_peer NAME COMMAND...: COMMAND with what bench/peers/NAME.sh defines, in a subshell.
of_peer() (
  # shellcheck source=/dev/null
  source "bench/peers/$1.sh"
  shift
  "$@"
)

show() { echo "${!1-}"; }

free_port() {
  lua5.4 -e 'local s = assert(require("socket").bind("127.0.0.1", 0))
             print((select(2, s:getsockname())))'
}

# serve NAME: does not return. Its folder is its working directory.
serve() {
  folder=$work/$1
  rm -rf "$folder"
  mkdir "$folder"
  exec < /dev/null > "$folder/output" 2>&1
  # shellcheck source=/dev/null
  source "bench/peers/$1.sh"
  cd "$folder"
  serve
}

# start NAME: in a process group of its own, so that what it forks can be ended with it, and ^C
# ends the servers by stop_all alone.
start() {
  local name=$1 deadline=$((SECONDS + start_deadline))
  port=$(free_port)
  set -m
  (serve "$name") &
  set +m
  pids[$name]=$! ports[$name]=$port
  until curl -s -o "$work/page" -m 5 -H 'Connection: close' "http://127.0.0.1:$port$path"; do
    if ! kill -0 "${pids[$name]}" 2> /dev/null || ((SECONDS >= deadline)); then
      echo "$name does not start:" >&2
      tail -n 5 "$work/$name/output" "$work/$name"/error.log >&2 2> /dev/null || :
      return 1
    fi
    sleep 0.05
  done
}

stop() {
  local pid=${pids[$1]} deadline=$((SECONDS + stop_deadline))
  unset "pids[$1]"
  kill "$pid" 2> /dev/null || :
  while kill -0 "$pid" 2> /dev/null && ((SECONDS < deadline)); do sleep 0.02; done
  kill -KILL -- "-$pid" 2> /dev/null || : # what of its group is left
  wait "$pid" 2> /dev/null || :
}

stop_all() {
  local name
  for name in "${!pids[@]}"; do stop "$name"; done
}
