#!/bin/sh
# Installs what is missing of what the build and the tests need (Debian and its relatives).
#
#   spec/deps.sh [build] [test] [docs] [proxy] [fuzz] [deep] [page] [bench] [analyse] [coverage]
#
# Without an argument: build and test.
#
# Says what it installs and why; says nothing when nothing is missing. Without the right to
# install it names what is missing and exits 1.
set -eu

packages() {
  cat <<'LIST'
build gcc              compiles the C
build make             runs the build
build nasm             assembles the syscall stubs
build pkg-config       finds Lua's headers
build libc6-dev        headers of the C library
build liblua5.4-dev    Lua, linked statically
build libjansson-dev   JSON, linked statically
build nettle-dev       HMAC and base64, linked statically
build libcrypt-dev     headers of what hashes passwords (loaded when needed)
build zlib1g-dev       headers of what compresses (loaded when configured)
build libseccomp-dev   headers of what forbids syscalls to handlers
build libseccomp2      that itself (loaded when configured)
test  lua5.4           runs the specs
test  lua-busted       the frame of the specs
test  lua-socket       the specs' HTTP client
test  lua-dkjson       reads JSON in the specs
test  lua-sql-sqlite3  SQLite, for the example in docs/examples/todo
test  lua-check        finds mistakes in the Lua files
test  curl             a second opinion on HTTP
test  strace           the specs that look at syscalls
test  procps           pgrep: the specs that count processes
test  clang-format     checks how the C is formatted
test  wrk              load, for whether the benchmark works
test  man-db           shows the manual, for its specs
test  mandoc           a second opinion on how it is written
test  cmark-gfm        the specs of the guide
docs  cmark-gfm        makes HTML of the guide (docs/*.md)
docs  lua5.4           puts its pages together
proxy nginx-light      a proxy: the specs of docs/deploy.md
proxy haproxy          another one
proxy logrotate        and what rotates logs
analyse clang-tidy     looks for faults in the C
analyse cppcheck       the same, another way
analyse lua5.4         judges what they find
coverage gcovr         which lines the tests reach
deep  valgrind         the C tests once more
deep  slowhttptest     attacks by slowness
page  chromium         a browser: the specs of pages (400 MB)
bench wrk              load, for the benchmark
bench curl             looks whether all servers answer the same
bench lua5.4           medians, tables, plot
bench lua-socket       finds free ports
bench nginx-light      what luaserve is measured beside: files
bench libnginx-mod-http-lua  and LuaJIT in nginx
bench lighttpd         the same: files
bench lighttpd-modules-lua   and Lua in lighttpd
bench h2o              the same: files
bench busybox          the same: files, a process for each connection
bench apache2-bin      the same: files and Lua, a process for each client
fuzz  clang            compiles the fuzz targets
fuzz  libclang-rt-dev  libFuzzer and the sanitizers
LIST
}

[ $# -gt 0 ] || set -- build test
for group in "$@"; do
  case $group in
    build | test | docs | proxy | fuzz | deep | page | bench | analyse | coverage) ;;
    *) echo "usage: spec/deps.sh [build] [test] [docs] [proxy] [fuzz] [deep] [page] [bench] [analyse] [coverage]" >&2; exit 64 ;;
  esac
done

if ! command -v dpkg-query > /dev/null; then
  echo "spec/deps.sh: no Debian: make sure yourself that these are there" >&2
  packages | sed 's/^[a-z]* *//' >&2
  exit 0
fi

wanted=$(packages | while read -r group name why; do
  case " $* " in *" $group "*) echo "$name" ;; esac
done)
# shellcheck disable=SC2086 # a list of words
there=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2> /dev/null |
  sed -n 's/^installed //p') || :
missing=
for name in $wanted; do
  case "
$there
" in
    *"
$name
"*) ;;
    *) missing="$missing $name" ;;
  esac
done
[ -n "$missing" ] || exit 0

list() {
  packages | while read -r group name why; do
    case "$missing " in *" $name "*) printf '  %-16s %s\n' "$name" "$why" ;; esac
  done
}

as_root=
if [ "$(id -u)" -ne 0 ]; then as_root='sudo -n'; fi
if ! command -v apt-get > /dev/null || { [ -n "$as_root" ] && ! sudo -n true 2> /dev/null; }; then
  echo "spec/deps.sh: these are missing, and may not be installed from here:" >&2
  list >&2
  echo "as root: apt-get install$missing" >&2
  exit 1
fi

echo "installing:"
list
install() {
  # shellcheck disable=SC2086 # lists of words
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -y --no-install-recommends install $missing > /dev/null
}

# Servers that come for the benchmark, or for specs, are not to serve by themselves, neither now nor after a boot.
# One that was there before is left as it is.
services=
for name in $missing; do
  case $name in
    nginx-light) command -v nginx > /dev/null || services="$services nginx" ;;
    lighttpd | h2o | haproxy) services="$services $name" ;;
  esac
done
policy=/usr/sbin/policy-rc.d
if [ -n "$services" ] && [ ! -e "$policy" ]; then
  trap '$as_root rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" > /dev/null
  $as_root chmod 755 "$policy"
fi
# The package lists may be absent or old: they are fetched when it does not go without.
install 2> /dev/null || { $as_root apt-get -qq update && install; }
if [ -n "$services" ] && [ -d /run/systemd/system ]; then
  # shellcheck disable=SC2086 # a list of words
  $as_root systemctl -q disable $services
fi
