-- What handlers may not ask the kernel for.
local socket = require "socket"
local spec = require "luaserve.spec"

local scripts = { ["app.lua"] = [[
  local app = require "luaserve"
  assert(io.popen("echo loaded"):read "l" == "loaded") -- scripts may, while they load
  local function results(...)
    local all = table.pack(...)
    for i = 1, all.n do all[i] = all[i] == nil and app.json.null or type(all[i]) == "userdata" and "file" or all[i] end
    return { json = { table.unpack(all, 1, all.n) } }
  end
  app:get("/execute", function() return results(os.execute "true") end)
  app:get("/shell", function() return results(os.execute()) end)
  app:get("/popen", function() return results(io.popen "echo hello") end)
  app:get("/read", function() return results(io.open "/etc/hostname") end)
  app:get("/write", function(req) return results(io.open(req.query.to, "w")) end)
  app:get("/append", function(req) return results(io.open(req.query.to, "a")) end)
  app:get("/remove", function(req) return results(os.remove(req.query.to)) end)
  app:get("/rename", function(req) return results(os.rename(req.query.to, req.query.to .. "2")) end)
  app:get("/connect", function(req)
    local connection, message = require("socket").tcp()
    if not connection then return results(nil, message) end
    return results(connection:connect("127.0.0.1", math.tointeger(req.query.port)))
  end)
  app:get("/page", function() return { file = "page.txt" } end)
  app:get("/sleep", function() app.sleep("1ms") return "slept" end)
]] }

local page = ("page\n"):rep(50000)

local function start(sandbox, more)
  local config = { sandbox = sandbox }
  for key, value in pairs(more or {}) do config[key] = value end
  return spec.start { scripts = scripts, www = { ["page.txt"] = page }, config = config }
end

local EPERM = "Operation not permitted"

describe("a sandbox", function()
  local function ask(server, path) return server:get(path).json end

  local function check_served(server)
    assert.is_true(server:get("/page").body == page)
    assert.is_true(server:get("/page.txt").body == page)
    assert.equal("slept", server:get("/sleep").body)
    assert.equal(404, server:get("/none").status)
  end

  it("without processes starts none, and says why not", function()
    local server = start { processes = false }
    for _, path in ipairs { "/execute", "/popen" } do
      local result = ask(server, path)
      assert.same({ nil, EPERM, 1 }, { result[1], result[2], result[3] })
    end
    assert.equal("file", ask(server, "/read")[1])
    assert.equal("file", ask(server, "/write?to=" .. server.dir .. "/new")[1])
    check_served(server)
    server:stop()
  end)

  it("without connect opens no socket", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local server, open = start { connect = false }, start {}
    assert.equal(1, ask(open, "/connect?port=" .. math.tointeger(port))[1])
    local refused = ask(server, "/connect?port=" .. math.tointeger(port))
    assert.not_equal(1, refused[1])
    assert.truthy(tostring(refused[2]):lower():find("not permitted", 1, true), tostring(refused[2]))
    assert.equal(true, ask(server, "/execute")[1])
    check_served(server)
    server:stop()
    open:stop()
    listener:close()
  end)

  it("with files to read changes none", function()
    local server = start { files = "read" }
    local name = server.dir .. "/config.lua"
    assert.equal("file", ask(server, "/read")[1])
    for _, call in ipairs { "write", "append", "remove", "rename" } do
      local result = ask(server, "/" .. call .. "?to=" .. name)
      assert.truthy(tostring(result[2]):find(EPERM, 1, true), call)
      assert.equal(1, result[3], call)
    end
    assert.truthy(io.open(name))
    check_served(server)
    server:stop()
  end)

  it("without files opens none, and still serves www", function()
    local server = start { files = "none" }
    local result = ask(server, "/read")
    assert.truthy(tostring(result[2]):find(EPERM, 1, true))
    assert.equal(1, result[3])
    check_served(server)
    server:stop()
  end)

  it("of all kinds lives through deaths, reloads and stops like any other server", function()
    local server = start({ processes = false, connect = false, files = "read" }, { log = { level = "info" } })
    check_served(server)
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation 2")
    check_served(server)
    local client = server:client()
    assert.equal(200, client:request({ path = "/page" }).status)
    assert.equal(0, server:stop())
    client:close()
  end)

  it("is not there unless it is asked for", function()
    local server = start {}
    assert.same({ true, "exit", 0 }, ask(server, "/execute"))
    assert.equal("file", ask(server, "/popen")[1])
    assert.same({ true }, ask(server, "/shell"))
    server:stop()
  end)

  it("that cannot be entered serves nobody outside of it", function()
    local server = spec.start { scripts = scripts, env = { LUASERVE_FAULT = "worker/seccomp:1+:EINVAL" },
      config = { sandbox = { processes = false } } }
    if spec.mode == "fork" then assert.equal(500, server:get("/execute").status) end
    assert.truthy(server:log "worker %d+ died: its sandbox cannot be entered")
    server:stop()
  end)

  it("that is none is told at the start", function()
    local code, _, err = spec.run { config = { sandbox = { files = "some" } } }
    assert.equal(78, code)
    assert.truthy(err:find('sandbox.files: expected one of "write", "read", "none"', 1, true), err)
  end)
end)
