# luaserve, many clients a process: as luaserve-fork.sh but for the mode.
# shellcheck shell=bash disable=SC2034 # bench/run.sh reads these
source bench/peers/luaserve-fork.sh
mode=pool
