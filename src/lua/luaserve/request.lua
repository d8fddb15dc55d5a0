--- What is asked: the options of server:get and its like, and the bytes that they become.
local blame = require "luaserve.blame"
local encode = require "luaserve.encode"

local M = {}

local KNOWN = { headers = "table", query = "table", cookies = "table", auth = "table",
  body = "string", json = "any", form = "table", multipart = "table", chunks = "table",
  timeout = "number" }

local function with(more)
  local known = {}
  for _, map in ipairs { KNOWN, more } do
    for name, kind in pairs(map) do known[name] = kind end
  end
  return known
end

--- Raises for a request that cannot be meant.
---@param what string who was asked, for the message
---@param request table
---@param more? table<string, string> options beside the usual ones
function M.check(what, request, more)
  local known = with(more or {})
  known.method, known.path = "string", "string"
  blame.check(what, request, known)
  if not request.path then blame.raise(what .. ": no path") end
end

--- Gives a class get, post, put, patch, delete, head, options: (path[, options]), where a string
--- alone is the body. They call its request().
---@param class table
---@param what string its name in messages
---@param more? table<string, string> options beside the usual ones
function M.add_methods(class, what, more)
  for _, name in ipairs { "get", "post", "put", "patch", "delete", "head", "options" } do
    local known, called = with(more or {}), what .. ":" .. name
    class[name] = function(self, path, options)
      if type(path) ~= "string" then blame.raise(called .. ": expected a path, got a " .. type(path)) end
      if type(options) == "string" then options = { body = options } end
      local request = { method = name:upper(), path = path }
      if options ~= nil then
        blame.check(called, options, known)
        for key, value in pairs(options) do request[key] = value end
      end
      return (self:request(request))
    end
  end
end

--- The value that a field was given, whatever the case of its name.
---@param request table
---@param name string in lower case
---@return any
function M.header(request, name)
  for given, value in pairs(request.headers or {}) do
    if type(given) == "string" and given:lower() == name then return value end
  end
end

--- The path with its query.
---@param request table
---@return string
function M.target(request)
  local query = encode.query(request.query or {})
  if query == "" then return request.path end
  return request.path .. (request.path:find("?", 1, true) and "&" or "?") .. query
end

--- The bytes of a request. A field of its own headers stands in place of ours.
---@param host string the usual value of Host
---@param request table
---@param connection? string the usual value of Connection
---@return string
function M.bytes(host, request, connection)
  local lines = { (request.method or "GET") .. " " .. M.target(request) .. " HTTP/1.1" }
  local function add(name, value) lines[#lines + 1] = name .. ": " .. value end
  local function usually(name, value)
    if value and not M.header(request, name:lower()) then add(name, value) end
  end
  local body, content_type, chunked = encode.body(request)
  usually("Host", host)
  encode.fields(request.headers or {}, add)
  usually("Connection", connection)
  usually("Authorization", request.auth and encode.basic(request.auth))
  usually("Cookie", request.cookies and encode.cookies(request.cookies))
  usually("Content-Type", content_type)
  if chunked then
    usually("Transfer-Encoding", "chunked")
  elseif body and not M.header(request, "transfer-encoding") then
    usually("Content-Length", #body)
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

return M
