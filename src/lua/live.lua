-- Connections that a handler has for itself: the methods that wait, and app:tcp. What core does never
-- waits, but for core.wait and core.wait_out.
local core, check, routes = ...

local fail, described = check.fail, check.described

local conn = core.conn
local M = {}

--- A time in µs from an optional duration; 0: none. `default` in µs, 0: none.
function M.deadline(level, what, timeout, default)
  if timeout == nil then return default > 0 and core.now() + default or 0 end
  local us = check.duration(timeout)
  if not us then
    fail(level + 1, '%s: expected a time-out in seconds or such as "5s", found %s', what, described(timeout))
  end
  return core.now() + us
end

-- Why a wait has ended for good.
local function stopped()
  if core.stops() then return nil, "the server stops", "ESHUTDOWN" end
  return nil, "the reader of this client has ended", "ESHUTDOWN"
end

-- What `try` has to say of self, as soon as it has: as few values as it takes, so that they can be handed on.
function M.receive(try, self, due, what)
  while true do
    local done, value, extra, code = try(self, what)
    if done and code ~= nil then return value, extra, code end
    if done and extra ~= nil then return value, extra end
    if done then return value end
    local went = core.wait(due, self)
    if went == nil then return stopped() end
    if went == false then return nil, "timed out", "ETIMEDOUT" end
  end
end

-- Connections --------------------------------------------------------------------------------------

local function read(self, what, timeout)
  check.colon(self, "conn:read")
  return M.receive(core.try, self, M.deadline(2, "conn:read", timeout, core.live_timeout()), what)
end

--- What has come (without an argument), n bytes (fewer at the end), a "line" without its end, or "all" up to
--- the end; nil at the end. A time-out (limits.live_timeout) gives nil, "timed out", "ETIMEDOUT".
conn.read = read

--- for line in conn:lines() do … end
function conn.lines(self)
  check.colon(self, "conn:lines")
  return function() return (read(self, "line")) end
end

local function write(self, text)
  local from = 1
  while true do
    local message, code
    from, message, code = core.write(self, text, from)
    if not from then return nil, message, code end
    if from > #text then return self end
    local went = core.wait_out(core.now() + core.send_timeout(), self)
    if went == nil then return stopped() end
    if went == false then return nil, "timed out", "ETIMEDOUT" end
  end
end

--- Writes texts and numbers, one after the other, and waits until the kernel has them all.
function conn.write(self, ...)
  check.colon(self, "conn:write")
  local text = ...
  if select("#", ...) ~= 1 or type(text) ~= "string" then
    local parts = table.pack(...)
    for i = 1, parts.n do
      local kind = type(parts[i])
      if kind ~= "string" and kind ~= "number" then
        fail(1, "conn:write: expected text, found %s", described(parts[i]))
      end
    end
    text = table.concat(parts)
  end
  if text == "" then return self end
  return write(self, text)
end

-- Several sources ----------------------------------------------------------------------------------

--- How each kind of source is tried: function(source) → done, message, and whatever else there is.
M.tries = { [conn] = function(source) return core.try(source) end }

--- Methods of what a source is → itself; see M.tries.
local function try_of(level, source)
  local meta = getmetatable(source)
  local try = type(source) ~= "string" and meta and M.tries[meta.__index]
  return try or fail(level + 1, "events: expected a connection or a subscription, found %s", described(source))
end

--- for source, message in self:events(other, …[, { timeout = "5s" }]) do … end: whatever comes first, from
--- anyone of them. Ends when self does; with a time-out "timeout" is a source too. Another one that ends
--- gives nil as its message, once.
function M.events(self, ...)
  local sources, tries, timeout = { self, ... }, {}, nil
  local last = sources[#sources]
  if #sources > 1 and type(last) == "table" and getmetatable(last) == nil then
    check.keys(2, "events", last, { timeout = true })
    timeout = last.timeout
    sources[#sources] = nil
  end
  if timeout ~= nil then M.deadline(1, "events", timeout, 0) end
  for i, source in ipairs(sources) do tries[i] = try_of(1, source) end
  local at = 0
  local idle = tries[1] == M.tries[conn] and core.live_timeout() or 0 -- others know whether they live
  return function()
    local due = M.deadline(1, "events", timeout, idle)
    while true do
      for _ = 1, #sources do -- whoever has just given something comes last
        at = at % #sources + 1
        local source = sources[at]
        local done, message, extra, code = tries[at](source)
        if done and source == self and message == nil then return nil end
        if done then
          if message == nil then
            table.remove(sources, at)
            table.remove(tries, at)
            at = at - 1
          end
          return source, message, extra, code
        end
      end
      local went = core.wait(due, table.unpack(sources))
      if went == nil then return nil end
      if went == false then
        if timeout == nil then return nil end
        return "timeout"
      end
    end
  end
end

conn.events = M.events

-- Services -----------------------------------------------------------------------------------------

--- app:tcp(address[, options], function(conn) … end): whoever connects to that address is the handler's.
function routes.of_app.tcp(self, address, options, handler)
  routes.scope_of(self, "tcp")
  if handler == nil then options, handler = {}, options end
  if type(address) ~= "string" then
    fail(1, 'app:tcp: expected an address such as "127.0.0.1:55555", found %s', described(address))
  elseif type(options) ~= "table" then
    fail(1, "app:tcp: expected a table of options, found %s", described(options))
  elseif type(handler) ~= "function" then
    fail(1, "app:tcp: expected a function that is given the connection, found %s", described(handler))
  end
  local limits = routes.read_options(1, options, "app:tcp")
  limits.name = nil
  core.service { address = address, handler = handler, where = check.where(2), limits = limits }
  return self
end

return M
