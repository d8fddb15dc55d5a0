-- The Lua half of require "luaserve": how routes are written down, and the small tools beside
-- them. The C half comes as `core`.
local core = ...

local app = { version = core.version, json = core.json, next = core.next }

-- How a user's call is named and found in messages --------------------------------------------

local function where(level)
  local info = debug.getinfo(level + 1, "Sl")
  return info.short_src .. ":" .. info.currentline
end

-- Raises at the place of the user's call, `level` calls above the caller.
local function fail(level, format, ...)
  error(string.format(format, ...), level + 2)
end

local function described(value)
  if type(value) == "string" then return string.format("%q", value) end
  return type(value) == "number" and tostring(value) or "a " .. type(value)
end

local function check_self(self, name)
  if self ~= app then fail(2, "call app:%s(...) with a colon", name) end
end

local function check_dot(first, name)
  if first == app then fail(2, "call app.%s(...) with a dot", name) end
end

-- Durations and sizes, as in config.lua --------------------------------------------------------

local seconds_of = { ms = 0.001, s = 1, m = 60, h = 3600 }
local bytes_of = { [""] = 1, K = 2 ^ 10, M = 2 ^ 20, G = 2 ^ 30, T = 2 ^ 40 }

local function in_units(value, units, pattern)
  if type(value) == "number" then return value end
  if type(value) ~= "string" then return nil end
  local number, unit = value:match(pattern)
  number = tonumber(number)
  return number and units[unit] and number * units[unit]
end

--- Microseconds of a duration: a number of seconds, or "500ms", "10s", "5m", "1h".
local function duration(value)
  local seconds = in_units(value, seconds_of, "^(%d+%.?%d*)(%a+)$")
  if not seconds or seconds ~= seconds or seconds < 0 or seconds > 1e9 then return nil end
  return math.floor(seconds * 1e6)
end

local function size(value)
  local bytes = in_units(value, bytes_of, "^(%d+%.?%d*)(%a?)$")
  if not bytes or bytes ~= bytes or bytes < 1 or bytes > 2 ^ 50 then return nil end
  return math.floor(bytes)
end

-- Routes ---------------------------------------------------------------------------------------

local function duration_option(name, value)
  local time = duration(value)
  return time and time > 0 and time or
    fail(4, 'option %s: expected a duration such as "30s", found %s', name, described(value))
end

local function size_option(name, value)
  return size(value) or
    fail(4, 'option %s: expected a size such as "4M", found %s', name, described(value))
end

local options_of = {
  body = size_option, memory = size_option, wall = duration_option, cpu = duration_option,
  body_timeout = duration_option, send_timeout = duration_option,
}

-- The limits that a route has of its own, in bytes and microseconds.
local function read_options(options)
  local limits = {}
  for key, value in pairs(options) do
    local read = options_of[key]
    if not read then
      fail(3, "unknown option %s (known: body, body_timeout, cpu, memory, send_timeout, wall)",
        described(key))
    end
    limits[key] = read(key, value)
  end
  return limits
end

-- Called straight from the function that the user calls, and never by a tail call: the levels
-- count on it.
local function add(name, methods, pattern, options, handler)
  if handler == nil then options, handler = {}, options end
  if type(pattern) ~= "string" then
    fail(2, "app:%s: expected a pattern such as \"/hello/:name\", found %s", name,
      described(pattern))
  elseif type(options) ~= "table" then
    fail(2, "app:%s: expected a table of options, found %s", name, described(options))
  elseif type(handler) ~= "function" then
    fail(2, "app:%s: expected a handler function, found %s", name, described(handler))
  end
  core.route(methods, pattern, handler, where(3), read_options(options))
end

local function define(name, methods)
  app[name] = function(self, pattern, options, handler)
    check_self(self, name)
    add(name, methods, pattern, options, handler)
    return app
  end
end

for _, name in ipairs { "get", "post", "put", "patch", "delete", "options" } do
  define(name, { name:upper() })
end
define("any", { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" })

function app:route(methods, pattern, options, handler)
  check_self(self, "route")
  if type(methods) == "string" then methods = { methods } end
  if type(methods) ~= "table" or #methods == 0 then
    fail(1, 'app:route: expected a list of methods such as { "GET", "POST" }, found %s',
      described(methods))
  end
  for _, method in ipairs(methods) do
    if type(method) ~= "string" then
      fail(1, "app:route: expected the name of a method, found %s", described(method))
    end
  end
  add("route", methods, pattern, options, handler)
  return app
end

-- Answers --------------------------------------------------------------------------------------

function app.redirect(location, status)
  check_dot(location, "redirect")
  if type(location) ~= "string" then
    fail(1, "app.redirect: expected where to, found %s", described(location))
  end
  return { redirect = location, status = status }
end

-- `core.abort` is the metatable that marks what is raised here.
core.abort.__tostring = function(self)
  return self.message or "abort " .. tostring(self.status)
end

function app.abort(status, message)
  check_dot(status, "abort")
  if math.type(status) ~= "integer" or status < 200 or status > 599 then
    fail(1, "app.abort: expected a status from 200 to 599, found %s", described(status))
  end
  error(setmetatable({ status = status, message = message and tostring(message) }, core.abort))
end

function app.escape(text)
  check_dot(text, "escape")
  if text == nil then fail(1, "app.escape: expected text, found nil") end
  return core.escape(text)
end

function app.sleep(time)
  check_dot(time, "sleep")
  local us = duration(time)
  if not us then
    fail(1, 'app.sleep: expected seconds or a duration such as "500ms", found %s',
      described(time))
  end
  core.sleep(us) -- no tail call: its errors name the caller of this function
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

return app
