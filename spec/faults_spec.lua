-- What a client gets when the kernel says no, at each place where it can: a whole answer of one
-- kind or another, or a connection that ends early and says so; never a wrong body taken for right.
local spec = require "luaserve.spec"

local large = {}
for i = 1, 40000 do large[i] = string.format("%08d\n", i) end
large = table.concat(large)
local small = "a small file\n"

local expected = {
  ["/small.txt"] = small, ["/large.bin"] = large, ["/hello"] = "hello",
  ["/stream"] = ("piece\n"):rep(10),
}

local function start(plan)
  return spec.start {
    env = { LUASERVE_FAULT = plan },
    config = { listing = true, compress = true, limits = { send_timeout = "5s" }, log = { level = "error" } },
    www = { ["small.txt"] = small, ["large.bin"] = large, ["large.txt"] = large, ["d/x"] = "x" },
    scripts = { ["app.lua"] = [[
      local app = require "luaserve"
      app:get("/hello", function() return "hello" end)
      app:post("/echo", function(req) return { body = req:body() } end)
      app:get("/stream", function(req, res) for i = 1, 10 do res:write "piece\n" res:flush() end end)
    ]] },
  }
end

-- The response to one request on a connection of its own; nil where it ended before its time.
local function ask(server, request)
  local client -- whose connect may already find a reset
  local ok, response = pcall(function()
    client = server:client()
    local answer = client:request(request, "close")
    assert(client:receive "*a" == "", "more than the answer was sent")
    return answer
  end)
  if client then client:close() end
  if ok then return response end
  assert.truthy(tostring(response):match "closed" or tostring(response):match "ends" or
    tostring(response):match "no status line" or tostring(response):match "no chunk size" or
    tostring(response):match "reset" or tostring(response):match "no header field", tostring(response))
  return nil
end

local function check(server, plan)
  for path, body in pairs(expected) do
    local response = ask(server, { path = path })
    if response and response.status == 200 then
      assert.is_true(body == response.body, plan .. ": " .. path)
    elseif response then
      assert.is_true(response.status >= 400, plan .. ": " .. path .. " " .. response.status)
    end
  end
  local part = ask(server, { path = "/large.bin", headers = { Range = "bytes=9-35,90000-179999" } })
  if part and part.status == 206 then
    assert.truthy(part.body:find(large:sub(10, 36), 1, true), plan)
    assert.truthy(part.body:find(large:sub(90001, 180000), 1, true), plan)
  end
  local echo = ask(server, { method = "POST", path = "/echo", body = small })
  if echo and echo.status == 200 then assert.equal(small, echo.body, plan) end
  ask(server, { path = "/d/" })
  ask(server, { path = "/large.txt", headers = { ["Accept-Encoding"] = "gzip" } })
  assert.is_true(server:alive(), plan)
end

describe("a fault of the kernel's", function()
  local calls = {
    read = { "EINTR", "ECONNRESET", "EIO", "short" }, write = { "EINTR", "EPIPE", "ECONNRESET", "short" },
    sendto = { "EINTR", "ECONNRESET", "short" }, sendfile = { "EINTR", "EIO", "ECONNRESET", "short" },
    openat2 = { "EINTR", "EAGAIN", "EMFILE", "ENOMEM", "EACCES", "EIO" }, fstat = { "EIO" },
    pread64 = { "EINTR", "EIO", "short" }, getdents64 = { "EIO" },
    shutdown = { "ENOTCONN" },
  }

  for call, effects in pairs(calls) do
    it("in " .. call .. " is met by each worker, and by none but it", function()
      for _, effect in ipairs(effects) do
        for _, which in ipairs { "1", "2", "3", "2+" } do
          local forever = effect == "EINTR" and which == "2+" -- an interrupt that never ends is no interrupt
          if not forever then
            local plan = "worker/" .. call .. ":" .. which .. ":" .. effect
            local server = start(plan)
            check(server, plan)
            assert.equal(0, server:stop(), plan)
          end
        end
      end
    end)
  end

  it("that is short or an interrupt does not show at all", function()
    for _, plan in ipairs { "worker/read:1+:short", "worker/write:1+:short", "worker/pread64:1+:short",
      "worker/read:1:EINTR,worker/write:1:EINTR,worker/sendfile:1:EINTR,worker/pread64:1:EINTR," ..
      "worker/openat2:1:EINTR,worker/sendto:1:EINTR,worker/openat2:2:EAGAIN" } do
      local server = start(plan)
      for path, body in pairs(expected) do
        if path ~= "/large.bin" or not plan:find "short" then
          local response = ask(server, { path = path })
          assert.equal(200, response and response.status, plan .. " " .. path)
          assert.is_true(body == response.body, plan)
        end
      end
      server:stop()
    end
  end)

  it("names a full house what it is: 503 without descriptors or memory", function()
    for _, code in ipairs { "EMFILE", "ENFILE", "ENOMEM" } do
      local server = start("worker/openat2:1+:" .. code)
      assert.equal(503, ask(server, { path = "/small.txt" }).status)
      server:stop()
    end
    local server = start "worker/openat2:1+:EACCES"
    assert.equal(403, ask(server, { path = "/small.txt" }).status)
    server:stop()
  end)
end)
