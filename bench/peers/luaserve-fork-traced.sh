# luaserve-fork.sh with the syscall ledger on: the ratio is what recording costs.
# shellcheck shell=bash disable=SC2034 # bench/run.sh reads these
source bench/peers/luaserve-fork.sh
can='hello close file'
settings+=(--set trace=true)
