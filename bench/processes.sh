# Sourced beside servers.sh by what holds many clients at a server: its processes, their memory, and checks.
# shellcheck shell=bash disable=SC2154 # servers.sh has pids; who sources this, the coprocess `load`
empty_deadline=120 # seconds until all processes of clients that left are gone
passed=0 failed=0

processes_of() { echo "${pids[$1]}"; pgrep -P "${pids[$1]}" || :; }

# Proportional set size of all processes of NAME, KiB.
pss() {
  processes_of "$1" | sed 's|.*|/proc/&/smaps_rollup|' | xargs cat 2> /dev/null |
    awk '/^Pss:/ { sum += $2 } END { print sum + 0 }'
}

# Lets the load generator begin its next part.
go() { echo >&"${load[1]}"; }

check() {
  local what=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $what"
  fi
}

# Whether NAME has again as many processes as before.
is_empty() {
  local deadline=$((SECONDS + empty_deadline))
  until (($(processes_of "$1" | wc -l) <= $2)); do
    if ((SECONDS >= deadline)); then return 1; fi
    sleep 0.1
  done
}
