-- The kernel says no somewhere in the life of a client, of a reload, of a stop: the supervisor lives on,
-- nobody gets a wrong answer, and whoever gets none can read why in the log.
local socket = require "socket"
local spec = require "luaserve.spec"

local page = ("line\n"):rep(40000)
local scripts = { ["app.lua"] = [[
  local app = require "luaserve"
  app:get("/hello", function() return "hello" end)
  app:post("/echo", function(req) return { body = req:body() } end)
  app:get("/nap", function() app.sleep("1ms") return "slept" end)
  app:get("/die", function() os.execute "kill -KILL $PPID" app.sleep(5) end)
  app:get("/loop", function() while true do end end)
  app:get("/exit", function() os.exit(3) end)
]] }

local function start(plan)
  return spec.start {
    env = { LUASERVE_FAULT = plan }, scripts = scripts, www = { ["page.txt"] = page },
    config = { limits = { wall = "50ms", head_timeout = "50ms", drain_timeout = 0 },
      processes = { max_clients = 3, queue_timeout = "20ms", per_address = 3 } },
  }
end

-- Right answers, by request; errors may stand in their place.
local requests = {
  { path = "/hello", right = "hello" }, { path = "/page.txt", right = page }, { path = "/nap", right = "slept" },
  { path = "/echo", method = "POST", body = "said", right = "said" }, { path = "/die" }, { path = "/loop" },
  { path = "/exit" },
}

local function ask(server, request)
  local client
  local ok, response = pcall(function()
    client = server:client { timeout = 2 }
    return client:request({ path = request.path, method = request.method, body = request.body }, "close")
  end)
  if client then client:close() end
  return ok and response or nil
end

-- How many of the requests got no right answer.
local function ask_all(server, plan)
  local amiss = 0
  for _, request in ipairs(requests) do
    local response = ask(server, request)
    if not response or response.status ~= 200 then
      amiss = amiss + (request.right and 1 or 0)
      assert.is_true(not response or response.status >= 400, plan)
    else
      assert.is_true(request.right == response.body, plan .. ": " .. request.path)
    end
    assert.is_true(server:alive(), plan .. ": " .. request.path .. "\n" .. server:log())
  end
  return amiss
end

local function crowd(server)
  local clients = {}
  for i = 1, 6 do
    local ok, client = pcall(server.client, server, { timeout = 2 })
    if ok then
      client:send(i % 2 == 0 and "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n" or "GET /hel")
      clients[#clients + 1] = client
    end
  end
  for _, client in ipairs(clients) do
    pcall(client.receive, client, 12)
    client:close()
  end
end

local function reload(server)
  local from = #server:log() + 1
  server:signal "HUP"
  local deadline = socket.gettime() + 5
  repeat
    local said = server:log():find("reload", from, true)
    if not said then socket.select(nil, nil, 0.005) end
  until said or socket.gettime() > deadline
end

local function live_through(plan)
  local server = start(plan)
  local amiss = ask_all(server, plan)
  crowd(server)
  if plan:find "write" == nil then reload(server) end
  amiss = amiss + ask_all(server, plan)
  assert.is_true(amiss == 0 or server:log() ~= "", plan .. ": nothing in the log")
  assert.equal(0, server:stop(), plan)
  return amiss
end

local faults = {
  supervisor = {
    accept4 = { "EMFILE", "ENOMEM", "ECONNABORTED", "EINTR", "EAGAIN", "EPROTO" }, clone = { "EAGAIN", "ENOMEM" },
    dup3 = { "EBUSY" }, fcntl = { "EMFILE" }, epoll_ctl = { "ENOMEM" }, epoll_pwait = { "EINTR" },
    read = { "EAGAIN", "EINTR" }, sendto = { "EAGAIN", "EPIPE", "short" }, getsockopt = { "ENOTCONN" },
    setsockopt = { "EINVAL" }, shutdown = { "ENOTCONN" }, kill = { "ESRCH" }, rt_sigqueueinfo = { "EAGAIN" },
    clock_gettime = { "ESRCH" }, recvfrom = { "ECONNRESET" }, write = { "ENOSPC" }, openat2 = { "EMFILE" },
    mmap = { "ENOMEM" }, close = { "EIO" }, prlimit64 = { "EPERM" }, futex = { "EINTR" }, getrandom = { "EINTR" },
  },
  worker = {
    setpgid = { "EPERM" }, prctl = { "EINVAL" }, prlimit64 = { "EPERM" }, rt_sigaction = { "EINVAL" },
    rt_sigprocmask = { "EINVAL" }, sigaltstack = { "ENOMEM" }, ppoll = { "EINTR", "ENOMEM" }, futex = { "EINTR" },
    close_range = { "ENOMEM" }, shutdown = { "ENOTCONN" }, getrandom = { "EINTR" },
  },
}

describe("a fault of the kernel's", function()
  for role, calls in pairs(faults) do
    for call, errors in pairs(calls) do
      it("in " .. call .. " of the " .. role .. " ends nothing but what needed it", function()
        for _, name in ipairs(errors) do
          for _, which in ipairs { "1", "3" } do
            live_through(("%s/%s:%s:%s"):format(role, call, which, name))
          end
        end
      end)
    end
  end

  it("that lasts is survived, and over when it is over", function()
    for _, plan in ipairs { "supervisor/sendto:1+:EPIPE", "supervisor/getsockopt:1+:ENOTCONN",
      "supervisor/mmap:1+:ENOMEM", "supervisor/kill:1+:EPERM", "supervisor/write:1+:ENOSPC",
      "worker/prlimit64:1+:EPERM", "worker/setpgid:1+:EPERM", "worker/prctl:1+:EINVAL" } do
      live_through(plan)
    end
  end)
end)
