-- app.shared: values that all processes share.
local core, check, app, check_dot = ...

local fail, described = check.fail, check.described
local dict = core.shared

--- The dictionary of that name.
function app.shared(name)
  check_dot(name, "shared")
  if type(name) ~= "string" or name == "" or #name > 255 then
    fail(1, "app.shared: expected a name of 1 to 255 bytes, found %s", described(name))
  end
  return (core.dict(name))
end

-- Microseconds; nil: for ever.
local function time(what, ttl)
  if ttl == nil then return nil end
  local us = check.duration(ttl)
  if not us or us < 1 then
    fail(2, '%s: expected a time to live in seconds or such as "10m", found %s', what, described(ttl))
  end
  return us
end

--- Sets a value: text, a number, a boolean, or a table that JSON can hold; ttl: how long it stays (for ever).
function dict.set(self, key, value, ttl)
  check.colon(self, "dictionary:set")
  return core.shared_set(self, key, value, time("set", ttl), "set")
end

--- The same if there is none yet. Was it set?
function dict.add(self, key, value, ttl)
  check.colon(self, "dictionary:add")
  return core.shared_set(self, key, value, time("add", ttl), "add")
end

--- The same if there is one already. Was it set?
function dict.replace(self, key, value, ttl)
  check.colon(self, "dictionary:replace")
  return core.shared_set(self, key, value, time("replace", ttl), "replace")
end

--- Adds to a number (1), and gives the new one. What is not there is 0, and then lives for ttl.
function dict.incr(self, key, by, ttl)
  check.colon(self, "dictionary:incr")
  return core.shared_incr(self, key, by == nil and 1 or by, time("incr", ttl))
end

--- How long it stays from now on (nil: for ever). Was it there?
function dict.expire(self, key, ttl)
  check.colon(self, "dictionary:expire")
  return core.shared_expire(self, key, time("expire", ttl) or 0)
end

--- Seconds until it goes; math.huge: it stays; nil: it is not there.
function dict.ttl(self, key)
  check.colon(self, "dictionary:ttl")
  local us = core.shared_ttl(self, key)
  return us and (us == 0 and math.huge or us / 1e6)
end

--- Sets fn(value), which is called without a lock, and again when somebody else was faster; what it gives (nil:
--- nothing is changed). Without a ttl it lives as long as it would have.
function dict.update(self, key, fn, ttl)
  check.colon(self, "dictionary:update")
  if type(fn) ~= "function" then fail(1, "update: expected a function, found %s", described(fn)) end
  local us = time("update", ttl)
  while true do
    local value, version = core.shared_read(self, key)
    local new = fn(value)
    if new == nil or core.shared_set(self, key, new, us, us and "version" or "keep", version) then return new end
  end
end
