local spec = require "luaserve.spec"
local socket = require "socket"

local function scripts(more)
  return { ["a.lua"] = [[
local app = require "luaserve"
local d = app.shared("runs")
app:get("/runs", function(req) return tostring(d:get(req.query.of) or 0) end)
app:get("/get", function(req) return tostring(d:get(req.query.of)) end)
]] .. more }
end

describe("app:every", function()
  local server

  after_each(function()
    if server then server:stop() end
    server = nil
  end)

  local function start(more, config)
    config = config or {}
    config.processes = { mode = spec.mode }
    config.log = { level = "debug" }
    server = spec.start { scripts = scripts(more), config = config }
    return server
  end

  -- Asks until it is so.
  local function await_runs(name, least)
    local deadline = socket.gettime() + 20
    while socket.gettime() < deadline do
      local runs = tonumber(server:get("/runs?of=" .. name).body)
      if runs >= least then return runs end
    end
    error(("%s has not run %d times"):format(name, least))
  end

  it("calls a function at intervals, in a process of its own", function()
    start [[
local calls = 0
app:every("100ms", function()
  calls = calls + 1 -- of this process alone
  d:set("calls", calls)
  d:incr("n")
end)]]
    await_runs("n", 3)
    assert.equal("1", server:get("/get?of=calls").body)
  end)

  it("calls it first when it is told to", function()
    start [[app:every("1h", { first = 0, name = "once" }, function() d:incr("n") end)]]
    assert.equal(1, await_runs("n", 1))
    assert.truthy(server:log "app:every once begins: process %d+")
    assert.truthy(server:log "app:every once has ended")
  end)

  it("never runs two of one at once, and says what it leaves out", function()
    start [[
app:every("100ms", { name = "slow" }, function()
  if d:incr("inside") > 1 then d:set("two", true) end
  app.sleep("250ms")
  d:incr("inside", -1)
  d:incr("n")
end)]]
    await_runs("n", 3)
    assert.equal("nil", server:get("/get?of=two").body)
    assert.truthy(server:log "app:every slow still runs when it is due again: left out")
  end)

  it("logs what fails, with its traceback, and goes on", function()
    start [[app:every("100ms", { name = "bad" }, function() d:incr("n") error("oh no") end)]]
    await_runs("n", 2)
    assert.truthy(server:log "%x+ every bad: handler failed")
    assert.truthy(server:log "oh no")
    assert.truthy(server:log "stack traceback")
  end)

  it("has budgets, and survives whatever kills a run", function()
    start [[
app:every("100ms", { name = "loop", cpu = "50ms" }, function() d:incr("a") while true do end end)
app:every("100ms", { name = "long", wall = "50ms" }, function() d:incr("b") app.sleep("10s") end)
app:every("100ms", { name = "hog", memory = "1M" }, function() d:incr("c") local _ = ("x"):rep(8e6) end)
app:every("100ms", { name = "dead" }, function() d:incr("e") os.execute("kill -9 $PPID") end)]]
    for _, name in ipairs { "a", "b", "c", "e" } do await_runs(name, 2) end
    assert.truthy(server:log "every loop: handler over its CPU time")
    assert.truthy(server:log "every long: handler over its wall time")
    assert.truthy(server:log "every hog: handler over its memory")
    assert.truthy(server:log "every dead: side process %d+ died: killed by signal 9")
  end)

  it("tries again when the system refuses a process", function()
    server = spec.start { env = { LUASERVE_FAULT = "supervisor/clone:" .. (spec.mode == "pool" and 2 or 1) .. ":EAGAIN" },
      config = { processes = { mode = spec.mode, workers = 1 } },
      scripts = scripts [[app:every("100ms", { name = "x" }, function() d:incr("n") end)]] }
    assert.truthy(server:log "app:every x cannot begin: Resource temporarily unavailable; trying again")
    await_runs("n", 1)
  end)

  it("reaches clients by channels", function()
    start [[
app:every("100ms", function() app.channel("news"):publish("tick") end)
app:get("/wait", function() return (app.channel("news"):subscribe():receive("5s")) end)]]
    assert.equal("tick", server:get("/wait").body)
  end)

  it("leaves no process when the server stops", function()
    start [[app:every("1h", { first = 0 }, function() d:set("pid", (io.open("/proc/self/stat"):read("n")))
      app.sleep("200ms") d:incr("n") app.sleep("200ms") end)]]
    await_runs("n", 1)
    local pid = server:get("/get?of=pid").body
    assert.equal(0, server:stop()) -- what runs may end
    assert.is_nil(io.open("/proc/" .. pid .. "/stat"))
    server = nil
  end)

  it("kills what does not end in time when the server stops", function()
    start([[app:every("1h", { first = 0, name = "stays" }, function()
      d:set("pid", (io.open("/proc/self/stat"):read("n"))) d:incr("n") app.sleep("1m") end)]],
      { limits = { drain_timeout = "100ms" } })
    await_runs("n", 1)
    local pid, log = server:get("/get?of=pid").body, server
    assert.equal(0, server:stop())
    assert.is_nil(io.open("/proc/" .. pid .. "/stat"))
    assert.truthy(log:log "every stays: not done within limits.drain_timeout: killed")
    server = nil
  end)

  it("runs in the newest generation alone after a reload, and keeps its time", function()
    start [[app:every("100ms", { name = "x" }, function() d:incr("old") end)
      app:every("1h", { name = "kept", first = 0 }, function() d:incr("kept") end)]]
    await_runs("old", 1)
    await_runs("kept", 1)
    local file = assert(io.open(server.dir .. "/scripts/a.lua", "w"))
    file:write(scripts([[
app:every("100ms", { name = "x" }, function() d:incr("new") end)
app:every("1h", { name = "kept", first = 0 }, function() d:incr("kept") end)]])["a.lua"])
    file:close()
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation 2")
    local old = tonumber(server:get("/runs?of=old").body)
    await_runs("new", 3)
    assert.truthy(tonumber(server:get("/runs?of=old").body) <= old + 1) -- one may have been under way
    assert.equal(1, await_runs("kept", 1))
  end)

  it("refuses bad arguments", function()
    for call, why in pairs {
      ['app:every("10ms", print)'] = "at least 100ms",
      ['app:every("soon", print)'] = "interval",
      ['app:every("1s")'] = "expected a function",
      ['app:every("1s", { frist = 1 }, print)'] = "frist",
      ['app:every("1s", { first = "x" }, print)'] = "first",
      ['app:every("1s", { name = "a" }, print) app:every("1s", { name = "a" }, print)'] = "is there already",
      ['for _ = 1, 40 do app:every("1s", print) end'] = "there are 32 schedules already",
    } do
      local code, _, err = spec.run { scripts = { ["a.lua"] = 'local app = require "luaserve"\n' .. call } }
      assert.equal(78, code)
      assert.truthy(err:find("a.lua:2: app:every: ", 1, true) and err:find(why, 1, true), err)
    end
  end)
end)
