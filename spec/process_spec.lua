-- The supervisor's books in mode "fork": processes, descriptors, stops.
local spec = require "luaserve.spec"
local socket = require "socket"

local source = [[
  local app = require "luaserve"
  app:get("/ok", function() return "ok" end)
  app:get("/slow", function(req) app.sleep(req.query.time or "300ms"); return "slow" end)
  app:get("/pid", function() return tostring((io.open "/proc/self/stat"):read "n") end)
  app:get("/fds", function()
    local list = {}
    for line in io.popen("ls -l /proc/" .. (io.open "/proc/self/stat"):read "n" .. "/fd"):lines() do
      list[#list + 1] = line
    end
    return { text = table.concat(list, "\n") }
  end)
]]

local function start(config, options)
  options = options or {}
  options.config = config or {}
  options.config.processes = options.config.processes or {}
  options.config.processes.mode = "fork"
  options.scripts = { ["app.lua"] = source }
  return spec.start(options)
end

local function lines(command)
  local pipe = io.popen(command)
  local text = pipe:read "*a"
  pipe:close()
  return select(2, text:gsub("\n", ""))
end

local function children(server) return lines("pgrep -P " .. server.pid) end
local function descriptors(server) return lines("ls /proc/" .. server.pid .. "/fd") end

-- Waits until the condition holds; the clock only bounds it.
local function eventually(condition, seconds)
  local deadline = socket.gettime() + (seconds or 10)
  while not condition() do
    if socket.gettime() > deadline then return false end
    socket.select(nil, nil, 0.01)
  end
  return true
end

describe("the supervisor", function()
  it("serves 2,000 clients one after another and 200 at once, and is as before", function()
    local server = start { processes = { max_clients = 300 } }
    server:get "/ok"
    assert.is_true(eventually(function() return children(server) == 0 end))
    local before = descriptors(server)
    for _ = 1, 2000 do assert.equal("ok", server:get("/ok").body) end
    local clients = {}
    for i = 1, 200 do clients[i] = server:client() end
    for i = 1, 200 do clients[i]:send "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n" end
    for i = 1, 200 do assert.equal("ok", clients[i]:receive_response().body) end
    assert.is_true(eventually(function() return children(server) == 200 end))
    for i = 1, 200 do clients[i]:close() end
    assert.is_true(eventually(function() return children(server) == 0 end))
    assert.is_true(eventually(function() return descriptors(server) == before end))
    assert.equal(0, server:stop())
  end)

  it("gives a worker no other client's socket, however many there are", function()
    local server = start { processes = { max_clients = 300 } }
    local function sockets() return select(2, server:get("/fds").body:gsub("socket:", "")) end
    local alone, others = sockets(), {} -- its own; and what whoever started the server had open
    for i = 1, 100 do
      others[i] = server:client()
      others[i]:request { path = "/ok" }
    end
    assert.equal(alone, sockets())
    for i = 1, 100 do others[i]:close() end
    server:stop()
  end)

  it("forks at the same cost with 5,000 clients as with one", function()
    local server = start { processes = { max_clients = 6000 }, limits = { idle_timeout = "5m" } }
    local function table_size(client)
      local pid = client:request({ path = "/pid" }).body
      return tonumber(io.open("/proc/" .. pid .. "/status"):read("a"):match "FDSize:%s*(%d+)")
    end
    local clients = { server:client() }
    local alone = table_size(clients[1])
    for i = 2, 5000 do clients[i] = server:client() end
    local last = server:client { timeout = 120 } -- builds that check memory are slow
    assert.equal(alone, table_size(last)) -- its descriptors are its own few
    assert.is_true(alone < 5000)
    assert.is_true(eventually(function() return children(server) == 5001 end))
    assert.equal("ok", last:request({ path = "/ok" }).body)
    for i = 1, 5000 do clients[i]:close() end
    last:close()
    assert.is_true(eventually(function() return children(server) == 0 end, 60))
    assert.equal(0, server:stop())
  end)

  for _, signal in ipairs { "TERM", "INT" } do
    it("lets a request in flight end at SIG" .. signal .. ", and exits 0", function()
      local server = start()
      local client, idle = server:client(), server:client()
      idle:request { path = "/ok" }
      client:send "GET /slow?time=3s HTTP/1.1\r\nHost: x\r\n\r\n"
      assert.is_true(eventually(function() return children(server) == 2 end))
      server:signal(signal)
      local response = client:receive_response()
      assert.equal("slow", response.body)
      assert.equal("close", response.headers.connection)
      assert.equal("", idle:receive "*a")
      assert.equal(0, server:wait())
      client:close()
      idle:close()
    end)
  end

  local function held(server, requests)
    local client = server:client()
    client:send(("GET /slow?time=30s HTTP/1.1\r\nHost: x\r\n\r\n"):rep(requests))
    assert.is_true(eventually(function() return children(server) == 1 end))
    return client
  end

  it("answers 503 what does not end within drain_timeout, and says so", function()
    local server = start { limits = { drain_timeout = "50ms" } }
    local client = held(server, 2)
    server:signal "TERM"
    local response = client:receive_response()
    assert.equal(503, response.status)
    assert.equal("close", response.headers.connection)
    assert.equal("", client:receive "*a")
    assert.equal(0, server:wait())
    assert.truthy(server.err:find("/slow?time=30s: not done within limits.drain_timeout: killed", 1, true), server.err)
    client:close()
  end)

  it("ends at once when it is told to a second time, and still answers", function()
    local server = start { limits = { drain_timeout = "1h" } }
    local client = held(server, 1)
    server:signal "TERM"
    assert.truthy(server:log "stopping: 1 clients")
    server:signal "TERM"
    assert.equal(503, client:receive_response().status)
    assert.equal(0, server:wait())
    assert.truthy(server.err:find("/slow?time=30s: told to stop at once: killed", 1, true), server.err)
    client:close()
  end)

  it("takes its workers with it when it is killed", function()
    local server = start()
    local client = server:client()
    local pid = client:request({ path = "/pid" }).body
    server:signal "KILL"
    assert.equal("", client:receive "*a")
    assert.is_true(eventually(function() return not os.execute("kill -0 " .. pid .. " 2>/dev/null") end))
    client:close()
    server:wait()
  end)

  it("survives that clone fails: a 503 with Retry-After, then service", function()
    local server = start({}, { env = { LUASERVE_FAULT = "supervisor/clone:2:EAGAIN" } })
    assert.equal(200, server:get("/ok").status)
    local response = server:get "/ok"
    assert.equal(503, response.status)
    assert.equal("1", response.headers["retry-after"])
    assert.truthy(server:log "cannot fork a worker")
    assert.equal(200, server:get("/ok").status)
    server:stop()
  end)

  it("survives that accept fails", function()
    local server = start({}, { env = { LUASERVE_FAULT = "supervisor/accept4:1:EMFILE" } })
    assert.equal(200, server:get("/ok").status)
    assert.truthy(server:log "cannot accept a client")
    server:stop()
  end)

  it("answers though each write is short", function()
    local server = start({}, { env = { LUASERVE_FAULT = "worker/write:1+:short" } })
    assert.equal("ok", server:get("/ok").body)
    server:stop()
  end)

  it("reads though each read is short or interrupted", function()
    local server = start({}, { env = { LUASERVE_FAULT = "worker/read:1:EINTR,worker/read:2+:short" } })
    assert.equal("ok", server:get("/ok").body)
    server:stop()
  end)

  it("gives a clean answer when a worker cannot cut itself loose", function()
    local server = start({}, { env = { LUASERVE_FAULT = "close_range:1:ENOMEM" } })
    local response = server:get "/ok"
    assert.equal(500, response.status)
    server:stop()
  end)
end)
