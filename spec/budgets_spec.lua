-- CPU time, what a route has of its own, and the limits of the process.
local spec = require "luaserve.spec"

local scripts = { ["app.lua"] = [[
  local app = require "luaserve"
  local function burn(seconds)
    local from = os.clock()
    while os.clock() - from < seconds do end
  end
  app:get("/ok", function() return "ok" end)
  app:get("/burn", function(req) burn(tonumber(req.query.s)) return "burnt" end)
  app:get("/burn-more", { cpu = "10m" }, function(req) burn(tonumber(req.query.s)) return "burnt" end)
  app:get("/burn-in-c", function() return tostring((("a"):rep(50000)):find((".-"):rep(20) .. "b")) end)
  app:get("/nap", function() app.sleep("500ms") return "slept" end)
  app:get("/stream", function(_, res)
    for i = 1, 6 do res:write(i .. " ") res:flush() burn(0.1) end
  end)
  app:get("/pcall", function() while true do pcall(burn, 60) end end)
  app:get("/memory", { memory = "2M" }, function() return tostring(#("x"):rep(4 << 20)) end)
  app:get("/more-memory", { memory = "64M" }, function() return tostring(#("x"):rep(16 << 20)) end)
  app:get("/usual-memory", function() return tostring(#("x"):rep(16 << 20)) end)
  app:post("/impatient", { body_timeout = "100ms" }, function(req) return req:body() end)
  app:post("/patient", { body_timeout = "1m" }, function(req) return req:body() end)
  app:get("/flood", { send_timeout = "100ms" }, function(_, res)
    local block = ("x"):rep(1 << 20)
    while true do res:write(block) end
  end)
  app:get("/limits", function() return { text = io.open("/proc/self/limits"):read "a" } end)
  app:get("/privileges", function() return { text = io.open("/proc/self/status"):read "a" } end)
]] }

describe("CPU time", function()
  local server
  setup(function()
    server = spec.start { scripts = scripts, config = { limits = { cpu = "200ms", memory = "8M", wall = "5m" } } }
  end)
  teardown(function() server:stop() end)

  it("that is used up ends the handler, with a 503, a traceback and its cause in the log", function()
    local response = server:get "/burn?s=60"
    assert.equal(503, response.status)
    assert.truthy(server:log(response.headers["x-request-id"] .. " GET /burn%?s=60: handler over its CPU time"))
    assert.truthy(server:log "app.lua:%d+: the handler used more than its CPU time and was interrupted")
  end)

  it("cannot be swallowed", function() assert.equal(503, server:get("/pcall").status) end)

  it("of a C function that goes on ends with a kill", function()
    assert.equal(503, server:get("/burn-in-c").status)
    assert.truthy(server:log "/burn%-in%-c: handler did not end when interrupted: killed")
  end)

  it("does not pass while a handler waits, and each request has its own", function()
    assert.equal("slept", server:get("/nap").body)
    local client = server:client()
    for _ = 1, 6 do assert.equal("burnt", client:request({ path = "/burn?s=0.1" }).body) end
    client:close()
  end)

  it("of a stream counts from one write to the next", function()
    assert.equal("1 2 3 4 5 6 ", server:get("/stream").body)
  end)

  it("may be another for a route", function()
    assert.equal("burnt", server:get("/burn-more?s=0.6").body)
  end)
end)

describe("a route of its own", function()
  local server
  setup(function()
    server = spec.start { scripts = scripts,
      config = { limits = { memory = "8M", body_timeout = "5m", send_timeout = "5m" } } }
  end)
  teardown(function() server:stop() end)

  it("has its own memory", function()
    assert.equal(503, server:get("/memory").status)
    assert.equal(503, server:get("/usual-memory").status)
    local client = server:client()
    for _ = 1, 3 do
      assert.equal("16777216", client:request({ path = "/more-memory" }).body)
      assert.equal(503, client:request({ path = "/usual-memory" }).status)
    end
    client:close()
  end)

  it("has its own time for a body", function()
    local head = " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"
    local patient, impatient = server:client(), server:client()
    patient:send("POST /patient" .. head)
    impatient:send("POST /impatient" .. head)
    assert.equal(408, impatient:receive_response().status)
    patient:send "cde"
    assert.equal("abcde", patient:receive_response().body)
  end)

  it("has its own time for a client that does not read", function()
    local client = server:client()
    client:send "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.truthy(server:log("/flood: client does not read: connection cut", 15))
    client:close()
  end)

  it("is told of a limit that is none", function()
    for option, message in pairs {
      ["cpu = 0"] = 'option cpu: expected a duration such as "30s", found 0',
      ["memory = 'much'"] = 'option memory: expected a size such as "4M", found "much"',
      ["speed = 1"] = 'app:get: unknown option "speed" (known: body, body_timeout, cpu, live_timeout, memory, name, send_timeout, wall)',
    } do
      local code, _, err = spec.run { scripts = { ["a.lua"] =
        "local app = require 'luaserve'\napp:get('/', { " .. option .. " }, function() end)" } }
      assert.equal(78, code)
      assert.truthy(err:find("scripts/a.lua:2: " .. message, 1, true), err)
    end
  end)
end)

describe("a worker", function()
  local sanitized = os.getenv "ASAN_OPTIONS" -- then its data cannot be bounded
  local function line(text, name) return text:match("\n" .. name .. "%s+([^\n]-)%s*\n") end

  it("leaves no core, gains no privileges and has a bound of memory", function()
    local server = spec.start { scripts = scripts, config = { limits = { process_memory = "300M" } } }
    local limits = server:get("/limits").body
    assert.truthy(line(limits, "Max core file size"):find "^0%s+0")
    assert.truthy(sanitized or line(limits, "Max data size"):find "^314572800%s+314572800")
    assert.equal("1", line(server:get("/privileges").body, "NoNewPrivs:"))
    assert.equal(0, server:stop())
  end)

  it("may have both when the configuration says so", function()
    local server = spec.start { scripts = scripts, wrap = "sh -c 'ulimit -c unlimited; exec \"$@\"' sh",
      config = { limits = { process_memory = 0 }, processes = { core_dumps = true } } }
    local limits = server:get("/limits").body
    assert.truthy(sanitized or line(limits, "Max core file size"):find "^unlimited") -- it has none itself
    assert.truthy(line(limits, "Max data size"):find "^unlimited")
    server:stop()
  end)

  it("that takes more data than it may gets no more, and the client an answer", function()
    if sanitized then return pending "a sanitizer's memory counts as data" end
    local server = spec.start { scripts = scripts,
      config = { limits = { process_memory = "32M", memory = "1G" } } }
    local client = server:client()
    client:send "GET /more-memory HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.equal(503, client:receive_response().status)
    assert.equal(200, server:get("/ok").status)
    server:stop()
  end)
end)
