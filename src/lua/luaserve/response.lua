--- What came back.
local blame = require "luaserve.blame"
local jar = require "luaserve.jar"
local json = require "luaserve.json"

local M = {}

---@class luaserve.spec.Response
---@field status integer
---@field reason string
---@field headers table<string, string> by name in any case; values of one name joined by ", "
---@field raw_headers table list of { name, value }, as they came
---@field body string
---@field json any the body, read as JSON; raises if it is none
---@field cookies table<string, string> what Set-Cookie sets
local Response = {}

local lazy = {}

function lazy.json(self)
  local value, message = json.decode(self.body)
  if message then
    blame.raise(("the body is no JSON: %s (status %d, %s): %q"):format(message, self.status,
      self.headers["content-type"] or "no Content-Type", self.body:sub(1, 80)))
  end
  return value
end

function lazy.cookies(self)
  local cookies = {}
  for _, cookie in ipairs(self:set_cookies()) do cookies[cookie.name] = cookie.value end
  return cookies
end

local meta = {}

-- Read when they are asked for, and kept.
function meta.__index(self, key)
  if Response[key] or not lazy[key] then return Response[key] end
  local value = lazy[key](self)
  rawset(self, key, value)
  return value
end

--- The values of all field lines of a name, as they came.
---@param name string in any case
---@return string[]
function Response:header_values(name)
  local values = {}
  for _, field in ipairs(self.raw_headers) do
    if field[1]:lower() == name:lower() then values[#values + 1] = field[2] end
  end
  return values
end

--- All that Set-Cookie sets, in its order.
---@return luaserve.spec.Cookie[]
function Response:set_cookies()
  local cookies = {}
  for _, line in ipairs(self:header_values "Set-Cookie") do cookies[#cookies + 1] = jar.parse(line) end
  return cookies
end

--- One of them, with its attributes; of several with one name the last.
---@param name string
---@return luaserve.spec.Cookie|nil
function Response:cookie(name)
  local found
  for _, cookie in ipairs(self:set_cookies()) do
    if cookie.name == name then found = cookie end
  end
  return found
end

local any_case = {}

function any_case.__index(self, name)
  return type(name) == "string" and rawget(self, name:lower()) or nil
end

---@param status integer
---@param reason string
---@return luaserve.spec.Response
function M.new(status, reason)
  return setmetatable({ status = status, reason = reason, headers = setmetatable({}, any_case),
    raw_headers = {}, body = "" }, meta)
end

--- A field line more.
---@param response luaserve.spec.Response
---@param name string
---@param value string
function M.add_field(response, name, value)
  local key, headers = name:lower(), response.headers
  response.raw_headers[#response.raw_headers + 1] = { name, value }
  headers[key] = headers[key] and headers[key] .. ", " .. value or value
end

return M
