-- The status page: who is there and what they are at, as a page, as JSON, and as events once a second.
local core, serve = ...

local MOST = 1000 -- clients that are listed
local base = core.status_at:gsub("/$", "")
local array, escape = core.json.array, core.escape

-- What is shown ------------------------------------------------------------------------------------

-- Bytes that are no UTF-8, and characters that are not seen, or make others seem to stand elsewhere.
local function clean(text)
  local len, at = utf8.len(text)
  while not len do
    text = text:sub(1, at - 1) .. "\u{FFFD}" .. text:sub(at + 1)
    len, at = utf8.len(text, at + 3)
  end
  return (text:gsub("[\0-\31\127]", "\u{FFFD}"):gsub("\xC2[\x80-\x9F]", "\u{FFFD}")
    :gsub("\xE2\x80[\x8B-\x8F\xA8-\xAE]", "\u{FFFD}"):gsub("\xE2\x81[\xA0-\xAF]", "\u{FFFD}"))
end

-- Without what may be secret: a password before the host, all that stands in the query.
local function target_of(target)
  return (clean(target):gsub("^(%a[%w+.-]*://)[^/?]*@", "%1"):gsub("%?.*$", "?…"))
end

-- Whoever has not used the CPU since has not changed its memory, which takes longer to ask for.
local function use_of(pid, seen)
  local cpu, before = core.cpu(pid), seen[pid]
  if before and before.cpu_ms == cpu then return before end
  local own, resident = core.memory(pid)
  seen[pid] = { cpu_ms = cpu, own = own, resident = resident }
  return seen[pid]
end

local function add_use(row, seen)
  local use = row.pid > 0 and use_of(row.pid, seen) or {}
  row.cpu_ms, row.own, row.resident = use.cpu_ms, use.own, use.resident
end

local function drop(row, ...)
  for _, key in ipairs { ... } do row[key] = nil end
end

local function tidy(row)
  row.method, row.ip = clean(row.method), clean(row.ip)
  row.target = row.raw and "raw TCP" or target_of(row.target)
  row.raw = nil
end

local function tidy_side(row)
  local is_run = row.method == "every"
  row.what = is_run and "app:every " .. clean(row.target) or "reads for client " .. row.client
  if is_run then row.client = nil end
  drop(row, "ip", "port", "phase", "requests", "method", "target", "id", "since_ms", "raw")
end

-- `seen`: what each process used, kept from one look to the next.
local function look(seen)
  local server = core.overview()
  local clients, count = core.clients(MOST)
  local workers, sides = core.workers(), core.sides()
  for _, row in ipairs(clients) do
    tidy(row)
    if server.mode == "fork" then add_use(row, seen) end
  end
  for _, row in ipairs(workers) do add_use(row, seen) end
  for _, row in ipairs(sides) do
    tidy_side(row)
    add_use(row, seen)
  end
  table.sort(clients, function(a, b) return a.client < b.client end)
  server.count, server.left_out = count, math.max(count - #clients, 0)
  server.version, server.clients, server.workers, server.sides = core.version, clients, workers, sides
  return server
end

-- JSON ---------------------------------------------------------------------------------------------

local function as_json()
  local server = look {}
  local now = server.now_ms
  server.uptime_ms, server.now_ms = now, nil
  for _, list in ipairs { "clients", "workers", "sides" } do
    for _, row in ipairs(array(server[list])) do
      if row.opened_ms then row.age_ms = math.max(now - row.opened_ms, 0) end
      if row.since_ms then row.for_ms = math.max(now - row.since_ms, 0) end
      drop(row, "opened_ms", "since_ms")
    end
  end
  return { json = server }
end

serve("status", base .. "/clients", as_json)

-- Events -------------------------------------------------------------------------------------------

-- Those of `clients` that differ from what was sent, those that have gone, and what is known then.
local function changes(clients, sent)
  local changed, gone, known = {}, {}, {}
  for _, row in ipairs(clients) do
    known[row.client] = core.json.encode(row)
    if sent[row.client] ~= known[row.client] then changed[#changed + 1] = row end
  end
  for client in pairs(sent) do
    if not known[client] then gone[#gone + 1] = client end
  end
  return array(changed), array(gone), known
end

local function forget_others(seen, ...)
  local there = {}
  for _, list in ipairs { ... } do
    for _, row in ipairs(list) do there[row.pid] = true end
  end
  for pid in pairs(seen) do
    if not there[pid] then seen[pid] = nil end
  end
end

serve("status", base .. "/events", function(_, res)
  local sent, seen, all = {}, {}, true
  res.headers["X-Accel-Buffering"] = "no"
  res:event_stream { retry = "2s", heartbeat = false }
  repeat
    local server = look(seen)
    forget_others(seen, server.clients, server.workers, server.sides)
    server.all, all = all, false
    server.clients, server.gone, sent = changes(server.clients, sent)
    server.workers, server.sides = array(server.workers), array(server.sides)
    res:event(nil, server)
    core.sleep(1000000)
  until core.retired() -- the page comes back, to the scripts of now
end)

-- The page -----------------------------------------------------------------------------------------

local function duration(ms)
  local s = math.max(ms, 0) // 1000
  if s < 60 then return s .. " s" end
  if s < 3600 then return ("%d min %d s"):format(s // 60, s % 60) end
  if s < 86400 then return ("%d h %d min"):format(s // 3600, s // 60 % 60) end
  return ("%d d %d h"):format(s // 86400, s // 3600 % 24)
end

local function size(bytes)
  if not bytes then return "" end
  if bytes < 1048576 then return ("%d KiB"):format(bytes // 1024) end
  return ("%.1f MiB"):format(bytes / 1048576)
end

local function seconds(ms) return ms and ("%.2f s"):format(ms / 1000) or "" end

local texts = {
  client = function(row, server) return row.client .. (row.client == server.you and " (you)" or "") end,
  pid = function(row) return row.pid > 0 and row.pid or "" end,
  address = function(row)
    return row.port == 0 and row.ip or (row.ip:find ":" and "[%s]:%d" or "%s:%d"):format(row.ip, row.port)
  end,
  since = function(row, server) return duration(server.now_ms - row.since_ms) end,
  opened = function(row, server) return duration(server.now_ms - row.opened_ms) end,
  request = function(row) return row.method .. " " .. row.target end,
  cpu = function(row) return seconds(row.cpu_ms) end,
  own = function(row) return size(row.own) end,
  resident = function(row) return size(row.resident) end,
}

-- Key, label, whether it is a number, and the mode in which it is shown where it is not both.
local use = { { "cpu", "CPU", true }, { "own", "Own memory", true }, { "resident", "Resident", true } }
local tables = {
  clients = { "Clients", { "client", "Client", true }, { "phase", "Phase" }, { "since", "For", true },
    { "request", "Request" }, { "requests", "Requests", true }, { "address", "Address" },
    { "pid", "Process", true, "fork" }, { "pid", "Worker", true, "pool" }, { "cpu", "CPU", true, "fork" },
    { "own", "Own memory", true, "fork" }, { "resident", "Resident", true, "fork" },
    { "opened", "Connected", true } },
  workers = { "Workers", { "pid", "Worker", true }, { "clients", "Clients", true }, table.unpack(use) },
  sides = { "Side processes", { "pid", "Process", true }, { "what", "What" }, { "opened", "Age", true },
    table.unpack(use) },
}

local function is_traced() return core.trace "" ~= false end

local function cell(row, column, server, tag)
  local key, is_number = column[1], column[3]
  local text = escape(texts[key] and texts[key](row, server) or row[key] or "")
  if key == "request" and row.id and is_traced() then
    text = ('<a href="%s/trace/%s">%s</a>'):format(escape(base), row.id, text)
  end
  if key == "phase" then text = "<span>" .. text .. "</span>" end
  return ('<%s class="%s">%s</%s>'):format(tag, is_number and "n" or key, text, tag:match "%w+")
end

local function table_of(id, server)
  local rows, parts, shown = server[id], {}, {}
  local function add(...) parts[#parts + 1] = table.concat { ... } end
  add('<div class="scroll" role="region" tabindex="0" aria-labelledby="', id, '-of"',
    (#rows > 0 or id == "clients") and "" or " hidden", '><table id="', id, '"><caption id="', id, '-of">',
    tables[id][1], "</caption>\n<thead><tr>")
  for _, column in ipairs { table.unpack(tables[id], 2) } do
    if not column[4] or column[4] == server.mode then
      shown[#shown + 1] = column
      add('<th scope="col" data-key="', column[1], '" class="', column[3] and "n" or column[1], '">', column[2], "</th>")
    end
  end
  add "</tr></thead>\n<tbody>\n"
  for _, row in ipairs(rows) do
    add('<tr class="', escape(row.phase or ""), '">')
    for i, column in ipairs(shown) do add(cell(row, column, server, i == 1 and 'th scope="row"' or "td")) end
    add "</tr>\n"
  end
  add "</tbody></table></div>"
  return table.concat(parts)
end

local function page(res)
  local server = look {}
  local nonce = core.random(16):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  local values = {
    nonce = nonce, base = escape(base), traced = is_traced() and "yes" or "",
    css = core.status_text "css", js = core.status_text "js",
    uptime = duration(server.now_ms), cpu = seconds(server.cpu_ms),
    more = server.left_out > 0 and server.left_out .. " more are not listed." or "",
  }
  for id in pairs(tables) do values[id] = table_of(id, server) end
  for _, key in ipairs { "version", "mode", "pid", "generation", "count", "max_clients", "requests" } do
    values[key] = escape(server[key])
  end
  res.headers["Content-Security-Policy"] = ("default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; " ..
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    :format(nonce, nonce)
  res.headers["X-Content-Type-Options"] = "nosniff"
  res.headers["Referrer-Policy"] = "no-referrer"
  return { html = (core.status_text "html":gsub("{{([%w_]+)}}", values)) }
end

serve("status", core.status_at, function(req, res)
  local accept = (req.headers.accept or ""):lower()
  local wants_json = accept:find("application/json", 1, true) and not accept:find("text/html", 1, true)
  res.headers["Vary"] = "Accept"
  return wants_json and as_json() or page(res)
end)
