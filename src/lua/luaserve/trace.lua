--- Reads what a server tells of the syscalls of a request (`trace = true` and `status` in config.lua).
local M = {}

---@class luaserve.spec.Call
---@field line string the whole line
---@field at integer microseconds from when the request began; negative: before
---@field name string "write"
---@field args string as they stand between the brackets
---@field result? integer -1 for an error; nil: it has not returned
---@field error? string "EAGAIN"
---@field took? integer microseconds

---@class luaserve.spec.Trace
---@field text string all lines
---@field [integer] luaserve.spec.Call
local Trace = {}
Trace.__index = Trace

local function read_call(line)
  local at, name, rest = line:match "^%s*(-?%d+) ([%w_]+)%((.*)$"
  if not at then return nil end
  local args, result, tail = rest:match "^(.*)%)%s+= (%S+)(.*)$"
  local call = { line = line, at = tonumber(at), name = name, args = args or rest:match "^(.*)%)" }
  if result then
    call.result = tonumber(result)
    call.error = result == "-1" and tail:match "^ (E%w+)" or nil
    call.took = tonumber(tail:match "<(%d+)>$")
  end
  return call
end

---@param text string
---@return luaserve.spec.Trace
function M.read(text)
  local trace = setmetatable({ text = text }, Trace)
  for line in text:gmatch "[^\n]+" do trace[#trace + 1] = read_call(line) end
  return trace
end

--- What was written to the client has been: an answer can arrive before its write returns.
---@return boolean
function Trace:settled()
  for _, call in ipairs(self) do
    if not call.result and (call.name:find "write" or call.name:find "send") then return false end
  end
  return true
end

--- The calls since the request began, without those that made its process.
---@return luaserve.spec.Trace
function Trace:since()
  local trace, begun = setmetatable({ text = self.text }, Trace), false
  for _, call in ipairs(self) do
    begun = begun or call.at + (call.took or 0) >= 0
    if begun then trace[#trace + 1] = call end
  end
  return trace
end

--- The names of its calls, with blanks between them: "read write".
---@return string
function Trace:names()
  local names = {}
  for i, call in ipairs(self) do names[i] = call.name end
  return table.concat(names, " ")
end

return M
