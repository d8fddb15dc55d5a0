#!/bin/sh
# Puts luaserve where it is to stay, or takes it away again; `make install` and `make uninstall` call it.
#
#   install/place.sh put | remove | list
#
# From the root of the repo. `list` prints where each file goes. The environment says what and where
# (docs/install.md): BIN, MAN, DESTDIR, bindir, includedir, luadir, datadir, docdir, mandir,
# unitdir, sysconfdir, INSTALL, STRIP. One list, files(), is all that both go by.
set -eu

# What is written into the unit has to be found from everywhere, and is a word there.
case $bindir in
  *[[:space:]]*) echo "install: no blanks in the prefix: $bindir" >&2; exit 64 ;;
  /*) ;;
  *) echo "install: the prefix is an absolute path, not $bindir" >&2; exit 64 ;;
esac

# One line for each file: mode, source, target. Tabs between them: paths may hold blanks.
file() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }

below() { # MODE FOLDER TARGET FIND-CONDITION...
  mode=$1 from=$2 to=$3
  shift 3
  find "$from" -type f "$@" | LC_ALL=C sort | while read -r path; do
    file "$mode" "$path" "$to${path#"$from"}"
  done
}

files() {
  file 755 "$BIN" "$bindir/luaserve"
  file 644 src/luaserve.h "$includedir/luaserve.h"
  below 644 src/lua/luaserve "$luadir/luaserve" -name '*.lua'
  below 644 scripts/meta "$datadir/luaserve/meta" -name '*.lua'
  for page in luaserve.1 luaserve.h.3 config.lua.5; do
    file 644 "$MAN/$page" "$mandir/man${page##*.}/$page"
  done
  for unit in luaserve.service luaserve.socket; do
    file 644 "install/$unit" "$unitdir/$unit"
  done
  for path in LICENSE README.md config.lua; do
    file 644 "$path" "$docdir/$path"
  done
  # As in the repo, so that links hold; what examples write while they run has other names.
  below 644 docs "$docdir/docs" ! -path 'docs/make/*' \
    \( -name '*.md' -o -name '*.svg' -o -name '*.lua' -o -name '*.c' -o -name '*.html' -o -name '*.css' -o -name '*.js' \)
}

# Folders that nobody else has a use for, the innermost first.
own_folders() {
  files | cut -f 3 | while read -r target; do
    folder=${target%/*}
    while :; do
      case $folder in
        "$luadir/luaserve"* | "$datadir/luaserve"* | "$docdir"*) echo "$folder" ;;
        *) break ;;
      esac
      folder=${folder%/*}
    done
  done | LC_ALL=C sort -r -u
}

# A unit is the one file whose text depends on where the rest is.
put_file() { # MODE SOURCE TARGET
  mkdir -p "${3%/*}"
  case $2 in
    *.service | *.socket)
      sed -e "s|@bindir@|$bindir|g" -e "s|@sysconfdir@|$sysconfdir|g" "$2" > "$3.new"
      chmod "$1" "$3.new"
      mv "$3.new" "$3" ;;
    *) $INSTALL -m "$1" "$2" "$3" ;;
  esac
  [ "$2" != "$BIN" ] || ${STRIP:-:} "$3"
}

tab=$(printf '\t')

put() {
  umask 022
  files > "$work"
  while IFS=$tab read -r mode source target; do
    put_file "$mode" "$source" "$DESTDIR$target"
  done < "$work"
}

remove() {
  files | cut -f 3 | while read -r target; do
    rm -f "$DESTDIR$target"
  done
  own_folders | while read -r folder; do
    [ ! -d "$DESTDIR$folder" ] || rmdir "$DESTDIR$folder" 2> /dev/null || echo "left: $DESTDIR$folder is not empty"
  done
}

case ${1-} in
  put)
    work=$(mktemp)
    trap 'rm -f "$work"' EXIT
    put ;;
  remove) remove ;;
  list) files | cut -f 3 ;;
  *) echo "usage: install/place.sh put | remove | list" >&2; exit 64 ;;
esac
