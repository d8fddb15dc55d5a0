-- More clients than there is room for.
local socket = require "socket"
local spec = require "luaserve.spec"

local scripts = { ["app.lua"] = [[
  local app = require "luaserve"
  app:get("/ok", function() return "ok" end)
  app:get("/held", function(req)
    io.open(req.query.begun, "w"):close()
    while not io.open(req.query.go) do app.sleep("5ms") end
    return "held"
  end)
]] }

local function start(processes)
  return spec.start { scripts = scripts, config = { processes = processes } }
end

local function eventually(condition)
  local deadline = socket.gettime() + 10
  while not condition() and socket.gettime() < deadline do socket.select(nil, nil, 0.005) end
  return condition()
end

local function children(server)
  return tonumber(io.popen("pgrep -c -P " .. server.pid):read "n")
end

-- A client whose handler runs until let_go.
local held = 0
local function hold(server)
  local client = server:client()
  held = held + 1
  client:send("GET /held?go=" .. server.dir .. "/go&begun=" .. server.dir .. "/begun" .. held ..
    " HTTP/1.1\r\nHost: x\r\n\r\n")
  assert.is_true(eventually(function() return io.open(server.dir .. "/begun" .. held) ~= nil end))
  return client
end

-- Its workers sleep: who has had an answer is known to be idle, which is told a moment after it.
local function settle(server)
  assert.is_true(eventually(function()
    for pid in io.popen("pgrep -P " .. server.pid):lines() do
      local file = io.open("/proc/" .. pid .. "/stat")
      local state = file and file:read("a"):match "^.*%) (%a)"
      if file then file:close() end
      if state ~= "S" then return false end
    end
    return true
  end))
end

local function let_go(server)
  assert(io.open(server.dir .. "/go", "w")):close()
end

local function ask(server, client)
  client = client or server:client()
  client:send "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n"
  return client
end

describe("at max_clients", function()
  it("the client that is idle for longest makes room", function()
    -- In mode pool that holds among the clients of one worker.
    local server = start { max_clients = 2, queue_timeout = "1h", workers = 1 }
    local one, two = server:client(), server:client()
    for _, client in ipairs { one, two, one } do
      client:request { path = "/ok" }
      settle(server)
    end
    assert.equal(200, server:get("/ok").status)
    assert.equal("", two:receive "*a")
    assert.equal(200, one:request({ path = "/ok" }).status)
    server:stop()
  end)

  it("a client of another worker makes room where the own has none that is idle", function()
    local server = start { max_clients = 8, queue_timeout = "1h" }
    local clients = {}
    for i = 1, 8 do
      clients[i] = server:client()
      assert.equal(200, clients[i]:request({ path = "/ok" }).status)
    end
    for _ = 1, 8 do assert.equal(200, server:get("/ok").status) end
    server:stop()
  end)

  it("one who has had its last answer makes room at once", function()
    local server = spec.start { scripts = scripts,
      config = { processes = { max_clients = 1, queue_timeout = "0s", workers = 1 }, limits = { head_timeout = "20ms" } } }
    local slow = server:client()
    slow:send "GET /o"
    assert.equal(408, slow:receive_response().status)
    assert.equal(200, server:get("/ok").status)
    server:stop()
  end)

  it("many who come at once get in one after another, for idle ones", function()
    local server = start { max_clients = 3, queue_timeout = "1h" }
    local clients = {}
    for i = 1, 30 do clients[i] = ask(server) end
    for i = 1, 30 do assert.equal("ok", clients[i]:receive_response().body) end
    server:stop()
  end)

  it("a client waits while none is idle, and is served as soon as one is", function()
    local server = start { max_clients = 2, queue_timeout = "1h" }
    local one, two = hold(server), hold(server)
    local three = ask(server)
    assert.equal(2, children(server))
    let_go(server)
    assert.equal("ok", three:receive_response().body)
    assert.equal("held", one:receive_response().body)
    assert.equal("held", two:receive_response().body)
    server:stop()
  end)

  it("whoever waits longer than queue_timeout is answered 503 with Retry-After, and the log says so", function()
    for _, patience in ipairs { "0s", "50ms" } do
      -- In mode pool another worker may still hold a client for busy that has just had its answer.
      local server = start { max_clients = 1, queue_timeout = patience, workers = 1 }
      local one = hold(server)
      local waiting = { ask(server), ask(server), server:client() }
      for i = 1, 3 do
        local response = waiting[i]:receive_response()
        assert.equal(503, response.status)
        assert.equal("1", response.headers["retry-after"])
        assert.equal("close", response.headers.connection)
        assert.equal(16, #response.headers["x-request-id"])
        assert.equal("", waiting[i]:receive "*a")
      end
      assert.truthy(server:log "clients turned away with 503: %d")
      let_go(server)
      assert.equal("held", one:receive_response().body)
      assert.equal(200, server:get("/ok").status)
      assert.equal(0, server:stop())
    end
  end)

  it("the answer is read though the request comes after it", function()
    local server = start { max_clients = 1, queue_timeout = "0s" }
    local one, two = hold(server), server:client()
    assert.is_true(eventually(function() return socket.select({ two.socket }, nil, 0)[1] ~= nil end))
    ask(server, two)
    assert.equal(503, two:receive_response().status)
    let_go(server)
    assert.equal("held", one:receive_response().body)
    server:stop()
  end)
end)

describe("per_address", function()
  local function from(server, address, like)
    local connection = assert(socket.tcp())
    connection:settimeout(5)
    assert(connection:bind(address, 0))
    assert(connection:connect(server.host, server.port))
    local client = { socket = connection, timeout = 5, host = "x" }
    return ask(server, setmetatable(client, getmetatable(like)))
  end

  it("bounds the clients of one address, and of no other", function()
    local server = start { per_address = 2 }
    local one, two = hold(server), hold(server)
    assert.equal(503, ask(server):receive_response().status)
    assert.equal(200, from(server, "127.0.0.9", one):receive_response().status)
    let_go(server)
    assert.equal("held", one:receive_response().body)
    assert.equal("held", two:receive_response().body)
    one:close()
    two:close()
    assert.is_true(eventually(function() return server:get("/ok").status == 200 end))
    server:stop()
  end)

  it("is made room for by an idle client of the same address", function()
    local server = start { per_address = 2 }
    local one, two = server:client(), server:client()
    local other = from(server, "127.0.0.9", one)
    assert.equal(200, other:receive_response().status)
    one:request { path = "/ok" }
    two:request { path = "/ok" }
    settle(server)
    assert.equal(200, ask(server):receive_response().status)
    local closed = socket.select({ one.socket, two.socket }, nil, 5)
    assert.equal(1, #closed)
    assert.equal(200, other:request({ path = "/ok" }).status)
    server:stop()
  end)
end)
