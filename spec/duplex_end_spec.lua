-- What a duplex leaves behind while its second process is slow to go: nothing of it may reach other clients.
local spec = require "luaserve.spec"
local socket = require "socket"

local scripts = { ["a.lua"] = [[
local app = require "luaserve"

local function pid() return (io.open("/proc/self/stat"):read("n")) end

app:tcp("127.0.0.1:0", function(conn) -- two processes that wait
  local room = app.channel("reader"):subscribe()
  conn:duplex(function(c)
    app.channel("reader"):publish(pid())
    c:read("all")
  end, function(c)
    c:write(pid(), " ", room:receive(), "\n")
    error(room:receive())
  end)
end)
app:get("/slow", function()
  app.log.info("slow has begun")
  os.execute("sleep 3.5")
  return "slow has ended"
end)

app:get("/events", function(_, res)
  local room = app.channel("events"):subscribe()
  res:event(nil, "begun")
  for message in room:messages() do res:event(nil, message) end
end)
app:get("/publish", function(req) return tostring(app.channel(req.query.to):publish(req.query.m)) end)
]] }

local has_strace = os.execute "strace -qq -o /dev/null true 2>/dev/null"

describe("a duplex whose second process is slow to go", function()
  if not has_strace then
    pending "need strace, and leave to trace"
    return
  end

  local server, tracer

  local function eventually(condition)
    local deadline = socket.gettime() + 10
    while not condition() and socket.gettime() < deadline do socket.select(nil, nil, 0.01) end
    return condition()
  end

  local function status_of(pid, what)
    local file = io.open("/proc/" .. pid .. "/status")
    local text = file and file:read "a" or ""
    if file then file:close() end
    return text:match("\n" .. what .. ":%s*(%S+)")
  end

  -- The connection and its two processes. The second one comes to its end no sooner than `let_go` is called: whoever
  -- is traced waits there for its tracer, which is stopped.
  local function begin(processes)
    server = spec.start { scripts = scripts, config = { processes = processes, limits = { wall = "20s" } } }
    local conn = assert(socket.tcp())
    conn:settimeout(5)
    assert(conn:connect("127.0.0.1", tonumber(server.ready:match "tcp://127%.0%.0%.1:(%d+)")))
    local writer, reader = conn:receive "*l":match "^(%d+) (%d+)$"
    tracer = io.popen("exec strace -qq -o /dev/null -p " .. reader .. " 2>&1 & echo $!"):read "l"
    assert.truthy(eventually(function() return status_of(reader, "TracerPid") == tracer end))
    os.execute("kill -STOP " .. tracer)
    return conn, writer, reader
  end

  local function let_go(reader)
    os.execute("kill -CONT " .. tracer)
    assert.truthy(eventually(function() return not status_of(reader, "PPid") end))
    tracer = nil
  end

  after_each(function()
    if tracer then os.execute("kill -KILL " .. tracer .. " 2>/dev/null") end
    assert.equal(0, server:stop())
  end)

  if spec.mode == "fork" then
    it("takes no time from the client that has its slot next", function()
      local conn, writer, reader = begin { mode = "fork", max_clients = 1 }
      os.execute("kill -KILL " .. writer)
      local client = server:client { timeout = 15 }
      client:send "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
      assert.truthy(server:log "slow has begun")
      let_go(reader)
      local response = client:receive_response()
      assert.same({ 200, "slow has ended" }, { response.status, response.body })
      client:close()
      conn:close()
    end)
  else
    local function await(client, line)
      repeat until assert(client.socket:receive "*l") == line
    end

    it("lets nothing that its client does reach the one that has its place next", function()
      local conn, _, reader = begin { mode = "pool", workers = 1 }
      assert.equal("1", server:get("/publish?to=reader&m=enough").body)
      local clients = {}
      for i = 1, 3 do -- one of them has that place
        clients[i] = server:client()
        clients[i]:send "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"
        await(clients[i], "data: begun")
      end
      conn:shutdown "both" -- the tracer has it too
      for n = 1, 2 do
        assert.equal("3", server:get("/publish?to=events&m=m" .. n).body)
        for i = 1, 3 do await(clients[i], "data: m" .. n) end
      end
      conn:close()
      let_go(reader)
      for i = 1, 3 do clients[i]:close() end
    end)
  end
end)
