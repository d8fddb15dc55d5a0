-- What bench/run.sh measured: medians over the rounds, and ratios within them.
local M = {}

-- A work whose requests are so large that few end within a round is counted in bytes.
local bulk = { ["file-100m"] = 100 << 20 }

local function median(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local middle = #sorted // 2
  if #sorted % 2 == 1 then return sorted[middle + 1] end
  return (sorted[middle] + sorted[middle + 1]) / 2
end

local function split(line)
  local fields = {}
  for field in (line .. "\t"):gmatch("([^\t]*)\t") do fields[#fields + 1] = field end
  return fields
end

-- One line of raw.tsv as a round: rates a second, CPU in µs a request, latencies in ms.
local function round(row)
  local requests = tonumber(row.requests)
  if bulk[row.work] then requests = tonumber(row.bytes) / bulk[row.work] end
  local rate = requests / tonumber(row.seconds)
  local peak = tonumber(row.peak)
  return {
    rate = rate,
    cpu = tonumber(row.cpu_us) / math.max(requests, 1e-9),
    p50 = tonumber(row.p50_us) / 1000,
    p99 = tonumber(row.p99_us) / 1000,
    errors = tonumber(row.errors),
    share = peak and rate / peak,
  }
end

local measured = { "rate", "cpu", "p50", "p99", "share" }

local function summarize(server)
  server.errors = 0
  local rates = {}
  for _, one in pairs(server.rounds) do
    server.errors = server.errors + one.errors
    rates[#rates + 1] = one.rate
  end
  for _, key in ipairs(measured) do
    local list = {}
    for _, one in pairs(server.rounds) do list[#list + 1] = one[key] end
    server[key] = #list > 0 and median(list) or nil
  end
  server.spread = (math.max(table.unpack(rates)) - math.min(table.unpack(rates))) / server.rate
end

--- The median of the ratios that two servers of a work have within each round.
---@param ours table a server of `read`
---@param theirs table a server of the same work
---@param key string "rate" or "cpu"
---@return number?
function M.ratio(ours, theirs, key)
  local list = {}
  for number, one in pairs(ours.rounds) do
    local other = theirs.rounds[number]
    if other and other[key] > 0 then list[#list + 1] = one[key] / other[key] end
  end
  return #list > 0 and median(list) or nil
end

-- The list's element of that name; a new one at its end if there is none.
local function named(list, name)
  for _, one in ipairs(list) do
    if one.name == name then return one end
  end
  list[#list + 1] = { name = name }
  return list[#list]
end

--- Reads raw.tsv. Works stand as they were measured, the servers of each by their rates.
---@param path string
---@return table { notes = { string… }, { name, bulk, { name, rate, cpu, p50, p99, … }… }… }
function M.read(path)
  local works, columns = { notes = {} }, nil
  for line in io.lines(path) do
    local note = line:match("^# (.*)")
    if note then
      works.notes[#works.notes + 1] = note
    elseif not columns then
      columns = split(line)
    else
      local row = {}
      for i, field in ipairs(split(line)) do row[columns[i]] = field end
      local work = named(works, row.work)
      work.bulk = bulk[row.work]
      local server = named(work, row.server)
      server.rounds = server.rounds or {}
      server.rounds[tonumber(row.round)] = round(row)
    end
  end
  for _, work in ipairs(works) do
    for _, server in ipairs(work) do summarize(server) end
    table.sort(work, function(a, b) return a.rate > b.rate end)
  end
  return works
end

return M
