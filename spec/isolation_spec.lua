-- One client cannot hurt another: budgets, deaths, and what their client is told.
local socket = require "socket"
local spec = require "luaserve.spec"

local pool = spec.mode == "pool"
local it_forks = pool and function() end or it -- what only a process for every client can promise

local crash = [[
  -- Lua cannot crash by itself: a signal to its own process stands for a fault in a C module.
  local function pid() return (io.open "/proc/self/stat"):read "n" end
  local function die(signal) os.execute("kill -" .. signal .. " " .. pid()) app.sleep(5) end
]]

local source = "local app = require 'luaserve'\n" .. crash .. [[
  app:get("/ok", function() return "ok" end)
  app:get("/pid", function() return tostring(pid()) end)
  app:get("/kill", function() die "KILL" end)
  app:get("/segv", function() die "SEGV" end)
  app:get("/abrt", function() die "ABRT" end)
  app:get("/kill-late", function(_, res) res:write "part"; res:flush(); die "KILL" end)
  app:post("/segv-body", function(req) req:body(); die "SEGV" end)
  app:post("/body", function(req) return req:body() end)

  local short = { wall = "200ms" }
  app:get("/loop", short, function() while true do end end)
  app:get("/loop-pcall", short, function() while true do pcall(function() while true do end end) end end)
  app:get("/loop-coroutine", short, function()
    local co = coroutine.wrap(function() while true do end end)
    while true do pcall(co) end
  end)
  app:get("/loop-resume", short, function()
    while true do
      local co = coroutine.create(function() while true do coroutine.yield() end end)
      for _ = 1, 100 do coroutine.resume(co) end
    end
  end)
  app:get("/loop-close", short, function()
    local guard <close> = setmetatable({}, { __close = function() while true do end end })
    error "into the close"
  end)
  app:get("/sleepy", short, function() app.sleep(30) end)
  app:get("/find", short, function()
    return tostring((("a"):rep(50000)):find((".-"):rep(20) .. "b"))
  end)
  app:get("/system", short, function() os.execute "sleep 20" end)
  local function begin(res) res:write "part"; res:flush() end
  app:get("/stream-loop", short, function(_, res) begin(res); while true do end end)
  app:get("/stream-system", short, function(_, res) begin(res); os.execute "sleep 20" end)
  app:get("/stream-sleep", short, function(_, res)
    for i = 1, 4 do res:write(i .. " "); res:flush(); app.sleep("100ms") end
  end)
  app:post("/stream-body", function(req, res) begin(res); return req:body() end)
  app:get("/stream-exit", function(_, res) begin(res); os.exit(3) end)
  app:get("/stream-gone", function(_, res) begin(res); app.sleep(30) end)
  app:get("/stream-error", function(_, res) res:write "part"; error "late, but nothing is out" end)
  app:get("/swallow", short, function()
    pcall(function() while true do end end)
    return "got away"
  end)

  app:get("/strings", function()
    local t = {}
    for i = 1, 1e6 do t[i] = ("x"):rep(1 << 20) .. i end
  end)
  app:get("/tables", function() local t = {} while true do t = { t, {}, {} } end end)
  app:get("/swallow-memory", function()
    local ok = pcall(function() return ("x"):rep(1 << 32) end)
    return tostring(ok)
  end)
  app:get("/recursion", function() local function f() return 1 + f() end return f() end)
  app:get("/coroutines", function()
    local all = {}
    while true do
      local co = coroutine.create(function() coroutine.yield() end)
      coroutine.resume(co)
      all[#all + 1] = co
    end
  end)
]]

describe("isolation", function()
  local server
  setup(function()
    server = spec.start {
      config = { limits = { memory = "16M", head_timeout = "300ms", idle_timeout = "300ms",
        body_timeout = "300ms", send_timeout = "500ms" } },
      scripts = { ["app.lua"] = source },
    }
  end)
  teardown(function() server:stop() end)

  local function incident(response)
    local id = response.headers["x-request-id"]
    assert.truthy(response.body:find("Incident " .. id, 1, true))
    return id
  end

  describe("a worker's death", function()
    for path, cause in pairs { ["/kill"] = "signal 9", ["/segv"] = "signal 11", ["/abrt"] = "signal 6" } do
      (path == "/kill" and it_forks or it)("is answered with a 500 and an incident id: " .. path, function()
        local response = server:get(path)
        assert.equal(500, response.status)
        assert.equal("close", response.headers.connection)
        assert.truthy(server:log(incident(response) .. ".*GET " .. path .. ": worker %d+ died: killed by " .. cause))
        assert.equal("ok", server:get("/ok").body)
      end)
    end

    it("cuts the connection when part of the answer is out", function()
      local answer = server:raw("GET /kill-late HTTP/1.1\r\nHost: x\r\n\r\n", { half_close = false })
      assert.is_nil(answer:find("HTTP/1.1 500", 1, true))
      assert.is_nil(answer:find("\r\n0\r\n\r\n", 1, true))
      assert.truthy(server:log("GET /kill%-late: worker %d+ died: killed by signal 9.*" ..
        (pool and "with it went 1 clients" or "connection cut")))
    end)

    it("is answered behind the answers of earlier requests", function()
      local answer = server:raw("GET /ok HTTP/1.1\r\nHost: x\r\n\r\nGET /segv HTTP/1.1\r\nHost: x\r\n\r\n" ..
        "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n", { half_close = false })
      local codes = {}
      for code in answer:gmatch "HTTP/1%.1 (%d%d%d)" do codes[#codes + 1] = code end
      assert.same({ "200", "500" }, codes)
    end)

    it("is answered behind a 100 Continue", function()
      local client = server:client()
      client:send "POST /segv-body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
      assert.equal("HTTP/1.1 100 Continue", client:receive "*l")
      client:receive "*l"
      client:send "ab"
      assert.equal(500, client:receive_response().status)
      client:close()
    end)

    it_forks("is answered when it comes from outside, while a head or body is on its way", function()
      for _, part in ipairs { "GET /ok HTT", "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab" } do
        local client = server:client()
        local pid = client:request({ path = "/pid" }).body
        client:send(part)
        server:log() -- lets time pass for nobody: the bytes are the kernel's by now
        os.execute("kill -KILL " .. pid)
        assert.equal(500, client:receive_response().status, part)
        client:close()
      end
    end)

    it("between two requests only closes", function()
      local client = server:client()
      local pid = client:request({ path = "/pid" }).body
      os.execute("kill -KILL " .. pid)
      assert.equal("", client:receive "*a")
      client:close()
    end)
  end)

  describe("wall time", function()
    for _, path in ipairs { "/loop", "/loop-pcall", "/loop-coroutine", "/loop-resume", "/loop-close",
      "/sleepy" } do
      it("interrupts a handler, with a 503 and a traceback: " .. path, function()
        local client = server:client()
        local response = client:request { path = path }
        assert.equal(503, response.status)
        local id = incident(response)
        assert.truthy(server:log(id .. " GET " .. path:gsub("%p", "%%%0") .. ": handler over its wall time"))
        assert.equal("ok", client:request({ path = "/ok" }).body, "the connection lives on")
        assert.equal(503, client:request({ path = path }).status, "and it is interrupted again")
        client:close()
      end)
    end

    for _, path in ipairs { "/find", "/system" } do
      it("kills what an interrupt does not reach: " .. path, function()
        local response = server:get(path)
        assert.equal(503, response.status)
        assert.truthy(response.headers["retry-after"])
        assert.truthy(server:log(incident(response) .. ".*" .. path .. ": handler did not end when interrupted: killed"))
      end)
    end

    for _, path in ipairs { "/stream-loop", "/stream-system" } do
      it("bounds each stretch of a stream between two writes: " .. path, function()
        local answer = server:raw("GET " .. path .. " HTTP/1.1\r\nHost: x\r\n\r\n", { half_close = false })
        assert.truthy(answer == "" or answer:find("part", 1, true))
        assert.is_nil(answer:find("\r\n0\r\n\r\n", 1, true))
        assert.equal(1, select(2, answer:gsub("HTTP/1.1", "")))
      end)
    end

    it("does not count the pauses of a stream", function()
      assert.equal("1 2 3 4 ", server:get("/stream-sleep").body)
    end)

    it("cannot be swallowed", function()
      assert.equal(503, server:get("/swallow").status)
    end)

    it("costs nobody else anything meanwhile", function()
      local slow = server:client()
      slow:send "GET /loop HTTP/1.1\r\nHost: x\r\n\r\n"
      for _ = 1, 20 do assert.equal("ok", server:get("/ok").body) end
      assert.equal(503, slow:receive_response().status)
      slow:close()
    end)
  end)

  describe("memory", function()
    for _, path in ipairs { "/strings", "/tables", "/coroutines" } do
      it("ends a handler that wants too much with a 503: " .. path, function()
        local response = server:get(path, { timeout = 20 })
        assert.equal(503, response.status)
        assert.truthy(server:log(incident(response) .. " GET " .. path .. ": handler over its memory"))
      end)
    end

    it("of a stream of which nothing is out yet still ends in a whole answer", function()
      local response = server:get "/stream-error"
      assert.equal(500, response.status)
      incident(response)
      assert.is_nil(response.body:find("part", 1, true))
    end)

    it("may be refused and survived", function()
      assert.equal("false", server:get("/swallow-memory").body)
    end)

    it("is not needed to end a runaway recursion", function()
      local roomy = spec.start { config = { limits = { memory = "256M" } }, scripts = { ["app.lua"] = source } }
      assert.equal(500, roomy:get("/recursion").status)
      assert.truthy(roomy:log "stack overflow")
      roomy:stop()
    end)
  end)

  describe("a client that goes away", function()
    it_forks("takes the worker of its stream with it, though that sleeps", function()
      local client = server:client()
      client:send "GET /stream-gone HTTP/1.1\r\nHost: x\r\n\r\n"
      client:receive "*l"
      local pid = io.popen("pgrep -n -P " .. server.pid):read "n"
      client.socket:setoption("linger", { on = true, timeout = 0 }) -- a reset, as of a lost client
      client:close()
      local deadline = os.time() + 10
      while os.execute("kill -0 " .. pid .. " 2>/dev/null") do assert.is_true(os.time() < deadline) end
    end)
  end)

  describe("a client that stalls", function()
    it("delays nobody", function()
      local idle = {}
      for i = 1, 20 do
        idle[i] = server:client()
        if i % 2 == 0 then idle[i]:send "GET /ok HT" end
      end
      for _ = 1, 10 do assert.equal("ok", server:get("/ok").body) end
      for i = 1, 20 do idle[i]:close() end
    end)

    it("is closed without a word when it was idle", function()
      local client = server:client()
      assert.equal("", client:receive "*a")
      client:close()
      client = server:client()
      client:request { path = "/ok" }
      assert.equal("", client:receive "*a")
      client:close()
    end)

    it("is answered 408 in the middle of a head, however slowly it drips", function()
      local client = server:client()
      client:send "GET /ok HTTP/1.1\r\nHo"
      assert.equal(408, client:receive_response().status)
      client:close()
    end)

    it("sees a reset, and no second answer, when one has begun", function()
      local client = server:client()
      client:send "POST /stream-body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
      local all, message, some = client.socket:receive "*a"
      client:close()
      assert.equal("closed", message or "closed")
      assert.is_nil((all or some):find("HTTP/1.1 408", 1, true))
    end)

    it("is told of a time-out what fits its own request, not the one before", function()
      local client = server:client()
      client:send "HEAD /ok HTTP/1.1\r\nHost: x\r\n\r\nGET /other HT"
      assert.equal(200, client:receive_response("HEAD").status)
      local response = client:receive_response()
      assert.equal(408, response.status)
      assert.truthy(response.body:find("408", 1, true))
      client:close()
    end)

    it("may go on sending for a while, and reads its 408", function()
      local client = server:client()
      client:send "GET /ok HTTP/1.1\r\nHo"
      assert.equal(client.socket, socket.select({ client.socket }, nil, 5)[1]) -- answered
      for _ = 1, 3 do client:send "more and more" end
      assert.equal(408, client:receive_response().status)
      client:close()
    end)

    it("is answered 408 in the middle of a body", function()
      local client = server:client()
      client:send "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
      assert.equal(408, client:receive_response().status)
      client:close()
    end)
  end)

  it("tears a stream on a Unix socket, and puts no second answer behind it", function()
    local path = os.tmpname()
    os.remove(path)
    local other = spec.start { config = { listen = { "unix:" .. path } }, scripts = { ["app.lua"] = source } }
    local answer = io.popen("curl -s -i --raw -m 5 --unix-socket " .. path .. " http://x/stream-exit"):read "a"
    assert.truthy(answer:find("part", 1, true))
    assert.equal(1, select(2, answer:gsub("HTTP/1.1", "")))
    assert.is_nil(answer:find("\r\n0\r\n", 1, true))
    other:stop()
  end)

  it_forks("leaves no child and no descriptor behind", function()
    local function children()
      local list = io.popen("pgrep -P " .. server.pid):read "a"
      return select(2, list:gsub("\n", ""))
    end
    local deadline = os.time() + 10
    while children() > 0 and os.time() < deadline do server:get "/ok" end
    assert.is_true(children() <= 1)
  end)
end)
