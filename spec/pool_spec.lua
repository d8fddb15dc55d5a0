-- Mode "pool": a few workers for all clients. What both modes promise is in the other specs, which run
-- in both.
local socket = require "socket"
local spec = require "luaserve.spec"

local source = [[
  local app = require "luaserve"
  local count = 0
  app:get("/mode", function() return app.mode end)
  app:get("/ok", function() return "ok" end)
  app:get("/count", function() count = count + 1 return tostring(count) end)
  app:get("/pid", function() return tostring((io.open "/proc/self/stat"):read "n") end)
  app:get("/stuck", function(req)
    local file = io.open(req.query.begun, "w")
    file:write(io.open "/proc/self/stat":read "n")
    file:close()
    os.execute("until test -e " .. req.query.go .. "; do sleep 0.01; done")
    return "free"
  end)
  app:get("/sleep", function(req) app.sleep(req.query.time) return "slept" end)
  app:get("/held", function(req)
    while not io.open(req.query.go) do app.sleep("5ms") end
    return "held"
  end)
  app:post("/body", function(req) return req:body() end)
  app:get("/stream", function(req, res)
    local block = ("x"):rep(64 << 10)
    for _ = 1, 320 do res:write(block) end
  end)
  app:post("/inside", function(req)
    return coroutine.wrap(function()
      app.sleep "20ms"
      return req:body()
    end)()
  end)
  app:get("/inside-stream", function(req, res)
    local writer = coroutine.wrap(function()
      for i = 1, 200 do res:write(("y"):rep(64 << 10)) end
    end)
    writer()
  end)
  app:get("/inside-sleep", { wall = "100ms" }, function()
    coroutine.wrap(function() app.sleep(30) end)()
  end)
  app:get("/late", { wall = "100ms" }, function() app.sleep(30) end)
  app:get("/late-close", { wall = "100ms" }, function()
    local guard <close> = setmetatable({}, { __close = function() while true do end end })
    app.sleep(30)
  end)
  app:get("/loop-after-sleep", { wall = "200ms" }, function() app.sleep "1ms" while true do end end)
  app:get("/find", { wall = "100ms" }, function()
    return tostring((("a"):rep(50000)):find((".-"):rep(20) .. "b"))
  end)
  app:get("/segv", function() os.execute "kill -SEGV $PPID" app.sleep(5) end)
  app:get("/begun", function(_, res)
    res:write "part"
    res:flush()
    app.sleep(30)
  end)
  app:get("/exit", function() pcall(os.exit, 3) return "got away" end)
]]

local function start(processes, options)
  options = options or {}
  options.config = options.config or {}
  processes.mode = "pool"
  options.config.processes = processes
  options.scripts = options.scripts or { ["app.lua"] = source }
  return spec.start(options)
end

local function get(path) return "GET " .. path .. " HTTP/1.1\r\nHost: x\r\n\r\n" end

local function children(server)
  local list = {}
  for pid in io.popen("pgrep -P " .. server.pid):lines() do list[#list + 1] = pid end
  return list
end

local function descriptors(pid)
  return select(2, io.popen("ls /proc/" .. pid .. "/fd"):read "a":gsub("\n", ""))
end

local function eventually(condition, seconds)
  local deadline = socket.gettime() + (seconds or 10)
  while not condition() do
    if socket.gettime() > deadline then return false end
    socket.select(nil, nil, 0.005)
  end
  return true
end

local function hold(server)
  local client = server:client()
  client:send(get("/held?go=" .. server.dir .. "/go"))
  return client
end

local function let_go(server) io.open(server.dir .. "/go", "w"):close() end

describe("a pool", function()
  it("has as many workers as it is told to, and all of them serve", function()
    local server = start { workers = 3 }
    assert.is_true(eventually(function() return #children(server) == 3 end))
    local seen, clients = {}, {}
    for i = 1, 3 do -- who is stuck leaves what comes to the others
      local begun = server.dir .. "/begun" .. i
      clients[i] = server:client()
      clients[i]:send(get("/stuck?go=" .. server.dir .. "/go&begun=" .. begun))
      assert.is_true(eventually(function() return io.open(begun) and io.open(begun):read "n" end))
      seen[io.open(begun):read "a"] = true
    end
    for _, pid in ipairs(children(server)) do assert.is_true(seen[pid]) end
    let_go(server)
    for i = 1, 3 do assert.equal("free", clients[i]:receive_response().body) end
    assert.equal(0, server:stop())
  end)

  it("shares a worker's variables between its clients", function()
    local server = start { workers = 1 }
    assert.equal("1", server:get("/count").body)
    assert.equal("2", server:get("/count").body)
    server:stop()
  end)

  it("serves 500 clients at once in one worker, and then holds nothing of theirs", function()
    local server = start { workers = 1 }
    assert.equal("ok", server:get("/ok").body)
    local pid = children(server)[1]
    local before, clients = descriptors(pid), {}
    for i = 1, 500 do clients[i] = server:client() end
    for round = 1, 3 do
      for i = 1, 500 do clients[i]:send(get "/ok") end
      for i = 1, 500 do assert.equal("ok", clients[i]:receive_response().body, round) end
    end
    for i = 1, 500 do clients[i]:close() end
    assert.is_true(eventually(function() return descriptors(pid) == before end))
    assert.equal(pid, children(server)[1])
    server:stop()
  end)

  it("gives every request an id of its own, whichever worker answers", function()
    local server = start { workers = 2 }
    local seen = {}
    for _ = 1, 20 do
      local client = server:client()
      for _ = 1, 5 do
        local id = client:request({ path = "/ok" }).headers["x-request-id"]
        assert.is_nil(seen[id])
        seen[id] = true
      end
      client:close()
    end
    server:stop()
  end)
end)

describe("a handler of a pool that waits", function()
  local server
  setup(function() server = start { workers = 1 } end)
  teardown(function() server:stop() end)

  -- One client is at `request`; another one is answered meanwhile.
  local function meanwhile(request)
    local client = server:client { timeout = 20 }
    client:send(request)
    assert.equal("ok", server:get("/ok").body)
    return client
  end

  it("for time holds nobody up", function()
    local clients = {}
    for i = 1, 50 do clients[i] = meanwhile(get "/sleep?time=200ms") end
    for i = 1, 50 do assert.equal("slept", clients[i]:receive_response().body) end
  end)

  it("for its body holds nobody up", function()
    local client = meanwhile "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc"
    client:send "def"
    assert.equal("abcdef", client:receive_response().body)
  end)

  it("for a client that reads slowly holds nobody up", function()
    local client = meanwhile(get "/stream")
    assert.equal("ok", server:get("/ok").body)
    assert.equal(320 << 16, #client:receive_response().body)
  end)

  it("in a coroutine of its own gets what it waits for", function()
    local client = server:client()
    client:send "POST /inside HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc"
    client:send "def"
    assert.equal("abcdef", client:receive_response().body)
    client:send(get "/inside-stream")
    assert.equal(200 << 16, #client:receive_response().body)
    assert.equal("ok", client:request({ path = "/ok" }).body)
    client:close()
  end)

  for _, path in ipairs { "/late", "/inside-sleep", "/loop-after-sleep", "/late-close" } do
    it("beyond its wall time is interrupted: " .. path, function()
      local client = server:client()
      local pid = server:get("/pid").body
      local response = client:request { path = path }
      assert.equal(503, response.status)
      assert.truthy(server:log(response.headers["x-request-id"] .. " GET " .. path:gsub("%p", "%%%0") ..
        ": handler over its wall time"))
      assert.equal("ok", client:request({ path = "/ok" }).body)
      assert.equal(pid, client:request({ path = "/pid" }).body)
      client:close()
    end)
  end

  it("is left when its client goes", function()
    local client = server:client()
    client:send(get "/begun")
    assert.truthy(client:receive "*l")
    local pid = children(server)[1]
    local before = descriptors(pid)
    client.socket:setoption("linger", { on = true, timeout = 0 }) -- a reset, as of a lost client
    client:close()
    assert.is_true(eventually(function() return descriptors(pid) < before end))
  end)

  it("can call os.exit, and only its request ends", function()
    local client = server:client()
    local pid = server:get("/pid").body
    local response = client:request { path = "/exit" }
    assert.equal(500, response.status)
    assert.truthy(server:log(response.headers["x-request-id"] .. ".*os%.exit%(3%)"))
    assert.equal(pid, client:request({ path = "/pid" }).body)
    client:close()
  end)
end)

describe("the death of a pool's worker", function()
  it("answers the one that it was at, cuts the others, and another worker comes", function()
    local server = start { workers = 1 }
    local idle, held, begun = server:client(), hold(server), server:client()
    local pid = idle:request({ path = "/pid" }).body
    begun:send(get "/begun")
    assert.truthy(begun:receive "*l")
    local client = server:client()
    client:send(get "/segv" .. get "/ok")
    local response = client:receive_response()
    assert.equal(500, response.status)
    assert.equal("close", response.headers.connection)
    assert.equal("", client:receive "*a")
    assert.truthy(server:log(response.headers["x-request-id"] ..
      " GET /segv: worker " .. pid .. " died: killed by signal 11 .*; with it went 4 clients"))
    assert.equal("", idle:receive "*a")
    assert.equal("", held:receive "*a")
    local _, why = begun.socket:receive "*a"
    assert.equal("closed", why)
    assert.not_equal(pid, server:get("/pid").body)
    assert.equal(0, server:stop())
  end)

  it("answers HEAD without content", function()
    local server = start { workers = 1 }
    local answer = server:raw("HEAD /segv HTTP/1.1\r\nHost: x\r\n\r\n", { half_close = false })
    assert.truthy(answer:find "^HTTP/1.1 500 .-\r\n\r\n$")
    server:stop()
  end)

  it("is the answer to a handler that no interrupt reaches", function()
    local server = start { workers = 1 }
    local response = server:get "/find"
    assert.equal(503, response.status)
    assert.equal("1", response.headers["retry-after"])
    assert.truthy(server:log(response.headers["x-request-id"] ..
      " GET /find: handler did not end when interrupted: killed %(worker %d+%)"))
    assert.equal("ok", server:get("/ok").body)
    server:stop()
  end)

  it("by SIGKILL answers nobody, and another worker comes at once, however often", function()
    local server = start { workers = 2 }
    for _ = 1, 20 do
      local client = server:client()
      os.execute("kill -KILL " .. client:request({ path = "/pid" }).body)
      assert.equal("", client:receive "*a")
      client:close()
      assert.equal("ok", server:get("/ok").body)
    end
    assert.truthy(server:log "worker %d+ died: killed by signal 9 .*; with it went 1 clients")
    assert.is_true(eventually(function() return #children(server) == 2 end))
    server:stop()
  end)

  it("before it can serve is tried again, later and later, and told of", function()
    local server = start({ workers = 1 },
      { env = { LUASERVE_FAULT = "worker/epoll_create1:1+:EMFILE" } })
    server:log "worker %d+ died: cannot begin: Too many open files"
    assert.equal(0, server:stop())
  end)

  it("of all of them comes with the supervisor's", function()
    local server = start { workers = 2 }
    local client = server:client()
    local pid = client:request({ path = "/pid" }).body
    server:signal "KILL"
    assert.equal("", client:receive "*a")
    assert.is_true(eventually(function() return not os.execute("kill -0 " .. pid .. " 2>/dev/null") end))
    server:wait()
  end)
end)

describe("a pool that stops", function()
  for _, signal in ipairs { "TERM", "INT" } do
    it("lets requests in flight end at SIG" .. signal .. ", and exits 0", function()
      local server = start { workers = 2 }
      local client, idle = hold(server), server:client()
      idle:request { path = "/ok" }
      server:signal(signal)
      assert.equal("", idle:receive "*a")
      let_go(server)
      local response = client:receive_response()
      assert.equal("held", response.body)
      assert.equal("close", response.headers.connection)
      assert.equal(0, server:wait())
    end)
  end

  it("answers 503 what does not end within drain_timeout, and says so", function()
    local server = start({ workers = 1 }, { config = { limits = { drain_timeout = "50ms" } } })
    local client = hold(server)
    assert.equal("ok", server:get("/ok").body)
    server:signal "TERM"
    assert.equal(503, client:receive_response().status)
    assert.equal("", client:receive "*a")
    assert.equal(0, server:wait())
    assert.truthy(server.err:find("/held.*: not done within limits.drain_timeout: killed"), server.err)
  end)

  it("answers 503 also what cannot be interrupted", function()
    local server = start({ workers = 1 }, { config = { limits = { drain_timeout = "50ms" } } })
    local client = server:client()
    client:send(get "/find")
    server:signal "TERM"
    local answer = client:receive "*a"
    assert.truthy(answer == "" or answer:find("^HTTP/1.1 503"))
    assert.equal(0, server:wait())
  end)

  it("ends at once when it is told to a second time, and still answers", function()
    local server = start({ workers = 1 }, { config = { limits = { drain_timeout = "1h" } } })
    local client = hold(server)
    assert.equal("ok", server:get("/ok").body)
    server:signal "TERM"
    assert.truthy(server:log "stopping: 1 clients")
    server:signal "TERM"
    assert.equal(503, client:receive_response().status)
    assert.equal(0, server:wait())
    assert.truthy(server.err:find("/held.*: told to stop at once: killed"), server.err)
  end)
end)

-- How many of them have something to read.
local function answered(clients)
  local sockets = {}
  for i, client in ipairs(clients) do sockets[i] = client.socket end
  return #socket.select(sockets, nil, 0)
end

describe("a full pool", function()
  it("makes room across workers: an idle client of another one goes", function()
    local server = start { workers = 3, max_clients = 3, queue_timeout = "1h" }
    for _ = 1, 30 do
      local client = server:client()
      assert.equal("ok", client:request({ path = "/ok" }).body)
    end
    server:stop()
  end)

  it("never serves more than max_clients, whichever worker they come to", function()
    local server = start { workers = 3, max_clients = 4, queue_timeout = "0s" }
    local clients, held = {}, 0 -- two at a time may both find themselves one too many
    for i = 1, 12 do clients[i] = hold(server) end
    assert.is_true(eventually(function() return answered(clients) >= 8 end))
    assert.truthy(server:log "clients turned away with 503")
    let_go(server)
    for i = 1, 12 do
      local response = clients[i]:receive_response()
      if response.status == 200 then held = held + 1 end
    end
    assert.is_true(held > 0 and held <= 4)
    server:stop()
  end)

  it("counts the clients of an address over all workers", function()
    local server = start { workers = 3, per_address = 3 }
    local clients, held = {}, 0 -- two at a time may both find themselves one too many
    for i = 1, 9 do clients[i] = hold(server) end
    assert.is_true(eventually(function() return answered(clients) >= 6 end))
    let_go(server)
    for i = 1, 9 do
      if clients[i]:receive_response().status == 200 then held = held + 1 end
    end
    assert.is_true(held <= 3)
    for i = 1, 9 do clients[i]:close() end
    assert.is_true(eventually(function() return server:get("/ok").status == 200 end))
    server:stop()
  end)
end)

describe("a reload of a pool", function()
  it("takes a new configuration, scripts and number of workers, and loses no request", function()
    local server = start { workers = 1 }
    local client = hold(server)
    assert.equal("ok", server:get("/ok").body)
    local file = assert(io.open(server.dir .. "/config.lua", "w"))
    file:write 'return { host = "127.0.0.1", port = 0, processes = { mode = "pool", workers = 2 } }'
    file:close()
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation 2")
    assert.is_true(eventually(function() return #children(server) == 3 end))
    let_go(server)
    assert.equal("held", client:receive_response().body)
    assert.is_true(eventually(function() return #children(server) == 2 end))
    assert.equal(0, server:stop())
  end)

  it("cannot change the mode, and says so", function()
    local server = start { workers = 1 }
    local file = assert(io.open(server.dir .. "/config.lua", "w"))
    file:write 'return { host = "127.0.0.1", port = 0, processes = { mode = "fork" } }'
    file:close()
    server:signal "HUP"
    assert.truthy(server:log "processes%.mode stays pool until the next start")
    assert.equal("ok", server:get("/ok").body)
    assert.truthy(server:log "reloaded: generation 2")
    assert.equal("pool", server:get("/mode").body)
    server:stop()
  end)
end)
