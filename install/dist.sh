#!/bin/sh
# Packs the sources: the same bytes for the same commit, on any machine.
#
#   install/dist.sh VERSION OUT.tar.gz
#
# From the root of the repo. From git, what HEAD holds, as of its time; without git (in an unpacked
# tarball) the files that are here, as of the youngest, which gives the same tarball again.
set -eu

name=luaserve-$1
out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/$name"

# What .gitignore names is made, not source.
sources() {
  find . -type f ! -path './build/*' ! -path './luaserve' ! -path './libluaserve.*' \
    ! -name '*.o' ! -name '*.d' ! -name '*.log'
}

if [ -e .git ]; then
  git archive HEAD | tar -x -C "$work/$name"
  epoch=$(git log -1 --format=%ct)
else
  sources > "$work/list"
  epoch=$(tr '\n' '\0' < "$work/list" | xargs -0 stat -c %Y | sort -n | tail -n 1)
  tar -c -T "$work/list" | tar -x -C "$work/$name"
fi

# gzip -n: neither a name nor a time.
LC_ALL=C tar -c -C "$work" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner \
  --mode=u+rw,go-w,a+rX --mtime="@$epoch" "$name" | gzip -9n > "$work/tarball"
mkdir -p "$(dirname "$out")"
mv "$work/tarball" "$out"
