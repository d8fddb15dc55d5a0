-- The status page: rows of real clients, what observers alone see, and what cannot be smuggled into it.
local spec = require "luaserve.spec"
local dkjson = require "dkjson"
local socket = require "socket"

local SCRIPT = [[
local app = require "luaserve"
app:get("/pid", function() return { text = io.open("/proc/self/stat"):read "n" .. "" } end)
app:get("/wait/*rest", function() app.channel("go"):subscribe():receive() return "gone" end)
app:post("/body", function(req) return req:body() end)
app:get("/live", function(_, res)
  res:event(nil, "begun")
  for message in app.channel("go"):subscribe():messages() do res:event(nil, message) end
end)
app:ws("/halves", function(_, ws)
  ws:duplex(function(half) for m in half:messages() do app.channel("halves"):publish(m) end end,
    function(half) for m in app.channel("halves"):subscribe():messages() do half:send(m) end end)
end)
app:tcp("127.0.0.1:0", function(conn) conn:read() end)
]]

local RUN = [[
require "luaserve":every("1h", { first = "0s", name = '<b>&"\xff\u{202E}' }, function() io.popen("exec sleep 60"):read() end)
]]

local function start(config, more)
  config = config or {}
  if config.status == nil then config.status = "/status" end
  return spec.start { config = config, scripts = { ["a.lua"] = SCRIPT, ["b.lua"] = more } }
end

local function look(server) return server:get("/status/clients").json end

-- Looks again until `find` gives something.
local function wait_for(server, find)
  local deadline = socket.gettime() + 10
  repeat
    local now = look(server)
    local found = find(now)
    if found then return found, now end
  until socket.gettime() > deadline
  error("it has not come:\n" .. dkjson.encode(look(server)))
end

local function port_of(client) return tonumber((select(2, client.socket:getsockname()))) end

local function row_of(client)
  local port = port_of(client)
  return function(now)
    for _, row in ipairs(now.clients) do
      if row.port == port then return row end
    end
  end
end

local function in_phase(client, phase)
  local find = row_of(client)
  return function(now)
    local row = find(now)
    return row and row.phase == phase and row
  end
end

local function side_that(server, pattern)
  return wait_for(server, function(now)
    for _, side in ipairs(now.sides) do
      if side.what:find(pattern) then return side end
    end
  end)
end

describe("the status page", function()
  local server
  setup(function() server = start({ limits = { drain_timeout = "100ms" } }, RUN) end)
  teardown(function() server:stop() end)

  it("shows a client that waits between two requests, with its process", function()
    local client = server:client()
    local pid = tonumber(client:get("/pid").body)
    local row = wait_for(server, in_phase(client, "idle"))
    assert.equal(pid, row.pid)
    assert.equal("127.0.0.1", row.ip)
    assert.equal(1, row.requests)
    assert.equal("", row.method .. row.target)
    assert.is_nil(row.id)
    assert.is_true(row.age_ms >= row.for_ms and row.for_ms >= 0)
    client:close()
  end)

  it("shows a client in a handler, and its request by the id that its answer has", function()
    local client = server:client()
    client:get "/pid"
    client:send "GET /wait/a'&b?token=secret HTTP/1.1\r\nHost: x\r\nCookie: c=secret\r\n\r\n"
    local row = wait_for(server, in_phase(client, "handler"))
    assert.equal("GET", row.method)
    assert.equal("/wait/a'&b?…", row.target)
    assert.equal(2, row.requests)
    local page = server:get("/status").body
    assert.truthy(page:find("/wait/a&#39;&amp;b?…", 1, true))
    assert.is_nil(page:find("secret", 1, true))
    assert.is_nil(server:get("/status/clients").body:find("secret", 1, true))
    client:close()
  end)

  it("calls a request what its answer calls it", function()
    local client = server:client()
    local answer = client:get("/status/clients")
    assert.equal(answer.headers["X-Request-Id"], row_of(client)(answer.json).id)
    assert.equal(answer.json.you, row_of(client)(answer.json).client)
    client:close()
  end)

  it("shows who sends a body or a head slowly, and who stays", function()
    local slow, half, live = server:client(), server:client(), server:client()
    slow:send "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
    half:send "GET /pid HTTP/1.1\r\nHo"
    live:send "GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
    local row = wait_for(server, in_phase(slow, "body"))
    assert.equal("POST /body", row.method .. " " .. row.target)
    row = wait_for(server, in_phase(half, "head"))
    assert.equal("", row.method .. row.target)
    row = wait_for(server, in_phase(live, "live"))
    assert.equal("/live", row.target)
    for _, client in ipairs { slow, half, live } do client:close() end
  end)

  it("forgets who has gone, but not what they have asked for", function()
    local before = look(server).requests
    local client = server:client()
    for _ = 1, 5 do client:get "/pid" end
    local find = row_of(client)
    local row = wait_for(server, find)
    assert.equal(5, row.requests)
    client:close()
    local looks = 1 -- the one that found it
    local _, now = wait_for(server, function(now)
      looks = looks + 1
      return not find(now) and now
    end)
    assert.equal(before + 5 + looks, now.requests)
  end)

  it("shows second processes and runs of schedules, whatever their names", function()
    local ws = assert(server:ws "/halves")
    local reader = side_that(server, "^reads for client %d+$")
    assert.is_number(reader.client)
    assert.is_true(reader.pid > 0 and reader.age_ms >= 0)
    local run = side_that(server, "^app:every")
    assert.equal('app:every <b>&"\u{FFFD}\u{FFFD}', run.what)
    assert.truthy(server:get("/status").body:find("app:every &lt;b&gt;&amp;&quot;\u{FFFD}\u{FFFD}<", 1, true))
    ws:close()
    wait_for(server, function(now) return #now.sides == 1 end)
  end)

  it("shows raw connections", function()
    local port = tonumber(server.ready:match "tcp://127.0.0.1:(%d+)" or server:output():match "127%.0%.0%.1:(%d+)%s*$")
    local client = require("luaserve.client").connect("127.0.0.1", port, 5)
    local row = wait_for(server, row_of(client))
    assert.equal("raw TCP", row.target)
    client:close()
  end)

  it("says how the server is", function()
    local now = look(server)
    assert.equal(server.pid, now.pid)
    assert.equal(spec.mode, now.mode)
    assert.equal(1, now.generation)
    assert.equal(1024, now.max_clients)
    assert.is_true(now.count >= 1 and now.uptime_ms >= 0 and now.cores >= 1 and now.cpu_ms >= 0)
    assert.equal(spec.mode == "pool", #now.workers > 0)
    for _, user in ipairs(spec.mode == "pool" and now.workers or now.clients) do
      if not user.client or user.client == now.you then
        assert.is_true(user.resident > 100000 and user.own > 4096 and user.cpu_ms >= 0)
      end
    end
  end)

  it("answers HEAD, and other methods with 405", function()
    for _, path in ipairs { "/status", "/status/clients", "/status/events" } do
      local head = server:head(path)
      assert.equal(200, head.status)
      assert.equal("", head.body)
      assert.equal("no-store", head.headers["Cache-Control"])
      assert.equal(405, server:post(path, "x").status)
    end
    assert.equal("text/event-stream", server:head("/status/events").headers["Content-Type"])
  end)

  it("is JSON for who asks for that", function()
    local function kind(accept) return server:get("/status", { headers = { Accept = accept } }).headers["Content-Type"] end
    assert.truthy(kind "application/json":find "^application/json")
    assert.truthy(kind "text/html,application/json":find "^text/html")
    assert.truthy(kind "*/*":find "^text/html")
  end)

  it("is shown to observers alone", function()
    for _, path in ipairs { "/status", "/status/clients", "/status/events" } do
      for name, value in pairs { ["X-Forwarded-For"] = "127.0.0.1", Via = "1.1 x", Host = "evil.example" } do
        local answer = server:get(path, { headers = { [name] = value } })
        assert.equal(403, answer.status)
        assert.is_nil(answer.body:find "clients")
      end
    end
  end)

  it("is a page of its own, with a nonce for what is in it", function()
    local answer = server:get "/status"
    local page, policy = answer.body, answer.headers["Content-Security-Policy"]
    local nonce = policy:match "script%-src 'nonce%-(%x+)'"
    assert.equal(32, #nonce)
    assert.truthy(policy:find "^default%-src 'none'")
    assert.truthy(page:find('<script nonce="' .. nonce .. '">', 1, true))
    assert.truthy(page:find('<style nonce="' .. nonce .. '">', 1, true))
    assert.are_not.equal(nonce, server:get("/status").body:match 'script nonce="(%x+)"')
    assert.is_nil(page:find "https?://")
    assert.is_nil(page:find "{{")
    assert.truthy(page:find '^<!DOCTYPE html>\n<html lang="en">')
    assert.truthy(page:find '<caption id="clients%-of">Clients</caption>')
    assert.truthy(page:find '<th scope="col" data%-key="client"')
    assert.truthy(page:find '<th scope="row"')
    for _, tag in ipairs { "table", "tr", "td", "th", "div", "section", "main", "p", "span", "b", "svg", "dl" } do
      local body = page:gsub("<style.-</style>", ""):gsub("<script.-</script>", "")
      local _, opened = body:gsub("<" .. tag .. "[ >]", "")
      local _, closed = body:gsub("</" .. tag .. ">", "")
      assert.equal(opened, closed, tag)
    end
  end)
end)

-- Reads events of a stream: the next one's data, as a value; nil at the end.
local function open_events(server)
  local client = server:client { timeout = 10 }
  client:send "GET /status/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
  return function()
    local line, why
    repeat
      line, why = client.socket:receive "*l"
      assert(line or why == "closed", why)
      if not line then return nil end
    until line:find "^data: "
    return assert(dkjson.decode(line:sub(7)))
  end, client
end

describe("the events of the status page", function()
  it("tell all at first, and then who comes, changes and goes", function()
    local server <close> = setmetatable({ start() }, { __close = function(s) s[1]:stop() end })
    server[1]:get "/pid"
    local next_event, viewer = open_events(server[1])
    local first = next_event()
    assert.is_true(first.all)
    assert.truthy(row_of(viewer)(first))
    local client = server[1]:client()
    client:get "/pid"
    local find, event = row_of(client), first
    while not find(event) do event = assert(next_event()) end
    assert.is_false(event.all)
    local number = find(event).client
    repeat event = assert(next_event()) until #event.clients <= 1 -- the viewer's own
    assert.is_nil(find(event))
    client:close()
    repeat event = assert(next_event()) until #event.gone > 0
    assert.same({ number }, event.gone)
    viewer:close()
  end)

  it("end with the server", function()
    local server = start()
    local next_event, viewer = open_events(server)
    assert.truthy(next_event())
    assert.equal(0, server:stop())
    repeat until not next_event()
    assert.is_nil(server:log():match "[^\n]*killed")
    viewer:close()
  end)

  it("end at a reload, so that no worker of old stays for them", function()
    local server = start()
    local next_event, viewer = open_events(server)
    assert.equal(1, next_event().generation)
    server:signal "HUP"
    repeat until not next_event()
    assert.equal(2, look(server).generation)
    viewer:close()
    server:stop()
  end)
end)

describe("where the status page stands", function()
  it("is what config.lua says", function()
    local server = start { status = "/own/place" }
    assert.truthy(server:get("/own/place").body:find "luaserve status")
    assert.equal(200, server:get("/own/place/clients").status)
    server:stop()
    server = start { status = false }
    assert.equal(404, server:get("/status").status)
    server:stop()
  end)

  it("links to the traces of requests where these are recorded", function()
    for _, trace in ipairs { true, false } do
      local server = start { trace = trace }
      local answer = server:get "/status"
      local link = '<a href="/status/trace/' .. answer.headers["X-Request-Id"] .. '">GET /status</a>'
      assert.equal(trace, answer.body:find(link, 1, true) ~= nil)
      server:stop()
    end
  end)

  it("is there in a sandbox without files", function()
    local server = start { sandbox = { files = "none", processes = false, connect = false } }
    local now = look(server)
    assert.equal(server.pid, now.pid)
    assert.equal(200, server:get("/status").status)
    server:stop()
  end)

  it("is refused to others, and shown to those that observers names", function()
    local udp = socket.udp()
    udp:setpeername("192.0.2.1", 9) -- sends nothing
    local here = udp:getsockname()
    udp:close()
    if not here or here:find "^127%." or here == "0.0.0.0" then return pending "no address but loopback" end
    local server = spec.start { config = { status = "/status", host = here } }
    assert.equal(403, server:get("/status").status)
    server:stop()
    server = spec.start { config = { status = "/status", host = here, observers = { here } } }
    assert.equal(200, server:get("/status").status)
    server:stop()
  end)
end)
