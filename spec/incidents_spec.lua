-- What the log holds of a request that ended badly: an entry of several lines, one write.
local spec = require "luaserve.spec"

local scripts = { ["app.lua"] = [[
  local app = require "luaserve"
  local function spin() while true do end end
  app:get("/spin", { wall = "100ms" }, function() spin() end)
  app:get("/burn", { cpu = "100ms" }, function() spin() end)
  app:get("/swell", { memory = "1M" }, function() return ("x"):rep(8 << 20) end)
  app:get("/stuck", { wall = "100ms" }, function()
    return tostring((("a"):rep(50000)):find((".-"):rep(20) .. "b"))
  end)
  app:get("/segv", function() os.execute "kill -SEGV $PPID" app.sleep(5) end)
]] }

describe("the log entry of an incident", function()
  local server
  setup(function() server = spec.start { scripts = scripts } end)
  teardown(function() server:stop() end)

  local secret = { Authorization = "Basic c2VjcmV0", ["Proxy-Authorization"] = "s3cret-2", Cookie = "session=s3cret-3",
    ["Set-Cookie"] = "s3cret-4", ["X-Shown"] = "shown" }

  -- The lines of the entry about that path, the first one and those that are indented below it.
  local function entry(path, status, pattern)
    local response = server:get(path, { headers = secret })
    assert.equal(status, response.status)
    assert.truthy(server:log(response.headers["x-request-id"] .. ".* GET " .. path .. ": .*" .. pattern))
    local text = server:log()
    local from = text:find(response.headers["x-request-id"] .. "[^\n]* GET " .. path)
    local rest = text:sub(from)
    return rest:match "^[^\n]*\n" .. (rest:match "^[^\n]*\n(.*)$":gsub("\n%f[%S].*$", "\n"))
  end

  local function has_head(text, path)
    assert.truthy(text:find("\n    GET " .. path .. " HTTP/1.1\n", 1, true), text)
    assert.truthy(text:find("\n    X-Shown: shown\n", 1, true))
    for name in pairs(secret) do
      if name ~= "X-Shown" then assert.truthy(text:find("\n    " .. name .. ": (not shown)\n", 1, true), name) end
    end
    assert.falsy(text:find "s3cret")
    assert.falsy(text:find "c2VjcmV0")
    assert.truthy(text:find "\n    %d+%.%d%d%d s after the head of the request had come")
  end

  for path, cause in pairs { ["/spin"] = "handler over its wall time", ["/burn"] = "handler over its CPU time" } do
    it("has the traceback of a " .. cause .. ", and what was asked", function()
      local text = entry(path, 503, cause)
      assert.truthy(text:find "stack traceback:")
      assert.truthy(text:find "app.lua:2: in upvalue 'spin'" or text:find "app.lua:2: in function")
      has_head(text, path)
    end)
  end

  it("has what was asked of a handler over its memory", function()
    has_head(entry("/swell", 503, "handler over its memory"), "/swell")
  end)

  local function has_usage(text)
    assert.truthy(text:find "used %d+%.%d%d%d s of CPU as user, %d+%.%d%d%d s in the kernel, %d+ KiB of memory at most; " , text)
    assert.truthy(text:find "; %d+ page faults, %d+ of them from disk\n")
  end

  it("has what a handler that had to be killed has used", function()
    local text = entry("/stuck", 503, "handler did not end when interrupted: killed %(worker %d+%)")
    has_usage(text)
    has_head(text, "/stuck")
  end)

  it("has the signal that a worker died of", function()
    local text = entry("/segv", 500, "worker %d+ died: killed by signal 11")
    has_usage(text)
    has_head(text, "/segv")
  end)

  it("has the last syscalls, where they are recorded", function()
    assert.falsy(entry("/segv", 500, "worker %d+ died"):find "its last calls")
    local tracing = spec.start { scripts = scripts, config = { trace = true } }
    assert.equal(500, tracing:get("/segv").status)
    assert.truthy(tracing:log "its last calls:")
    local calls = tracing:log():match "its last calls:\n(.*)$"
    assert.truthy(calls:find '^    +%-%d+ %l[%w_]+%(')
    assert.truthy(calls:find 'read%(%d+, "GET /segv HTTP/1.1')
    assert.truthy(calls:find "kill%(%d+, SIGSEGV%) = 0")
    tracing:stop()
  end)
end)
