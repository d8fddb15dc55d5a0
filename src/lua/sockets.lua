-- WebSockets (RFC 6455): app:ws, the opening handshake, and the methods that wait.
local core, check, routes, live = ...

local fail, described = check.fail, check.described

local ws = core.ws

-- Methods --------------------------------------------------------------------------------------------

local function try(self)
  return core.ws_try(self)
end

live.tries[ws] = try

local function receive(self, timeout)
  check.colon(self, "ws:receive")
  return live.receive(core.ws_try, self, live.deadline(2, "ws:receive", timeout, 0))
end

--- The next message and its kind, "text" or "binary"; nil, reason, code when the client has closed; nil,
--- "timed out", "ETIMEDOUT" when there is none in time.
ws.receive = receive

--- for message, kind in ws:messages() do … end
function ws.messages(self)
  check.colon(self, "ws:messages")
  return function() return receive(self) end
end

ws.events = live.events

-- Waits until what was put is written; raises when the client has gone.
local function settle(self, written)
  while written == false do
    local went = core.wait_out(core.now() + core.send_timeout(), self)
    if not went then fail(1, "the client does not read") end
    written = core.ws_flush(self)
  end
  if written == nil then return nil, "closed" end
  return self
end

--- Sends a message: text, or with "binary" bytes. nil, "closed" after ws:close.
function ws.send(self, message, kind)
  check.colon(self, "ws:send")
  if type(message) == "number" then message = tostring(message) end
  if type(message) == "table" then message = core.json.encode(message) end
  if type(message) ~= "string" then
    fail(1, "ws:send: expected a message, found %s", described(message))
  end
  return settle(self, core.ws_send(self, kind, message))
end

--- Sends a ping; the pong is a sign of life, and nothing else.
function ws.ping(self, text) return settle(self, core.ws_ping(self, text)) end

--- Says that this is the end (code 1000; a reason of at most 123 bytes), and waits a moment for the client to
--- say so too. Messages that come meanwhile are lost.
function ws.close(self, code, reason)
  check.colon(self, "ws:close")
  local due = core.ws_close(self, code, reason)
  while not core.ws_ends(self) and core.now() < due and core.wait(due, self) do
    -- and look again
  end
  core.ws_leave(self)
end

-- The handshake ----------------------------------------------------------------------------------------

-- The elements of a list (RFC 9110 5.6.1).
local function elements(req, name)
  local list = {}
  for _, value in ipairs(req:header_values(name)) do
    for element in value:gmatch "[^,]+" do
      element = element:match "^[ \t]*(.-)[ \t]*$"
      if element ~= "" then list[#list + 1] = element end
    end
  end
  return list
end

local function has_token(req, name, token)
  for _, element in ipairs(elements(req, name)) do
    if element:lower() == token then return true end
  end
  return false
end

local function only(req, name)
  local values = req:header_values(name)
  return #values == 1 and values[1] or nil
end

-- Where a page of another site could open it in the name of its visitor.
local function same_origin(req, origin)
  local host = origin:match "^%a[%w+.-]*://([^/]*)$"
  return host ~= nil and host:lower() == req.host:lower()
end

local function origin_is_good(req, allowed)
  local origin = req.headers.origin
  if #req:header_values "Origin" > 1 then return false end
  if type(allowed) == "function" then return allowed(req, origin) end
  if origin == nil or allowed == "*" then return true end
  if type(allowed) ~= "table" then return same_origin(req, origin) end
  for _, known in ipairs(allowed) do
    if known:lower() == origin:lower() then return true end
  end
  return false
end

local function is_token(text)
  return text:find "^[%w!#$%%&'*+.^_`|~-]+$" ~= nil
end

-- Sound? Then the first that is known.
local function pick_protocol(req, known)
  local found
  for _, element in ipairs(elements(req, "Sec-WebSocket-Protocol")) do
    if not is_token(element) then return false end
    for _, protocol in ipairs(known or {}) do
      if protocol == element then found = found or element end
    end
  end
  return true, found
end

local REQUIRED = { status = 426, headers = { ["Sec-WebSocket-Version"] = "13" } }

-- An answer that refuses; or nil, the value of Sec-WebSocket-Accept and the subprotocol.
local function shake(req, options)
  if req.method ~= "GET" or req.version ~= "1.1" or not has_token(req, "Connection", "upgrade") or
    not has_token(req, "Upgrade", "websocket") then
    return REQUIRED
  end
  if only(req, "Sec-WebSocket-Version") ~= "13" then return REQUIRED end
  local key = only(req, "Sec-WebSocket-Key")
  local accept = key and core.ws_accept(key)
  local sound, protocol = pick_protocol(req, options.protocols)
  if not accept or not sound or core.has_body() then return 400 end
  if not origin_is_good(req, options.origins) then return 403 end
  return nil, accept, protocol
end

local function serve(options, handler)
  return function(req, res)
    local refusal, accept, protocol = shake(req, options)
    if refusal then return refusal end
    res.headers["Sec-WebSocket-Accept"] = accept
    if protocol then res.headers["Sec-WebSocket-Protocol"] = protocol end
    local socket <close> = core.ws_begin(res, options.message)
    handler(req, socket, protocol)
    socket:close(core.stops() and 1001 or 1000)
  end
end

-- app:ws -----------------------------------------------------------------------------------------------

local function texts_option(level, name, value)
  local list = type(value) == "table" and value or { value }
  for _, text in ipairs(list) do
    if type(text) ~= "string" or text == "" then
      fail(level + 1, "app:ws: option %s: expected texts, found %s", name, described(text))
    end
  end
  return list
end

local own = {
  message = function(level, value)
    return check.size(value) or
      fail(level + 1, 'app:ws: option message: expected a size such as "1M", found %s', described(value))
  end,
  protocols = function(level, value)
    local list = texts_option(level + 1, "protocols", value)
    for _, protocol in ipairs(list) do
      if not is_token(protocol) then
        fail(level + 1, 'app:ws: option protocols: "%s" is no token (RFC 9110 5.6.2)', protocol)
      end
    end
    return list
  end,
  origins = function(level, value)
    if value == "*" or type(value) == "function" then return value end
    local list = texts_option(level + 1, "origins", value)
    for _, origin in ipairs(list) do
      if not origin:find "^%a[%w+.-]*://[^/]+$" and origin ~= "null" then
        fail(level + 1, 'app:ws: option origins: expected such as "https://example.org", found %s', described(origin))
      end
    end
    return list
  end,
}

--- app:ws(pattern[, options], function(req, ws, protocol) … end). Options, beside those of a route: message
--- (bytes at most, "1M"), protocols (that may be agreed on), origins ("*", a list, or function(req, origin);
--- by default pages of the same host, and whoever is no browser).
function routes.methods.ws(self, pattern, options, handler)
  local scope = routes.scope_of(self, "ws")
  if handler == nil then options, handler = {}, options end
  local ours, rest, served = { message = 1 << 20 }, options, handler
  if type(options) == "table" then
    rest = {}
    for key, value in pairs(options) do
      if own[key] then ours[key] = own[key](1, value) else rest[key] = value end
    end
  end
  if type(handler) == "function" then served = serve(ours, handler) end
  routes.add(scope, "ws", { "GET" }, pattern, rest, served or handler or false, own)
  return self
end
