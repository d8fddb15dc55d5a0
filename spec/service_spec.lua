-- As a service: sockets that were handed over, whom it becomes, what it tells its manager.
local socket = require "socket"
local spec = require "luaserve.spec"

local scripts = { ["app.lua"] = [[
  local app = require "luaserve"
  local loaded = io.open("/proc/self/status"):read "a"
  app:get("/loaded", function() return { text = loaded } end)
  app:get("/status", function() return { text = io.open("/proc/self/status"):read "a" } end)
  app:get("/environment", function()
    return { text = tostring(os.getenv "LISTEN_FDS") .. tostring(os.getenv "NOTIFY_SOCKET") }
  end)
]] }

local function read(path)
  local file = io.open(path)
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

local function eventually(condition)
  local deadline = socket.gettime() + 10
  local result = condition()
  while not result and socket.gettime() < deadline do
    socket.select(nil, nil, 0.005)
    result = condition()
  end
  return result
end

-- A wrapper that listens on `count` sockets, and hands them over as descriptors 3 and following.
local function handing_over(count, pid)
  return "perl -MSocket -MPOSIX=close -e '$^F = 20; POSIX::close($_) for 3 .. 99; for my $fd (1 .. " .. count .. [[) {
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die; push @all, $s;
    bind($s, sockaddr_in(0, INADDR_LOOPBACK)) or die; listen($s, 5) or die }
    $ENV{LISTEN_PID} = ]] .. (pid or "$$") .. "; $ENV{LISTEN_FDS} = " .. count .. "; exec @ARGV' --"
end

describe("LISTEN_FDS", function()
  it("is listened on instead of what is configured, also after a reload", function()
    local server = spec.start { scripts = scripts, wrap = handing_over(2), config = { port = 1 } }
    local ports = {}
    for port in server.ready:gmatch "http://127%.0%.0%.1:(%d+)" do ports[#ports + 1] = tonumber(port) end
    assert.equal(2, #ports)
    for _ = 1, 2 do
      for _, port in ipairs(ports) do
        server.port = port
        assert.equal("nilnil", server:get("/environment").body)
      end
      local log = #server:log()
      server:signal "HUP"
      assert.truthy(eventually(function() return server:log():sub(log):find "reloaded" end))
    end
    assert.equal(0, server:stop())
  end)

  it("of another process is not ours", function()
    local server = spec.start { scripts = scripts, wrap = handing_over(1, 1) }
    assert.equal("nilnil", server:get("/environment").body)
    server:stop()
  end)

  it("that is no listening socket is an error", function()
    local code, _, err = spec.run { scripts = scripts,
      wrap = [[sh -c 'exec 3</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"' sh]] }
    assert.equal(69, code)
    assert.truthy(err:find("LISTEN_FDS: descriptor 3 is no listening stream socket", 1, true), err)
  end)
end)

describe("NOTIFY_SOCKET", function()
  it("is told when the server is ready, reloads and stops", function()
    local path = os.tmpname()
    os.remove(path)
    local manager = require "socket.unix".dgram()
    assert(manager:bind(path))
    manager:settimeout(10)
    local server = spec.start { scripts = scripts, env = { NOTIFY_SOCKET = path } }
    assert.equal("READY=1", manager:receive())
    assert.equal("nilnil", server:get("/environment").body)
    server:signal "HUP"
    assert.truthy(manager:receive():find "^RELOADING=1\nMONOTONIC_USEC=%d+$")
    assert.equal("READY=1", manager:receive())
    local file = assert(io.open(server.dir .. "/scripts/app.lua", "w"))
    file:write "error 'no'"
    file:close()
    server:signal "HUP"
    assert.truthy(manager:receive():find "^RELOADING=1\n")
    assert.equal("READY=1", manager:receive())
    server:signal "TERM"
    assert.equal("STOPPING=1", manager:receive())
    server:wait()
    os.remove(path)
  end)
end)

describe("pidfile", function()
  it("holds the process id while the server runs", function()
    local server = spec.start { config = { pidfile = "server.pid" } }
    local path = server.dir .. "/server.pid"
    assert.equal(server.pid .. "\n", read(path))
    server:get "/"
    assert.equal(server.pid .. "\n", read(path))
    server:signal "TERM"
    assert.truthy(eventually(function() return not read(path) end))
    server:wait()
  end)

  it("that cannot be written is an error, and is left alone by a server that cannot bind", function()
    local code, _, err = spec.run { config = { pidfile = "/nowhere/pid" } }
    assert.equal(78, code)
    assert.truthy(err:find("pidfile: cannot write /nowhere/pid: No such file", 1, true), err)
    local server = spec.start { config = { pidfile = "server.pid" } }
    local second = spec.run { config = { port = server.port, pidfile = server.dir .. "/server.pid" } }
    assert.equal(69, second)
    assert.equal(server.pid .. "\n", read(server.dir .. "/server.pid"))
    server:stop()
  end)
end)

describe("a server that root starts", function()
  local is_root = io.popen("id -u"):read "n" == 0

  local function ids(text)
    return text:match "\nUid:%s+([%d\t]+)\n", text:match "\nGid:%s+([%d\t]+)\n", text:match "\nGroups:[ \t]*(.-)[ \t]*\n"
  end

  it("warns when it stays root", function()
    if not is_root then return pending "needs root" end
    local server = spec.start { scripts = scripts }
    assert.truthy(server:log "serving as root: whatever a handler does, root does; set user in config%.lua")
    server:stop()
  end)

  it("becomes the user and the group that it is told, without any other group, before scripts run", function()
    if not is_root then return pending "needs root" end
    for _, case in ipairs {
      { { user = "nobody" }, "65534", io.popen("id -g nobody"):read "l" },
      { { user = "nobody", group = "daemon" }, "65534", "1" }, { { user = "1234", group = "4321" }, "1234", "4321" },
    } do
      local server = spec.start { wrap = "sh -c 'chmod -R a+rX .; exec \"$@\"' sh", scripts = scripts, config = case[1] }
      assert.is_nil(server:log():find("as root", 1, true))
      for _, path in ipairs { "/loaded", "/status" } do
        local uid, gid, groups = ids(server:get(path).body)
        assert.equal((case[2] .. "\t"):rep(4), uid .. "\t")
        assert.equal((case[3] .. "\t"):rep(4), gid .. "\t")
        assert.equal("", groups)
      end
      local log = #server:log()
      server:signal "HUP"
      assert.truthy(eventually(function() return server:log():sub(log):find "reloaded" end), server:log())
      assert.equal(200, server:get("/status").status)
      assert.equal(0, server:stop())
    end
  end)

  it("says which user or group there is not", function()
    for key, message in pairs { user = 'user: there is no user "no-such"', group = 'group: there is no group "no-such"' } do
      local code, _, err = spec.run { config = { [key] = "no-such" } }
      assert.equal(78, code)
      assert.truthy(err:find(message, 1, true), err)
    end
  end)
end)

describe("a server in a folder that holds nothing", function()
  it("says so", function()
    local server = spec.start()
    assert.truthy(server:log "nothing to serve: there is no folder .*www, and no script in .*scripts")
    server:stop()
  end)
end)
