# h2o: files alone (Debian's is built without a Lua).
#
# Fair: a thread a core, no access log (there is none unless asked for), no upgrade of connections,
# idle time as long as for the others. It listens with the largest backlog by itself, and has no
# other setting of speed for files.
# shellcheck shell=bash disable=SC2034,SC2154 # bench/run.sh sets and reads these
needs='h2o'
can='file'

installed() { command -v h2o > /dev/null; }

serve() {
  cat > h2o.conf <<CONF
num-threads: 2
max-connections: 4096
http1-request-timeout: 3600
http1-upgrade-to-http2: OFF
error-log: $folder/error.log
listen:
  host: 127.0.0.1
  port: $port
hosts:
  default:
    paths:
      /:
        file.dir: $www
CONF
  exec h2o -m worker -c h2o.conf
}
