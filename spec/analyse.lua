-- Judges what programs that analyse C have found: what spec/analyse.known names is a false alarm.
--
--   lua5.4 spec/analyse.lua TOOL < findings
--
-- Findings are lines "FILE:LINE:COLUMN: error|warning|…: TEXT [ID]". Prints those that are left, then "N passed, N failed";
-- exits 1 if any are, or if an entry of TOOL in the list matches nothing any more.
local tool = assert(arg[1], "usage: spec/analyse.lua TOOL < findings")

local function lines_of(path)
  local list = {}
  for line in io.lines(path) do list[#list + 1] = line end
  return list
end

-- "TOOL ID FILE", a piece of the line that it is about behind it, and the reason below.
local known = {}
for _, line in ipairs(lines_of "spec/analyse.known") do
  local whose, id, file, piece = line:match "^(%l+) (%S+) (%S+) (.+)$"
  if whose == tool then known[#known + 1] = { id = id, file = file, piece = piece, line = line } end
end

local sources = {}
local function source_line(file, number)
  sources[file] = sources[file] or lines_of(file)
  return sources[file][number] or ""
end

local function is_known(finding)
  for _, entry in ipairs(known) do
    if entry.id == finding.id and entry.file == finding.file and finding.source:find(entry.piece, 1, true) then
      entry.used = true
      return true
    end
  end
  return false
end

local root = io.popen("pwd"):read "l" .. "/"
local seen, alarms, faults = {}, 0, 0
local function fault(text)
  faults = faults + 1
  print("FAILED " .. text)
end

for line in io.lines() do
  local file, number, kind, text, id = line:match "^([^:]+):(%d+):%d+: (%l+): (.-) %[([^%]]+)%]$"
  if file and kind ~= "note" and kind ~= "information" and not seen[line] then
    seen[line] = true
    if file:sub(1, #root) == root then file = file:sub(#root + 1) end
    local finding = { file = file, id = id:gsub(",%-warnings%-as%-errors", ""):gsub("^%-W", ""), source = source_line(file, tonumber(number)) }
    alarms = alarms + 1
    if not is_known(finding) then fault(("%s:%s: %s [%s]\n    %s"):format(file, number, text, finding.id, finding.source)) end
  end
end
for _, entry in ipairs(known) do
  if not entry.used then fault("spec/analyse.known: matches nothing any more: " .. entry.line) end
end
print(("%d finding%s, of which spec/analyse.known explains all but what is above"):format(alarms, alarms == 1 and "" or "s"))
print(("%d passed, %d failed"):format(faults == 0 and 1 or 0, faults))
os.exit(faults == 0)
