local spec = require "luaserve.spec"
local socket = require "socket"

local scripts = { ["a.lua"] = [[
local app = require "luaserve"
app:get("/", function() return "hello" end)

app:tcp("127.0.0.1:0", function(conn) -- 1: lines
  for line in conn:lines() do conn:write("<", line, ">\n") end
  conn:write("end\n")
end)
app:tcp("127.0.0.1:0", { live_timeout = "100ms" }, function(conn) -- 2: ways to read
  local ip, port = conn:peer()
  conn:write(ip, " ", port, " ", math.type(conn:fd()), "\n")
  conn:write(conn:read(5), "|", tostring(conn:read("line")), "|", tostring(conn:read("all")), "|",
    tostring(conn:read()), "\n")
end)
app:tcp("127.0.0.1:0", { live_timeout = "100ms" }, function(conn) -- 3: time
  conn:write(tostring(conn:read()), " ", (select(2, conn:read(1, "50ms"))))
end)
app:tcp("127.0.0.1:0", function(conn) -- 4: what goes wrong
  local what = conn:read("line")
  if what == "error" then error("oh no") end
  if what == "abort" then app.abort(403, "not you") end
  if what == "loop" then while true do end end
  if what == "kill" then os.execute("kill -9 $PPID") end
  if what == "big" then conn:read("all") end
  conn:write("still here")
end)
app:tcp("127.0.0.1:0", function(conn) -- 5: halves
  local twin = conn:dup()
  conn:shutdown("write")
  local ok, _, _, code = pcall(conn.write, conn, "too late")
  twin:close()
  app.log.info("shut")
  app.log.info("read on: ", conn:read("all"), ok, code)
end)
app:tcp("127.0.0.1:0", { cpu = "1m" }, function(conn) -- 6: reads whatever comes
  local count = 0
  for _ in conn:lines() do
    count = count + 1
    if count == 10000 then app.log.info("flooded") end
  end
end)
app:tcp("127.0.0.1:0", { live_timeout = "200ms" }, function(conn) -- 7: only waits
  local left <close> = setmetatable({}, { __close = function() app.log.info("the one that only waits has ended") end })
  conn:write("waiting\n")
  for message in app.channel("never"):subscribe():messages() do conn:write(message) end
end)
app:tcp("127.0.0.1:0", function(conn) -- 8
  conn:write(tostring(select(2, pcall(conn.write, "x"))), "|", select(3, conn:read("line")))
end)
app:get("/connect", function(req)
  local conn, message, code = app.connect(req.query.host, tonumber(req.query.port),
    { local_port = tonumber(req.query.from), timeout = "2s" })
  if not conn then return { status = 502, text = code .. " " .. message } end
  local first = conn:write("hi\n"):read("line")
  conn:shutdown("write")
  return { text = first .. "\n" .. conn:read("all") }
end)
app:get("/many", function(req)
  local conns = {}
  for i = 1, 17 do conns[i] = assert(app.connect("127.0.0.1", tonumber(req.query.port))) end
  if req.query.n == "15" then conns[2]:write("of the second\n") end
  local next_one = conns[1]:events(table.unpack(conns, 2, tonumber(req.query.n)))
  local source, text = next_one()
  return { text = tostring(source == conns[2]) .. text }
end)
]] }

describe("raw TCP services", function()
  local server, ports = nil, {}

  setup(function()
    server = spec.start { scripts = scripts, config = { limits = { cpu = "200ms", memory = "4M" },
      processes = { mode = spec.mode, workers = 1 } } }
    for port in server.ready:gmatch "tcp://127%.0%.0%.1:(%d+)" do ports[#ports + 1] = tonumber(port) end
  end)
  teardown(function() server:stop() end)

  local function connect(service)
    local conn = assert(socket.tcp())
    conn:settimeout(5)
    assert(conn:connect("127.0.0.1", ports[service]))
    return conn
  end

  local function talk(service, bytes)
    local conn = connect(service)
    conn:send(bytes)
    conn:shutdown "send"
    local all, message, rest = conn:receive "*a"
    conn:close()
    return all or rest, message
  end

  it("give a handler each connection, line by line, and the end", function()
    assert.equal("<one>\n<two>\n<three>\nend\n", talk(1, "one\r\ntwo\nthree"))
  end)

  it("are named with their real ports in the first line", function()
    assert.equal(8, #ports)
  end)

  it("tell who has connected, to the handler and in the log", function()
    local conn = connect(2)
    local ip, port = conn:getsockname()
    assert.equal(("%s %d integer"):format(ip, port), conn:receive "*l")
    conn:close()
    assert.truthy(server:log(("new connection from 127.0.0.1:%d to 127.0.0.1:%d: worker %%d+"):format(port, ports[2])))
  end)

  it("read a number of bytes, a line, and all", function()
    local answer = talk(2, "hello world\nand\nmore")
    assert.equal("hello| world|and\nmore|nil\n", answer:match "\n(.*)$")
  end)

  it("give up reading in time", function()
    local conn = connect(3)
    assert.equal("nil timed out", conn:receive "*a")
  end)

  it("echo much more than buffers hold", function()
    local line = ("x"):rep(997)
    local count, conn = 3000, connect(1)
    conn:settimeout(0)
    local out, at, parts = (line .. "\n"):rep(count), 1, {}
    local want = (#line + 3) * count
    local got, deadline = 0, socket.gettime() + 20
    while got < want and socket.gettime() < deadline do
      local readable, writable = socket.select({ conn }, at <= #out and { conn } or {}, 1)
      if writable[1] then
        local sent, _, partial = conn:send(out, at)
        at = (sent or partial or at - 1) + 1
      end
      if readable[1] then
        local all, _, partial = conn:receive(65536)
        parts[#parts + 1] = all or partial
        got = got + #parts[#parts]
      end
    end
    conn:close()
    assert.equal(want, got)
    assert.equal(("<" .. line .. ">\n"):rep(count), table.concat(parts))
  end)

  it("reset the connection when the handler fails, and say nothing of HTTP", function()
    assert.equal("", (talk(4, "error\n")))
    assert.truthy(server:log "tcp 127.0.0.1: handler failed")
    assert.truthy(server:log "oh no")
  end)

  it("tell of an app.abort in the log, since there is no answer to give", function()
    assert.equal("", (talk(4, "abort\n")))
    assert.truthy(server:log "tcp 127.0.0.1: handler called app.abort when there was no answer to give any more")
  end)

  it("end a handler that loops, and one that takes too much memory", function()
    assert.equal("", (talk(4, "loop\n")))
    assert.truthy(server:log "over its CPU time")
    assert.equal("", (talk(4, "big\n" .. ("x"):rep(8e6))))
    assert.truthy(server:log "over its memory")
  end)

  it("cut the connection when the process dies, and go on", function()
    assert.equal("", (talk(4, "kill\n")))
    assert.equal("still here", (talk(4, "\n")))
  end)

  it("close one direction alone", function()
    local conn = connect(5)
    assert.same({ nil, "closed", "" }, { conn:receive "*a" })
    assert.truthy(server:log "shut")
    conn:send "from the other half"
    conn:close()
    assert.truthy(server:log "read on: .*from the other half%s+true%s+EPIPE")
  end)

  it("serve HTTP beside that", function()
    assert.equal("hello", server:get("/").body)
  end)

  it("are reached by app.connect, from a port of its own too", function()
    local get = "/connect?host=localhost&port=" .. ports[1]
    assert.equal("<hi>\nend\n", server:get(get).body)
    local free = socket.bind("127.0.0.1", 0)
    local _, from = free:getsockname()
    assert.same({ 502, "EADDRINUSE the local port is in use" },
      { server:get(get .. "&from=" .. from).status, server:get(get .. "&from=" .. from).body })
    free:close()
    assert.equal("<hi>\nend\n", server:get(get .. "&from=" .. from).body)
    assert.truthy(server:log("new connection from 127.0.0.1:" .. from))
  end)

  it("are listened to 15 at a time, and one more says so", function()
    assert.equal("true<of the second>\n", server:get("/many?n=15&port=" .. ports[1]).body)
    assert.equal(500, server:get("/many?n=17&port=" .. ports[1]).status)
    assert.truthy(server:log "waits for more than 15 connections at once")
  end)

  it("say why they cannot be reached", function()
    assert.equal("ECONNREFUSED connection refused (nobody listens there)",
      server:get("/connect?host=127.0.0.1&port=1").body)
    assert.equal("ENOENT there is no host no.such.invalid",
      server:get("/connect?host=no.such.invalid&port=1").body)
  end)

  it("end when the server stops, without its having to wait", function()
    local other = spec.start { scripts = scripts }
    local conn = assert(socket.tcp())
    conn:settimeout(5)
    assert(conn:connect("127.0.0.1", tonumber(other.ready:match "tcp://127%.0%.0%.1:(%d+)")))
    conn:send "a\n"
    assert.equal("<a>", conn:receive "*l")
    other:signal "TERM"
    assert.equal("end\n", conn:receive "*a")
    assert.equal(0, other:wait())
  end)

  it("do not keep others waiting for a client that sends without end", function()
    local pipe = io.popen(("exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d; echo $$; exec timeout 30 yes >&3 2>/dev/null'"):format(
      ports[6]))
    local pid = pipe:read "l"
    assert.truthy(server:log "flooded") -- it is at it
    local client = server:client()
    for _ = 1, 10 do assert.equal("hello", client:get("/").body) end
    client:close()
    os.execute("kill " .. pid)
    pipe:close()
  end)

  it("do not wait for ever for a channel when the client has said its last", function()
    local conn = connect(7)
    assert.equal("waiting", conn:receive "*l")
    conn:close()
    assert.truthy(server:log "the one that only waits has ended")
  end)

  it("tell of a call with a dot, and of a line without end", function()
    local answer = talk(8, ("x"):rep(2 << 20))
    assert.truthy(answer:find("call conn:write(...) with a colon|EMSGSIZE", 1, true), answer)
  end)

  it("finish what they write when the server stops", function()
    local other = spec.start { scripts = { ["a.lua"] = [[
      local app = require "luaserve"
      app:tcp("127.0.0.1:0", function(conn)
        conn:write "begun\n"
        conn:write(("x"):rep(30e6))
        conn:write("and ", tostring(conn:read()))
      end)
    ]] } }
    local conn = assert(socket.tcp())
    conn:settimeout(5)
    assert(conn:connect("127.0.0.1", tonumber(other.ready:match "tcp://127%.0%.0%.1:(%d+)")))
    assert.equal("begun", conn:receive "*l")
    other:signal "TERM"
    assert.truthy(other:log "stopping")
    local text = conn:receive "*a"
    assert.truthy(text == ("x"):rep(30e6) .. "and nil", text and #text) -- and not shown
    conn:close()
    assert.equal(0, other:wait())
  end)

  if spec.mode == "fork" then -- workers of a pool that cannot wait cannot begin
    it("say why they cannot wait, to the handler too, when the system refuses", function()
      for fault, why in pairs { ["worker/signalfd4:1+:EMFILE"] = "Too many open files",
        ["worker/ppoll:1+:ENOMEM"] = "Cannot allocate memory" } do
        local other = spec.start { env = { LUASERVE_FAULT = fault }, scripts = { ["a.lua"] = [[
          local app = require "luaserve"
          app:tcp("127.0.0.1:0", function(conn)
            app.log.info("the handler was told: ", select(2, pcall(conn.read, conn)))
            conn:read()
          end)
        ]] } }
        local conn = assert(socket.tcp())
        conn:settimeout(5)
        conn:connect("127.0.0.1", tonumber(other.ready:match "tcp://127%.0%.0%.1:(%d+)")) -- it may be reset already
        conn:receive "*a"
        conn:close()
        assert.truthy(other:log("the handler was told: .*cannot wait: " .. why))
        assert.truthy(other:log("^%s*cannot wait: " .. why), other:log())
        assert.equal(0, other:stop())
      end
    end)
  end

  it("refuse to start where the address is taken, and name the script", function()
    local taken = socket.bind("127.0.0.1", 0)
    local _, port = taken:getsockname()
    local code, _, err = spec.run { scripts = { ["a.lua"] =
      ('require "luaserve":tcp("127.0.0.1:%d", function() end)'):format(port) } }
    taken:close()
    assert.equal(69, code)
    assert.equal(("luaserve: scripts/a.lua:1: cannot bind 127.0.0.1:%d: the address is in use\n"):format(port),
      err:match "luaserve: [^\n]*\n" :gsub("%S*scripts/", "scripts/"))
  end)

  it("refuse bad arguments", function()
    for _, call in ipairs { 'app:tcp(80, print)', 'app:tcp("nowhere", print)', 'app:tcp("127.0.0.1:0")',
      'app:tcp("127.0.0.1:0", { wal = "1s" }, print)' } do
      local code, _, err = spec.run { scripts = { ["a.lua"] = 'local app = require "luaserve"\n' .. call } }
      assert.equal(78, code)
      assert.truthy(err:find("a.lua:2: app:tcp: ", 1, true), err)
    end
  end)
end)
