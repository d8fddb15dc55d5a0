-- The results as an SVG: for each work the rates of all servers (at half load how long the slowest
-- answers take), and beside them their CPU.
local M = {}

local width, names, gap = 960, 120, 24 -- of the picture, the servers' names, between the columns
local bar, row, head, top = 13, 18, 34, 40
local column = (width - names - 3 * gap) / 2
local numbers = 64 -- room behind the longest bar

local style = [[
text { font: 12px sans-serif; fill: #222 }
.work { font-weight: bold }
.title { font-size: 15px; font-weight: bold }
.note { fill: #666; font-weight: normal }
.fork { fill: #d9480f } .pool { fill: #f08c00 } .null { fill: #adb5bd } .peer { fill: #4c78a8 }
]]

local function class(server)
  return server:match("^luaserve%-(%a+)$") or server:match("^null") or "peer"
end

-- 12345.6 as 12 346; small numbers keep a digit.
local function readable(value)
  if value < 100 then return ("%.1f"):format(value) end
  local text = ("%.0f"):format(value):reverse():gsub("(%d%d%d)", "%1 "):reverse()
  return (text:gsub("^ ", ""))
end

local function element(out, format, ...)
  out[#out + 1] = format:format(...)
end

local function bars(out, x, y, work, value)
  local most = 0
  for _, server in ipairs(work) do most = math.max(most, value(server)) end
  for i, server in ipairs(work) do
    local at = y + (i - 1) * row
    local length = most > 0 and value(server) / most * (column - numbers) or 0
    element(out, '<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%d"/>', class(server.name),
      x, at, length, bar)
    element(out, '<text x="%.1f" y="%.1f">%s</text>', x + length + 5, at + bar - 2,
      readable(value(server)))
  end
end

-- What the left column shows: the rate, where servers may be as fast as they can.
local function measure_of(work)
  if work[1].share then return "p99 in ms", function(server) return server.p99 end end
  if work.bulk then return "MB/s", function(server) return server.rate * work.bulk / 1e6 end end
  return "requests/s", function(server) return server.rate end
end

local function plot(out, y, work, title)
  local left, right = gap + names, gap + names + column + gap
  local unit, value = measure_of(work)
  element(out, '<text class="work" x="%d" y="%.1f">%s<tspan class="note" dx="8">%s</tspan></text>',
    gap, y + 14, title, unit)
  element(out, '<text class="note" x="%.1f" y="%.1f">CPU µs a request</text>', right, y + 14)
  y = y + 22
  for i, server in ipairs(work) do
    element(out, '<text x="%d" y="%.1f" text-anchor="end">%s</text>', left - 8,
      y + (i - 1) * row + bar - 2, server.name)
  end
  bars(out, left, y, work, value)
  bars(out, right, y, work, function(server) return math.max(server.cpu, 0) end)
end

--- The picture.
---@param works table what bench/results.lua reads
---@param titles table by the work's name
---@return string
function M.svg(works, titles)
  local out, y = {}, top
  for _, work in ipairs(works) do
    plot(out, y, work, titles[work.name] or work.name)
    y = y + head + #work * row
  end
  local title = '<text class="title" x="%d" y="24">Rates (longer is better), latency and CPU (shorter is better)</text>'
  return table.concat({
    ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f">')
      :format(width, y + gap, width, y + gap),
    "<style>\n" .. style .. "</style>",
    '<rect width="100%" height="100%" fill="#fff"/>',
    title:format(gap),
    table.concat(out, "\n"),
    "</svg>\n",
  }, "\n")
end

return M
