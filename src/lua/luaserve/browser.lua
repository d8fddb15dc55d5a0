--- A browser: keeps cookies from one request to the next, and follows redirects when asked to.
local blame = require "luaserve.blame"
local client = require "luaserve.client"
local encode = require "luaserve.encode"
local jar = require "luaserve.jar"
local requests = require "luaserve.request"
local url = require "socket.url"

local M = {}

local REDIRECTS = 10 -- that one request may lead through

---@class luaserve.spec.Browser
---@field cookies table<string, string> what it keeps, name and value: a copy
---@field follow boolean whether requests follow redirects, unless they say otherwise
local Browser = {}

local meta = {}

function meta.__index(self, key)
  if key == "cookies" then return self.jar:values() end
  return Browser[key]
end

local OWN = { follow = "boolean" }

---@param server luaserve.spec.Server
---@param options? table { follow = false }
---@return luaserve.spec.Browser
function M.new(server, options)
  blame.check("server:browser", options or {}, OWN)
  return setmetatable({ server = server, jar = jar.new(), follow = (options or {}).follow or false }, meta)
end

--- Forgets all cookies.
function Browser:clear() self.jar = jar.new() end

-- The host that cookies belong to: that of the field Host, without its port.
local function host_of(authority)
  local host = authority:match "^%[(.-)%]" or authority:match "^[^:]*"
  return host:lower()
end

-- Sets the field Cookie to what is kept and to what the request brings along, whose word counts.
local function add_cookies(self, request, authority)
  if requests.header(request, "cookie") then return request end
  local list = {}
  for _, cookie in ipairs(self.jar:matching(host_of(authority), request.path)) do
    if (request.cookies or {})[cookie.name] == nil then
      list[#list + 1] = cookie.name .. "=" .. cookie.value
    end
  end
  if next(request.cookies or {}) then list[#list + 1] = encode.cookies(request.cookies) end
  local headers = { Cookie = list[1] and table.concat(list, "; ") }
  for name, value in pairs(request.headers or {}) do headers[name] = value end
  local sent = {}
  for key, value in pairs(request) do sent[key] = value end
  sent.headers, sent.cookies = headers, nil
  return sent
end

-- One request, without what comes of it.
local function ask(self, request, authority)
  local response = self.server:request(add_cookies(self, request, authority))
  local set = response:set_cookies()
  self.jar:take(set, host_of(authority), request.path)
  for _, cookie in ipairs(set) do
    if request.cookies then request.cookies[cookie.name] = nil end -- the server's word is newer
  end
  return response
end

local REDIRECT = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- Where a redirect leads on this server; nil for any other response, or another server.
local function target_of(response, authority, path)
  local location = REDIRECT[response.status] and response.headers.location
  if not location then return nil end
  local parts = url.parse(url.absolute("http://" .. authority .. path, location))
  if parts.scheme ~= "http" or (parts.authority or ""):lower() ~= authority:lower() then return nil end
  local target = url.build { path = parts.path or "/", params = parts.params, query = parts.query }
  return target:find "^/" and target or "/" .. target
end

local OF_BODY = { ["content-type"] = true, ["content-length"] = true, ["content-encoding"] = true,
  ["content-language"] = true, ["content-location"] = true, ["transfer-encoding"] = true }

-- As the Fetch standard has it: 303 is answered with GET, and so is 301 or 302 to a POST.
local function redirect(request, status, path)
  request.path = path
  local becomes_get = request.method == "POST" and status < 304 or
    status == 303 and request.method ~= "HEAD"
  if not becomes_get then return end
  request.method = "GET"
  for _, name in ipairs { "body", "json", "form", "multipart", "chunks" } do request[name] = nil end
  local headers = {}
  for name, value in pairs(request.headers or {}) do
    if not OF_BODY[name:lower()] then headers[name] = value end
  end
  request.headers = headers
end

-- A copy that may be changed.
local function own(request)
  local copy = {}
  for key, value in pairs(request) do copy[key] = value end
  copy.cookies = {}
  for name, value in pairs(request.cookies or {}) do copy.cookies[name] = value end
  copy.method = request.method or "GET"
  copy.path, copy.query, copy.follow = requests.target(request), nil, nil
  return copy
end

--- One request with the cookies that are kept, and those that it redirects to.
---@param request table as for server:request, and follow
---@return luaserve.spec.Response # the last one, with `path`: what was asked for it
function Browser:request(request)
  requests.check("browser:request", request, OWN)
  local follow = self.follow
  if request.follow ~= nil then follow = request.follow end
  local current = own(request)
  for _ = 0, REDIRECTS do
    local authority = requests.header(current, "host") or client.authority(self.server.host, self.server.port)
    local response = ask(self, current, authority)
    response.path = current.path
    local path = follow and target_of(response, authority, current.path)
    if not path then return response end
    redirect(current, response.status, path)
  end
  blame.raise(("more than %d redirects, the last one to %s"):format(REDIRECTS, current.path))
end

requests.add_methods(Browser, "browser", OWN)

return M
