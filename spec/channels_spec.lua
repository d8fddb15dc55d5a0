local spec = require "luaserve.spec"
local socket = require "socket"

local scripts = { ["a.lua"] = [[
local app = require "luaserve"
app:ws("/chat", function(_, ws)
  local room = app.channel("chat"):subscribe()
  ws:send("ready")
  for source, message, missed in ws:events(room) do
    if source == ws then app.channel("chat"):publish(message)
    else ws:send(tostring(message) .. (missed and " after " .. missed or "")) end
  end
end)
app:ws("/slow", function(_, ws)
  local room = app.channel("slow"):subscribe()
  ws:send("ready")
  ws:receive()
  for message, missed in room:messages() do
    if missed then ws:send("missed " .. missed) end
    if message == "last" then return end
  end
end)
app:ws("/tick", function(_, ws)
  local count = 0
  for source in ws:events({ timeout = "10ms" }) do
    count = count + 1
    if source == "timeout" and count == 3 then ws:send("three") end
  end
end)
app:ws("/endless", function(_, ws)
  local endless = app.channel "endless"
  local room = endless:subscribe()
  endless:publish "first"
  for source, message in ws:events(room) do
    if source == ws then return ws:send("heard " .. message) end
    if message == "first" then ws:send "ready" end
    endless:publish "next"
  end
end)
app:get("/publish", function(req)
  return tostring(app.channel(req.query.to):publish(req.query.m))
end)
app:get("/flood", function()
  local slow = app.channel("slow")
  for i = 1, 1000 do slow:publish(("x"):rep(1000) .. i) end
  slow:publish("last")
  return "flooded"
end)
app:get("/wait", function()
  local room = app.channel("wait"):subscribe()
  return { json = { message = room:receive("5s") } }
end)
app:get("/nobody", function()
  local room = app.channel("nobody"):subscribe()
  local message, why, code = room:receive("10ms")
  room:close()
  return table.concat({ tostring(message), why, code, tostring(room:receive()) }, " ")
end)
app:get("/values", function()
  local channel = app.channel("values")
  local room = channel:subscribe()
  for _, value in ipairs { "text", 1, 1.5, true, { a = { 1, 2 } } } do channel:publish(value) end
  local list = {}
  for i = 1, 5 do list[i] = room:receive() end
  return { json = list }
end)
app:get("/finalizers", function()
  local mine, theirs = app.channel("mine"), app.channel("theirs")
  local room, other, read, wrong = mine:subscribe(), theirs:subscribe(), 0, 0
  for i = 1, 500 do theirs:publish { finalizer = i } end
  local meta = { __gc = function()
    local message = other:receive(0)
    read = read + 1
    if message.finalizer ~= read then wrong = wrong + 1 end
  end }
  for _ = 1, 500 do setmetatable({}, meta) end
  collectgarbage("incremental", 100, 100, 1) -- a step, and some of them, with whatever is allocated
  local count = 0
  while read < 500 and count < 100000 do
    count = count + 1
    mine:publish { handler = count }
    if room:receive(0).handler ~= count then wrong = wrong + 1 end
  end
  collectgarbage("incremental", 200, 100, 13)
  return { json = { read = read, wrong = wrong } }
end)
app:get("/large", function() app.channel("x"):publish(("x"):rep(100000)) end)
]] }

describe("app.channel", function()
  local server

  setup(function()
    server = spec.start { scripts = scripts,
      config = { channels = { queue = "64K" }, processes = { mode = spec.mode, max_clients = 300 } } }
  end)
  teardown(function() server:stop() end)

  local function join(path)
    local ws = server:ws(path)
    assert.equal("ready", (ws:receive()))
    return ws
  end

  it("carries messages between all clients, in one order", function()
    local all = {}
    for i = 1, 20 do all[i] = join "/chat" end
    for i = 1, 40 do all[i % 20 + 1]:send("m" .. i) end
    local order
    for i = 1, 20 do
      local got = {}
      for n = 1, 40 do got[n] = all[i]:receive() end
      order = order or got
      assert.same(order, got)
    end
    table.sort(order)
    local want = {}
    for i = 1, 40 do want[i] = "m" .. i end
    table.sort(want)
    assert.same(want, order)
    assert.equal("20", server:get("/publish?to=chat&m=from+http").body)
    for i = 1, 20 do
      assert.equal("from http", (all[i]:receive()))
      all[i]:close()
    end
  end)

  it("tells a slow subscriber how many it has missed", function()
    local ws = join "/slow"
    assert.equal("flooded", server:get("/flood").body)
    ws:send "go on"
    local missed = ws:receive()
    local count = tonumber(missed:match "^missed (%d+)$")
    assert.truthy(count > 900 and count < 1000, missed)
  end)

  it("forgets who has gone", function()
    local ws = join "/chat"
    assert.equal("1", server:get("/publish?to=chat&m=x").body)
    ws:receive()
    ws:close()
    local left
    for _ = 1, 100 do
      left = server:get("/publish?to=chat&m=x").body
      if left == "0" then break end
    end
    assert.equal("0", left)
  end)

  it("wakes ordinary handlers too", function()
    local client = server:client()
    client:send "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
    repeat until server:get("/publish?to=wait&m=hello").body == "1"
    assert.equal("hello", client:receive_response("GET").json.message)
    client:close()
  end)

  it("waits no longer than it is told, and no longer at all once closed", function()
    assert.equal("nil timed out ETIMEDOUT nil", server:get("/nobody").body)
  end)

  it("carries all that processes can share", function()
    assert.same({ "text", 1, 1.5, true, { a = { 1, 2 } } }, server:get("/values").json)
  end)

  it("gives each its own message when finalizers read some in between", function()
    assert.same({ read = 500, wrong = 0 }, server:get("/finalizers").json)
  end)

  it("refuses a message of more than a quarter of the queue", function()
    assert.equal(500, server:get("/large").status)
    assert.truthy(server:log "more than a quarter of channels.queue")
  end)

  it("is not the only thing that events wait for", function()
    assert.equal("three", (server:ws "/tick":receive()))
  end)

  -- How often the processes of a server have gone to sleep so far.
  local function sleeps(of)
    local sum = 0
    for pid in io.popen("ps -o pid= --ppid " .. of.pid):lines() do
      local file = io.open(("/proc/%d/status"):format(tonumber(pid)))
      sum = sum + tonumber(file and file:read "a":match "\nvoluntary_ctxt_switches:%s*(%d+)" or 0)
      if file then file:close() end
    end
    return sum
  end

  it("does not wake who waits for nothing", function()
    local own = spec.start { scripts = scripts, config = { processes = { mode = spec.mode } } }
    local all = {}
    for i = 1, 10 do
      all[i] = own:ws "/chat"
      all[i]:receive()
    end
    own:get "/publish?to=other&m=x" -- all of them wait by now, or soon
    local before, last = sleeps(own), nil
    for _ = 1, 20 do -- until they have been still for a while
      socket.select(nil, nil, 0.3)
      before, last = sleeps(own), before
      if before == last then break end
    end
    assert.equal(last, before)
    socket.select(nil, nil, 0.5)
    assert.equal(before, sleeps(own))
    for i = 1, 10 do all[i]:close() end
    own:stop()
  end)

  it("wakes everybody, also where a user may have no signals pending", function()
    local own = spec.start { wrap = "prlimit --sigpending=0", scripts = scripts,
      config = { processes = { mode = spec.mode } } }
    local all = {}
    for i = 1, 20 do
      all[i] = own:ws "/chat"
      all[i]:receive()
    end
    for n = 1, 5 do assert.equal("20", own:get("/publish?to=chat&m=m" .. n).body) end
    for i = 1, 20 do
      for n = 1, 5 do assert.equal("m" .. n, (all[i]:receive())) end
      all[i]:close()
    end
    own:stop()
  end)

  it("hides nobody else, even if it is never empty", function()
    local ws = join "/endless"
    ws:send "you"
    assert.equal("heard you", (ws:receive()))
  end)

  it("reaches 250 clients, each message once", function()
    local all = {}
    for i = 1, 250 do all[i] = join "/chat" end
    for i = 1, 10 do assert.equal("250", server:get("/publish?to=chat&m=m" .. i).body) end
    for i = 1, 250 do
      for n = 1, 10 do assert.equal("m" .. n, (all[i]:receive())) end
    end
    for i = 1, 250 do all[i].client:close() end
  end)
end)
