-- Tables and a plot of what bench/run.sh measured:
--
--   lua5.4 bench/report.lua RAW.tsv RESULTS.md RESULTS.svg      from the root of the repo
--
-- The table goes to the terminal as well.
package.path = "./?.lua;" .. package.path
local results = require "bench.results"
local plot = require "bench.plot"

local titles = {
  ["hello-1"] = "Lua answer of 22 bytes, keep-alive, 1 client",
  ["hello-32"] = "Lua answer of 22 bytes, keep-alive, 32 clients",
  ["hello-256"] = "Lua answer of 22 bytes, keep-alive, 256 clients",
  ["hello-1000"] = "Lua answer of 22 bytes, keep-alive, 1000 clients",
  ["hello-close"] = "Lua answer of 22 bytes, a connection each, 32 at once",
  ["half-load"] = "Lua answer of 22 bytes at half of the server's own peak, 256 clients",
  ["file-1k"] = "File of 1 KB, keep-alive, 32 clients",
  ["file-100k"] = "File of 100 KB, keep-alive, 32 clients",
  ["file-100m"] = "File of 100 MB, 4 clients",
  ["echo-1k"] = "Lua returns a body of 1 KB, keep-alive, 32 clients",
  ["echo-100k"] = "Lua returns a body of 100 KB, keep-alive, 32 clients",
  ["ws-echo-32"] = "WebSocket: messages of 32 bytes come back, 32 clients",
  ["ws-echo-256"] = "WebSocket: messages of 32 bytes come back, 256 clients",
  ["ws-echo-1000"] = "WebSocket: messages of 32 bytes come back, 1000 clients",
}

local notes = [[
Requests and answers over loopback, one thread of wrk; WebSocket messages by wsload, one thread as well. All servers of a work run side by side and are
asked in turns; each number is the median of the rounds. Spread: of the rates, from the least to the
most. CPU: all that the machine was busy with, less the load generator, in µs a request. Ratios: what
luaserve has by what the server of that line has, each within a round, then their median: a rate above
1 and a CPU below 1 are luaserve's. The null servers parse nothing; null forks for each client,
null_epoll is driven by events. Latency at half load is that of a closed loop: each client waits for its
answer, pauses, and asks again, so that a server that stalls is asked less meanwhile.
]]

local ours = { "luaserve-fork", "luaserve-pool" }

local function find(work, name)
  for _, server in ipairs(work) do
    if server.name == name then return server end
  end
end

-- The columns that a work's table has: { heading, function(server) → text }.
local function columns_of(work)
  local columns = {
    { "server", function(server) return server.name end },
    { "requests/s", function(server) return ("%.0f"):format(server.rate) end },
    { "spread", function(server) return ("%.0f %%"):format(server.spread * 100) end },
    { "CPU µs", function(server) return ("%.1f"):format(server.cpu) end },
    { "p50 ms", function(server) return ("%.2f"):format(server.p50) end },
    { "p99 ms", function(server) return ("%.2f"):format(server.p99) end },
    { "errors", function(server) return ("%d"):format(server.errors) end },
  }
  if work.name:match "^ws" then columns[2][1] = "messages/s" end
  if work.bulk then
    columns[2] = { "MB/s", function(server) return ("%.0f"):format(server.rate * work.bulk / 1e6) end }
  end
  if work[1].share then
    table.insert(columns, 3,
      { "of peak", function(server) return ("%.0f %%"):format(server.share * 100) end })
  end
  for _, name in ipairs(ours) do
    local us = find(work, name)
    for _, key in ipairs { "rate", "cpu" } do
      columns[#columns + 1] = us and { name:gsub("luaserve%-", "") .. " " .. key, function(server)
        local ratio = server ~= us and results.ratio(us, server, key)
        return ratio and ("%.2f"):format(ratio) or "-"
      end }
    end
  end
  return columns
end

-- The table as rows of text, the headings first.
local function cells(work)
  local columns, rows = columns_of(work), { {} }
  for i, column in ipairs(columns) do rows[1][i] = column[1] end
  for _, server in ipairs(work) do
    local line = {}
    for i, column in ipairs(columns) do line[i] = column[2](server) end
    rows[#rows + 1] = line
  end
  return rows
end

-- Names to the left, numbers to the right, all columns as wide as they need.
local function plain(rows)
  local widths, out = {}, {}
  for _, line in ipairs(rows) do
    for i, text in ipairs(line) do widths[i] = math.max(widths[i] or 0, utf8.len(text)) end
  end
  for _, line in ipairs(rows) do
    local padded = {}
    for i, text in ipairs(line) do
      local room = (" "):rep(widths[i] - utf8.len(text))
      padded[i] = i == 1 and text .. room or room .. text
    end
    out[#out + 1] = "  " .. table.concat(padded, "  ")
  end
  return table.concat(out, "\n") .. "\n"
end

local function markdown(rows)
  local out = {}
  for i, line in ipairs(rows) do
    out[#out + 1] = "| " .. table.concat(line, " | ") .. " |"
    if i == 1 then out[#out + 1] = "| --- |" .. (" ---: |"):rep(#line - 1) end
  end
  return table.concat(out, "\n")
end

local function save(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

local raw, table_path, plot_path = ...
if not plot_path then
  io.stderr:write("usage: lua5.4 bench/report.lua RAW.tsv RESULTS.md RESULTS.svg\n")
  os.exit(64)
end
local works = results.read(raw)
local page = { "# Results\n", notes }
for _, note in ipairs(works.notes) do page[#page + 1] = "* " .. note end
for _, work in ipairs(works) do
  local title, rows = titles[work.name] or work.name, cells(work)
  print(("\n%s: %s"):format(work.name, title))
  io.write(plain(rows))
  page[#page + 1] = ("\n## %s\n\n%s"):format(title, markdown(rows))
end
save(table_path, table.concat(page, "\n") .. "\n")
save(plot_path, plot.svg(works, titles))
print(("\n%s and %s"):format(table_path, plot_path))
