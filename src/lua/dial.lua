-- app.connect: connections that handlers make themselves.
local core, check, app, check_dot = ...

local fail, described = check.fail, check.described

local OPTIONS = { local_port = true, timeout = true }
local TIMEOUT = 10e6 -- µs

local function port_option(name, value)
  if math.type(value) == "integer" and value >= 1 and value <= 65535 then return value end
  fail(2, "app.connect: %s: expected a port from 1 to 65535, found %s", name, described(value))
end

local function try(addresses, index, local_port, due)
  local conn, stands, code = core.dial(addresses, index, local_port)
  if not conn then return nil, stands, code end
  if not stands then
    if not core.wait_out(due, conn) then
      conn:close()
      return nil, "timed out", "ETIMEDOUT"
    end
    local well, message
    well, message, code = core.dialed(conn)
    if not well then
      conn:close()
      return nil, message, code
    end
  end
  return conn
end

--- app.connect("127.0.0.1", 55555[, { local_port = 55556, timeout = "3s" }]), app.connect("unix:/path"): a
--- connection; or nil, message, code ("ECONNREFUSED").
function app.connect(host, port, options)
  check_dot(host, "connect")
  if not core.running() then fail(1, "app.connect is only for handlers and schedules") end
  if type(host) ~= "string" or host == "" then
    fail(1, 'app.connect: expected a host such as "127.0.0.1", found %s', described(host))
  end
  local unix = host:sub(1, 5) == "unix:"
  if unix then port, options = 1, options or port else port_option("port", port) end
  if options ~= nil and type(options) ~= "table" then
    fail(1, "app.connect: expected a table of options, found %s", described(options))
  end
  options = options or {}
  check.keys(1, "app.connect", options, OPTIONS)
  if options.local_port ~= nil then port_option("local_port", options.local_port) end
  local timeout = options.timeout == nil and TIMEOUT or check.duration(options.timeout)
  if not timeout then
    fail(1, "app.connect: timeout: expected a duration, found %s", described(options.timeout))
  end
  local due = core.now() + math.tointeger(timeout)
  local addresses, count, code = core.resolve(host, port)
  if not addresses then return nil, count, code end
  local conn, message
  for index = 1, count do -- each has its part of the time
    local now = core.now()
    local part = math.max(due - now, 0) // (count - index + 1)
    conn, message, code = try(addresses, index, options.local_port, now + part)
    if conn then return conn end
  end
  return nil, message, code
end
