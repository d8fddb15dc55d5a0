-- Draws the table of docs/bench.md that has goals: how far each run was from its goal.
--
--   lua5.4 docs/make/goals.lua docs/bench.md > docs/bench.svg
local labels, axis, row, top = 440, 440, 24, 56 -- widths, and heights
local least, most = 0.25, 2 -- shares of a goal; what lies outside stands at the edge

local style = [[
text { font: 13px system-ui, sans-serif; fill: #1c2024 }
.quiet { fill: #5b646e }
.page { fill: #fff } .grid { stroke: #d9dee3 } .goal { stroke: #1c2024; stroke-width: 1.5 } .runs { stroke: #5b646e }
.reached { fill: #2b7a4b } .missed { fill: #c2550a }
@media (prefers-color-scheme: dark) {
  text { fill: #dfe3e8 } .quiet { fill: #98a2ad }
  .page { fill: #14171a } .grid { stroke: #343b42 } .goal { stroke: #dfe3e8 } .runs { stroke: #98a2ad }
  .reached { fill: #5cc389 } .missed { fill: #f08c3a }
}
]]

--- Rows with a goal and numbers: { label, goal, upper, runs }.
local function read_rows(path)
  local rows, inside = {}, false
  for line in io.lines(path) do
    inside = line:find "^| work | goal |" ~= nil or inside and line:find "^|" ~= nil
    local label, sign, goal, rest = line:match "^| (.-) | (%S+) ([%d.]+) |(.*)"
    local runs = {}
    for number in (rest or ""):gmatch " ([%d.]+) |" do runs[#runs + 1] = tonumber(number) end
    if inside and #runs >= 3 then rows[#rows + 1] = { label = label, sign = sign, goal = tonumber(goal), runs = runs } end
  end
  return rows
end

-- A share of the goal, 1 and more where it is reached; on a scale on which twice and half are as far.
local function share(entry, value)
  return entry.sign == "≥" and value / entry.goal or entry.goal / value
end

local function x_of(value)
  local at = math.max(least, math.min(most, value))
  return labels + math.log(at / least) / math.log(most / least) * axis
end

local out = {}
local function put(format, ...) out[#out + 1] = format:format(...) end

local function draw_axis(height)
  for _, tick in ipairs { 0.25, 0.5, 0.75, 1, 1.5, 2 } do
    local x = x_of(tick)
    put('<line class="%s" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>', tick == 1 and "goal" or "grid", x, top - 8, x, height)
    put('<text class="quiet" x="%.1f" y="%d" text-anchor="middle">%s</text>', x, top - 14, tick == 1 and "goal" or "× " .. tick)
  end
end

local function draw_row(entry, y)
  local low, high = math.huge, 0
  for _, value in ipairs(entry.runs) do
    low, high = math.min(low, share(entry, value)), math.max(high, share(entry, value))
  end
  put('<text x="16" y="%.1f">%s</text>', y + 4, entry.label)
  put('<text class="quiet" x="%d" y="%.1f" text-anchor="end">%s %s</text>', labels - 14, y + 4, entry.sign, entry.goal)
  put('<line class="runs" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>', x_of(low), y, x_of(high), y)
  for _, value in ipairs(entry.runs) do
    local s = share(entry, value)
    put('<circle class="%s" cx="%.1f" cy="%.1f" r="4.5"><title>%s</title></circle>', s >= 1 and "reached" or "missed", x_of(s), y, value)
  end
end

local rows = read_rows(assert(arg[1], "usage: goals.lua docs/bench.md"))
assert(#rows > 10, "the table of goals is not found")
local height = top + #rows * row + 8
local width = labels + axis + 32
draw_axis(height - 8)
for i, entry in ipairs(rows) do draw_row(entry, top + (i - 0.5) * row) end
print(('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">'):format(width, height, width, height))
print("<title>What was measured, as a share of its goal</title>\n<style>\n" .. style .. "</style>")
print '<rect class="page" width="100%" height="100%"/>'
print '<text x="16" y="24" font-weight="bold">The runs of each work, beside its goal</text>'
print(table.concat(out, "\n"))
print "</svg>"
