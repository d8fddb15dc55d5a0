--- How values travel in a request: in a query, in a body, in a field.
local blame = require "luaserve.blame"
local json = require "luaserve.json"
local mime = require "mime"

local M = {}

-- Names and values -------------------------------------------------------------------------------

local function sorted(map)
  local names = {}
  for name in pairs(map) do
    if type(name) ~= "string" then blame.raise("expected names, got [" .. tostring(name) .. "]") end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function text_of(what, name, value)
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
    blame.raise(what .. ": " .. tostring(name) .. ": expected a text, got a " .. kind)
  end
  return tostring(value)
end

-- Calls visit(name, value) in the order of the names; for each value of a list.
local function each(map, visit)
  for _, name in ipairs(sorted(map)) do
    local value = map[name]
    if type(value) == "table" and (value[1] ~= nil or next(value) == nil) then
      for _, item in ipairs(value) do visit(name, item) end
    else
      visit(name, value)
    end
  end
end

local function percent(text)
  return (text:gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local function named_values(what, map)
  local list = {}
  each(map, function(name, value)
    list[#list + 1] = percent(name) .. "=" .. percent(text_of(what, name, value))
  end)
  return table.concat(list, "&")
end

--- What stands behind the "?" of a path.
---@param map table<string, any> texts, numbers, booleans, or lists of them
---@return string
function M.query(map)
  return named_values("query", map)
end

--- Field lines, in the order of their names.
---@param map table<string, any> texts, numbers, or lists of them: a line each
---@param visit fun(name: string, value: string)
function M.fields(map, visit)
  each(map, function(name, value) visit(name, text_of("headers", name, value)) end)
end

--- The value of the field Cookie.
---@param map table<string, any>
---@return string
function M.cookies(map)
  local list = {}
  for _, name in ipairs(sorted(map)) do
    local value = text_of("cookies", name, map[name])
    if (name .. value):find "[;%c]" then
      blame.raise("cookies: " .. name .. ": neither ';' nor control characters can travel in a cookie")
    end
    list[#list + 1] = name .. "=" .. value
  end
  return table.concat(list, "; ")
end

--- The value of the field Authorization.
---@param pair string[] user and password
---@return string
function M.basic(pair)
  local user, password = text_of("auth", 1, pair[1]), text_of("auth", 2, pair[2])
  if user:find(":", 1, true) then blame.raise "auth: a user's name has no ':'" end
  return "Basic " .. mime.b64(user .. ":" .. password)
end

-- Bodies -----------------------------------------------------------------------------------------

local bodies = {}

function bodies.body(text) return text end

function bodies.json(value) return json.encode(value), "application/json" end

function bodies.form(map)
  return (named_values("form", map):gsub("%%20", "+")), "application/x-www-form-urlencoded"
end

local FILE = { body = "string", filename = "string", type = "string" }

local function quoted(text)
  return '"' .. text:gsub('["\r\n]', { ['"'] = "%22", ["\r"] = "%0D", ["\n"] = "%0A" }) .. '"'
end

local function part_of(name, value)
  local head = "Content-Disposition: form-data; name=" .. quoted(name)
  if type(value) ~= "table" then return head .. "\r\n\r\n" .. text_of("multipart", name, value) end
  blame.check("multipart: " .. name, value, FILE)
  if not value.body then blame.raise("multipart: " .. name .. ": a file has a body") end
  if value.filename then head = head .. "; filename=" .. quoted(value.filename) end
  local kind = value.type or value.filename and "application/octet-stream"
  if kind then head = head .. "\r\nContent-Type: " .. kind end
  return head .. "\r\n\r\n" .. value.body
end

local function boundary_for(content)
  local number = 1
  while content:find("luaserve-" .. number, 1, true) do number = number + 1 end
  return "luaserve-" .. number
end

function bodies.multipart(map)
  local parts = {}
  each(map, function(name, value) parts[#parts + 1] = part_of(name, value) .. "\r\n" end)
  local boundary = boundary_for(table.concat(parts))
  for i, part in ipairs(parts) do parts[i] = "--" .. boundary .. "\r\n" .. part end
  return table.concat(parts) .. "--" .. boundary .. "--\r\n",
    "multipart/form-data; boundary=" .. boundary
end

function bodies.chunks(list)
  local text = {}
  for i, chunk in ipairs(list) do
    chunk = text_of("chunks", i, chunk)
    if chunk == "" then blame.raise("chunks: " .. i .. ": an empty one would end the body") end
    text[i] = ("%x"):format(#chunk) .. "\r\n" .. chunk .. "\r\n"
  end
  return table.concat(text) .. "0\r\n\r\n", nil, true
end

--- The body of a request, from the one of body, json, form, multipart, chunks that it has.
---@param request table
---@return string|nil body, string|nil content_type, boolean|nil chunked
function M.body(request)
  local found
  for _, name in ipairs { "body", "json", "form", "multipart", "chunks" } do
    if request[name] ~= nil then
      if found then blame.raise("both " .. found .. " and " .. name .. ": a request has one body") end
      found = name
    end
  end
  if found then return bodies[found](request[found]) end
end

return M
