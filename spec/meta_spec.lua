-- What editors are told is what there is.
local json = require "luaserve.json"
local socket = require "socket"
local spec = require "luaserve.spec"

local SCRIPT = [[
  local app = require "luaserve"
  local json = app.json
  local function kinds(...)
    local list = {}
    for _, t in ipairs { ... } do
      for name, value in pairs(t) do
        if type(name) == "string" and not name:find "^__" then list[name] = type(value) == "function" and "function" or "field" end
      end
    end
    return list
  end
  local function members(object)
    local _, members = debug.getupvalue(getmetatable(object).__index, 1)
    return kinds(members)
  end
  local function methods(object)
    return kinds(getmetatable(object).__index)
  end
  app:ws("/socket", function(_, ws) ws:send(methods(ws)) end)
  app:tcp("127.0.0.1:0", function(conn) conn:write(json.encode(methods(conn))) end)
  local group
  app:group("/g", function(g) group = kinds(getmetatable(g).__index) end)
  app:get("/shared", function()
    local channel = app.channel "x"
    return { json = { Dictionary = methods(app.shared "x"), Channel = methods(channel),
      Subscription = methods(channel:subscribe()) } }
  end)
  app:post("/live", function(req, res)
    local part
    for p in req:parts() do part = part or kinds(getmetatable(p)) end
    local request, response = members(req), members(res)
    response.headers, response.status = "field", "field"
    return { json = { app = kinds(app), Scope = group, json = kinds(json), log = kinds(app.log), Request = request,
      Response = response, Part = part } }
  end)
]]

-- All that comes from a raw service.
local function said_by(port)
  local conn = assert(socket.connect("127.0.0.1", port))
  conn:settimeout(5)
  local text = assert(conn:receive "*a")
  conn:close()
  return text
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

-- class → name → "function" or "field", as the annotations have it.
local function annotated()
  local classes = { app = {}, Scope = {}, json = {}, log = {}, Request = {}, Response = {}, Part = {}, Connection = {},
    WebSocket = {}, Dictionary = {}, Channel = {}, Subscription = {} }
  local fields = {}
  for line in read "scripts/meta/luaserve.d.lua":gmatch "[^\n]+" do
    local field = line:match "^%-%-%-@field ([%w_]+)%??%s"
    if field then fields[#fields + 1] = field end
    if line:find "^%-%-%-@class" then fields = {} end
    local owner = line:match "^local (%w+) = {}"
    for _, name in ipairs(owner and fields or {}) do classes[owner][name] = "field" end
    local class, name = line:match "^function ([%w.]+)[.:]([%w_]+)%("
    if class then classes[class:match "[%w]+$"][name] = "function" end
    local inner = line:match "^app%.(%w+) = {}"
    if inner then classes.app[inner] = "field" end
    local value = line:match "^app%.json%.(%w+) = nil"
    if value then classes.json[value] = "field" end
  end
  for name, kind in pairs(classes.Scope) do classes.app[name] = kind end
  return classes
end

describe("the annotations", function()
  local live
  setup(function()
    local server = spec.start { scripts = { ["app.lua"] = SCRIPT } }
    live = server:post("/live", { multipart = { a = "1" } }).json
    for class, members in pairs(server:get("/shared").json) do live[class] = members end
    local ws = server:ws "/socket"
    live.WebSocket = json.decode((ws:receive()))
    ws:close()
    live.Connection = json.decode(said_by(server.ready:match "tcp://127%.0%.0%.1:(%d+)"))
    server:stop()
  end)

  -- What stands in a part beside its methods is what the client said.
  local PART = { name = "field", filename = "field", type = "field" }

  for class in pairs(annotated()) do
    it("of " .. class .. " name what is there, and nothing else", function()
      local there = live[class]
      if class == "Part" then for name, kind in pairs(PART) do there[name] = kind end end
      assert.are.same(there, annotated()[class])
    end)
  end

  it("are Lua", function()
    assert(loadfile "scripts/meta/luaserve.d.lua")
  end)
end)
