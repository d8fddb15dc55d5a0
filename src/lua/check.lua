-- How the arguments of a user's call are checked, and named in messages.
local M = {}

--- "file:line" of the call `level` calls above the caller.
function M.where(level)
  local info = debug.getinfo(level + 1, "Sl")
  return info.short_src .. ":" .. info.currentline
end

--- Raises at the place of the user's call, `level` calls above the caller.
function M.fail(level, format, ...)
  error(string.format(format, ...), level + 2)
end

--- Raises when the user has called a method with a dot.
function M.colon(self, name)
  if type(self) ~= "userdata" then M.fail(2, "call %s(...) with a colon", name) end
end

--- How a value is called in a message: "nothing", 12, "text", a table …
function M.described(value)
  if type(value) == "string" then return string.format("%q", value) end
  if value == nil then return "nil" end
  return type(value) == "number" and tostring(value) or "a " .. type(value)
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

--- Microseconds of a duration: a number of seconds, or "500ms", "10s", "5m", "1h"; else nil.
function M.duration(value)
  local seconds = in_units(value, seconds_of, "^(%d+%.?%d*)(%a+)$")
  if not seconds or seconds ~= seconds or seconds < 0 or seconds > 1e9 then return nil end
  return math.floor(seconds * 1e6)
end

--- Bytes of a size: a number of them, or "64K", "1M", "4G"; else nil.
function M.size(value)
  local bytes = in_units(value, bytes_of, "^(%d+%.?%d*)(%a?)$")
  if not bytes or bytes ~= bytes or bytes < 1 or bytes > 2 ^ 50 then return nil end
  return math.floor(bytes)
end

--- Raises at a key of `options` that is not among those of `known`, and lists these.
function M.keys(level, what, options, known)
  for key in pairs(options) do
    if known[key] == nil then
      local names = {}
      for name in pairs(known) do names[#names + 1] = name end
      table.sort(names)
      M.fail(level + 1, "%s: unknown option %s (known: %s)", what, M.described(key),
        table.concat(names, ", "))
    end
  end
end

return M
