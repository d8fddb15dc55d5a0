local spec = require "luaserve.spec"
local socket = require "socket"

-- Each service's reader publishes lines, its writer writes what is published: two processes.
local scripts = { ["a.lua"] = [[
local app = require "luaserve"

local function pid() return (io.open("/proc/self/stat"):read("n")) end

local function descriptors()
  local list = {}
  for name in io.popen("ls -l /proc/" .. pid() .. "/fd"):lines() do list[#list + 1] = name:match "(%d+ %-> .*)$" end
  return table.concat(list, "|")
end

app:tcp("127.0.0.1:0", function(conn) -- 1: what a client says, both of its processes do
  local room = app.channel("of " .. select(2, conn:peer())):subscribe()
  local function reader(c)
    local out = app.channel("of " .. select(2, c:peer()))
    out:publish("reader " .. pid())
    for line in c:lines() do
      if line == "error" then error "of the reader" end
      if line == "kill" then os.execute("kill -9 $PPID") end
      if line == "loop" then while true do end end
      if line == "exit" then os.exit(3) end
      if line == "write" then line = tostring(select(2, pcall(c.write, c, "x"))) end
      if line == "fds" then line = descriptors() end
      if line == "again" then line = tostring(select(2, pcall(c.duplex, c, print, print))) end
      if line == "room" then line = tostring(select(2, pcall(room.receive, room, "1s"))) end
      if line == "quit" then return out:publish("the last line") end
      out:publish(line)
    end
  end
  local function writer(c)
    c:write("writer ", pid(), "\n")
    for message in room:messages() do
      if message == "read" then message = tostring(select(2, pcall(c.read, c))) end
      if message == "werror" then error "of the writer" end
      if message == "wkill" then os.execute("kill -9 $PPID") end
      if message == "stop writing" then return end
      if message == "block" then c:write("blocked\n") io.popen("exec sleep 1000"):read("a") end
      c:write(message, "\n")
    end
    c:write("bye\n")
  end
  conn:duplex(reader, writer)
  app.log.info("both have ended")
end)

app:tcp("127.0.0.1:0", function(conn) -- 2: much in both directions at once
  conn:duplex(function(c)
    local sum, count = 0, 0
    while true do
      local bytes = c:read()
      if not bytes then break end
      count = count + #bytes
      for i = 1, #bytes, 4096 do sum = (sum + bytes:byte(i)) % 65521 end
    end
    app.shared("sums"):set("sum", count)
  end, function(c)
    local line = ("y"):rep(1023) .. "\n"
    for _ = 1, 4096 do c:write(line) end
  end)
end)
app:get("/sum", function() return tostring(app.shared("sums"):get("sum")) end)

app:ws("/chat", function(_, ws)
  local room = app.channel("chat"):subscribe()
  ws:duplex(function(w)
    app.channel("chat"):publish("reader is there")
    for message in w:messages() do
      if message == "error" then error "of the reader" end
      if message == "quit" then return end
      if message == "send" then message = tostring(select(2, pcall(w.send, w, "x"))) end
      app.channel("chat"):publish(message)
    end
  end, function(w)
    for message in room:messages() do
      if message == "receive" then message = tostring(select(2, pcall(w.receive, w))) end
      if message == "werror" then error "of the writer" end
      w:send(message)
    end
  end)
  app.log.info("the chat has ended")
end)
app:ws("/quiet", { live_timeout = "300ms" }, function(_, ws)
  ws:duplex(function(w) for _ in w:messages() do end end, function() end)
  app.log.info("quiet has ended")
end)
app:tcp("127.0.0.1:0", function(conn) -- 3
  if conn:read("line") == "wrong" then conn:duplex(print) else conn:duplex(print, print) end
end)
app:tcp("127.0.0.1:0", function(conn) -- 4: answers when it has heard all
  local text = conn:read("all")
  app.sleep("200ms")
  conn:write("got ", #text)
end)
app:get("/back", function(req) app.shared("back"):set("port", tonumber(req.query.port)) return "set" end)
app:tcp("127.0.0.1:0", function(conn) -- 5: a proxy for it
  local back <close> = assert(app.connect("127.0.0.1", app.shared("back"):get("port")))
  conn:duplex(function(c)
    for line in c:lines() do back:write(line, "\n") end
    back:shutdown("write")
  end, function(c) c:write(back:read("all")) end)
end)
app:tcp("127.0.0.1:0", function(conn) -- 6: a writer that is caught at its end
  local room = app.channel("caught"):subscribe()
  pcall(conn.duplex, conn, function(c)
    app.channel("caught"):publish(pid())
    c:read("all")
  end, function(c)
    c:write(room:receive(), "\n")
    while true do end
  end)
end)
app:tcp("127.0.0.1:0", function(conn) -- 7: what comes after it
  conn:duplex(function(c) c:read("line") end, function(c) c:write("go on\n") end)
  os.execute("sleep 3.5")
  app.log.info("after duplex")
end)
]] }

describe("duplex", function()
  local server, ports = nil, {}

  setup(function()
    server = spec.start { scripts = scripts, config = { limits = { cpu = "300ms" },
      processes = { mode = spec.mode, workers = 1 } } }
    for port in server.ready:gmatch "tcp://127%.0%.0%.1:(%d+)" do ports[#ports + 1] = tonumber(port) end
  end)
  teardown(function() assert.equal(0, server:stop()) end)

  local function dial(service)
    local conn = assert(socket.tcp())
    conn:settimeout(10)
    assert(conn:connect("127.0.0.1", ports[service]))
    return conn
  end

  -- A connection to the first service, and the pids of its two processes.
  local function connect()
    local conn = dial(1)
    local writer = conn:receive "*l":match "^writer (%d+)$"
    local reader = conn:receive "*l":match "^reader (%d+)$"
    return conn, tonumber(writer), tonumber(reader)
  end

  local function ask(conn, line)
    conn:send(line .. "\n")
    return conn:receive "*l"
  end

  local function parent_of(pid)
    local file = io.open("/proc/" .. pid .. "/stat")
    local text = file and file:read "a"
    if file then file:close() end
    return text and not text:find "%) [ZX] " and tonumber(text:match "%) %a (%d+)") or nil
  end

  -- Waits until the process has ended.
  local function gone(pid)
    local deadline = socket.gettime() + 10
    while parent_of(pid) and socket.gettime() < deadline do socket.select(nil, nil, 0.01) end
    return parent_of(pid) == nil
  end

  it("has one process that reads and one that writes, both the supervisor's", function()
    local conn, writer, reader = connect()
    assert.are_not.equal(writer, reader)
    assert.equal(server.pid, parent_of(writer))
    assert.equal(server.pid, parent_of(reader))
    assert.equal("hello", ask(conn, "hello"))
    conn:close()
    assert.truthy(gone(reader))
  end)

  it("ends both when the client says its last; what was said before is still answered", function()
    local conn, _, reader = connect()
    conn:send "one\ntwo\n"
    conn:shutdown "send"
    assert.equal("one\ntwo\nbye\n", conn:receive "*a")
    conn:close()
    assert.truthy(gone(reader))
    assert.truthy(server:log "both have ended")
  end)

  it("ends both when the reader returns", function()
    local conn, _, reader = connect()
    conn:send "quit\n"
    assert.equal("the last line\nbye\n", conn:receive "*a")
    assert.truthy(gone(reader))
  end)

  it("shuts the writing half down when the writer returns, and reads on", function()
    local conn, _, reader = connect()
    conn:send "stop writing\n"
    assert.same({ nil, "closed", "" }, { conn:receive "*a" })
    assert.truthy(parent_of(reader))
    conn:close()
    assert.truthy(gone(reader))
  end)

  it("lets each half do only its own", function()
    local conn = connect()
    assert.truthy(ask(conn, "write"):find("in the process that reads", 1, true))
    assert.truthy(ask(conn, "read"):find("in the process that writes", 1, true))
    assert.truthy(ask(conn, "again"):find("has been split already", 1, true))
    assert.truthy(ask(conn, "room"):find("another process's", 1, true))
    conn:close()
  end)

  it("cuts the connection when the reader fails, is killed, or is over its budget", function()
    for what, why in pairs { error = "of the reader", kill = "side process %d+ died: killed by signal 9",
      loop = "over its CPU time", exit = "side process %d+ died: os.exit%(3%)" } do
      local conn, _, reader = connect()
      conn:send(what .. "\n")
      conn:receive "*a"
      assert.truthy(gone(reader))
      assert.truthy(server:log(why), why)
      conn:close()
    end
  end)

  it("ends the reader when the writer fails", function()
    local conn, _, reader = connect()
    conn:send "werror\n"
    conn:receive "*a"
    assert.truthy(gone(reader))
    assert.truthy(server:log "of the writer")
  end)

  it("ends the reader when the writer is killed", function()
    local conn, _, reader = connect()
    conn:send "wkill\n"
    conn:receive "*a"
    assert.truthy(gone(reader))
    assert.truthy(connect()) -- and others are served
  end)

  it("keeps the client's descriptors alone in the second process", function()
    local all, holders = {}, {}
    for i = 1, 5 do all[i] = connect() end
    for i = 1, 5 do
      local list = ask(all[i], "fds")
      assert.is_nil(list:find("eventpoll", 1, true), list)
      for socket_of in list:gmatch "socket:%[%d+%]" do holders[socket_of] = (holders[socket_of] or 0) + 1 end
    end
    local own = 0
    for _, count in pairs(holders) do -- all have what the server was started with; nobody has another's
      assert.truthy(count == 1 or count == 5)
      if count == 1 then own = own + 1 end
    end
    assert.equal(5, own)
    for i = 1, 5 do all[i]:close() end
  end)

  if spec.mode == "fork" then
    it("ends a writer that waits for something else when the client has left", function()
      local conn, writer, reader = connect()
      assert.equal("blocked", ask(conn, "block"))
      conn:close()
      assert.truthy(gone(reader))
      assert.truthy(gone(writer))
      assert.is_nil(server:log():find "sleep 1000")
    end)
  end

  it("carries much in both directions at once", function()
    local conn = dial(2)
    conn:settimeout(0)
    local out, at, got, total = ("x"):rep(65536), 0, 0, 16 * 65536
    local deadline, ended = socket.gettime() + 20, false
    while not ended and socket.gettime() < deadline do
      local readable, writable = socket.select({ conn }, at < total and { conn } or {}, 1)
      if writable[1] then
        local from = at % 65536 + 1
        local sent, _, partial = conn:send(out, from)
        at = at + (sent or partial or from - 1) - from + 1
        if at == total then conn:shutdown "send" end
      end
      if readable[1] then
        local all, message, partial = conn:receive(65536)
        got = got + #(all or partial)
        ended = message == "closed"
      end
    end
    conn:close()
    assert.equal(4096 * 1024, got)
    local sum -- the reader may be a moment later than the writer
    repeat sum = server:get("/sum").body until sum ~= "nil" or socket.gettime() >= deadline
    assert.equal(tostring(total), sum)
  end)

  it("waits for the other side of a proxy when the client has said its last", function()
    assert.equal("set", server:get("/back?port=" .. ports[4]).body)
    local conn = dial(5)
    conn:send("hello\nyou\n")
    conn:shutdown "send"
    assert.equal("got 10", conn:receive "*a")
    conn:close()
  end)

  it("leaves no reader behind a writer that was caught when its time was up", function()
    for _ = 1, 2 do -- the second one finds what the first one left
      local conn = dial(6)
      local reader = tonumber(conn:receive "*l")
      conn:receive "*a"
      assert.truthy(gone(reader))
      conn:close()
    end
    local conn = connect()
    assert.equal("still served", ask(conn, "still served"))
    conn:close()
  end)

  it("takes no time from what comes after it", function()
    local conn = dial(7)
    assert.equal("go on", conn:receive "*l")
    conn:send "x\n"
    assert.truthy(server:log("after duplex"))
    conn:close()
  end)

  it("tells who calls it wrongly", function()
    local conn = dial(3)
    conn:send "wrong\n"
    conn:receive "*a"
    assert.truthy(server:log "duplex: expected a function that reads and one that writes, found nil")
  end)

  describe("of a WebSocket", function()
    local function join()
      local ws = server:ws "/chat"
      assert.equal("reader is there", (ws:receive()))
      return ws
    end

    it("brings messages and pongs between them", function()
      local ws = join()
      ws:send "one"
      assert.equal("one", (ws:receive()))
      ws:send("are you there", "ping")
      assert.same({ "are you there", "pong" }, { ws:receive() })
      assert.equal(1000, ws:close())
      assert.truthy(server:log "the chat has ended")
    end)

    it("does not lose the end behind many pings", function()
      local ws = join()
      local frames = ("\x89\x80\0\0\0\0"):rep(40) .. "\x88\x82\0\0\0\0\x03\xe8" -- 1000
      ws.client:send(frames)
      local payload, kind
      repeat payload, kind = ws:receive() until kind ~= "pong"
      assert.same({ 1000, "close" }, { payload:byte(1) * 256 + payload:byte(2), kind })
    end)

    it("says goodbye when the reader returns", function()
      local ws = join()
      ws:send "quit"
      local payload, kind = ws:receive()
      assert.same({ 1000, "close" }, { payload:byte(1) * 256 + payload:byte(2), kind })
      assert.is_nil((ws:receive()))
    end)

    it("says so when one of them fails", function()
      for _, what in ipairs { "error", "werror" } do
        local ws = join()
        ws:send(what)
        local payload, kind = ws:receive()
        assert.same({ 1011, "close" }, { payload:byte(1) * 256 + payload:byte(2), kind })
      end
      assert.truthy(server:log "of the reader")
      assert.truthy(server:log "of the writer")
    end)

    it("closes with the code of what the reader has seen", function()
      local ws = join()
      ws:send("\255")
      local payload, kind = ws:receive()
      assert.same({ 1007, "close" }, { payload:byte(1) * 256 + payload:byte(2), kind })
    end)

    it("lets each half do only its own", function()
      local ws = join()
      ws:send "send"
      assert.truthy(ws:receive():find("in the process that reads", 1, true))
      ws:send "receive"
      assert.truthy(ws:receive():find("in the process that writes", 1, true))
      ws:close()
    end)

    it("pings a silent client, and leaves one that does not answer", function()
      local ws = server:ws "/quiet"
      assert.same({ "", "ping" }, { ws:receive() })
      local payload, kind = ws:receive()
      assert.same({ 1001, "close" }, { payload:byte(1) * 256 + payload:byte(2), kind })
      assert.truthy(server:log "quiet has ended")
    end)
  end)

  -- A server of its own, and a connection to a service of it.
  local function another(service, sandbox, faults)
    local own = spec.start { scripts = scripts, env = { LUASERVE_FAULT = faults },
      config = { processes = { mode = spec.mode, workers = 1 }, sandbox = sandbox } }
    local conn = assert(socket.tcp())
    conn:settimeout(5)
    local next_port = own.ready:gmatch "tcp://127%.0%.0%.1:(%d+)"
    for _ = 2, service do next_port() end
    assert(conn:connect("127.0.0.1", tonumber(next_port())))
    return own, conn
  end

  it("ends when the server stops, without its having to wait", function()
    local other, conn = another(1)
    conn:receive "*l"
    local reader = tonumber(conn:receive "*l":match "%d+")
    local ws = other:ws "/chat"
    ws:receive()
    other:signal "TERM"
    assert.equal("bye\n", conn:receive "*a")
    local payload, kind = ws:receive()
    assert.same({ 1001, "close" }, { payload:byte(1) * 256 + payload:byte(2), kind })
    ws.client:close()
    assert.equal(0, other:wait())
    assert.truthy(gone(reader))
  end)

  it("dies with its supervisor", function()
    local other, conn = another(1)
    conn:receive "*l"
    local reader = tonumber(conn:receive "*l":match "%d+")
    other:signal "KILL"
    conn:receive "*a"
    assert.truthy(gone(reader))
    other:wait()
  end)

  it("says why there is no second process when the system refuses, and others have theirs", function()
    for fault, why in pairs { ["worker/pipe2:1:EMFILE"] = "Too many open files",
      ["worker/clone:1:EAGAIN"] = "Resource temporarily unavailable" } do
      local other, conn = another(3, nil, fault)
      conn:send "right\n"
      conn:receive "*a"
      assert.truthy(other:log("duplex: there is no second process: " .. why))
      assert.equal("nil", other:get("/sum").body)
      other:stop()
    end
  end)

  it("says why there is no second process where the sandbox forbids it", function()
    local other, conn = another(3, { processes = false })
    conn:send "right\n"
    conn:receive "*a"
    assert.truthy(other:log "duplex: the sandbox forbids a second process")
    other:stop()
  end)
end)
