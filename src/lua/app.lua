-- The Lua half of require "luaserve": the tools that scripts hold, put together from the other files
-- here. The C half comes as `core`.
local core = ...

local function part(name, ...)
  return core.part(name)(...)
end

local check = part "check"
local routes = part("routes", core, check)
local fail, described = check.fail, check.described

local app = { version = core.version, json = core.json, next = core.next }

local function check_dot(first, name)
  if first == app then fail(2, "call app.%s(...) with a dot", name) end
end

local open_session = part("session", core, part("cookies", core, check))
part("forms", core, check, app)
local compile_views = part("answers", core, check, app, check_dot, part("views", core))
part("auth", core, check, app, check_dot)
local live = part("live", core, check, routes)
part("sockets", core, check, routes, live)
part("channels", core, check, app, check_dot, live)
part("dial", core, check, app, check_dot, live)
part("shared", core, check, app, check_dot)
part("schedules", core, check, routes)
part("duplex", core, check)
routes.open(app)
part("program", core, check, app)

function app.escape(text)
  check_dot(text, "escape")
  if text == nil then fail(1, "app.escape: expected text, found nil") end
  return core.escape(text)
end

function app.sleep(time)
  check_dot(time, "sleep")
  local us = check.duration(time)
  if not us then
    fail(1, 'app.sleep: expected seconds or a duration such as "500ms", found %s',
      described(time))
  end
  core.sleep(us) -- no tail call: its errors name the caller of this function
end

--- The path of a named route: app.url("item", { id = 7 }, { page = 2 }).
function app.url(name, params, query)
  check_dot(name, "url")
  if type(name) ~= "string" then
    fail(1, "app.url: expected the name of a route, found %s", described(name))
  elseif params ~= nil and type(params) ~= "table" or query ~= nil and type(query) ~= "table" then
    fail(1, "app.url: parameters and query are tables")
  end
  local url, why = routes.url(name, params or {}, query or {})
  if not url then fail(1, "app.url: %s", why) end
  return url
end

-- Log ------------------------------------------------------------------------------------------

app.log = {}
for _, level in ipairs { "debug", "info", "warn", "error" } do
  app.log[level] = function(...)
    local parts = table.pack(...)
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    core.log(level, (table.concat(parts, " "):gsub("\0", "\\x00")))
  end
end

--- What the configuration says, before scripts run.
local function configure(settings)
  for name, value in pairs(settings) do core[name] = value end
  app.mode, app.dev = core.mode, core.dev
  open_session()
  compile_views()
  if core.dev then part("dev", core) end
  part("observe", core)
end

-- The third result is called once all scripts have run.
return app, configure, part("around", core, routes)
