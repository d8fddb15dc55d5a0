# For the shell scripts here, sourced: a folder of its own, and the server in it.
# shellcheck shell=sh

work=$(mktemp -d)
pid=''
jobs='' # processes in the background that end with the script

cleanup() {
  for process in $jobs $pid; do kill "$process" 2> /dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# serve BIN: starts it with $work/config.lua, its log in $work/log; sets pid, port and url.
serve() {
  rm -f "$work/ready"
  mkfifo "$work/ready"
  "$1" "$work/config.lua" > "$work/ready" 2> "$work/log" &
  pid=$!
  read -r line < "$work/ready" || { cat "$work/log" >&2; exit 1; }
  port=${line##*:} url=http://127.0.0.1:${line##*:}
}

# Ends the server; fails when it does not end well.
stop() {
  status=0
  kill "$pid"
  wait "$pid" || status=$?
  pid=''
  [ "$status" -eq 0 ] || echo "FAILED: the server ended with status $status"
  return "$status"
}
