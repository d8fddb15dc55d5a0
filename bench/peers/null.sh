# bench/null.asm: forks for each client, parses nothing, answers every read the same. No server
# that forks for each client does less.
# shellcheck shell=bash disable=SC2034,SC2154 # bench/run.sh sets and reads these
needs=''
can='hello close'

installed() { [[ -x $built/null ]]; }

serve() {
  if [[ $kind == close ]]; then exec "$built/null" "$port" close; fi
  exec "$built/null" "$port"
}
