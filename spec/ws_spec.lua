local spec = require "luaserve.spec"

local scripts = { ["a.lua"] = [[
local app = require "luaserve"
app:before("/guarded/*", function(req) if not req.query.key then return 401 end end)
app:ws("/echo", function(_, ws)
  for message, kind in ws:messages() do ws:send(message, kind) end
  app.log.info("echo ended")
end)
app:ws("/guarded/echo", function(_, ws) for message in ws:messages() do ws:send(message) end end)
app:ws("/small", { message = 10 }, function(_, ws) ws:receive() end)
app:ws("/chosen", { protocols = { "b", "c" } }, function(_, ws, protocol) ws:send(tostring(protocol)) end)
app:ws("/own", { origins = "https://good.example" }, function(_, ws) ws:send("in") end)
app:ws("/asked", { origins = function(req, origin) return origin == nil and req.query.ok == "1" end },
  function(_, ws) ws:send("in") end)
app:ws("/fail", function(_, ws) ws:receive() error("oh no") end)
app:ws("/nil", function(_, ws) ws:receive() error() end)
app:ws("/loop", { cpu = "100ms" }, function(_, ws) ws:receive() while true do end end)
app:ws("/abort", function(_, ws) ws:receive() app.abort(403, "not you") end)
app:ws("/bye", function(_, ws) ws:close(4001, "so long") end)
app:ws("/halves", function(_, ws)
  ws:duplex(function(half) for _ in half:messages() do end app.log.info("the reader has ended") end,
    function(half) half:close(4005) end)
end)
app:ws("/twice", function(_, ws)
  local waits = 0
  ws:close(4002)
  debug.sethook(function() if debug.getinfo(2, "n").name == "wait" then waits = waits + 1 end end, "c")
  ws:close(4003)
  debug.sethook()
  app.log.info("closed twice, waits: ", waits)
end)
app:ws("/quiet", { live_timeout = "300ms" }, function(_, ws)
  local message, reason, code = ws:receive()
  app.log.info("quiet: ", message, reason, code)
end)
app:ws("/heard", { live_timeout = "2s" }, function(_, ws)
  local guard <close> = setmetatable({}, { __close = function() app.log.info("heard ended") end })
  for _, message in ws:events() do ws:send(message) end
end)
app:ws("/nap", function(_, ws) ws:send("now") app.sleep(30) end)
app:ws("/later", { live_timeout = "300ms" }, function(_, ws)
  app.sleep("400ms")
  ws:send((ws:receive()))
end)
app:ws("/timed", function(_, ws) ws:send(tostring(ws:receive("20ms")) .. " " .. select(2, ws:receive("20ms"))) end)
app:ws("/json", function(req, ws) ws:send { path = req.path, name = req.query.name } end)
local function block_until_exists(path) while not io.open(path) do end end
app:ws("/now", function(_, ws)
  local path = ws:receive()
  ws:send "blocks"
  block_until_exists(path)
  ws:send(tostring(ws:receive(0)) .. " " .. select(2, ws:receive(0)))
end)
app:ws("/last", function(_, ws)
  local path = ws:receive()
  ws:send "blocks"
  block_until_exists(path)
  app.log.info("last: ", (ws:receive()), " ", (select(3, ws:receive())))
end)
app:ws("/late", function(_, ws) ws:receive() ws:send("x") app.sleep("20ms") ws:send("y") app.log.error("not reached") end)
]] }

describe("WebSockets", function()
  local server

  setup(function() server = spec.start { scripts = scripts } end)
  teardown(function() server:stop() end)

  local function refused(headers, path)
    local lines = { "GET " .. (path or "/echo") .. " HTTP/1.1", "Host: x" }
    for _, line in ipairs(headers) do lines[#lines + 1] = line end
    return server:raw(table.concat(lines, "\r\n") .. "\r\n\r\n")
  end

  it("echo text and bytes, in one frame or several", function()
    local ws = server:ws "/echo"
    ws:send "hello"
    assert.same({ "hello", "text" }, { ws:receive() })
    ws:send("\0\255", "binary")
    assert.same({ "\0\255", "binary" }, { ws:receive() })
    ws:send("one ", "text", false)
    ws:send("?", "ping")
    ws:send("two", "continuation")
    assert.same({ "?", "pong" }, { ws:receive() })
    assert.same({ "one two", "text" }, { ws:receive() })
    ws:send(("x"):rep(70000))
    assert.equal(70000, #ws:receive())
    assert.equal(1000, ws:close())
    assert.truthy(server:log "echo ended")
  end)

  it("are opened by a sound handshake alone", function()
    local key, version = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"
    local upgrade, connection = "Upgrade: websocket", "Connection: keep-alive, Upgrade"
    assert.truthy(refused({ key, version, upgrade, connection }):find "^HTTP/1.1 101 ")
    assert.truthy(refused({}):find "^HTTP/1.1 426 .*\r\nUpgrade: websocket\r\n")
    assert.truthy(refused({ key, version, connection }):find "^HTTP/1.1 426 ")
    assert.truthy(refused({ key, version, upgrade }):find "^HTTP/1.1 426 ")
    assert.truthy(refused({ key, "Sec-WebSocket-Version: 8", upgrade, connection })
      :find "^HTTP/1.1 426 .*\r\nSec%-WebSocket%-Version: 13\r\n")
    assert.truthy(refused({ version, upgrade, connection }):find "^HTTP/1.1 400 ")
    assert.truthy(refused({ key, key, version, upgrade, connection }):find "^HTTP/1.1 400 ")
    assert.truthy(refused({ "Sec-WebSocket-Key: short", version, upgrade, connection }):find "^HTTP/1.1 400 ")
    assert.truthy(refused({ key, version, upgrade, connection, "Content-Length: 2" }):find "^HTTP/1.1 400 ")
    assert.equal(405, server:post("/echo").status)
  end)

  it("read the lists of a handshake as lists", function()
    local key, version = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"
    local upgrade, connection = "Upgrade: websocket", "Connection: Upgrade"
    local function status(headers, path) return tonumber(refused(headers, path):match "^HTTP/1.1 (%d+) ") end
    assert.equal(101, status { key, version, "Upgrade: h2c, WebSocket", connection })
    assert.equal(101, status { key, version, upgrade, "Connection: keep-alive", "Connection: ,\tuPgRaDe ," })
    assert.equal(426, status { key, version, upgrade, "Connection: keep-alive upgrade" })
    assert.equal(426, status { key, version, "Upgrade: websocket/13", connection })
    assert.equal(426, status { key, version, version, upgrade, connection })
    assert.equal(426, status { key, "Sec-WebSocket-Version: 13, 8", upgrade, connection })
    assert.equal(400, status { "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=", version, upgrade, connection })
    assert.equal(400, status { "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB==", version, upgrade, connection })
    assert.equal(101, status { "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", version, upgrade, connection })
    assert.equal(101, status { key, version, upgrade, connection, "Content-Length: 0" })
    assert.equal(400, status { key, version, upgrade, connection, "Transfer-Encoding: chunked" })
    assert.equal(400, status { key, version, upgrade, connection, "Sec-WebSocket-Protocol: b, c c" })
    assert.equal(101, status({ key, version, upgrade, connection, "Sec-WebSocket-Protocol: z",
      "Sec-WebSocket-Protocol: , c" }, "/chosen"))
    assert.equal(403, status { key, version, upgrade, connection, "Origin: null" })
    assert.equal(403, status({ key, version, upgrade, connection, "Origin: https://good.example",
      "Origin: https://evil.example" }, "/own"))
    local old = server:raw(table.concat({ "GET /echo HTTP/1.0", "Host: x", key, version, upgrade, connection }, "\r\n") .. "\r\n\r\n")
    assert.truthy(old:find "^HTTP/1.1 426 ")
  end)

  it("take the hooks of their route first", function()
    local ws, response = server:ws "/guarded/echo"
    assert.is_nil(ws)
    assert.equal(401, response.status)
    ws = server:ws "/guarded/echo?key=1"
    ws:send "in"
    assert.equal("in", ws:receive())
    ws:close()
  end)

  it("refuse pages of other sites, unless told otherwise", function()
    local function status(path, origin)
      local ws, response = server:ws(path, { headers = { Origin = origin } })
      if ws then ws:close() end
      return ws and 101 or response.status
    end
    assert.equal(403, status("/echo", "https://evil.example"))
    assert.equal(101, status("/echo", "http://localhost"))
    assert.equal(101, status("/own", "https://good.example"))
    assert.equal(403, status("/own", "http://localhost"))
    local other = assert(server:ws("/echo", { headers = { Host = "other.example", Origin = "http://other.example" } }))
    other:close()
    assert.equal(403, status("/asked", "http://localhost"))
    assert.equal(101, status("/asked?ok=1"))
  end)

  it("know the page's own host behind a proxy that is trusted, and no other", function()
    local headers = { Origin = "https://site.example", ["X-Forwarded-Host"] = "site.example" }
    local _, response = server:ws("/echo", { headers = headers })
    assert.equal(403, response.status)
    local behind = spec.start { scripts = scripts, config = { trusted_proxies = { "127.0.0.1" } } }
    local ws = behind:ws("/echo", { headers = headers })
    ws:send "in"
    assert.equal("in", (ws:receive()))
    ws:close()
    behind:stop()
  end)

  it("agree on the client's first subprotocol that is known", function()
    local ws = server:ws("/chosen", { protocols = { "a", "c", "b" } })
    assert.equal("c", ws.protocol)
    assert.equal("c", ws:receive())
    ws = server:ws("/chosen", { protocols = { "z" } })
    assert.is_nil(ws.protocol)
  end)

  local function ends(path, message, kind)
    local ws = server:ws(path)
    if message then ws:send(message, kind) end
    local payload, what = ws:receive()
    assert.equal("close", what)
    assert.equal(nil, (ws:receive()))
    return payload:byte(1) * 256 + payload:byte(2), payload:sub(3)
  end

  it("are closed with the code that says why", function()
    assert.equal(1009, (ends("/small", "more than ten")))
    assert.equal(1007, (ends("/echo", "\255")))
    assert.equal(1002, (ends("/echo", "x", "continuation")))
    assert.equal(1011, (ends("/fail", "x")))
    assert.equal(1011, (ends("/nil", "x")))
    assert.equal(1011, (ends("/loop", "x")))
    assert.same({ 4001, "so long" }, { ends "/bye" })
    assert.truthy(server:log "oh no")
    assert.truthy(server:log "over its CPU time")
  end)

  it("are closed by app.abort too, and the log tells, since there is no answer any more", function()
    assert.equal(1011, (ends("/abort", "x")))
    assert.truthy(server:log "GET /abort: handler called app.abort when there was no answer to give any more")
  end)

  it("wait for a client's close once, however often they are closed", function()
    assert.equal(4002, (ends "/twice"))
    assert.truthy(server:log "closed twice, waits:%s+0$")
  end)

  it("ping a client that is silent, and leave one that does not answer", function()
    local ws = server:ws "/quiet"
    assert.same({ "", "ping" }, { ws:receive() })
    ws:send("", "pong")
    assert.same({ "", "ping" }, { ws:receive() })
    local payload, kind = ws:receive()
    assert.same({ 1001, "close" }, { payload:byte(1) * 256 + payload:byte(2), kind })
    assert.truthy(server:log "quiet:%s+nil no sign of life 1001")
  end)

  it("last as long as the client answers pings, though it says nothing", function()
    local ws = server:ws "/heard"
    for _ = 1, 3 do
      assert.same({ "", "ping" }, { ws:receive() })
      ws:send("", "pong")
    end
    assert.is_nil(server:log():find "heard ended")
    ws:send "still here"
    assert.equal("still here", (ws:receive()))
    ws:close()
    assert.truthy(server:log "heard ended")
  end)

  it("end both processes of a duplex when one has said the close, whether or not the client answers", function()
    local ws = server:ws "/halves"
    assert.equal("\x88\x02\x0f\xa5", ws.client:receive(4))
    assert.equal("", ws.client:receive "*a")
    assert.truthy(server:log "the reader has ended")
  end)

  it("ask a client whom nobody has listened to for long, before they leave it", function()
    local ws = server:ws "/later"
    assert.same({ "", "ping" }, { ws:receive() })
    ws:send("", "pong")
    ws:send "still here"
    assert.equal("still here", (ws:receive()))
  end)

  it("wait no longer than they are told", function()
    assert.equal("nil timed out", (server:ws "/timed":receive()))
  end)

  -- Opens it and lets its handler block, until `meanwhile` is done.
  local function meanwhile_at(path, meanwhile)
    local file, ws = os.tmpname(), server:ws(path)
    assert(os.remove(file))
    ws:send(file)
    assert.equal("blocks", (ws:receive()))
    meanwhile(ws)
    assert(io.open(file, "w")):close()
    return ws, file
  end

  it("have what has come while nobody waited", function()
    local ws, file = meanwhile_at("/now", function(ws) ws:send "second" end)
    assert.equal("second timed out", (ws:receive()))
    os.remove(file)
  end)

  it("see the end that came with the last message", function()
    local _, file = meanwhile_at("/last", function(ws)
      ws:send "bye"
      ws.client:close()
    end)
    assert.truthy(server:log "last:%s+bye%s+1006")
    os.remove(file)
  end)

  it("send tables as JSON, and know the request", function()
    local text = server:ws "/json?name=Ann":receive()
    assert.truthy(text:find('"name":"Ann"', 1, true) and text:find('"path":"/json"', 1, true))
  end)

  it("end the handler of a client that has gone without a word", function()
    local ws = server:ws "/late"
    ws:send "go"
    ws:receive()
    ws.client:close()
    local again = server:ws "/echo"
    again:send "still served"
    assert.equal("still served", (again:receive()))
    assert.is_nil(server:log():find "not reached")
  end)

  it("outlive a reload, and are told of a stop after it", function()
    local other = spec.start { scripts = scripts }
    local ws = other:ws "/echo"
    other:signal "HUP"
    assert.truthy(other:log "reloaded: generation 2")
    ws:send "still here"
    assert.equal("still here", (ws:receive()))
    other:signal "TERM"
    local payload, kind = ws:receive()
    assert.same({ 1001, "close" }, { payload:byte(1) * 256 + payload:byte(2), kind })
    ws:close()
    assert.equal(0, other:wait())
  end)

  it("have subprotocols that are tokens", function()
    local code, _, errors = spec.run { scripts = { ["a.lua"] =
      'require "luaserve":ws("/", { protocols = { "a b" } }, function() end)' } }
    assert.equal(78, code)
    assert.truthy(errors:find('a.lua:1: app:ws: option protocols: "a b" is no token', 1, true))
  end)

  it("are told when the server stops, also while the handler sleeps", function()
    local other = spec.start { scripts = scripts }
    local waits, sleeps = other:ws "/echo", other:ws "/nap"
    waits:send "a"
    waits:receive()
    sleeps:receive()
    other:signal "TERM"
    for _, ws in ipairs { waits, sleeps } do
      local payload, kind = ws:receive()
      assert.same({ 1001, "close" }, { payload:byte(1) * 256 + payload:byte(2), kind })
      ws:close()
    end
    assert.equal(0, other:wait())
    assert.is_nil(other:log():find "handler failed")
  end)
end)
