-- What the specs of the examples have in common: a server with one script, which is the example's own but for
-- its ports.
local socket = require "socket"
local spec = require "luaserve.spec"

local HERE = debug.getinfo(1, "S").source:match "^@(.*)spec/[^/]*$"

local M = { folder = HERE }

local function contents(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

--- The text of a script: it listens on a free port; `changes` are made literally (text → text).
function M.script(name, changes)
  local text = contents(HERE .. "scripts/" .. name)
  for from, to in pairs(changes or {}) do
    local at, last = text:find(from, 1, true)
    text = assert(at and text:sub(1, at - 1) .. to .. text:sub(last + 1), name .. " has no " .. from)
  end
  return (text:gsub('app:tcp%("127%.0%.0%.1:%d+"', 'app:tcp("127.0.0.1:0"'))
end

--- A server with that script, and the port of its service if it has one.
function M.start(name, changes, options)
  options = options or {}
  options.scripts = { [name] = M.script(name, changes), ["lib/pid.lua"] = contents(HERE .. "scripts/lib/pid.lua") }
  local server = spec.start(options)
  return server, tonumber(server.ready:match "tcp://127%.0%.0%.1:(%d+)")
end

--- A connection, each of whose calls has a deadline.
function M.connect(port)
  local conn = assert(socket.tcp())
  conn:settimeout(5)
  assert(conn:connect("127.0.0.1", port))
  return conn
end

--- All that still comes, up to the end; nil and a message when that does not come.
function M.rest(conn)
  local all, message, partial = conn:receive "*a"
  if message and message ~= "closed" then return nil, message end
  return all or partial
end

--- All that a service answers to that, and the port that it was asked from.
function M.talk(port, text)
  local conn = M.connect(port)
  local _, from = conn:getsockname()
  conn:send(text or "")
  conn:shutdown "send"
  local answer = assert(M.rest(conn))
  conn:close()
  return answer, tonumber(from)
end

--- A port that nobody has just now.
function M.free_port()
  local holder = assert(socket.bind("127.0.0.1", 0))
  local _, port = holder:getsockname()
  holder:close()
  return tonumber(port)
end

return M
