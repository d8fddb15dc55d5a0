local spec = require "luaserve.spec"
local socket = require "socket"

local scripts = { ["a.lua"] = [[
local app = require "luaserve"
local function said(conn, message, code)
  if not conn then return { status = 502, text = code .. " " .. message } end
  conn:write("hello\n")
  conn:shutdown("write")
  local ip, port = conn:peer()
  return { text = ip .. " " .. port .. " " .. tostring(conn:read("all")) }
end
app:get("/tcp", function(req)
  return said(app.connect(req.query.host, math.tointeger(tonumber(req.query.port)), { timeout = req.query.timeout,
    local_port = math.tointeger(tonumber(req.query.from)) }))
end)
app:get("/unix", function(req) return said(app.connect("unix:" .. req.query.path, { timeout = "5s" })) end)
app:get("/bad", function()
  local list = {}
  for _, call in ipairs { { 80 }, { "" }, { "h" }, { "h", 0 }, { "h", 65536 }, { "h", 1, { tmieout = 1 } },
    { "h", 1, { timeout = "soon" } }, { "h", 1, { local_port = "x" } }, { "h", 1, 5 }, { app, "h", 1 } } do
    list[#list + 1] = select(2, pcall(app.connect, table.unpack(call)))
  end
  return { json = list }
end)
app:get("/leave", function(req) -- what nobody closes is closed when nobody holds it
  local conn = app.connect("127.0.0.1", math.tointeger(tonumber(req.query.port)))
  conn:write("mine\n")
  conn = nil
  collectgarbage()
  return "left"
end)
local shared
app:get("/first", function(req)
  shared = app.connect("127.0.0.1", math.tointeger(tonumber(req.query.port)))
  shared:write("here\n")
  return { text = tostring(shared:read("line")) }
end)
app:get("/second", function() return { text = select(2, pcall(shared.read, shared, "line")) } end)
app:get("/hello", function() return "hello" end)
app:tcp("127.0.0.1:0", function(conn) conn:write("you said ", conn:read("all")) end)
app:tcp("[::1]:0", function(conn) conn:write("you said ", conn:read("all")) end)
app:tcp("unix:dial.sock", function(conn) conn:write("you said ", conn:read("all")) end)
]] }

describe("app.connect", function()
  local server, four, six

  local function start(env)
    return spec.start { scripts = scripts, env = env,
      config = { limits = { wall = "20s" }, processes = { mode = spec.mode, workers = 1 } } }
  end

  setup(function()
    server = start()
    four = server.ready:match "tcp://127%.0%.0%.1:(%d+)"
    six = server.ready:match "tcp://%[::1%]:(%d+)"
  end)
  teardown(function() server:stop() end)

  local function get(path) return server:get(path).body end

  it("reaches IPv4, IPv6 and Unix sockets", function()
    assert.equal(("127.0.0.1 %s you said hello\n"):format(four), get("/tcp?host=127.0.0.1&port=" .. four))
    assert.equal(("::1 %s you said hello\n"):format(six), get("/tcp?host=::1&port=" .. six))
    local path = server.ready:match "unix:(%S+)"
    assert.equal("unix 0 you said hello\n", get("/unix?path=" .. path))
  end)

  it("knows hosts by their names", function()
    assert.truthy(get("/tcp?host=localhost&port=" .. four):find("you said hello", 1, true))
    assert.equal("ENOENT there is no host no.such.invalid", get "/tcp?host=no.such.invalid&port=1")
  end)

  it("says why not", function()
    local closed = assert(socket.bind("127.0.0.1", 0))
    local _, port = closed:getsockname()
    closed:close()
    assert.equal("ECONNREFUSED connection refused (nobody listens there)", get("/tcp?host=127.0.0.1&port=" .. port))
    assert.truthy(get "/unix?path=/no/such/socket":find "^ENOENT ")
  end)

  it("waits no longer than it is told, and keeps nobody else waiting", function()
    local full = assert(socket.tcp())
    assert(full:bind("127.0.0.1", 0))
    assert(full:listen(0))
    local _, port = full:getsockname()
    local queue = {}
    for i = 1, 3 do -- more than its backlog
      queue[i] = socket.tcp()
      queue[i]:settimeout(0)
      queue[i]:connect("127.0.0.1", port)
    end
    local client = server:client()
    client:send(("GET /tcp?host=127.0.0.1&port=%d&timeout=700ms HTTP/1.1\r\nHost: x\r\n\r\n"):format(port))
    assert.equal("hello", get "/hello")
    assert.equal("ETIMEDOUT timed out", client:receive_response("GET").body)
    client:close()
    for _, waiting in ipairs(queue) do waiting:close() end
    full:close()
  end)

  it("comes from the port that it is told to", function()
    local free = assert(socket.bind("127.0.0.1", 0))
    local _, port = free:getsockname()
    assert.equal("EADDRINUSE the local port is in use", get(("/tcp?host=127.0.0.1&port=%s&from=%d"):format(four, port)))
    free:close()
    assert.truthy(get(("/tcp?host=127.0.0.1&port=%s&from=%d"):format(four, port)):find("you said hello", 1, true))
    assert.truthy(server:log("new connection from 127.0.0.1:" .. port))
  end)

  it("tells what the network says", function()
    for code, why in pairs { ENETUNREACH = "Network is unreachable", EHOSTUNREACH = "No route to host" } do
      local cut = start { LUASERVE_FAULT = "worker/connect:1:" .. code }
      assert.equal(code .. " " .. why, cut:get("/tcp?host=127.0.0.1&port=" .. four).body)
      cut:stop()
    end
  end)

  it("tells a fault of the caller's from one of the network's", function()
    local list = server:get("/bad").json
    for i, why in ipairs { "expected a host", "expected a host", "a port from 1", "a port from 1", "a port from 1",
      "unknown option", "timeout: expected a duration", "local_port: expected a port", "a table of options",
      "with a dot" } do
      assert.truthy(list[i]:find(why, 1, true), i .. ": " .. tostring(list[i]))
    end
  end)

  it("closes what nobody holds any more", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    listener:settimeout(5)
    local client = server:client() -- stays connected: so does its worker
    client:send(("GET /leave?port=%d HTTP/1.1\r\nHost: x\r\n\r\n"):format(port))
    local conn = assert(listener:accept())
    conn:settimeout(5)
    assert.equal("mine\n", conn:receive "*a")
    assert.equal("left", client:receive_response("GET").body)
    client:close()
    conn:close()
    listener:close()
  end)

  if spec.mode == "pool" then
    it("gives what one handler at a time may wait for, and the second one is told", function()
      local listener = assert(socket.bind("127.0.0.1", 0))
      local _, port = listener:getsockname()
      listener:settimeout(5)
      local client = server:client()
      client:send(("GET /first?port=%d HTTP/1.1\r\nHost: x\r\n\r\n"):format(port))
      local conn = assert(listener:accept())
      conn:settimeout(5)
      assert.equal("here", conn:receive "*l")
      assert.truthy(get "/second":find("another handler waits for it", 1, true))
      conn:send "an answer\n"
      assert.equal("an answer", client:receive_response("GET").body)
      client:close()
      conn:close()
      listener:close()
    end)
  end

  it("is only for handlers", function()
    local code, _, err = spec.run { scripts = { ["a.lua"] = 'require "luaserve".connect("127.0.0.1", 1)' } }
    assert.equal(78, code)
    assert.truthy(err:find("a.lua:1: app.connect is only for handlers", 1, true), err)
  end)
end)
