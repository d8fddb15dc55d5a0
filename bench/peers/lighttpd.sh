# lighttpd with mod_magnet (Lua 5.4).
#
# Fair: two workers, epoll, sendfile, no access log; the script is asked before anything else is
# done for the request (attract-raw-url-to), compiled once, and its own check for a new version is
# at most one a second as is that of files. Idle time and requests of a connection are the most
# that it knows (16 bits).
# shellcheck shell=bash disable=SC2034,SC2154 # bench/run.sh sets and reads these
needs='lighttpd lighttpd-modules-lua'
can='hello close file'

installed() { command -v lighttpd > /dev/null && [[ -f /usr/lib/lighttpd/mod_magnet.so ]]; }

serve() {
  cat > hello.lua <<'LUA'
local name = "World"
lighty.r.resp_header["Content-Type"] = "text/html"
lighty.r.resp_body.set({ "<h1>Hello, " .. name .. "!</h1>" })
return 200
LUA
  cat > lighttpd.conf <<CONF
server.modules = ("mod_magnet")
server.bind = "127.0.0.1"
server.port = $port
server.document-root = "$www"
server.errorlog = "$folder/error.log"
server.upload-dirs = ("$folder")
server.max-worker = 2
server.max-fds = 8192
server.max-connections = 4096
server.listen-backlog = 4096
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 3600
server.event-handler = "linux-sysepoll"
server.network-backend = "sendfile"
server.stat-cache-engine = "simple"
mimetype.assign = ("" => "application/octet-stream")

\$HTTP["url"] == "/hello" { magnet.attract-raw-url-to = ("$folder/hello.lua") }
CONF
  exec lighttpd -D -f lighttpd.conf
}
