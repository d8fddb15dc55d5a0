-- The textbook, as strace sees it. Each process has a trace of its own, so that no line is torn.
local spec = require "luaserve.spec"

local has_strace = os.execute "strace -qq -o /dev/null true 2>/dev/null"

-- A leak check and strace exclude each other, in builds that check.
local env = { ASAN_OPTIONS = "detect_leaks=0" }

-- A pattern that stands for the same text.
local function literal(text)
  return (text:gsub("%p", "%%%0"))
end

describe("the syscalls", function()
  if not has_strace then
    pending "need strace, and leave to trace"
    return
  end

  local folder, traces
  before_each(function()
    folder = io.popen("mktemp -d"):read "l"
    traces = folder .. "/trace"
  end)
  after_each(function() os.execute("rm -rf '" .. folder .. "'") end)

  local function trace_of(pid)
    local file = assert(io.open(traces .. "." .. pid))
    local text = file:read "a"
    file:close()
    return text
  end

  -- Returns a function that finds one pattern after the other, and the first capture of each.
  local function reader(text)
    local at = 1
    return function(pattern)
      local from, to, capture = text:find(pattern, at)
      assert.truthy(from, "not found, or out of order: " .. pattern .. "\nin\n" .. text)
      at = to
      return capture
    end
  end

  it("hold back signals before the line that says that it is ready", function()
    local server = spec.start { wrap = "strace -ff -qq -o " .. traces, env = env, scripts = { ["app.lua"] = "" } }
    local pid = server.pid
    server:stop()
    local found = reader(trace_of(pid))
    found "rt_sigprocmask%(SIG_BLOCK, %[HUP INT USR1 TERM CHLD%]"
    found 'write%(1, "luaserve [^"]*listening'
  end)

  it("are those of the textbook, from socket to close", function()
    local server = spec.start {
      wrap = "strace -ff -qq -o " .. traces,
      env = env,
      scripts = { ["app.lua"] = [[
        local app = require "luaserve"
        app:get("/hello", function()
          return { headers = { ["content-type"] = "text/html" }, body = "<h1>Hello, World!</h1>" }
        end)
        app:get("/pid", function() return tostring((io.open "/proc/self/stat"):read "n") end)
      ]] },
    }
    local supervisor = server.pid
    local one, two = server:client(), server:client()
    local first = one:request({ path = "/pid" }).body
    local second = two:request({ path = "/pid" }).body
    assert.not_equal(first, second)
    assert.equal("<h1>Hello, World!</h1>", one:request({ path = "/hello" }).body)
    one:close()
    two:close()
    local third = server:get("/pid").body
    assert.equal(0, server:stop())

    local follows = reader(trace_of(supervisor))
    local name = "{sa_family=AF_INET, sin_port=htons%(%d+%), sin_addr=inet_addr%(\"127%.0%.0%.1\"%)}"
    local listener = follows "socket%(AF_INET, SOCK_STREAM[^)]*%)%s+= (%d+)"
    follows("setsockopt%(" .. listener .. ", SOL_TCP, TCP_NODELAY, %[1%], 4%)%s+= 0")
    follows("bind%(" .. listener .. ", " .. name .. ", 16%)%s+= 0")
    follows("listen%(" .. listener .. ", 4096%)%s+= 0")
    local client = follows("accept4%(%d+, " .. name .. ", %[[^]]*%], SOCK_CLOEXEC%)%s+= (%d+)")
    -- Where descriptors were inherited, the socket is moved up, out of the workers' sight.
    client = trace_of(supervisor):match("fcntl%(" .. client .. ", F_DUPFD_CLOEXEC, %d+%)%s+= (%d+)") or client
    follows("clone%(child_stack=NULL, flags=[^)]*SIGCHLD[^)]*%)%s+= " .. first .. "\n")
    follows("accept4%(%d+, " .. name)
    follows("clone%([^)]*%)%s+= " .. second .. "\n")
    follows("wait4%(" .. first .. ", [^\n]*= " .. first .. "\n")
    follows("close%(" .. client .. "%)%s+= 0")

    local worker = reader(trace_of(first))
    worker "close_range%(%d+, %d+, CLOSE_RANGE_UNSHARE%)%s+= 0"
    local own = worker "read%((%d+), \"GET /pid HTTP/1%.1\\r\\n"
    worker("write%(" .. own .. ", \"HTTP/1%.1 200 OK\\r\\n")
    worker("read%(" .. own .. ", \"GET /hello")
    worker("write%(" .. own .. ", \"HTTP/1%.1 200 OK\\r\\n")
    worker("read%(" .. own .. ", \"\", %d+%)%s+= 0")
    worker("shutdown%(" .. own .. ", SHUT_WR%)%s+= 0")
    worker "exit_group%(0%)"
    assert.truthy(trace_of(third):find(literal "\"GET /pid HTTP/1.1"))
  end)

  -- Those whose arguments both write in the same way: with no pointer that only one of them follows.
  local same = { dup3 = true, close_range = true, read = true, write = true, openat2 = true, fstat = true,
    pread64 = true, close = true, sendto = true, sendfile = true, shutdown = true, accept4 = true,
    rt_sigprocmask = true, setpgid = true, getppid = true }

  local function plain(line)
    return (line:gsub("%s+=%s", " = "):gsub("%[%d+ => (%d+)%]", "[%1]"):gsub("%s*<%d+>$", ""))
  end

  it("are what the server's own ledger says", function()
    local server = spec.start {
      wrap = "strace -ff -qq -o " .. traces,
      env = env,
      config = { trace = true, status = "/status" },
      scripts = { ["app.lua"] = [[
        local app = require "luaserve"
        app:get("/pid", function() return tostring((io.open "/proc/self/stat"):read "n") end)
      ]] },
      www = { ["small.txt"] = "small", ["big.txt"] = ("b"):rep(100000), ["odd.txt"] = '\0001\27"\\\r\n\t\200 of bytes' },
    }
    local client, told = server:client(), {}
    local pid = client:request({ path = "/pid" }).body
    for _, path in ipairs { "/small.txt", "/big.txt", "/odd.txt", "/none" } do
      local id = client:request({ path = path }).headers["x-request-id"]
      for _, call in ipairs(server:trace(id)) do
        if same[call.name] then told[#told + 1] = plain(call.line:match "^%s*%S+ (.*)$") end
      end
    end
    client:close()
    assert.equal(0, server:stop())
    local traced = trace_of(pid)
    local at = traced:find('read%(%d+, "GET /small')
    local seen = {}
    for line in traced:sub(at):gmatch "[^\n]+" do
      if same[line:match "^[%w_]+"] then seen[#seen + 1] = plain(line) end
    end
    assert.truthy(#told > 20)
    assert.same(table.move(seen, 1, #told, 1, {}), told)
  end)

  it("put the answers to pipelined requests for files into one write", function()
    local server = spec.start {
      wrap = "strace -ff -qq -e trace=read,write,writev -o " .. traces,
      env = env,
      www = { ["a.txt"] = "first", ["b.txt"] = "second" },
    }
    local client = server:client()
    client:send("GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n" ..
      "GET /b.txt HTTP/1.1\r\nHost: x\r\n\r\n")
    assert.equal("first", client:receive_response().body)
    assert.equal(404, client:receive_response().status)
    assert.equal("second", client:receive_response().body)
    client:close()
    assert.equal(0, server:stop())
    local writes, supervisor = 0, tostring(server.pid)
    for path in io.popen("ls " .. traces .. ".*"):lines() do
      local pid = path:match "(%d+)$"
      if pid ~= supervisor then
        local text = trace_of(pid)
        writes = writes + select(2, text:gsub("write%(%d+, \"HTTP/1", ""))
        if text:find "HTTP/1" then assert.truthy(text:find "read%(%d+, \"GET /a") end
      end
    end
    assert.equal(1, writes)
  end)

  for _, mode in ipairs { "fork", "pool" } do
    it("of a small file that is asked for again are a read, a look whether it has changed, and a write, " ..
      "in mode " .. mode, function()
      local server = spec.start {
        wrap = "strace -ff -qq -o " .. traces,
        env = env,
        config = { processes = { mode = mode } },
        arguments = { "--www", io.popen("pwd"):read "l" .. "/www" }, -- unchanged for seconds
      }
      local client = server:client()
      for i = 1, 5 do
        assert.equal(200, client:request({ path = "/index.html?" .. i }).status)
      end
      client:close()
      assert.equal(0, server:stop())
      local found
      for path in io.popen("ls " .. traces .. ".*"):lines() do
        local text = trace_of(path:match "(%d+)$")
        found = found or text:match "(read%(%d+, \"GET /index.html%?4.-)read%(%d+, \"GET /index.html%?5"
      end
      assert.truthy(found)
      local calls = {}
      for name in found:gmatch "(%l[%w_]+)%(%d+, \"" do calls[#calls + 1] = name end
      assert.same({ "read", "newfstatat", "write" }, calls)
      assert.is_nil(found:find "open")
      assert.is_nil(found:find "epoll_ctl")
    end)
  end

  it("of an event stream bound how long a client that has vanished goes unnoticed", function()
    local server = spec.start {
      wrap = "strace -ff -qq -e trace=setsockopt -o " .. traces,
      env = env,
      config = { limits = { send_timeout = "7s" } },
      scripts = { ["app.lua"] = [[
        require "luaserve":get("/", function(_, res) res:event(nil, 1) res:event(nil, 2) end)
      ]] },
    }
    assert.equal("data: 1\n\ndata: 2\n\n", server:get("/").body)
    assert.equal(0, server:stop())
    local all = io.popen("cat " .. traces .. ".*"):read "a"
    assert.equal(1, select(2, all:gsub("TCP_USER_TIMEOUT, %[7000%]", "")))
  end)

  it("show the port in network byte order", function()
    local server = spec.start()
    local port = server.port
    server:stop()
    server = spec.start { config = { port = port }, env = env, wrap = "strace -ff -qq -o " .. traces }
    local supervisor = server.pid
    server:stop()
    assert.truthy(trace_of(supervisor):find("bind%(%d+, {sa_family=AF_INET, sin_port=htons%(" .. port .. "%)"))
  end)
end)
