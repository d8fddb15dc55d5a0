-- WebSockets and clients that mean ill: every fault is answered at the byte that makes it one, and what one
-- client does costs nobody else anything.
local socket = require "socket"
local spec = require "luaserve.spec"

local scripts = { ["a.lua"] = [[
local app = require "luaserve"
app:get("/", function() return "hello" end)
local kept
app:ws("/echo", { message = "1K" }, function(_, ws)
  for message, kind in ws:messages() do ws:send(message, kind) end
end)
app:ws("/pid", function(_, ws)
  ws:send(tostring((io.open "/proc/self/stat"):read "n"))
  for message in ws:messages() do ws:send(message) end
end)
app:ws("/count", function(_, ws)
  local count = 0
  for _ in ws:messages() do count = count + 1 end
  app.log.info("counted ", count)
end)
app:ws("/keep", function(_, ws)
  kept = ws
  ws:receive()
  app.log.info "kept"
end)
app:get("/reach", function()
  if not kept then return "nothing kept" end
  return { text = tostring(select(2, pcall(kept.send, kept, "from another"))) }
end)
app:get("/use", function()
  if not kept then return "nothing kept" end
  local sent = pcall(kept.send, kept, "from another")
  local pinged = pcall(kept.ping, kept)
  kept:close()
  return { json = { sent, pinged, (kept:receive()) == nil } }
end)
app:ws("/inside", function(_, ws)
  local receive = coroutine.wrap(function() while true do coroutine.yield((ws:receive())) end end)
  for message in receive do ws:send("inside " .. message) end
  app.log.info "inside ended"
end)
app:ws("/split", { send_timeout = "100ms" }, function(_, ws)
  local heard = app.channel("heard"):subscribe()
  ws:duplex(function(reader)
    for message in reader:messages() do app.channel("heard"):publish(message) end
  end, function(writer)
    local sent = pcall(writer.send, writer, ("x"):rep(20 << 20))
    app.log.info("could send all: ", sent)
    for message in heard:messages() do app.log.info("the writer was told: ", message) end
  end)
end)
app:ws("/large", function(_, ws)
  ws:receive()
  ws:send(("x"):rep(20 << 20))
  app.log.info "sent all"
end)
]] }

describe("WebSockets of hostile clients", function()
  local server

  setup(function() server = spec.start { scripts = scripts, config = { processes = { workers = 1 } } } end)
  teardown(function() server:stop() end)

  local function code_of(payload) return payload:byte(1) * 256 + payload:byte(2) end

  -- A masked frame whose mask changes nothing.
  local function frame(first, payload)
    return string.char(first, 128 + #payload) .. "\0\0\0\0" .. payload
  end

  -- How it ends, whatever comes before: the code; then nothing may follow but the end.
  local function ended(ws)
    local payload, kind
    repeat payload, kind = ws:receive() until kind == "close" or not kind
    assert.equal("close", kind)
    assert.is_nil((ws:receive()))
    ws.client:close()
    return code_of(payload)
  end

  local function ends(bytes)
    local ws = server:ws "/echo"
    ws.client:send(bytes)
    return ended(ws)
  end

  it("fail at the byte that breaks the protocol", function()
    local faults = {
      ["\xC1"] = "a reserved bit", ["\xA1"] = "another", ["\x91"] = "another",
      ["\x83"] = "a reserved opcode", ["\x8B"] = "a reserved control opcode",
      ["\x80"] = "a continuation of nothing", ["\x00"] = "the same, unfinished",
      ["\x09"] = "a fragmented ping", ["\x08"] = "a fragmented close", ["\x0A"] = "a fragmented pong",
      ["\x81\x01"] = "no mask", ["\x81\x7E"] = "no mask, longer", ["\x89\x00"] = "a ping without a mask",
      ["\x89\xFE"] = "a long ping", ["\x88\xFF"] = "a very long close",
      ["\x81\xFE\0\125"] = "a length that could be shorter", ["\x81\xFF\0\0\0\0\0\0\255\255"] = "the same, longer",
      ["\x81\xFF\x80\0\0\0\0\0\0\0"] = "the top bit of a length",
      [frame(0x01, "a") .. "\x81"] = "a message inside another",
      [frame(0x88, "\3")] = "a close of one byte",
      [frame(0x88, "\3\231")] = "999", [frame(0x88, "\3\236")] = "1004", [frame(0x88, "\3\237")] = "1005",
      [frame(0x88, "\3\238")] = "1006", [frame(0x88, "\3\247")] = "1015", [frame(0x88, "\7\208")] = "2000",
      [frame(0x88, "\19\136")] = "5000", [frame(0x88, "\255\255")] = "65535",
    }
    for bytes, what in pairs(faults) do
      assert(ends(bytes) == 1002, what)
    end
  end)

  it("fail at the byte that is not UTF-8, and at the end of half a character", function()
    local announced = "\x81\xFE\1\0\0\0\0\0" -- 256 bytes, of which few come
    for _, text in ipairs { "\xFF", "good \x80", "\xC0", "\xC1", "\xE0\x80", "\xED\xA0", "\xF0\x80", "\xF4\x90", "\xF5", "\xC3(" } do
      assert.equal(1007, ends(announced .. text))
    end
    assert.equal(1007, ends(frame(0x01, "\xE2\x82") .. frame(0x00, "") .. frame(0x00, "\xC2")))
    assert.equal(1007, ends(frame(0x81, "\xE2\x82")))
    assert.equal(1007, ends(frame(0x01, "\xF0\x9F") .. frame(0x80, "\x98")))
    assert.equal(1007, ends(frame(0x88, "\3\232\xFF")))
  end)

  it("refuse what is too big when its length says so, and when its fragments have become so", function()
    assert.equal(1009, ends "\x81\xFE\4\1")
    assert.equal(1009, ends "\x82\xFF\0\0\1\0\0\0\0\0")
    assert.equal(1009, ends "\x82\xFF\127\255\255\255\255\255\255\255")
    local part = "\x82\xFE\2\x58\0\0\0\0" .. ("x"):rep(600)
    assert.equal(1009, ends("\2" .. part:sub(2) .. "\x80\xFE\2\x58"))
    local ws = server:ws "/echo"
    ws:send(("x"):rep(1024))
    assert.equal(1024, #ws:receive())
    ws:close()
  end)

  it("take frames byte by byte, and characters that fragments cut", function()
    local ws = server:ws "/echo"
    for byte in (frame(0x01, "h\xC3") .. frame(0x89, "p") .. frame(0x80, "\xA4\xF0\x9F\x98\x80")):gmatch "." do ws.client:send(byte) end
    assert.same({ "p", "pong" }, { ws:receive() })
    assert.same({ "h\u{E4}\u{1F600}", "text" }, { ws:receive() })
    for byte in ("\x82\xFE\0\126\1\2\3\4" .. ("\1\2\3\4"):rep(32):sub(1, 126)):gmatch "." do ws.client:send(byte) end
    assert.same({ ("\0"):rep(126), "binary" }, { ws:receive() })
    assert.equal(1000, ws:close())
  end)

  it("read nothing behind a close, and say theirs once", function()
    assert.equal(4000, ends(frame(0x88, "\15\160bye") .. frame(0x81, "more") .. frame(0x89, "") .. frame(0x88, "\3\232")))
    assert.equal(1001, ends(frame(0x01, "half a message") .. frame(0x88, "\3\233")))
    local ws = server:ws "/echo"
    ws.client:send(frame(0x88, ""))
    assert.same({ "", "close" }, { ws:receive() })
    assert.is_nil((ws:receive()))
  end)

  it("take the end of the connection for the end of it all", function()
    local ws = server:ws "/count"
    ws:send "one"
    ws.client:send "\x81"
    ws.client:shutdown()
    assert.equal("\x88\2\3\232", ws.client:receive "*a")
    assert.truthy(server:log "counted%s+1")
  end)

  it("read what stands behind the request in the same segment", function()
    local client = server:client()
    client:send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n" ..
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" ..
      frame(0x81, "early") .. frame(0x88, "\3\232"))
    assert.equal("hello", client:receive_response "GET".body)
    assert.equal(101, client:receive_response "GET".status)
    assert.equal("\x81\5early\x88\2\3\232", client:receive "*a")
  end)

  local function memory(pid)
    return tonumber(io.open("/proc/" .. pid .. "/status"):read "*a":match "VmRSS:%s*(%d+)")
  end

  it("answer the last of many pings, and keep none for a client that does not read", function()
    local ws = server:ws "/pid"
    local pid = ws:receive()
    local function ping(i) return ("%99d"):format(i) end
    for i = 1, 1000 do ws:send(ping(i), "ping") end
    local got
    repeat got = ws:receive() until tonumber(got) == 1000
    local before, many = memory(pid), {}
    for i = 1, 1000 do many[i] = frame(0x89, ping(i)) end
    many = table.concat(many)
    for _ = 1, 200 do assert.is_true(ws.client:send(many)) end
    ws.client:send(frame(0x89, "the last"))
    ws:send "done"
    local sanitized = os.getenv "ASAN_OPTIONS" -- which keeps what was freed for a while
    assert.is_true(sanitized ~= nil or memory(pid) < before + (8 << 10))
    local payload, kind, last
    repeat
      last = kind == "pong" and payload or last
      payload, kind = ws:receive()
    until kind == "text"
    if last ~= "the last" then last = ws:receive() end
    assert.equal("the last", last)
    ws:close()
  end)

  it("get what a duplex owes them while its writer waits for something else", function()
    local ws = server:ws "/split" -- and do not read
    assert.truthy(server:log "could send all:%s+false")
    ws:send("are you there?", "ping")
    ws:send "pinged"
    assert.truthy(server:log "the writer was told:%s+pinged") -- and has the ping, which came before that
    assert.equal(20 << 20, #ws:receive())
    assert.same({ "are you there?", "pong" }, { ws:receive() })
    ws:close()
  end)

  -- A client that sends the same frame without end (\n belongs to its mask). Returns how it ends.
  local function flood(path, first)
    local file = os.tmpname()
    local handshake = "GET " .. path .. [[ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n]] ..
      [[Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n]]
    local bash = ([[exec 3<>/dev/tcp/127.0.0.1/%d; printf "%s" >&3; read -r line <&3; echo $$ "$line"; ]] ..
      [[cat <&3 >&2 & exec timeout 30 yes $'\''\x%02x\x80abc'\'' >&3]]):format(server.port, handshake, first)
    os.execute(("LC_ALL=C bash -c '%s' >%s 2>/dev/null &"):format(bash, file))
    local deadline, pid = socket.gettime() + 5
    repeat
      local told = assert(io.open(file))
      pid = told:read "*a":match "(%d+) HTTP/1.1 101"
      told:close()
      socket.select(nil, nil, 0.005)
    until pid or socket.gettime() > deadline
    os.remove(file)
    assert.is_string(pid)
    return function() os.execute("kill " .. pid) end
  end

  if spec.mode == "pool" then
    it("are their own handler's alone", function()
      local own = spec.start { scripts = scripts, config = { processes = { mode = "pool", workers = 1 } } }
      local ws = own:ws "/keep"
      assert.truthy(own:get("/reach").body:find("another client's connection: reach it by a channel", 1, true))
      ws:close()
      own:stop()
    end)
  end

  it("do not keep others waiting by pings or messages without end", function()
    for path, first in pairs { ["/echo"] = 0x89, ["/count"] = 0x81 } do
      local stop = flood(path, first)
      local others = {}
      for i = 1, 3 do others[i] = server:ws "/echo" end
      for i = 1, 60 do
        local ws = others[i % 3 + 1]
        ws:send("message " .. i)
        assert.equal("message " .. i, (ws:receive()))
      end
      for _, ws in ipairs(others) do ws:close() end
      stop()
    end
    assert.is_nil(server:log():find "killed")
  end)

  it("are of no use to others once they have ended", function()
    local ws = server:ws "/keep"
    ws:send "x"
    assert.truthy(server:log "kept")
    ws:close()
    local body = server:get("/use").body
    assert.is_true(body == "nothing kept" or body == "[false,false,true]")
    assert.equal("hello", server:get("/").body)
  end)

  it("can be read in a coroutine of the handler's own", function()
    local ws = server:ws "/inside"
    ws:send "a"
    ws:send("?", "ping")
    ws:send "b"
    local got = {}
    for _ = 1, 3 do got[#got + 1] = (ws:receive()) end
    table.sort(got)
    assert.same({ "?", "inside a", "inside b" }, got)
    assert.equal(1000, ws:close())
    assert.truthy(server:log "inside ended")
  end)

  it("say what they had begun when the server stops", function()
    local other = spec.start { scripts = scripts }
    local ws = other:ws "/large"
    ws:send "go"
    assert.equal("\x81\x7F", ws.client:receive(2))
    other:signal "TERM"
    assert.equal(20 << 20, #ws.client:receive(8 + (20 << 20)) - 8)
    assert.equal(1001, ended(ws))
    assert.equal(0, other:wait())
    assert.truthy(other:log "sent all")
    other = spec.start { scripts = scripts }
    local inside = other:ws "/inside"
    inside:send "a"
    assert.equal("inside a", (inside:receive()))
    other:signal "TERM"
    assert.equal(1001, ended(inside))
    assert.equal(0, other:wait())
  end)
end)
