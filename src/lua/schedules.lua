-- app:every: functions that are called at intervals, each time in a process of their own.
local core, check, routes = ...

local fail, described = check.fail, check.described

local SHORTEST, NAME = 1e5, 63 -- µs, bytes
local count = 0

local function time(what, value, least)
  local us = check.duration(value)
  if us and us >= least then return us end
  fail(2, 'app:every: %s: expected %s such as "1m", found %s', what,
    least > 0 and "at least 100ms," or "a duration", described(value))
end

--- app:every(interval[, options], function() … end). Options: first (when it is called first; after one interval),
--- name (by which it is known in the log and over reloads), and the limits of routes.
function routes.of_app.every(self, interval, options, handler)
  routes.scope_of(self, "every")
  if handler == nil then options, handler = {}, options end
  if type(options) ~= "table" then
    fail(1, "app:every: expected a table of options, found %s", described(options))
  elseif type(handler) ~= "function" then
    fail(1, "app:every: expected a function, found %s", described(handler))
  end
  local us = time("interval", interval, SHORTEST)
  local first = options.first == nil and us or time("first", options.first, 0)
  local rest = {}
  for key, value in pairs(options) do
    if key ~= "first" then rest[key] = value end
  end
  local limits = routes.read_options(1, rest, "app:every", { first = true })
  count = count + 1
  local name = limits.name or "#" .. count
  if #name > NAME then fail(1, "app:every: option name: at most %d bytes", NAME) end
  limits.name = nil
  core.schedule { name = name, handler = handler, where = check.where(2), interval = us, first = first,
    limits = limits }
  return self
end
