-- The access log: a line for every request that was answered, whoever answered it.
local json = require "luaserve.json"
local socket = require "socket"
local spec = require "luaserve.spec"

local scripts = { ["app.lua"] = [[
  local app = require "luaserve"
  app:get("/hello/:name", function(req) return { text = "hello " .. req.params.name } end)
  app:post("/body", function(req) return { text = req:body() } end)
  app:get("/slow", { wall = "100ms" }, function() while true do end end)
  app:get("/stuck", { wall = "100ms" }, function()
    return tostring((("a"):rep(50000)):find((".-"):rep(20) .. "b"))
  end)
  app:get("/segv", function() os.execute "kill -SEGV $PPID" app.sleep(5) end)
  app:get("/stream", function(_, res) for _ = 1, 3 do res:write "12345" res:flush() end end)
  app:get("/empty-stream", function(_, res) res:write "x" res:flush() end)
  app:get("/events", function(_, res) while true do res:event("tick", "1") app.sleep "5ms" end end)
  app:ws("/ws", function(_, ws) for message in ws:messages() do ws:send(message) end end)
  app:tcp("127.0.0.1:0", function(conn) conn:write "raw\n" end)
  app:get("/open", function() return { text = tostring(io.open("/etc/passwd")) } end)
]] }

local function read(path)
  local file <close> = io.open(path)
  return file and file:read "a" or ""
end

local function eventually(try)
  local deadline = socket.gettime() + 10
  repeat
    local result = try()
    if result then return result end
    socket.sleep(0.01)
  until socket.gettime() > deadline
  return false
end

-- A server whose lines are looked at in pieces: each call gives those that have come since, `count` of them.
local function start(format, config, options)
  config = config or {}
  config.log = { access = format, access_file = "access.log" }
  local server = spec.start { scripts = scripts, config = config, env = (options or {}).env,
    www = { ["a.txt"] = "content\n", ["big"] = ("x"):rep(8 << 20) } }
  local seen = 0
  local function lines(count)
    local list
    eventually(function()
      list = {}
      for line in read(server.dir .. "/access.log"):sub(seen + 1):gmatch "([^\n]*)\n" do list[#list + 1] = line end
      return #list >= count
    end)
    assert.equal(count, #list, table.concat(list, "\n"))
    for _, line in ipairs(list) do seen = seen + #line + 1 end
    return list
  end
  return server, lines
end

local function last(lines) return json.decode(lines(1)[1]) end

describe("the access log, combined", function()
  local server, lines
  setup(function() server, lines = start("combined", { limits = { headers = "1K", body = "1K" } }) end)
  teardown(function() server:stop() end)

  it("is as Apache and nginx write it", function()
    server:get("/hello/bob?a=b", { headers = { ["User-Agent"] = "spec/1", Referer = "http://x/y" } })
    local line = lines(1)[1]
    local time, rest = line:match '^127%.0%.0%.1 %- %- %[(%d%d/%a%a%a/%d%d%d%d:%d%d:%d%d:%d%d %+0000)%] (.*)$'
    assert.truthy(time, line)
    assert.equal('"GET /hello/bob?a=b HTTP/1.1" 200 9 "http://x/y" "spec/1"', rest)
  end)

  local function logged(bytes, expected)
    server:raw(bytes)
    for i, line in ipairs(lines(#expected)) do
      assert.equal(expected[i], (line:match '%] (".-" %d+ %d+) "'))
    end
  end

  it("has files, and of HEAD and of 304 no bytes", function()
    local tag = server:get("/a.txt").headers.etag
    server:head "/a.txt"
    server:get("/a.txt", { headers = { ["If-None-Match"] = tag } })
    local got = table.concat(lines(3), "\n") -- of three processes, in any order
    assert.truthy(got:find('"GET /a.txt HTTP/1.1" 200 8 "-"', 1, true))
    assert.truthy(got:find('"HEAD /a.txt HTTP/1.1" 200 0 "-"', 1, true))
    assert.truthy(got:find('"GET /a.txt HTTP/1.1" 304 0 "-"', 1, true))
  end)

  it("has errors of every kind", function()
    for path, status in pairs { ["/none"] = 404, ["/%00"] = 400 } do
      server:get(path)
      assert.truthy(lines(1)[1]:find('"GET ' .. path .. ' HTTP/1.1" ' .. status, 1, true))
    end
    server:post("/hello/x", "")
    assert.truthy(lines(1)[1]:find('"POST /hello/x HTTP/1.1" 405 ', 1, true))
    server:post("/body", ("x"):rep(2000))
    assert.truthy(lines(1)[1]:find('"POST /body HTTP/1.1" 413 ', 1, true))
    server:get("/hello/x", { headers = { Long = ("x"):rep(2000) } })
    assert.truthy(lines(1)[1]:find('"GET /hello/x HTTP/1.1" 431 ', 1, true))
    server:raw "GET /no-host HTTP/1.1\r\n\r\n"
    assert.truthy(lines(1)[1]:find('"GET /no-host HTTP/1.1" 400 ', 1, true))
  end)

  it("has each of several requests that came together, once", function()
    local one = "GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    local expected = {}
    for i = 1, 60 do expected[i] = '"GET /a.txt HTTP/1.1" 200 8' end
    logged(one:rep(60), expected)
  end)

  it("shows what is no request line as it came, and never lets it end the line", function()
    server:raw 'GET /"\\\1\255\r HTTP/1.1\r\n\r\n'
    assert.truthy(lines(1)[1]:find([["GET /\x22\x5C\x01\xFF\x0D HTTP/1.1" 400 ]], 1, true))
    server:raw "\22\3\1\2\0\n"
    assert.truthy(lines(1)[1]:find([["\x16\x03\x01\x02\x00" 400 ]], 1, true))
  end)

  it("escapes what fields hold", function()
    server:get("/a.txt", { headers = { ["User-Agent"] = 'a"b\\c\228\t', Referer = 'x" "y' } })
    assert.truthy(lines(1)[1]:find([["x\x22 \x22y" "a\x22b\x5Cc\xE4"]], 1, true))
  end)

  it("cuts a long target, and keeps the line whole", function()
    server:get("/" .. ("y"):rep(6000), { headers = { ["User-Agent"] = "kept" } })
    local line = lines(1)[1]
    assert.truthy(line:find 'yyy%.%.%. HTTP/1.1" 404 %d+ "%-" "kept"$')
    assert.is_true(#line > 3900 and #line < 4096)
  end)

  it("has a handler that was over its time, whether it could be interrupted or not", function()
    server:get "/slow"
    assert.truthy(lines(1)[1]:find('"GET /slow HTTP/1.1" 503 ', 1, true))
    assert.equal(503, server:get("/stuck", { headers = { ["User-Agent"] = "patient" } }).status)
    assert.truthy(lines(1)[1]:find '"GET /stuck HTTP/1.1" 503 %d+ "%-" "patient"')
  end)

  it("has a request whose worker died", function()
    assert.equal(500, server:get("/segv", { headers = { Referer = "r" } }).status)
    assert.truthy(lines(1)[1]:find '"GET /segv HTTP/1.1" 500 %d+ "r"')
  end)

  it("has a stream once, when it has ended", function()
    assert.equal("123451234512345", server:get("/stream").body)
    assert.truthy(lines(1)[1]:find '"GET /stream HTTP/1.1" 200 %d+ "')
    server:head "/empty-stream"
    assert.truthy(lines(1)[1]:find('"HEAD /empty-stream HTTP/1.1" 200 0 "', 1, true))
  end)

  it("has no line for raw connections", function()
    local port = server:log "listening on 127.0.0.1:%d+" or server:output():match "tcp://127%.0%.0%.1:(%d+)"
    local client = assert(socket.connect("127.0.0.1", tonumber(port:match "(%d+)$")))
    assert.equal("raw", client:receive "*l")
    client:close()
    server:get "/a.txt"
    assert.truthy(lines(1)[1]:find("/a.txt", 1, true))
  end)
end)

describe("the access log, as JSON", function()
  local server, lines
  setup(function()
    server, lines = start("json", { trusted_proxies = { "127.0.0.1" }, limits = { head_timeout = "200ms", body_timeout = "200ms" } })
  end)
  teardown(function() server:stop() end)

  it("says all there is to say", function()
    local response = server:get("/hello/bob?a=b", { headers = { ["User-Agent"] = "spec", Referer = "r", Host = "h:1" } })
    local entry = last(lines)
    assert.truthy(entry.time:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$")
    assert.is_true(entry.pid > 1 and entry.wall_us > 0)
    entry.time, entry.pid, entry.wall_us = nil, nil, nil
    assert.same({ id = response.headers["x-request-id"], ip = "127.0.0.1", method = "GET", target = "/hello/bob?a=b",
      host = "h:1", route = "/hello/:name", referer = "r", agent = "spec", status = 200, bytes = 9 }, entry)
  end)

  it("is JSON whatever a client sends", function()
    local all = {}
    for byte = 0x20, 255 do if byte ~= 0x7f then all[#all + 1] = string.char(byte) end end
    server:get("/a.txt", { headers = { ["User-Agent"] = "x" .. table.concat(all) .. "x" } })
    local line = lines(1)[1]
    assert.falsy(line:find "[\128-\255%c]")
    local agent = {}
    for byte = 0x20, 255 do if byte ~= 0x7f then agent[#agent + 1] = utf8.char(byte) end end
    assert.equal("x" .. table.concat(agent) .. "x", json.decode(line).agent)
    server:raw '\0\1"\\\n'
    assert.equal('\0\1"\\', last(lines).target)
    server:get("/" .. ("%22"):rep(2500), { headers = { Referer = ('"'):rep(3000), ["User-Agent"] = ("\255"):rep(3000) } })
    line = lines(1)[1]
    assert.is_true(#line < 4096)
    assert.truthy(json.decode(line).target:find "^/%%22")
  end)

  it("names the client that a trusted proxy passes on", function()
    server:get("/a.txt", { headers = { ["X-Forwarded-For"] = "192.0.2.7", ["X-Forwarded-Host"] = "example.org" } })
    local entry = last(lines)
    assert.same({ "192.0.2.7", "example.org" }, { entry.ip, entry.host })
    server:get("/segv", { headers = { ["X-Forwarded-For"] = "192.0.2.8" } })
    entry = last(lines)
    assert.equal(500, entry.status)
    if os.getenv "LUASERVE_MODE" ~= "pool" then assert.same({ "192.0.2.8", "/segv" }, { entry.ip, entry.route }) end
  end)

  it("has requests that never came whole", function()
    server:raw("GET /a.txt HTTP/1.1\r\n", { half_close = false })
    assert.equal(408, last(lines).status)
    server:raw("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", { half_close = false })
    local entry = last(lines)
    assert.same({ 408, "POST", "/body" }, { entry.status, entry.method, entry.target })
  end)

  it("has the handshake of a WebSocket at once", function()
    local ws = assert(server:ws "/ws")
    local entry = last(lines)
    assert.same({ 101, "/ws", 0 }, { entry.status, entry.route, entry.bytes })
    ws:send "hello"
    assert.equal("hello", (ws:receive()))
    ws:close()
    server:get "/a.txt"
    assert.equal("/a.txt", last(lines).target)
  end)

  it("has events when their client has left, with what it was sent", function()
    local client = server:client()
    client:send "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.equal("HTTP/1.1 200 OK", client:receive "*l")
    repeat local line = client:receive "*l" until line == "event: tick"
    client:close()
    local entry = last(lines)
    assert.same({ 200, "/events", true }, { entry.status, entry.route, entry.cut })
    assert.is_true(entry.bytes > 20)
  end)

  it("has a download that was broken off, with what went", function()
    local client = server:client()
    client:send "GET /big HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.equal("HTTP/1.1 200 OK", client:receive "*l")
    client:close()
    local entry = last(lines)
    assert.same({ 200, "/big", true }, { entry.status, entry.target, entry.cut })
    assert.is_true(entry.bytes < 8 << 20)
  end)
end)

describe("the file of the access log", function()
  it("is standard output where nothing else is said, and there is none unless it is asked for", function()
    local server = spec.start { scripts = scripts, config = { log = { access = "combined" } } }
    server:get "/hello/x"
    assert.truthy(eventually(function() return server:output():find '"GET /hello/x HTTP/1.1" 200 7 "%-" "' end))
    server:stop()
    server = spec.start { scripts = scripts }
    server:get "/hello/x"
    server:stop()
    assert.falsy(server:output():find "/hello/x")
  end)

  it("is opened anew at SIGUSR1, by workers that live on too", function()
    local server, lines = start "combined"
    local client = server:client()
    client:get "/hello/1"
    lines(1)
    assert(os.rename(server.dir .. "/access.log", server.dir .. "/access.log.1"))
    server:signal "USR1"
    assert.truthy(server:log "log reopened")
    client:get "/hello/2"
    server:get "/hello/3"
    local function has(name, what) return read(server.dir .. "/" .. name):find(what, 1, true) end
    assert.truthy(eventually(function() return has("access.log", "/hello/2") and has("access.log", "/hello/3") end))
    assert.truthy(has("access.log.1", "/hello/1"))
    assert.falsy(has("access.log.1", "/hello/2"))
    client:close()
    server:stop()
  end)

  it("that cannot be opened is a fault of the configuration", function()
    local code, _, log = spec.run { scripts = scripts, config = { log = { access = "json", access_file = "none/access.log" } } }
    assert.equal(78, code)
    assert.truthy(log:find "log%.access_file: cannot open .*none/access%.log: No such file or directory")
  end)

  it("is written to by handlers that may open none", function()
    local server, lines = start("json", { sandbox = { files = "none" } })
    assert.equal("nil", server:get("/open").body)
    assert.equal("/open", last(lines).target)
    server:stop()
  end)

  it("begins with a reload that asks for it", function()
    local server = spec.start { scripts = scripts, config = { log = { access = false } } }
    server:get "/hello/1"
    local config = read(server.dir .. "/config.lua")
    local file = assert(io.open(server.dir .. "/config.lua", "w"))
    file:write((config:gsub("false", '"combined"', 1)))
    file:close()
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation 2")
    assert.truthy(eventually(function()
      server:get "/hello/2"
      return server:output():find("/hello/2", 1, true)
    end))
    assert.falsy(server:output():find("/hello/1", 1, true))
    server:stop()
  end)
end)

describe("a reload that changes the format", function()
  it("leaves the lines of answers that had begun as they are", function()
    local server = spec.start { scripts = scripts, config = { log = { access = "json" } } }
    local client = server:client()
    client:send "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.truthy(client:receive "*l")
    local old = {}
    for pid in io.popen("pgrep -P " .. server.pid):lines() do old[#old + 1] = pid end
    local file = assert(io.open(server.dir .. "/config.lua"))
    local config = file:read "a"
    file:close()
    file = assert(io.open(server.dir .. "/config.lua", "w"))
    file:write((config:gsub('"json"', '"combined"', 1)))
    file:close()
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation 2")
    for _, pid in ipairs(old) do os.execute("kill -9 " .. pid .. " 2>/dev/null") end
    local line = eventually(function() return server:output():match "[^\n]*/events[^\n]*" end)
    local entry = json.decode(line)
    assert.same({ "/events", 200, true }, { entry.target, entry.status, entry.cut })
    assert.truthy(entry.wall_us and entry.bytes and entry.pid > 1)
    client:close()
    server:stop()
  end)
end)

describe("an access log that nobody reads", function()
  it("holds up neither clients nor the server", function()
    local pipe = io.popen "mktemp -d -t luaserve-access-XXXXXX"
    local folder = pipe:read "l"
    pipe:close()
    os.execute("mkfifo " .. folder .. "/fifo")
    local code, _, err = spec.run { config = { log = { access = "json", access_file = folder .. "/fifo" } } }
    assert.equal(78, code)
    assert.truthy(err:find("log.access_file: cannot open " .. folder .. "/fifo: No such device", 1, true), err)
    local idle = io.popen("echo $$; exec 9<>" .. folder .. "/fifo; echo open; exec sleep 100")
    local pid = idle:read "l"
    assert.equal("open", idle:read "l")
    local server = spec.start { config = { log = { access = "json", access_file = folder .. "/fifo" } },
      scripts = scripts }
    local client = server:client()
    for _ = 1, 1000 do assert.equal(200, client:request({ path = "/hello/" .. ("x"):rep(100) }).status) end
    assert.equal(500, server:get("/segv").status)
    assert.equal(200, server:get("/hello/you").status)
    client:close()
    assert.equal(0, server:stop())
    os.execute("kill " .. pid)
    idle:close()
    os.execute("rm -rf " .. folder)
  end)
end)
