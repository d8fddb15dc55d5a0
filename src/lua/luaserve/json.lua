--- JSON by whichever library there is: dkjson, else lua-cjson. Looked for when it is needed only.
local blame = require "luaserve.blame"

local M = {}

local function library()
  for _, name in ipairs { "dkjson", "cjson" } do
    local found, it = pcall(require, name)
    if found then return it, name end
  end
  blame.raise "JSON needs a library: dkjson (Debian's lua-dkjson, or luarocks install dkjson), or lua-cjson"
end

-- cjson has a value for null, dkjson leaves it out.
local function without(null, value)
  if value == null then return nil end
  if type(value) == "table" then
    for key, item in pairs(value) do value[key] = without(null, item) end
  end
  return value
end

local function decode(text)
  local lib, name = library()
  if name == "cjson" then
    local fine, value = pcall(lib.decode, text)
    if not fine then return nil, value end
    return without(lib.null, value)
  end
  local value, after, message = lib.decode(text)
  if message then return nil, message end
  local rest = text:match("^%s*(.+)$", after)
  if rest then return nil, "something follows the value: " .. rest:sub(1, 20) end
  return value
end

--- Null is nil.
---@param text string
---@return any value, string|nil message why it is none
function M.decode(text) return decode(text) end

---@param value any
---@return string
function M.encode(value)
  local lib = library()
  local fine, text = pcall(lib.encode, value)
  if not fine then blame.raise("json: " .. tostring(text)) end
  return text
end

return M
