# bench/null_epoll.c: two processes of epoll, parse nothing, answer every read the same. What is
# faster than that by more than noise has saved a syscall.
# shellcheck shell=bash disable=SC2034,SC2154 # bench/run.sh sets and reads these
needs=''
can='hello close'

installed() { [[ -x $built/null_epoll ]]; }

serve() {
  if [[ $kind == close ]]; then exec "$built/null_epoll" "$port" close; fi
  exec "$built/null_epoll" "$port" keep
}
