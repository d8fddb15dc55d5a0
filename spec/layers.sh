#!/bin/sh
# No file includes upwards.
#
#   spec/layers.sh CC LAYER...      lowest layer first; from the root of the repo
#
# What a file of src/LAYER includes, directly or not, must stand in its own layer or an earlier
# one (or be src/luaserve.h, the public header, which includes nothing of ours). src/main.c is
# written against luaserve.h alone; src/module.c stands on all layers. Names each fault; exits 1 if there is one.
set -eu

cc=$1
shift
layers=$*
lua=$(pkg-config --cflags lua5.4 2> /dev/null || echo -I/usr/include/lua5.4)
faults=$(mktemp)
trap 'rm -f "$faults"' EXIT

# What of ours FILE includes, one path a line. A header that is not there is the compiler's to
# report (-MG).
includes() {
  # shellcheck disable=SC2086 # $lua is several words, or none
  "$cc" -MM -MG -x c -std=c11 -D_GNU_SOURCE -Isrc $lua "$1" |
    tr -s ' \\' '\n\n' | grep '^src/' | grep -Fxv "$1" || :
}

# report FILE ALLOWED...: what FILE includes that begins with none of ALLOWED.
report() {
  file=$1
  shift
  for include in $(includes "$file"); do
    good=
    for prefix in "$@"; do
      case $include in "$prefix"*) good=yes ;; esac
    done
    [ -n "$good" ] || echo "$file includes $include" | tee -a "$faults"
  done
}

files=0
allowed=src/luaserve.h
for layer in $layers; do
  allowed="$allowed src/$layer/"
  for file in src/"$layer"/*.[ch]; do
    [ -f "$file" ] || continue
    # shellcheck disable=SC2086 # a list of words
    report "$file" $allowed
    files=$((files + 1))
  done
done
[ ! -f src/main.c ] || report src/main.c src/luaserve.h
# shellcheck disable=SC2086
[ ! -f src/module.c ] || report src/module.c $allowed
[ ! -f src/luaserve.h ] || report src/luaserve.h

[ "$files" -gt 0 ] || { echo "no files in $layers"; exit 1; }
[ ! -s "$faults" ] || exit 1
echo "ok $files files include nothing from a later layer"
