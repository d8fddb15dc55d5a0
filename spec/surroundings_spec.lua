-- However the server was started, and whatever goes on around it.
local socket = require "socket"
local spec = require "luaserve.spec"

local scripts = { ["app.lua"] = [[
  local app = require "luaserve"
  app:get("/ok", function() return "ok" end)
  app:get("/slow", function() app.sleep("300ms") return "slow" end)
  app:get("/exit", function() os.exit(3) end)
  app:get("/code", function()
    local _, _, code = io.popen("exit 5"):close()
    return tostring(code)
  end)
  app:get("/write", function(req)
    local file = assert(io.open(req.query.to, "w"))
    file:write "mine\n"
    file:flush()
    error "goes into the log, and nowhere else"
  end)
]] }

local function descriptors(server)
  local list = io.popen("ls /proc/" .. server.pid .. "/fd"):read "a"
  return select(2, list:gsub("\n", ""))
end

local function eventually(condition)
  local deadline = socket.gettime() + 10
  while not condition() and socket.gettime() < deadline do socket.select(nil, nil, 0.01) end
  return condition()
end

describe("a server", function()
  it("reaps its workers, though it was started with SIGCHLD ignored", function()
    local server = spec.start { scripts = scripts, wrap = [[sh -c 'trap "" CHLD; exec "$@"' sh]] }
    local before = descriptors(server)
    for _ = 1, 10 do assert.equal("ok", server:get("/ok").body) end
    assert.equal("5", server:get("/code").body)
    assert.equal(500, server:get("/exit").status)
    assert.is_true(eventually(function() return descriptors(server) == before end))
    assert.equal(0, server:stop())
  end)

  it("lives on when nobody reads its log any more", function()
    local server = spec.start { scripts = scripts, config = { limits = { head_timeout = "200ms" } },
      wrap = [[bash -c 'exec 2> >(exit 0); wait $!; exec "$@"' bash]] }
    local client = server:client()
    client:send "GET /"
    assert.equal(408, client:receive_response().status)
    client:close()
    assert.equal("ok", server:get("/ok").body)
    assert.equal(0, server:stop())
  end)

  it("writes its log into nobody's file, though it was started without standard error", function()
    local server = spec.start { scripts = scripts, wrap = [[sh -c 'exec "$@" 0<&- 2>&-' sh]] }
    local path = server.dir .. "/theirs"
    assert.equal(500, server:get("/write?to=" .. path).status)
    local file = assert(io.open(path))
    assert.equal("mine\n", file:read "a")
    file:close()
    assert.equal(0, server:stop())
  end)

  it("leaves the Unix socket of the next one alone", function()
    local path = os.tmpname()
    os.remove(path)
    local function start()
      return spec.start { scripts = scripts, config = { listen = { "unix:" .. path }, log = { level = "debug" } } }
    end
    local function ask(target, rest)
      return io.popen("curl -s -m 5 --unix-socket " .. path .. " http://x" .. target .. (rest or ""))
    end
    local old = start()
    local slow = ask "/slow"
    assert.truthy(old:log "new connection")
    old:signal "TERM"
    assert.truthy(old:log "stopping")
    local new = start()
    assert.equal("slow", slow:read "a")
    assert.equal(0, old:wait())
    assert.equal("ok", ask("/ok"):read "a")
    assert.equal(0, new:stop())
    assert.is_nil(io.open(path))
  end)
end)

describe("the supervisor", function()
  -- Workers that hold a dead client's socket for a while, as each does while it is being made.
  it("minds no event for a client that is no more", function()
    local server = spec.start { scripts = scripts, env = { ASAN_OPTIONS = "detect_leaks=0" },
      wrap = "strace -f -qq -o /dev/null -e trace=close_range -e inject=close_range:delay_exit=200000:when=1" }
    for _ = 1, 5 do
      local dying, other = server:client(), server:client()
      dying:send "GET /exit HTTP/1.1\r\nHost: x\r\n\r\n"
      assert.equal(500, dying:receive_response().status)
      other:send "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n"
      dying:close()
      assert.equal("ok", other:receive_response().body)
      other:close()
    end
    assert.equal("ok", server:get("/ok").body)
    assert.equal(0, server:stop())
  end)

  it("stands deaths and short visits, many at a time", function()
    local server = spec.start { scripts = scripts, config = { log = { level = "off" } } }
    for _ = 1, 60 do
      local clients = {}
      for i = 1, 20 do
        clients[i] = server:client()
        if i % 3 > 0 then clients[i]:send "GET /exit HTTP/1.1\r\nHost: x\r\n\r\n" end
      end
      for i = 1, 20 do
        if i % 2 == 0 and i % 3 > 0 then assert.equal(500, clients[i]:receive_response().status) end
        clients[i]:close()
      end
    end
    assert.equal("ok", server:get("/ok").body)
    assert.equal(0, server:stop())
  end)

  it("is survived by no worker, not even by one that it was just making", function()
    local server = spec.start { scripts = scripts, env = { ASAN_OPTIONS = "detect_leaks=0" },
      wrap = "strace -f -qq -o /dev/null -e trace=close_range -e inject=close_range:delay_exit=500000:when=1" }
    local client = server:client()
    client:send "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.truthy(eventually(function() return io.popen("pgrep -P " .. server.pid):read "l" end))
    server:signal "KILL"
    local answer = client:receive "*a"
    assert.equal("", answer)
    client:close()
    server:wait()
  end)

  it("ends at once, though a client has just had a body taken in that nobody wanted", function()
    local server = spec.start { scripts = scripts }
    local client = server:client()
    client:send "GET /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    assert.equal("ok", client:receive_response().body)
    client:send "body"
    client:send "GET /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo"
    assert.equal("ok", client:receive_response().body)
    client:send "dy"
    server:signal "TERM"
    assert.equal("", client:receive "*a")
    client:close()
    assert.equal(0, server:wait())
    assert.is_nil(server:log "died")
  end)
end)
