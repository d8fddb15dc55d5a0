--- A WebSocket for specs: in any Lua from 5.1 on, with LuaSocket.
local blame = require "luaserve.blame"

local M = {}

local KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" -- those of RFC 6455
local OPCODES = { text = 1, binary = 2, close = 8, ping = 9, pong = 10 }
local NAMES = { [0] = "continuation", [1] = "text", [2] = "binary", [8] = "close", [9] = "ping", [10] = "pong" }

---@class luaserve.spec.WebSocket
---@field headers table of the answer that opened it
---@field protocol string|nil that was agreed on
local WebSocket = {}
WebSocket.__index = WebSocket

local function big_endian(number, bytes)
  local text = ""
  for _ = 1, bytes do
    text = string.char(number % 256) .. text
    number = math.floor(number / 256)
  end
  return text
end

local function number_of(text)
  local number = 0
  for i = 1, #text do number = number * 256 + text:byte(i) end
  return number
end

-- The mask is four bytes of 0, which leaves the payload as it is.
local function frame(opcode, payload, fin)
  local len = #payload
  local head = string.char((fin == false and 0 or 128) + opcode)
  if len < 126 then
    head = head .. string.char(128 + len)
  elseif len < 65536 then
    head = head .. string.char(128 + 126) .. big_endian(len, 2)
  else
    head = head .. string.char(128 + 127) .. big_endian(len, 8)
  end
  return head .. "\0\0\0\0" .. payload
end

--- Opens one; nil and the response when the server refuses.
---@param client luaserve.spec.Client
---@param path string
---@param options? table { headers = { … }, protocols = { … } }
---@return luaserve.spec.WebSocket|nil, luaserve.spec.Response|nil
function M.open(client, path, options)
  options = options or {}
  local host = "localhost"
  for name, value in pairs(options.headers or {}) do
    if name:lower() == "host" then host = value end
  end
  local lines = { "GET " .. path .. " HTTP/1.1", "Host: " .. host, "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Key: " .. KEY, "Sec-WebSocket-Version: 13" }
  if options.protocols then
    lines[#lines + 1] = "Sec-WebSocket-Protocol: " .. table.concat(options.protocols, ", ")
  end
  for name, value in pairs(options.headers or {}) do
    if name:lower() ~= "host" then lines[#lines + 1] = name .. ": " .. value end
  end
  client:send(table.concat(lines, "\r\n") .. "\r\n\r\n")
  local response = client:receive_response "GET"
  if response.status ~= 101 then
    client:close()
    return nil, response
  end
  if response.headers["sec-websocket-accept"] ~= ACCEPT then blame.raise "a wrong Sec-WebSocket-Accept" end
  return setmetatable({ client = client, headers = response.headers,
    protocol = response.headers["sec-websocket-protocol"] }, WebSocket)
end

--- Sends a frame: kind is "text" (the default), "binary", "ping", "pong" or "close"; fin = false: more follows.
---@param payload string
---@param kind? string
---@param fin? boolean
function WebSocket:send(payload, kind, fin)
  self.client:send(frame(OPCODES[kind or "text"] or 0, payload, fin))
end

--- The next frame: its payload and kind; nil when the server has closed the connection.
---@return string|nil, string|nil
function WebSocket:receive()
  local head = self.client:receive(2)
  if not head or #head < 2 then return nil end
  local len = head:byte(2)
  if len == 126 then len = number_of(self.client:receive(2))
  elseif len == 127 then len = number_of(self.client:receive(8)) end
  local payload = len > 0 and self.client:receive(len) or ""
  return payload, NAMES[head:byte(1) % 16]
end

--- Says goodbye, and waits for the server's: its code and reason.
---@param code? integer
---@return integer|nil, string|nil
function WebSocket:close(code)
  self:send(big_endian(code or 1000, 2), "close")
  local payload, kind
  repeat payload, kind = self:receive() until not payload or kind == "close"
  self.client:close()
  if payload then return number_of(payload:sub(1, 2)), payload:sub(3) end
end

return M
