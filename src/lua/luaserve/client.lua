--- The HTTP client of luaserve.spec: as small as can be, and strict, so that a malformed response
--- fails the spec. Every read has a deadline.
local blame = require "luaserve.blame"
local requests = require "luaserve.request"
local responses = require "luaserve.response"
local socket = require "socket"

local M = {}

-- Connections ------------------------------------------------------------------------------------

---@class luaserve.spec.Client
---@field socket table LuaSocket's
---@field timeout number seconds that a call may take, and an answer until its end
local Client = {}
Client.__index = Client

--- Sends bytes as they are.
---@param bytes string
---@return boolean|nil sent, string|nil message when the server has closed
function Client:send(bytes)
  local at = 1
  while at <= #bytes do
    local sent, message, partial = self.socket:send(bytes, at)
    if not sent and (partial or 0) < at then return nil, message end
    at = (sent or partial) + 1
  end
  return true
end

-- As client:receive, up to the time `due`: with none left, also what is there is not taken any more.
local function receive(client, what, due, fault)
  local left = due - socket.gettime()
  local text, message, partial
  if left > 0 then
    client.socket:settimeout(left, "t")
    text, message, partial = client.socket:receive(what)
    client.socket:settimeout(client.timeout, "t")
  end
  if text then return text end
  if left <= 0 or message == "timeout" then blame.raise(("%s within %s s"):format(fault or "nothing came", client.timeout)) end
  return partial or ""
end

-- The same, of an answer that has begun.
local function receive_more(client, what, due)
  return receive(client, what, due, "the answer did not end")
end

--- Receives n bytes, a line "*l", or all "*a" up to the end of the connection.
---@param what integer|string
---@return string # less than asked for when the connection ends before
function Client:receive(what)
  return receive(self, what, socket.gettime() + self.timeout)
end

function Client:close() self.socket:close() end

--- Says that nothing more will be sent.
function Client:shutdown() self.socket:shutdown "send" end

local function receive_head(client, due)
  local line = receive(client, "*l", due)
  local status, reason = line:match "^HTTP/1%.1 (%d%d%d) (.*)$"
  if not status then blame.raise("no status line: " .. string.format("%q", line)) end
  local response = responses.new(tonumber(status), reason)
  for field in function() line = receive_more(client, "*l", due) return line ~= "" and line or nil end do
    local name, value = field:match "^([^:]+):%s*(.-)%s*$"
    if not name then blame.raise("no header field: " .. string.format("%q", field)) end
    responses.add_field(response, name, value)
  end
  return response
end

local function receive_chunks(client, due)
  local parts = {}
  while true do
    local line = receive_more(client, "*l", due)
    local size = tonumber(line:match "^(%x+)%s*;?" or "", 16)
    if not size then blame.raise("no chunk size: " .. string.format("%q", line)) end
    if size == 0 then break end
    parts[#parts + 1] = receive_more(client, size, due)
    if receive_more(client, 2, due) ~= "\r\n" then blame.raise("the body ends within a chunk") end
  end
  while receive_more(client, "*l", due) ~= "" do end
  return table.concat(parts)
end

--- Receives one response, whole before its time is up; 1xx ones are passed over, but for 101: behind that come no more.
---@param method? string of the request, since HEAD has no body
---@return luaserve.spec.Response
function Client:receive_response(method)
  local response
  local due = socket.gettime() + self.timeout
  repeat response = receive_head(self, due) until response.status >= 200 or response.status == 101
  local length = response.headers["content-length"]
  if method == "HEAD" or response.status == 101 or response.status == 204 or response.status == 304 then
    return response
  elseif response.headers["transfer-encoding"] then
    response.body = receive_chunks(self, due)
  elseif length then
    response.body = tonumber(length) > 0 and receive_more(self, tonumber(length), due) or ""
    if #response.body < tonumber(length) then
      blame.raise("the body ends after " .. #response.body .. " of " .. length .. " bytes")
    end
  else
    response.body = receive_more(self, "*a", due)
  end
  return response
end

--- Sends one request on this connection, and receives its response.
---@param request table { method = "GET", path, and the options of server:get }
---@param connection? string the value of the Connection field
---@return luaserve.spec.Response
function Client:request(request, connection)
  requests.check("client:request", request)
  local bytes = requests.bytes(self.host, request, connection)
  local usual = self.timeout
  self:set_timeout(request.timeout or usual)
  self:send(bytes)
  local response = self:receive_response(request.method)
  self:set_timeout(usual)
  return response
end

-- client:get(path[, options]) and so on.
requests.add_methods(Client, "client")

--- How long each further call may take.
---@param seconds number
function Client:set_timeout(seconds)
  self.timeout = seconds
  self.socket:settimeout(seconds)
  self.socket:settimeout(seconds, "t")
end

--- What the field Host says of a server.
---@param host string
---@param port integer
---@return string
function M.authority(host, port)
  return (host:find(":", 1, true) and "[" .. host .. "]" or host) .. ":" .. port
end

local function connect(host, port, timeout)
  local connection = assert((host:find ":" and socket.tcp6 or socket.tcp)())
  connection:settimeout(timeout)
  connection:settimeout(timeout, "t") -- for a whole call, however steadily it drips
  local connected, message = connection:connect(host, port)
  if not connected then blame.raise(("no connection to %s: %s"):format(M.authority(host, port), message)) end
  connection:setoption("tcp-nodelay", true)
  return connection
end

--- A connection that stays open.
---@param host string
---@param port integer
---@param timeout number seconds that each call may take
---@return luaserve.spec.Client
function M.connect(host, port, timeout)
  return setmetatable({ socket = connect(host, port, timeout), timeout = timeout,
    host = M.authority(host, port) }, Client)
end

return M
