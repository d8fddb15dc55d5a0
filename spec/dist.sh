#!/bin/sh
# The tarball by itself: unpacked elsewhere it builds, installs and packs the same bytes again.
#
#   spec/dist.sh TARBALL
#
# One line a check, then "N passed, N failed"; exits 1 if any failed.
set -eu

tarball=$(realpath "$1")
name=$(basename "$tarball" .tar.gz)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
unset MAKEFLAGS MFLAGS MAKELEVEL # not a part of the make that asks

check() { # WHAT COMMAND...
  what=$1
  shift
  if "$@" > "$work/log" 2>&1; then
    echo "ok $what"
    passed=$((passed + 1))
  else
    echo "FAILED $what"
    sed 's/^/    /' "$work/log"
    failed=$((failed + 1))
  fi
}

tar -xzf "$tarball" -C "$work"
cd "$work/$name"
check "it packs the same bytes" sh -c "make dist && cmp build/$name.tar.gz '$tarball'"
check "it builds and installs" make -j2 install DESTDIR="$work/stage" prefix=/usr
check "what it installs is of its version" sh -c "'$work/stage/usr/bin/luaserve' --version | grep -Fx 'luaserve ${name#luaserve-}'"
check "it uninstalls" make uninstall DESTDIR="$work/stage" prefix=/usr
check "nothing is left" sh -c "[ -z \"\$(find '$work/stage' -type f)\" ]"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
