#!/usr/bin/env bash
# Many clients at once: whether all are served, what memory each takes, how long the active ones wait.
#
#   bench/scale.sh LUASERVE BUILT     from the root of the repo; BUILT has scale and null_epoll
#
# CLIENTS (10000 for fork, 15000 for pool), MODES (fork pool), ACTIVE (500), RATE (1000 requests a
# second) and EACH (10 seconds) choose what is done. A server that holds the same connections and
# nothing else (null_epoll) is measured before each: memory is also given less what that takes, which
# is the sockets of both sides. Ends with "N passed, N failed"; docs/bench.md explains the table.
# shellcheck disable=SC2034 # bench/servers.sh and bench/peers read some of it
set -euo pipefail

active=${ACTIVE:-500} rate=${RATE:-1000} each=${EACH:-10}
path=/hello kind=hello
descriptors=$(ulimit -Hn)

# shellcheck source=bench/servers.sh
source bench/servers.sh
# shellcheck source=bench/processes.sh
source bench/processes.sh

if (($# != 2)); then
  echo "usage: bench/scale.sh LUASERVE BUILT" >&2
  exit 64
fi
luaserve=$(realpath "$1") built=$(realpath "$2")
for mode in ${MODES:-}; do
  if [[ $mode != fork && $mode != pool ]]; then fail "MODES: \"$mode\" is neither fork nor pool"; fi
done
for number in ${CLIENTS:-} "$active" "$rate" "$each"; do
  if [[ ! $number =~ ^[1-9][0-9]*$ ]]; then fail "\"$number\" is not a number above 0"; fi
done

# What the kernel itself holds now, KiB: stacks, page tables, and objects.
kernel_memory() {
  awk '/^KernelStack:/ { stacks = $2 } /^PageTables:/ { tables = $2 } /^Slab:/ { slab = $2 }
    END { print stacks, tables, slab }' /proc/meminfo
}

# memory NAME: pss stacks tables slab. The kernel's first: to look at processes makes objects.
memory() {
  local kernel
  kernel=$(kernel_memory)
  echo "$(pss "$1") $kernel"
}

per_client() { awk -v n="$count" -v before="$1" -v after="$2" 'BEGIN {
  split(before, b); split(after, a)
  for (i = 1; i <= 4; i++) { one = (a[i] - b[i]) / n; sum += one; printf "%.2f ", one }
  printf "%.2f\n", sum }'; }

# part NAME: reads how one part of the load went; false when anything failed.
part() {
  local name
  IFS=$'\t' read -r -u "${load[0]}" name right bad seconds p50 p99 worst || fail "the load generator ended"
  [[ $name == "$1" ]] || fail "$name where $1 should be"
  ((bad == 0 && right > 0))
}

# hold NAME COUNT: sets each_kib (pss stacks tables slab sum, KiB a client), and the figures of the parts.
hold() {
  local name=$1 before after processes
  count=$2 max_clients=$(($2 + 10))
  start "$name" || fail "no $name"
  processes=$(processes_of "$name" | wc -l)
  before=$(memory "$name")
  coproc load { "$built/scale" "${ports[$name]}" "$count" "$((active < count ? active : count))" "$rate" "$each"; }
  local load_pid=$!
  check "$name: $count clients connect and are answered" part connected
  connected=$seconds
  after=$(memory "$name")
  each_kib=$(per_client "$before" "$after")
  go
  check "$name: $active of $count ask in turns" part active
  figures="$right | $(awk "BEGIN { printf \"%.2f | %.2f | %.2f\", $p50 / 1000, $p99 / 1000, $worst / 1000 }")"
  go
  check "$name: all $count ask once more" part all
  go
  wait "$load_pid" || :
  check "$name: nothing is left of them" is_empty "$name" "$processes"
  stop "$name"
}

compare() {
  local name=luaserve-$1 null
  if [[ $descriptors != unlimited ]] && ((descriptors < $2 + 200)); then
    fail "$2 clients need $(($2 + 200)) descriptors, and ulimit -Hn is $descriptors"
  fi
  hold null_epoll "$2"
  null=${each_kib##* }
  hold "$name" "$2"
  awk -v name="$name" -v n="$2" -v connected="$connected" -v kib="$each_kib" -v null="$null" \
    -v figures="$figures" 'BEGIN {
      split(kib, k)
      printf "| %s | %d | %.1f | %.1f | %.1f | %.1f | %.1f | **%.1f** | %s |\n", name, n, connected,
        k[1], k[2], k[3], k[4], k[5] - null, figures }' >> "$table"
}

table=$built/scale.md
chmod 755 "$work"
mkdir "$www"
{
  echo "| server | clients | all answered after s | KiB a client: PSS | stacks | page tables |" \
    "objects, sockets too | **sum less null** | asked | p50 ms | p99 ms | longest ms |"
  echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
} > "$table"
for mode in ${MODES:-fork pool}; do
  most=10000
  if [[ $mode == pool ]]; then most=15000; fi
  for count in ${CLIENTS:-$most}; do compare "$mode" "$count"; done
done
cat "$table"
echo "$passed passed, $failed failed"
((failed == 0))
