# Node.js with the ws package: WebSockets alone.
#
# Fair: two processes (cluster), no compression (perMessageDeflate is off unless asked for), text is
# checked for UTF-8 as in luaserve, TCP_NODELAY is its own default; bufferutil, its native code for masks,
# is there.
# shellcheck shell=bash disable=SC2034,SC2154 # bench/run.sh sets and reads these
needs='nodejs npm'
how='then make bench fetches ws'
can='ws'

installed() { command -v node > /dev/null && [[ -f $built/node_modules/ws/package.json ]]; }

serve() {
  cat > server.js <<JS
const cluster = require("node:cluster");
const { WebSocketServer } = require("$built/node_modules/ws");

if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  const server = new WebSocketServer({ host: "127.0.0.1", port: $port, backlog: 4096 });
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
}
JS
  exec node server.js
}
