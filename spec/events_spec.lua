-- Answers that go on: server-sent events, and streams.
local spec = require "luaserve.spec"

local scripts = { ["a.lua"] = [[
local app = require "luaserve"

-- Says in the log that the handler has ended, however it did.
local function guard(what)
  return setmetatable({}, { __close = function() app.log.info("ended: " .. what) end })
end

app:get("/ok", function() return "ok" end)
app:get("/kinds", function(_, res)
  res:event("text", "one\rtwo\r\nthree\n\nfive\n", "a b")
  res:event(nil, "")
  res:event("n", 7, 8)
  res:event("b", false)
  res:event("t", { 1, { two = "x\ny" } })
  res:event(nil, " led: by a blank")
end)
app:get("/resume", function(req, res)
  local from = tonumber(req.headers["Last-Event-ID"] or 0)
  for i = from + 1, from + 2 do res:event(nil, i, i) end
end)
app:get("/begin", function(req, res)
  res:event_stream { retry = "2500ms", heartbeat = req.query.never and false or nil }
  local room <close> = app.channel("begin"):subscribe()
  res:event(nil, room:receive "5s")
end)
app:get("/bad", function(req, res)
  local ok, message = pcall(load("local app, res = ... " .. req.query.code), app, res)
  return { text = tostring(ok) .. " " .. tostring(message) }
end)
app:get("/late", function(_, res)
  res:event(nil, "x")
  res:event_stream()
end)
app:get("/own", function(_, res)
  res.headers["Content-Type"] = "text/event-stream; charset=utf-8"
  res.headers["Cache-Control"] = "no-cache"
  res:event(nil, "x")
end)

app:get("/beat", function(req, res)
  local ended <close> = guard("beat " .. req.query.how)
  res:event_stream { heartbeat = "5ms" }
  if req.query.how == "sleep" then app.sleep(60) end
  for message in app.channel("beat"):subscribe():messages() do res:event(nil, message) end
end)
app:get("/race", function(_, res)
  res:event_stream { heartbeat = "5ms" }
  local channel, done = app.channel("race"), false
  local room = channel:subscribe()
  debug.sethook(function()
    if done or debug.getinfo(2, "n").name ~= "wait" then return end
    done = true -- it has looked, and found nothing
    channel:publish "here"
    local due = os.clock() + 0.02
    repeat until os.clock() > due
  end, "c")
  local message = room:receive "2s"
  debug.sethook()
  res:event(nil, message)
end)
app:get("/beat-none", function(_, res)
  res:event_stream { heartbeat = false }
  app.sleep "50ms"
  res:event(nil, "x")
end)
app:get("/publish", function(req) return tostring(app.channel(req.query.to):publish(req.query.m)) end)

app:get("/wait", function(req, res)
  local how = req.query.how
  local ended <close> = guard("wait " .. how)
  if how == "stream" then
    res:write "begun"
    res:flush()
  else
    res:event(nil, "begun")
  end
  local room, other = app.channel("wait"):subscribe(), app.channel("other"):subscribe()
  if how == "sleep" then app.sleep(60) end
  if how == "receive" or how == "stream" then room:receive() end
  if how == "events" then
    for source, message in room:events(other) do
      res:event(source == room and "wait" or "other", message)
    end
  end
end)
app:get("/flood", function(_, res)
  local ended <close> = guard "flood"
  while true do res:event(nil, ("x"):rep(100000)) end
end)

app:get("/pieces", function(_, res)
  local go = app.channel("pieces"):subscribe()
  res:write "first "
  res:flush()
  res:write(go:receive "5s")
end)
app:get("/much", function(_, res)
  local ended <close> = guard "much"
  for i = 1, 4000 do res:write(("%04d%s\n"):format(i, ("x"):rep(995))) end
end)
app:get("/drip", function(_, res)
  for i = 1, 5 do
    res:write(i .. " ")
    res:flush()
    app.sleep "10ms"
  end
end)
app:get("/endless", function(_, res)
  local ended <close> = guard "endless"
  while true do res:write(("x"):rep(10000)) end
end)
]] }

local function ask(server, path, version)
  local client = server:client()
  client:send(("GET %s HTTP/%s\r\nHost: x\r\n\r\n"):format(path, version or "1.1"))
  return client
end

-- What comes up to the end of the head.
local function head_of(client)
  local lines = {}
  repeat
    lines[#lines + 1] = client:receive "*l"
  until lines[#lines] == ""
  return table.concat(lines, "\n")
end

-- The next chunk; nil: it was the last one.
local function chunk_of(client)
  local size = tonumber(client:receive "*l", 16)
  local text = client:receive(size)
  client:receive(2)
  return size > 0 and text or nil
end

describe("server-sent events", function()
  local server

  setup(function() server = spec.start { scripts = scripts } end)
  teardown(function() server:stop() end)

  it("carry a name, an id and data of every kind, line by line", function()
    local response = server:get "/kinds"
    assert.equal("text/event-stream", response.headers["content-type"])
    assert.equal("no-store", response.headers["cache-control"])
    assert.equal(table.concat({
      "event: text", "id: a b", "data: one", "data: two", "data: three", "data: ", "data: five", "data: ", "",
      "data: ", "",
      "event: n", "id: 8", "data: 7", "",
      "event: b", "data: false", "",
      "event: t", [=[data: [1,{"two":"x\ny"}]]=], "",
      "data:  led: by a blank", "", "" }, "\n"), response.body)
  end)

  it("have the fields that the handler has set", function()
    local response = server:get "/own"
    assert.equal("text/event-stream; charset=utf-8", response.headers["content-type"])
    assert.equal("no-cache", response.headers["cache-control"])
  end)

  it("go on where the client says that it was", function()
    assert.equal("id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n", server:get("/resume").body)
    assert.equal("id: 8\ndata: 8\n\nid: 9\ndata: 9\n\n",
      server:get("/resume", { headers = { ["Last-Event-ID"] = "7" } }).body)
  end)

  it("begin before there is one, and say when the client is to come again", function()
    local client = ask(server, "/begin")
    assert.truthy(head_of(client):find "^HTTP/1.1 200 .*\nContent%-Type: text/event%-stream\n")
    assert.equal("retry: 2500\n\n", chunk_of(client))
    repeat until server:get("/publish?to=begin&m=now").body == "1"
    assert.equal("data: now\n\n", chunk_of(client))
    assert.is_nil(chunk_of(client))
    client:close()
  end)

  local refused = {
    ["res:event('a\\nb', 'x')"] = 'res:event: event: expected a text of one line, found "a\\\nb"',
    ["res:event('a\\rb', 'x')"] = 'res:event: event: expected a text of one line, found "a\\13b"',
    ["res:event({}, 'x')"] = "res:event: event: expected a text of one line, found a table",
    ["res:event(nil, 'x', 'a\\nb')"] = 'res:event: id: expected a text of one line, found "a\\\nb"',
    ["res:event(nil, 'x', 'a\\0b')"] = 'res:event: id: expected a text of one line, found "a\\0b"',
    ["res:event(nil, 'x', true)"] = "res:event: id: expected a text of one line, found a boolean",
    ["res:event('x')"] = "res:event: expected data, found nil",
    ["res:event(nil, print)"] = "res:event: expected data, found a function",
    ["res:event(nil, '\\255')"] = "res:event: data that is not UTF-8",
    ["res:event(nil, { print })"] = "JSON has no function",
    ["res:event_stream { retries = 1 }"] = 'res:event_stream: unknown option "retries" (known: heartbeat, retry)',
    ["res:event_stream { retry = 'soon' }"] =
      'res:event_stream: retry: expected a duration such as "5s", found "soon"',
    ["res:event_stream { heartbeat = -1 }"] =
      'res:event_stream: heartbeat: expected a duration such as "5s", found -1',
    ["res:event_stream(5)"] = "res:event_stream: expected a table of options, found 5",
  }
  for code, message in pairs(refused) do
    it("refuse " .. code, function()
      local response = server:get("/bad", { query = { code = code } })
      assert.equal(200, response.status)
      assert.truthy(response.body:find("^false ") and response.body:find(message, 1, true), response.body)
    end)
  end

  it("cannot begin twice", function()
    local answer = server:raw "GET /late HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.is_nil(answer:find "\r\n0\r\n")
    assert.truthy(server:log "a.lua:%d+: res:event_stream: the response has begun already")
  end)

  for _, how in ipairs { "sleep", "channel" } do
    it("beat while the handler waits: " .. how, function()
      local client = ask(server, "/beat?how=" .. how)
      head_of(client)
      for _ = 1, 5 do assert.equal(":\n\n", chunk_of(client)) end
      client:close()
      assert.truthy(server:log("ended: beat " .. how))
    end)
  end

  it("lose no message to a heartbeat that is due when it comes", function()
    assert.truthy(server:get("/race").body:find "data: here\n\n$")
  end)

  it("do not beat when told not to", function()
    assert.equal(":\n\ndata: x\n\n", server:get("/beat-none").body)
  end)

  for _, how in ipairs { "sleep", "receive", "events", "stream" } do
    it("end with the client that leaves, whatever the handler waits for: " .. how, function()
      local client = ask(server, "/wait?how=" .. how)
      head_of(client)
      assert.truthy(chunk_of(client):find "begun")
      client:close()
      assert.truthy(server:log("ended: wait " .. how))
      assert.is_nil(server:log():find "GET /wait%S*: handler failed")
    end)
  end

  it("come from several channels", function()
    local client = ask(server, "/wait?how=events")
    head_of(client)
    chunk_of(client)
    repeat until server:get("/publish?to=other&m=a").body ~= "0"
    assert.equal("event: other\ndata: a\n\n", chunk_of(client))
    server:get("/publish?to=wait&m=b")
    assert.equal("event: wait\ndata: b\n\n", chunk_of(client))
    client:close()
  end)

  it("are cut off from a client that does not read", function()
    local strict = spec.start { scripts = scripts, config = { limits = { send_timeout = "200ms" } } }
    local client = ask(strict, "/flood")
    assert.truthy(strict:log("ended: flood", 15))
    client:close()
    assert.equal(0, strict:stop())
  end)

  it("have a head for HEAD, and the next request its answer", function()
    local client = server:client()
    local response = client:head "/beat?how=sleep"
    assert.equal(200, response.status)
    assert.equal("text/event-stream", response.headers["content-type"])
    assert.equal("ok", client:get("/ok").body)
    client:close()
    assert.truthy(server:log "ended: beat sleep")
  end)

  it("are understood by HTTP/1.0", function()
    local answer = server:raw "GET /resume HTTP/1.0\r\n\r\n"
    assert.is_nil(answer:find "Transfer%-Encoding")
    assert.truthy(answer:find "\r\n\r\nid: 1\ndata: 1\n\nid: 2\ndata: 2\n\n$")
  end)

  it("leave nothing behind for the next request", function()
    local client = server:client()
    assert.equal(200, client:get("/resume").status)
    client:send "GET /drip HTTP/1.1\r\nHost: x\r\n\r\n"
    client:shutdown() -- whoever gets a plain stream may have said its last
    assert.equal("1 2 3 4 5 ", client:receive_response().body)
    client:close()
  end)

  it("end whole when the server stops, and nobody calls it a failure", function()
    for _, how in ipairs { "sleep", "receive", "events" } do
      local other = spec.start { scripts = scripts }
      local client = ask(other, "/wait?how=" .. how)
      head_of(client)
      chunk_of(client)
      other:signal "TERM"
      assert.is_nil(chunk_of(client))
      assert.equal(0, other:wait())
      client:close()
      assert.is_nil(other:log():find "handler failed", other:log())
    end
  end)
end)

describe("streams", function()
  local server

  setup(function() server = spec.start { scripts = scripts } end)
  teardown(function() server:stop() end)

  it("are out as far as they are flushed", function()
    local client = ask(server, "/pieces")
    head_of(client)
    assert.equal("first ", chunk_of(client))
    repeat until server:get("/publish?to=pieces&m=second").body == "1"
    assert.equal("second", chunk_of(client))
    assert.is_nil(chunk_of(client))
    client:close()
  end)

  it("reach a client that reads slowly, whole and in order", function()
    local client = server:client()
    client.socket:setoption("recv-buffer-size", 65536)
    client:send "GET /much HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.equal("ok", server:get("/ok").body)
    local count = 0
    for line in client:receive_response().body:gmatch "[^\n]+" do
      count = count + 1
      assert.equal(count, tonumber(line:sub(1, 4)))
      assert.equal(999, #line)
    end
    assert.equal(4000, count)
    client:close()
  end)

  it("end with the client that leaves", function()
    local client = ask(server, "/endless")
    head_of(client)
    client:close()
    assert.truthy(server:log "ended: endless")
    assert.is_nil(server:log():find "handler failed")
  end)

  it("end with the connection in HTTP/1.0", function()
    local answer = server:raw("GET /drip HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", { half_close = false })
    assert.is_nil(answer:find "Transfer%-Encoding" or answer:find "keep%-alive")
    assert.truthy(answer:find "\r\n\r\n1 2 3 4 5 $")
  end)

  it("are run for HEAD, and say nothing but their head", function()
    local client = server:client()
    assert.equal("chunked", client:head("/much").headers["transfer-encoding"])
    assert.equal("ok", client:get("/ok").body)
    client:close()
    assert.truthy(server:log "ended: much")
  end)
end)
