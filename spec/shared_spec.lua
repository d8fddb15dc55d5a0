local spec = require "luaserve.spec"
local socket = require "socket"

local scripts = { ["a.lua"] = [[
local app = require "luaserve"
local d, other = app.shared("things"), app.shared("other")

local function told(...)
  local parts = table.pack(...)
  for i = 1, parts.n do
    parts[i] = type(parts[i]) == "table" and app.json.encode(parts[i]) or tostring(parts[i])
  end
  return { text = table.concat(parts, " ") }
end

app:get("/set", function(req) return told(d:set(req.query.k, req.query.v, req.query.ttl)) end)
app:get("/get", function(req) return told(d:get(req.query.k)) end)
app:get("/hit", function() return told(d:incr("hits")) end)
app:get("/all", function()
  d:flush()
  d:set("s", "text") d:set("i", 2 ^ 53 | 1) d:set("f", 1.5) d:set("b", false) d:set("t", { 1, { a = true } })
  other:set("s", "of the other")
  local keys = d:keys()
  table.sort(keys)
  return told(d:get("s"), d:get("i"), d:get("f"), d:get("b"), d:get("t"), d:get("none"), table.concat(keys, ","),
    #d:keys("s"), other:get("s"))
end)
app:get("/how", function()
  d:flush()
  return told(d:add("k", 1), d:add("k", 2), d:replace("k", 3), d:replace("x", 4), d:get("k"), d:delete("k"),
    d:delete("k"), d:incr("n", 5), d:incr("n", -2), d:incr("n", 0.5), d:set("t", "x"), d:incr("k"))
end)
app:get("/time", function()
  d:flush()
  d:set("k", 1, "1h") d:set("ever", 1)
  local ttl, ever = d:ttl("k"), d:ttl("ever")
  d:set("short", 1, "20ms")
  app.sleep("30ms")
  return told(ttl > 3599 and ttl <= 3600, ever, d:ttl("short"), d:get("short"), d:expire("k"), d:ttl("k"),
    d:expire("none", 1))
end)
app:get("/update", function()
  d:flush()
  local runs = 0
  local new = d:update("n", function(value)
    runs = runs + 1
    if runs == 1 then d:set("n", 10) end -- somebody was faster
    return (value or 0) + 1
  end)
  return told(new, runs, d:get("n"), d:update("n", function() return nil end), d:get("n"))
end)
app:get("/kept", function()
  d:set("k", 1, 100)
  d:update("k", function(value)
    if value == 1 then d:expire("k", 5) end -- by somebody else, in between
    return value + 1
  end)
  local short = d:ttl("k") <= 5
  d:set("k", 1, 100)
  d:update("k", function(value) return value + 1 end, 7)
  return told(d:get("k"), short, d:ttl("k") <= 7)
end)
app:get("/bad", function()
  d:set("text", "x")
  local list = {}
  for _, call in ipairs { { d.set, "k", print }, { d.set, "", 1 }, { d.set, "k", 1, "soon" },
    { d.set, ("k"):rep(2000), 1 }, { d.incr, "text" } } do
    list[#list + 1] = select(2, pcall(call[1], d, table.unpack(call, 2)))
  end
  return told(table.unpack(list))
end)
app:get("/work", function() -- counts what it has finished in a file of its own
  for _ = 1, 1000 do d:incr("work") end
  return "done"
end)
app:get("/die", function()
  for _ = 1, 50 do d:incr("dying") end
  os.execute("kill -9 $PPID")
end)
]] }

describe("app.shared", function()
  local server

  setup(function() server = spec.start { scripts = scripts } end)
  teardown(function() server:stop() end)

  local function get(path) return server:get(path).body end

  it("is the same for all processes", function()
    assert.equal("true", get "/set?k=a&v=first")
    assert.equal("first", get "/get?k=a")
    for i = 1, 5 do assert.equal(tostring(i), get "/hit") end
  end)

  it("keeps texts, numbers, booleans and tables, and dictionaries apart", function()
    assert.equal("text 9007199254740993 1.5 false [1,{\"a\":true}] nil b,f,i,s,t 1 of the other", get "/all")
  end)

  it("adds, replaces, deletes and counts", function()
    assert.equal("true false true false 3 true false 5 3 3.5 true 1", get "/how")
  end)

  it("lets go of what is over its time", function()
    assert.equal("true inf nil nil true inf false", get "/time")
  end)

  it("updates without a lock, and again when somebody was faster", function()
    assert.equal("11 2 11 nil 11", get "/update")
  end)

  it("keeps the time that was set while it was updated", function()
    assert.equal("2 true true", get "/kept")
  end)

  it("refuses what cannot be shared", function()
    local text = get "/bad"
    for _, why in ipairs { "not a function", "a key is not empty", "a time to live", "too large", "is not a number" } do
      assert.truthy(text:find(why, 1, true), text)
    end
  end)

  it("survives a reload", function()
    get "/set?k=kept&v=yes"
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation 2")
    assert.equal("yes", get "/get?k=kept")
  end)

  it("loses no count of many processes at once", function()
    local clients = {}
    for i = 1, 8 do
      clients[i] = server:client { timeout = 30 }
      clients[i]:send "GET /work HTTP/1.1\r\nHost: x\r\n\r\n"
    end
    for i = 1, 8 do
      assert.equal(200, clients[i]:receive_response("GET").status)
      clients[i]:close()
    end
    assert.equal("8000", get "/get?k=work")
  end)

  it("goes on when processes are killed", function()
    for _ = 1, 5 do pcall(server.get, server, "/die") end
    assert.equal("250", get "/get?k=dying")
  end)

  it("gives up what was used longest ago when it is full", function()
    local small = spec.start { scripts = scripts, config = { shared = { size = "64K" } } }
    small:get "/set?k=first&v=1"
    for i = 1, 2000 do
      if i % 100 == 0 then assert.equal("1", small:get("/get?k=first").body) end
      if i <= 60 or i % 20 == 0 then small:get(("/set?k=key%d&v=%s"):format(i, ("x"):rep(900))) end
    end
    assert.equal("1", small:get("/get?k=first").body)
    assert.equal("nil", small:get("/get?k=key1").body)
    assert.equal(0, small:stop())
  end)

  it("is not there while scripts load", function()
    local code, _, err = spec.run { scripts = { ["a.lua"] = 'require "luaserve".shared("x"):set("a", 1)' } }
    assert.equal(78, code)
    assert.truthy(err:find "once the server runs")
  end)

  it("stays whole while random workers are killed", function()
    local busy = spec.start { scripts = scripts }
    local finished, sent = 0, 0
    local deadline = socket.gettime() + 3
    while socket.gettime() < deadline do
      local client = busy:client()
      client:send "GET /work HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      sent = sent + 1
      if sent % 3 == 0 then
        os.execute(("pkill -9 -P %d 2>/dev/null"):format(busy.pid))
      end
      local ok, response = pcall(client.receive_response, client, "GET")
      if ok and response.status == 200 then finished = finished + 1 end
      client:close()
    end
    local count = tonumber(busy:get("/get?k=work").body)
    assert.truthy(finished > 0)
    assert.truthy(count >= 1000 * finished and count <= 1000 * sent, count .. " of " .. finished)
    assert.equal(0, busy:stop())
  end)
end)
