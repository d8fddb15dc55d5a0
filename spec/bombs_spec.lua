-- Bombs: what one client's handler does, however bad, costs that client a whole 500 or 503 (or the
-- connection, once a part of the answer is out), and nobody else anything.
local socket = require "socket"
local spec = require "luaserve.spec"
local bombs = dofile "spec/bombs.lua"

local PATIENCE = 20 -- seconds that anything may take
local MEMORY = 64 << 20
local DESCRIPTORS = 1024 -- that a worker may open

-- More bombs, whose aftermath differs from case to case.
local source = bombs.script "100ms" .. [[
  local function thrown() app.log.info "thrown" end
  app:get("/finalizer-later", short, function()
    setmetatable({}, { __gc = function() while true do end end })
    return "not yet"
  end)
  app:get("/collect", short, function() thrown() collectgarbage() return "collected" end)
  app:get("/malloc", function(req) thrown() return tostring(bombs().malloc(math.tointeger(req.query.n))) end)
  app:get("/open", function(req) thrown() return tostring(bombs().open(math.tointeger(req.query.n))) end)
  app:get("/log-long", function() thrown() app.log.info(("x"):rep(10 << 20)) return "logged" end)
  app:get("/log-many", function()
    thrown()
    for i = 1, 10000 do app.log.info(("line %5d %s"):format(i, ("x"):rep(60))) end
    return "logged"
  end)
  -- Starts what outlives the handler, then ends badly: answers only by its death.
  app:get("/background", { wall = "2s" }, function(req)
    local file = req.query.file
    os.execute(("sleep 1000 & echo $! > %s.group"):format(file))
    os.execute(("setsid sh -c 'echo $$ > %s.session; exec sleep 1000' &"):format(file))
    while not io.open(file .. ".session") do app.sleep "5ms" end
    thrown()
    if req.query.with == "loop" then return (""):rep(1 << 62) end
    if req.query.with == "nothing" then return 204 end
    bombs()[req.query.with]()
  end)
  app:post("/body", function(req) thrown() return req:body() end)
  app:get("/wait", function() thrown() app.sleep(30) end)
  app:get("/stream", function(_, res)
    res:write "part" res:flush()
    thrown()
    while true do res:write(("x"):rep(100000)) end
  end)
]]

local function output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  pipe:close()
  return text
end

local function eventually(what, condition)
  local deadline = socket.gettime() + PATIENCE
  repeat
    local result = condition()
    if result then return result end
    socket.select(nil, nil, 0.005)
  until socket.gettime() > deadline
  return error("it never came to this: " .. what, 2)
end

describe("a bomb", function()
  local server, descriptors_before
  local open = {}

  local function children() return select(2, output("pgrep -P " .. server.pid):gsub("\n", "")) end
  local function descriptors() return select(2, output("ls /proc/" .. server.pid .. "/fd"):gsub("\n", "")) end

  setup(function()
    server = spec.start {
      config = { limits = { memory = MEMORY, idle_timeout = "5m", head_timeout = "5m", body_timeout = "5m" },
        processes = { max_clients = 300 } },
      scripts = { ["app.lua"] = source },
    }
    assert.is_true(os.execute(bombs.compile(spec.path "spec/bombs.c", server.dir)))
    assert.equal("hello 1", server:get("/hello?n=1").body)
    eventually("no child", function() return children() == 0 end)
    descriptors_before = descriptors()
  end)

  teardown(function() assert.equal(0, server:stop()) end)

  after_each(function()
    for _, client in ipairs(open) do client:close() end
    open = {}
    eventually("no child", function() return children() == 0 end)
    eventually("as many descriptors as before", function() return descriptors() == descriptors_before end)
  end)

  local function connect()
    local client = server:client { timeout = PATIENCE }
    open[#open + 1] = client
    return client
  end

  local asked = 0
  local function greet(client)
    asked = asked + 1
    local response = client:request { path = "/hello?n=" .. asked }
    assert.equal(200, response.status)
    assert.equal("hello " .. asked, response.body)
  end

  local function ask(client, path) client:send("GET " .. path .. " HTTP/1.1\r\nHost: x\r\n\r\n") end
  local function has_come(client) return socket.select({ client.socket }, nil, 0)[1] ~= nil end

  -- What the log says from now on: a function that waits for a pattern in it.
  local function log_from_now()
    local from = #server:log() + 1
    return function(pattern)
      return eventually("a log with " .. pattern, function() return server:log():match(pattern, from) end)
    end
  end

  -- Asks for the path on `client` while an innocent one is served before, during and after; returns
  -- once something of the answer is there, with the log.
  local function throw(path, client)
    local log, innocent = log_from_now(), connect()
    greet(innocent)
    ask(client, path)
    log "thrown"
    eventually("an answer to " .. path, function() greet(innocent) return has_come(client) end)
    return log, innocent
  end

  local function check_incident(response, bomb, log, path)
    assert.equal(bomb.status, response.status)
    local id = response.headers["x-request-id"]
    assert.truthy(response.body:find("Incident " .. id, 1, true))
    log(id .. "[^\n]* GET " .. path:gsub("%p", "%%%0") .. ": " .. bomb.cause)
  end

  -- Nothing more comes: whole when the server's end was orderly, torn when it was a reset.
  local function rest(client)
    local all, message, some = client.socket:receive "*a"
    assert.not_equal("timeout", message)
    return all or some
  end

  local function check_cut(client)
    local answer = rest(client)
    assert.equal(1, select(2, answer:gsub("HTTP/1%.1 ", "")))
    assert.is_nil(answer:find("\r\n0\r\n", 1, true))
  end

  describe("costs its own client alone:", function()
    for _, bomb in ipairs(bombs.list) do
      it(bomb.name, function()
        local path, client = "/bomb/" .. bomb.name, connect()
        local log, innocent = throw(path, client)
        check_incident(client:receive_response(), bomb, log, path)
        if bomb.killed then assert.equal("", rest(client)) else greet(client) end
        greet(innocent)
      end)
    end
  end)

  it("is told of in the log: where it hit, what was used, what was asked, but no credentials", function()
    local log, client = log_from_now(), connect()
    client:send("GET /bomb/segv?x=1 HTTP/1.1\r\nHost: here\r\nX-Trace: 77\r\nCookie: id=very\r\n" ..
      "authorization: Basic very\r\n\r\n")
    assert.equal(500, client:receive_response().status)
    local lines = log "worker %d+ died: killed by signal 11[^\n]*\n[^\n]*\n.*authorization[^\n]*\n"
    for _, part in ipairs { "at address 0x10; phase handler; answered 500\n", " s of CPU as user, ", " KiB of memory at most; ",
      "GET /bomb/segv?x=1 HTTP/1.1\n", "Host: here\n", "X-Trace: 77\n", "Cookie: (not shown)", "authorization: (not shown)" } do
      assert.truthy((lines .. "\n"):find(part, 1, true), part .. " in " .. lines)
    end
    assert.is_nil(lines:find("very", 1, true))
    log, client = log_from_now(), connect()
    ask(client, "/bomb/stack")
    log "died: killed by signal 11 %(Segmentation fault%) at address 0x%x+; phase handler"
  end)

  describe("cuts the connection once part of the answer is out:", function()
    for _, bomb in ipairs(bombs.list) do
      if bomb.status == 500 or bomb.name:find "^loop%-in%-[cf]" or bomb.name == "spin" or bomb.name == "tables" then
        it(bomb.name, function()
          local path, client = "/part/" .. bomb.name, connect()
          local log, innocent = throw(path, client)
          check_cut(client)
          greet(innocent)
          log("%x+ [^\n]*GET " .. path:gsub("%p", "%%%0") .. ": " .. bomb.cause:gsub("answered 500", "connection cut"))
        end)
      end
    end
  end)

  describe("between pipelined requests", function()
    local function answers(name)
      local client = connect()
      local log, innocent = log_from_now(), connect()
      greet(innocent)
      client:send(("GET /hello?n=a HTTP/1.1\r\nHost: x\r\n\r\nGET /bomb/%s HTTP/1.1\r\nHost: x\r\n\r\n" ..
        "GET /hello?n=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):format(name))
      log "thrown"
      local got = { client:receive_response(), client:receive_response() }
      greet(innocent)
      assert.equal("hello a", got[1].body)
      return got[2], client, log
    end

    for _, bomb in ipairs(bombs.list) do
      if bomb.killed and (not bomb.short or bomb.name == "spin") then
        it("is told to its own, and those behind get nothing: " .. bomb.name, function()
          local response, client, log = answers(bomb.name)
          check_incident(response, bomb, log, "/bomb/" .. bomb.name)
          assert.equal("", rest(client))
        end)
      end
    end

    it("leaves those behind their answers, where it could be interrupted", function()
      for _, name in ipairs { "loop", "tables", "recursion" } do
        local response, client = answers(name)
        assert.truthy(response.status >= 500)
        assert.equal("hello b", client:receive_response().body)
        assert.equal("", rest(client))
      end
    end)
  end)

  it("of every kind at once costs the innocent nothing", function()
    local innocent, clients = connect(), {}
    for i, bomb in ipairs(bombs.list) do
      clients[i] = connect()
      ask(clients[i], "/bomb/" .. bomb.name)
      greet(innocent)
    end
    for i, bomb in ipairs(bombs.list) do
      eventually(bomb.name, function() greet(innocent) return has_come(clients[i]) end)
      local response = clients[i]:receive_response()
      assert.equal(bomb.status, response.status, bomb.name)
      assert.truthy(response.body:find("Incident " .. response.headers["x-request-id"], 1, true))
    end
  end)

  it("in a finalizer that runs in a later request is that request's", function()
    local client = connect()
    assert.equal("not yet", client:request({ path = "/finalizer-later" }).body)
    local log, innocent = throw("/collect", client)
    check_incident(client:receive_response(), { status = 503, cause = "handler did not end when interrupted: killed" },
      log, "/collect")
    greet(innocent)
  end)

  it("of C's memory, which no budget counts, harms nobody while the machine has enough", function()
    local client = connect()
    local _, innocent = throw("/malloc?n=" .. (256 << 20), client)
    assert.equal(tostring(256 << 20), client:receive_response().body)
    greet(innocent)
  end)

  it("of descriptors takes the worker's own alone", function()
    local client = connect()
    local _, innocent = throw("/open?n=1000000", client)
    local got = tonumber(client:receive_response().body)
    assert.is_true(got >= DESCRIPTORS and got < 20 * DESCRIPTORS) -- some lie below its own
    greet(client)
    greet(innocent)
    assert.equal("hello 0", server:get("/hello?n=0").body)
  end)

  it("is no garbage that could be collected", function()
    local honest = spec.start { scripts = { ["app.lua"] = [[
      local app = require "luaserve"
      data = {}
      for i = 1, 80 do data[i] = ("d"):rep(100000) .. i end
      app:get("/rows", function()
        local rows = {}
        for i = 1, 100 do rows[i] = ("row"):rep(100) .. i end
        return table.concat(rows)
      end)
    ]] } }
    local client = honest:client { timeout = PATIENCE }
    for _ = 1, 2000 do assert.equal(200, client:request({ path = "/rows" }).status) end
    client:close()
    honest:stop()
  end)

  it("is no error behind a collection that helped", function()
    local honest = spec.start { config = { limits = { memory = "16M" } }, scripts = { ["app.lua"] = [[
      require("luaserve"):get("/error", function()
        local kept = ("x"):rep(3 << 20)
        collectgarbage()
        for i = 1, 1000000 do local t = { i } end
        error("ordinary " .. #kept)
      end)
    ]] } }
    assert.equal(500, honest:get("/error").status)
    assert.truthy(honest:log "GET /error: handler failed")
    honest:stop()
  end)

  describe("of log lines leaves them whole:", function()
    local function check_lines(text)
      for line in text:gmatch "[^\n]*" do
        assert.is_true(#line < 4096)
        assert.truthy(line == "" or line:find "^%d%d%d%d%-%d%d%-%d%dT[%d:.]+Z %l+ +" or line:find "^    ", line)
      end
    end

    it("one of 10 MB", function()
      local from, client = #server:log() + 1, connect()
      local log, innocent = throw("/log-long", client)
      assert.equal("logged", client:receive_response().body)
      log "xxx%.%.%.\n"
      check_lines(server:log():sub(from))
      greet(innocent)
    end)

    it("10,000, from two clients at once", function()
      local from, first, second = #server:log() + 1, connect(), connect()
      ask(first, "/log-many")
      local log, innocent = throw("/log-many", second)
      local ids = { first:receive_response().headers["x-request-id"], second:receive_response().headers["x-request-id"] }
      log "line 10000"
      local text, count = server:log():sub(from), { 0, 0 }
      check_lines(text)
      for i, id in ipairs(ids) do
        for number in text:gmatch(id .. " line +(%d+) " .. ("x"):rep(60) .. "\n") do
          count[i] = count[i] + 1
          assert.equal(count[i], tonumber(number))
        end
      end
      assert.same({ 10000, 10000 }, count)
      greet(innocent)
    end)
  end)

  -- Everything in the worker's process group goes with a worker that ends badly. What has left it
  -- (setsid, a daemon) is out of the server's sight and lives on, as do children of a worker that
  -- ends well: neither is promised otherwise.
  describe("with processes in the background takes them along:", function()
    for _, with in ipairs { "loop", "segv", "abort", "stack", "nothing" } do
      it(with, function()
        local file, client = server.dir .. "/background-" .. with, connect()
        local _, innocent = throw("/background?with=" .. with .. "&file=" .. file, client)
        local group, session = io.open(file .. ".group"):read "n", io.open(file .. ".session"):read "n"
        assert.equal(with == "nothing", client:receive_response().status < 500)
        client:close()
        eventually("no process in the background", function()
          local stat = io.open("/proc/" .. group .. "/stat")
          return not stat or stat:read("a"):find "%) [ZX] " -- init may take its time to reap it
        end)
        os.execute("kill -KILL " .. session) -- ours to end, since the server does not
        greet(innocent)
      end)
    end
  end)

  describe("from outside:", function()
    local names = { [4] = "ILL", [6] = "ABRT", [7] = "BUS", [9] = "KILL", [11] = "SEGV", [31] = "SYS" }

    -- The worker waits, having read all that its client has sent.
    local function settled(client, pid)
      local _, port = client.socket:getsockname()
      local all_read = (" %%x+:%04X %%x+:%04X %%x%%x %%x+:00000000 "):format(server.port, port)
      eventually("a worker that waits", function()
        return io.open("/proc/net/tcp"):read("a"):find(all_read) and
          io.open("/proc/" .. pid .. "/stat"):read("a"):find "%) S "
      end)
    end

    -- What a client sends, whether its handler says that it runs, what the client gets at the
    -- worker's death, and what the log says.
    local phases = {
      { "while it is idle", "", false, "nothing", "phase idle; no request in flight" },
      { "with half a head read", "GET /hello?n=1 HTT", false, 500, "phase head; answered 500" },
      { "with half a body read", "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
        true, 500, "POST /body: .*phase body; answered 500" },
      { "in the handler", "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", true, 500,
        "GET /wait: .*phase handler; answered 500" },
      { "while the client does not read", "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", true, "cut",
        "GET /stream: .*phase send; connection cut" },
    }

    for number, name in pairs(names) do
      for _, phase in ipairs(phases) do
        local when, bytes, runs, told, logged = table.unpack(phase)
        it("SIG" .. name .. " " .. when, function()
          local log, client, innocent = log_from_now(), connect(), connect()
          greet(innocent)
          local pid = client:request({ path = "/pid" }).body
          client:send(bytes)
          if runs then log "thrown" end
          settled(client, pid)
          greet(innocent)
          os.execute("kill -" .. name .. " " .. pid)
          local line = log("[^\n]*worker " .. pid .. " died: killed by signal " .. number .. " [^\n]*")
          assert.truthy(line:find(logged), line)
          greet(innocent)
          if told == 500 then
            local response = client:receive_response()
            assert.equal(500, response.status)
            assert.truthy(line:find(response.headers["x-request-id"], 1, true))
          end
          if told == "cut" then check_cut(client) else assert.equal("", rest(client)) end
        end)
      end
    end
  end)
end)
