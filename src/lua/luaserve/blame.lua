--- Raises faults where they were made: at the line of the caller's own that led here, however many
--- of this library's functions lie between.
local M = {}

local here = debug.getinfo(1, "S").source:match "^(.*[/\\])" or "@"

local function is_ours(source)
  return source == "=[C]" or source == "=(tail call)" or
    source:sub(1, #here) == here and not source:find("[/\\]", #here + 1)
end

---@param message string
function M.raise(message)
  local level = 2
  while true do
    local info = debug.getinfo(level, "S")
    if not info then error(message, 0) end
    if not is_ours(info.source) then error(message, level) end
    level = level + 1
  end
end

local function sorted_names(known)
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

--- A table of options: a name that nobody knows would change nothing in silence, a value of the
--- wrong type would fail where nobody sees why.
---@param what string whose options they are
---@param given table
---@param known table<string, string> names, and the types of their values ("any")
---@param hint? string what else to say of a name that is unknown
function M.check(what, given, known, hint)
  if type(given) ~= "table" then
    M.raise(what .. ": expected a table of options, got a " .. type(given))
  end
  for name, value in pairs(given) do
    local expected = known[name]
    if not expected then
      M.raise(what .. ": unknown option '" .. tostring(name) .. "' (" ..
        (hint or "known: " .. sorted_names(known)) .. ")")
    elseif expected ~= "any" and not (expected .. "|"):find(type(value) .. "|", 1, true) then
      M.raise(what .. ": " .. name .. ": expected a " .. expected:gsub("|", " or a ") ..
        ", got a " .. type(value))
    end
  end
end

return M
