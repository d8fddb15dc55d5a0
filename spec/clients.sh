#!/bin/bash
# What other people's clients make of the server: clients.sh BIN. Pages, ranges, compressed files
# and uploads by curl, wget, Python's http.client, Node's fetch and headless Chromium, and the page of
# docs/examples/sockets in Chromium, as far as they are installed; says which are not. Ends with
# "N passed, N failed".
set -euo pipefail

bin=$(realpath "$1")
root=$PWD
. spec/server.sh
cd "$work"

mkdir -p www/list scripts
echo '<!DOCTYPE html><title>page</title><p>Hello</p>' > www/page.html
seq 1 200000 > www/text.txt # compressed on the way
seq 1 50000 > www/script.js # compressed beforehand
gzip -9 -k www/script.js
head -c 5000000 /dev/urandom > www/random.bin
echo one > 'www/list/a b.txt'
echo two > www/list/c.txt
cat > scripts/app.lua <<'LUA'
local app = require "luaserve"
app:post("/echo", function(req) return { body = req:body() } end)
app:put("/echo", function(req) return { status = 201, body = req:body() } end)
LUA
cat > config.lua <<'LUA'
return { host = "127.0.0.1", port = 0, listing = true, compress = true, limits = { body = "20M" } }
LUA
cat > www/browser.html <<'HTML'
<!DOCTYPE html><title>waiting</title><pre id="out"></pre><script>
async function run() {
  const out = {};
  const text = await (await fetch("text.txt")).text();
  out.text = text.length === 1288895 && text.endsWith("\n200000\n");
  const script = await fetch("script.js");
  out.script = (await script.text()).endsWith("\n50000\n") && script.headers.get("Vary") === "Accept-Encoding";
  const part = await fetch("random.bin", { headers: { Range: "bytes=1000-1999" } });
  out.range = part.status === 206 && (await part.arrayBuffer()).byteLength === 1000;
  const body = new Uint8Array(3000000).fill(7);
  const echo = new Uint8Array(await (await fetch("echo", { method: "POST", body })).arrayBuffer());
  out.upload = echo.length === 3000000 && echo.every(b => b === 7);
  const list = await (await fetch("list/", { headers: { Accept: "application/json" } })).json();
  out.list = list.length === 2 && await (await fetch("list/" + list[0].href)).text() === "one\n";
  const many = await Promise.all([...Array(40).keys()].map(i => fetch("page.html?" + i).then(r => r.status)));
  out.many = many.every(s => s === 200);
  const again = await fetch("page.html", { cache: "no-cache" });
  out.again = again.status === 200;
  return out;
}
run().then(o => { document.getElementById("out").textContent = "result " + JSON.stringify(o); },
           e => { document.getElementById("out").textContent = "result failed " + e; });
</script>
HTML

serve "$bin"

passed=0 failed=0
check() { # WHAT COMMAND...
  local what=$1
  shift
  if timeout 120 "$@" > out 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $what"
    tail -n 20 out
  fi
}
here() { command -v "$1" > /dev/null || { echo "clients: skipped, not installed: $1"; false; }; }
curl() { command curl -sS --noproxy '*' --max-time 60 "$@"; }
export url
export -f curl

if here curl; then
  check "curl: a page" bash -c 'curl $url/page.html | cmp - www/page.html'
  check "curl: a large file" bash -c 'curl $url/random.bin | cmp - www/random.bin'
  check "curl: a range" bash -c 'curl -r 100-199 $url/random.bin | cmp - <(tail -c +101 www/random.bin | head -c 100)'
  check "curl: a suffix" bash -c 'curl -r -77 $url/random.bin | cmp - <(tail -c 77 www/random.bin)'
  check "curl: two ranges" bash -c 'curl -r 0-1,5-6 $url/random.bin | grep -ac "^Content-Range" | grep -qx 2'
  check "curl: a resumed download" bash -c 'head -c 1000000 www/random.bin > part && curl -C - -o part $url/random.bin && cmp part www/random.bin'
  check "curl: compressed on the way" bash -c 'curl --compressed $url/text.txt | cmp - www/text.txt'
  check "curl: compressed beforehand" bash -c 'curl --compressed $url/script.js | cmp - www/script.js'
  check "curl: an upload" bash -c 'curl --data-binary @www/random.bin $url/echo | cmp - www/random.bin'
  check "curl: a chunked upload" bash -c 'curl -T - $url/echo < www/random.bin | cmp - www/random.bin'
  check "curl: an upload after 100 Continue" bash -c 'curl -v -H "Expect: 100-continue" -T www/random.bin $url/echo 2>&1 > echo | grep -q "100 Continue" && cmp echo www/random.bin'
  check "curl: an upload that is too big" bash -c 'head -c 30000000 /dev/zero | curl -o /dev/null -w "%{http_code}" -T - $url/echo | grep -qx 413'
  check "curl: 1.0" bash -c 'curl --http1.0 --compressed $url/text.txt | cmp - www/text.txt'
  check "curl: not modified" bash -c 'curl -o page -R $url/page.html && curl -o page -z page -w "%{http_code}" $url/page.html | grep -qx 304'
  check "curl: one connection" bash -c 'curl -o /dev/null -o /dev/null -o /dev/null -w "%{num_connects}\n" $url/page.html $url/none $url/text.txt | grep -c 0 | grep -qx 2'
  check "curl: HEAD" bash -c 'curl -I $url/random.bin | grep -qi "^content-length: 5000000"'
fi
if here wget; then
  check "wget: a file" bash -c 'wget -q -O got $url/random.bin && cmp got www/random.bin'
  check "wget: a resumed download" bash -c 'head -c 77 www/random.bin > got && wget -q -c -O got $url/random.bin && cmp got www/random.bin'
  check "wget: compressed" bash -c 'wget -q --compression=auto -O got $url/text.txt && cmp got www/text.txt'
  check "wget: a folder" bash -c 'wget -q -r -np -nH -P tree $url/list/ && cmp "tree/list/a b.txt" "www/list/a b.txt" && cmp tree/list/c.txt www/list/c.txt'
fi
if here python3; then
  cat > client.py <<'PYTHON'
import gzip, http.client, os
host = os.environ["url"].split("/")[2]
data = open("www/random.bin", "rb").read()
c = http.client.HTTPConnection(host, timeout=30)
def ask(method, path, body=None, headers={}, **more):
    c.request(method, path, body, headers, **more)
    r = c.getresponse()
    return r.status, r.read(), r
for _ in range(3):
    assert ask("GET", "/page.html")[1] == open("www/page.html", "rb").read()
sock = c.sock
status, body, r = ask("GET", "/random.bin", headers={"Range": "bytes=5-9"})
assert status == 206 and body == data[5:10]
status, body, r = ask("GET", "/text.txt", headers={"Accept-Encoding": "gzip"})
assert r.headers["Content-Encoding"] == "gzip" and gzip.decompress(body) == open("www/text.txt", "rb").read()
assert ask("POST", "/echo", data)[1] == data
pieces = (data[i:i + 70000] for i in range(0, len(data), 70000))
assert ask("POST", "/echo", pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})[1] == data
assert ask("HEAD", "/random.bin")[2].headers["Content-Length"] == "5000000"
assert ask("GET", "/none")[0] == 404
assert c.sock is sock
PYTHON
  check "Python's http.client" python3 client.py
fi
if here node; then
  cat > client.mjs <<'NODE'
import { readFileSync } from "node:fs";
import assert from "node:assert";
const url = process.env.url, data = readFileSync("www/random.bin");
const bytes = async r => Buffer.from(await r.arrayBuffer());
assert.equal(await (await fetch(url + "/page.html")).text(), readFileSync("www/page.html", "utf8"));
assert.equal(await (await fetch(url + "/text.txt")).text(), readFileSync("www/text.txt", "utf8"));
assert.equal(await (await fetch(url + "/script.js")).text(), readFileSync("www/script.js", "utf8"));
assert.ok(data.equals(await bytes(await fetch(url + "/random.bin"))));
const part = await fetch(url + "/random.bin", { headers: { Range: "bytes=10-19" } });
assert.equal(part.status, 206);
assert.ok(data.subarray(10, 20).equals(await bytes(part)));
assert.ok(data.equals(await bytes(await fetch(url + "/echo", { method: "POST", body: data }))));
const stream = new ReadableStream({ start(c) { for (let i = 0; i < data.length; i += 70000) c.enqueue(data.subarray(i, i + 70000)); c.close(); } });
assert.ok(data.equals(await bytes(await fetch(url + "/echo", { method: "POST", body: stream, duplex: "half" }))));
const all = await Promise.all([...Array(50).keys()].map(i => fetch(url + "/page.html?" + i)));
assert.ok(all.every(r => r.status === 200));
NODE
  check "Node's fetch" node client.mjs
fi
if here chromium; then
  check "Chromium's fetch" bash -c 'chromium --headless --no-sandbox --disable-gpu --disable-background-networking \
    --disable-component-update --no-first-run --user-data-dir=profile --virtual-time-budget=20000 \
    --dump-dom $url/browser.html 2> chromium.log | tee dom | grep -q "result {" && ! grep -q false dom || { cat dom; false; }'
  if here busted; then
    for mode in fork pool; do
      check "Chromium's page of the chat room, in mode $mode" env -C "$root" LUASERVE="$bin" LUASERVE_MODE=$mode \
        busted --output=plainTerminal docs/examples/sockets/spec/page.lua
    done
  fi
fi

stop || failed=$((failed + 1))
if grep -E 'ERROR|died' log; then failed=$((failed + 1)); fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
