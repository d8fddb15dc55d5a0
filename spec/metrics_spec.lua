-- The counters at `metrics`: their format, what they count, and that they are exact whoever dies.
local json = require "luaserve.json"
local socket = require "socket"
local spec = require "luaserve.spec"
local exposition = dofile "spec/exposition.lua"

local pool = os.getenv "LUASERVE_MODE" == "pool"

local scripts = { ["app.lua"] = [[
  local app = require "luaserve"
  app:get("/ok", function() return "ok" end)
  app:get("/u/:id", function(req) return { text = req.params.id } end)
  app:any("/any", function() return "any" end)
  app:get('/q"uote\\', function() return "quoted" end)
  app:get("/sleep", function() app.sleep "30ms" return "slept" end)
  app:get("/status/:n", function(req) return tonumber(req.params.n) end)
  app:get("/slow", { wall = "50ms" }, function() while true do end end)
  app:get("/burn", { cpu = "50ms" }, function() while true do end end)
  app:get("/stuck", { wall = "50ms" }, function()
    return tostring((("a"):rep(50000)):find((".-"):rep(20) .. "b"))
  end)
  app:get("/memory", { memory = "1M" }, function() return ("x"):rep(8 << 20) end)
  app:get("/segv", function() os.execute "kill -SEGV $PPID" app.sleep(5) end)
  app:get("/kill", function() os.execute "kill -KILL $PPID" app.sleep(5) end)
  app:get("/set", function() app.shared("d"):set("k", ("v"):rep(1000)) return "set" end)
  app:host("api.example.org", function(site) site:get("/me", function() return "me" end) end)
  app:get("/stream", function(_, res) for _ = 1, 3 do res:write "12345" res:flush() end end)
  app:get("/events", function(_, res) while true do res:event("tick", "1") app.sleep "5ms" end end)
  app:ws("/ws", function(_, ws) for message in ws:messages() do ws:send(message) end end)
  for i = 1, 300 do app:get("/many/" .. i, function() return "one of many" end) end
]] }

local function start(config)
  config = config or {}
  config.metrics = config.metrics == nil and "/metrics" or config.metrics
  return spec.start { scripts = scripts, config = config, www = { ["a.txt"] = "content\n" } }
end

local function scrape(server)
  local response = server:get "/metrics"
  assert.equal(200, response.status)
  return exposition.parse(response.body)
end

-- An answer is counted when it has gone, which may be a moment after it has come.
local function until_sum(server, expected, name, labels)
  local deadline, sum = socket.gettime() + 10
  repeat
    sum = exposition.sum(scrape(server), name, labels)
    if sum == expected then return end
    socket.sleep(0.01)
  until socket.gettime() > deadline
  assert.equal(expected, sum)
end

local function until_requests(server, expected, labels)
  until_sum(server, expected, "luaserve_requests_total", labels)
end

describe("metrics", function()
  local server
  setup(function() server = start { limits = { head_timeout = "150ms", body_timeout = "150ms" } } end)
  teardown(function() server:stop() end)

  it("are text in the format of Prometheus, with a type for each", function()
    local response = server:get "/metrics"
    assert.equal("text/plain; version=0.0.4; charset=utf-8", response.headers["content-type"])
    assert.equal("no-store", response.headers["cache-control"])
    local all = exposition.parse(response.body)
    for name, kind in pairs {
      luaserve_requests_total = "counter", luaserve_request_seconds = "histogram", luaserve_response_bytes_total = "counter",
      luaserve_responses_cut_total = "counter", luaserve_clients = "gauge", luaserve_clients_total = "counter",
      luaserve_refused_total = "counter", luaserve_forks_total = "counter", luaserve_fork_seconds = "summary",
      luaserve_deaths_total = "counter", luaserve_budget_hits_total = "counter", luaserve_reloads_total = "counter",
      luaserve_schedule_runs_total = "counter", luaserve_shared_size_bytes = "gauge", luaserve_shared_used_bytes = "gauge",
      luaserve_shared_entries = "gauge", luaserve_shared_evicted_total = "counter", luaserve_start_time_seconds = "gauge",
      luaserve_build_info = "gauge" } do
      assert.equal(kind, (all.families[name] or {}).kind, name)
      assert.truthy(all.families[name].help)
    end
    assert.equal(1, exposition.sum(all, "luaserve_build_info", { mode = pool and "pool" or "fork", version = "0.1.0" }))
    assert.is_true(math.abs(exposition.sum(all, "luaserve_start_time_seconds") - os.time()) < 300)
  end)

  it("count requests by method, pattern and status", function()
    for i = 1, 5 do server:get("/u/" .. i) end
    server:head "/u/6"
    server:get "/status/503"
    server:get "/status/404"
    server:get "/none"
    server:get "/a.txt"
    server:post("/u/1", "")
    server:get("/me", { headers = { Host = "api.example.org" } })
    until_requests(server, 5, { method = "GET", route = "/u/:id", status = "200" })
    until_requests(server, 1, { method = "HEAD", route = "/u/:id", status = "200" })
    until_requests(server, 1, { route = "/status/:n", status = "503" })
    until_requests(server, 1, { route = "/status/:n", status = "404" })
    until_requests(server, 1, { route = "", status = "404" })
    until_requests(server, 1, { route = "", status = "200" })
    until_requests(server, 1, { method = "POST", route = "", status = "405" })
    until_requests(server, 1, { route = "api.example.org/me" })
  end)

  it("never show what a client has made up", function()
    server:request { method = "BREW", path = "/secret-path-1" }
    server:request { method = "MAKE", path = "/secret-path-2" }
    server:raw "nonsense-secret\r\n\r\n"
    until_requests(server, 2, { method = "OTHER", route = "", status = "501" })
    until_requests(server, 1, { method = "OTHER", route = "", status = "400" })
    assert.falsy(server:get("/metrics").body:find "secret")
    assert.falsy(server:get("/metrics").body:find "BREW")
  end)

  it("escape what stands in a pattern", function()
    server:get '/q%22uote%5C'
    until_requests(server, 1, { route = '/q"uote\\' })
  end)

  it("have buckets of how long it took, whatever the method", function()
    server:get "/sleep"
    server:get "/any"
    server:post("/any", "")
    until_sum(server, 1, "luaserve_request_seconds_count", { route = "/sleep" })
    until_sum(server, 2, "luaserve_request_seconds_count", { route = "/any" })
    local all = scrape(server)
    assert.equal(0, exposition.sum(all, "luaserve_request_seconds_bucket", { route = "/sleep", le = "0.025" }))
    assert.is_true(exposition.sum(all, "luaserve_request_seconds_sum", { route = "/sleep" }) >= 0.03)
    assert.equal(1, exposition.sum(all, "luaserve_request_seconds_bucket", { route = "/sleep", le = "+Inf" }))
    assert.equal(6, exposition.sum(all, "luaserve_response_bytes_total", { route = "/any" }))
  end)

  it("count a stream that has ended, a handshake, and what was cut", function()
    server:get "/stream"
    until_requests(server, 1, { route = "/stream", status = "200" })
    local ws = server:ws "/ws"
    until_requests(server, 1, { route = "/ws", status = "101" })
    ws:close()
    local client = server:client()
    client:send "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.equal("HTTP/1.1 200 OK", client:receive "*l")
    client:close()
    until_sum(server, 1, "luaserve_responses_cut_total", { route = "/events", status = "200" })
    until_requests(server, 0, { route = "/events" })
  end)

  it("count what the server says in a handler's place, deaths by their cause, and budgets", function()
    for path, status in pairs { ["/slow"] = 503, ["/burn"] = 503, ["/stuck"] = 503, ["/memory"] = 503, ["/segv"] = 500 } do
      assert.equal(status, server:get(path).status)
      until_requests(server, 1, { method = "GET", route = path, status = tostring(status) })
      until_sum(server, 1, "luaserve_request_seconds_count", { route = path, status = tostring(status) })
    end
    until_sum(server, 1, "luaserve_deaths_total", { cause = "SIGSEGV" })
    until_sum(server, 1, "luaserve_deaths_total", { cause = "wall" })
    until_sum(server, 2, "luaserve_budget_hits_total", { budget = "wall" })
    until_sum(server, 1, "luaserve_budget_hits_total", { budget = "cpu" })
    until_sum(server, 1, "luaserve_budget_hits_total", { budget = "memory" })
    server:raw("GET /ok HTTP/1.1\r\n", { half_close = false })
    until_sum(server, 1, "luaserve_budget_hits_total", { budget = "head" })
    until_sum(server, 1, "luaserve_requests_total", { status = "408" })
    local killed = pcall(server.get, server, "/kill")
    assert.equal(not pool, killed)
    until_sum(server, 1, "luaserve_deaths_total", { cause = "SIGKILL" })
    until_requests(server, pool and 0 or 1, { route = "/kill" })
  end)

  it("know clients, processes and what they share", function()
    local client = server:client()
    client:get "/set"
    until_sum(server, 1, "luaserve_clients", { phase = "idle" })
    local all = scrape(server)
    assert.equal(1, exposition.sum(all, "luaserve_clients", { phase = "handler" }))
    assert.equal(1, exposition.sum(all, "luaserve_shared_entries"))
    assert.is_true(exposition.sum(all, "luaserve_shared_used_bytes") >= 1000)
    assert.is_true(exposition.sum(all, "luaserve_clients_total") > 20)
    local forks = exposition.sum(all, "luaserve_forks_total")
    assert.equal(forks, exposition.sum(all, "luaserve_fork_seconds_count"))
    assert.is_true(pool and forks >= 2 or forks > 20)
    client:close()
  end)

  it("stay what they are when the server is reloaded", function()
    local client = server:client()
    client:get "/any"
    local before = exposition.sum(scrape(server), "luaserve_requests_total", { route = "/u/:id" })
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation 2")
    server:get "/u/1"
    until_requests(server, before + 1, { route = "/u/:id" })
    until_sum(server, 1, "luaserve_reloads_total", { result = "done" })
    client:close()
  end)

  it("have so many series and no more", function()
    local client = server:client()
    for i = 1, 300 do client:get("/many/" .. i) end
    client:close()
    local function is_many(route) return route:find "^/many/" or route == "other" end
    until_requests(server, 300, { route = is_many })
    local all = scrape(server)
    assert.is_true(exposition.sum(all, "luaserve_requests_total", { route = "other" }) > 30)
    assert.equal(1, exposition.sum(all, "luaserve_requests_total", { route = "/many/1" }))
  end)
end)

describe("metrics are not there", function()
  it("for those who are no observers", function()
    local server = start { trusted_proxies = { "127.0.0.1" } }
    local response = server:get("/metrics", { headers = { ["X-Forwarded-For"] = "127.0.0.1" } })
    assert.equal(403, response.status)
    assert.falsy(response.body:find "luaserve_")
    server:stop()
  end)

  it("unless they are asked for", function()
    local server = start { metrics = false }
    assert.equal(404, server:get("/metrics").status)
    server:stop()
  end)
end)

describe("clients that are turned away", function()
  it("are counted by the reason", function()
    local server = start { processes = { max_clients = 1, queue_timeout = "10ms" } }
    local busy = server:client()
    busy:send "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"
    busy:receive "*l"
    assert.equal(503, server:get("/ok").status)
    busy:close()
    local deadline = socket.gettime() + 10
    while server:get("/ok").status == 503 and socket.gettime() < deadline do socket.sleep(0.01) end
    local all
    repeat
      local response = server:get "/metrics"
      all = response.status == 200 and exposition.parse(response.body)
    until all or socket.gettime() > deadline
    assert.is_true(exposition.sum(all, "luaserve_refused_total", { reason = "full" }) >= 1)
    server:stop()
  end)
end)

-- Exactness ----------------------------------------------------------------------------------------

local REQUEST = "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n"

-- A client that asks again as soon as it has its answer, and connects again when it must.
local function asker(server, seen)
  local M = { rest = "" }
  function M.connect()
    if M.socket then M.socket:close() end
    M.socket, M.rest = assert(socket.connect("127.0.0.1", server.port)), ""
    M.socket:settimeout(0)
    M.ask()
  end
  function M.ask()
    M.waits = true
    if not M.socket:send(REQUEST) then M.broken = true end
  end
  -- Takes what has come. False: it is over with this connection.
  function M.read()
    local bytes, message, part = M.socket:receive(65536)
    M.rest = M.rest .. (bytes or part or "")
    while true do
      local head, from = M.rest:match "^(.-)\r\n\r\n()"
      local length = head and tonumber(head:match "[Cc]ontent%-[Ll]ength: (%d+)")
      if not head or #M.rest < from - 1 + length then break end
      local status = head:match "^HTTP/1.1 (%d+)"
      seen[status] = (seen[status] or 0) + 1
      M.rest, M.waits = M.rest:sub(from + length), false
      if head:find "[Cc]onnection: close" then return false end
    end
    return message ~= "closed" and not message:find "reset" and not M.broken
  end
  M.connect()
  return M
end

local function workers_of(server)
  local list = {}
  local file <close> = io.open(("/proc/%d/task/%d/children"):format(server.pid, server.pid))
  for pid in (file and file:read "a" or ""):gmatch "%d+" do list[#list + 1] = pid end
  return list
end

-- Has clients ask until so many answers have come, and kills a worker, any, after each `every` of them. What
-- was asked last is waited for.
local function besiege(server, clients, answers, every)
  local seen, askers, kills = {}, {}, 0
  local killer = assert(io.popen("sh", "w"))
  killer:setvbuf "no"
  local function total() return (seen["200"] or 0) + (seen["500"] or 0) end
  for i = 1, clients do askers[i] = asker(server, seen) end
  local deadline = socket.gettime() + 60
  while #askers > 0 and socket.gettime() < deadline do
    local sockets, of = {}, {}
    for _, a in ipairs(askers) do
      sockets[#sockets + 1] = a.socket
      of[a.socket] = a
    end
    for _, s in ipairs((socket.select(sockets, nil, 1))) do
      local a = of[s]
      local goes_on, ends = a.read(), total() >= answers
      if not goes_on and not ends then
        a.broken = nil
        a.connect()
      elseif goes_on and not a.waits and not ends then
        a.ask()
      elseif ends and (not goes_on or not a.waits) then
        a.socket:close()
        for i = #askers, 1, -1 do if askers[i] == a then table.remove(askers, i) end end
      end
      if not ends and total() > kills * every then
        local workers = workers_of(server)
        if #workers > 0 then
          kills = kills + 1
          killer:write("kill -9 " .. workers[math.random(#workers)] .. " 2> /dev/null\n")
        end
      end
    end
  end
  killer:close()
  assert.equal(0, #askers)
  return seen, kills
end

-- The lines of the access log by their status, and how many there are of an id that was there before.
local function logged(server)
  local lines, ids, again = {}, {}, 0
  for line in io.lines(server.dir .. "/access.log") do
    local entry = json.decode(line:match '.*({"time".*)$') -- what stands before was cut off by a kill
    if entry.route == "/ok" or entry.status == 500 then
      lines[tostring(entry.status)] = (lines[tostring(entry.status)] or 0) + 1
      again = again + (ids[entry.id] and 1 or 0)
      ids[entry.id] = true
    end
  end
  return lines, again
end

describe("what was answered is counted once, and has one line", function()
  it("though workers are killed at any moment", function()
    local server = start { processes = { max_clients = 200, workers = 4 }, log = { access = "json", access_file = "access.log" } }
    local seen, kills = besiege(server, 24, pool and 6000 or 4000, pool and 40 or 4)
    assert.is_true(kills >= 20)
    assert.is_true(seen["200"] > 1000)
    if pool then
      -- a kill between the last look and the call that sends, which are neighbours, counts one too many
      local deadline, counted = socket.gettime() + 10
      repeat
        counted = exposition.sum(scrape(server), "luaserve_requests_total", { route = "/ok", status = "200" })
      until counted >= seen["200"] or socket.gettime() > deadline
      assert.is_true(counted == seen["200"] or counted == seen["200"] + 1, counted .. " for " .. seen["200"])
      local lines, again = logged(server)
      assert.same({ counted, 0 }, { lines["200"], again })
    else
      until_requests(server, seen["200"], { route = "/ok", status = "200" })
      until_requests(server, seen["500"] or 0, { status = "500" })
      until_sum(server, seen["200"], "luaserve_request_seconds_count", { route = "/ok", status = "200" })
      until_sum(server, 2 * seen["200"], "luaserve_response_bytes_total", { route = "/ok", status = "200" })
      assert.is_true((seen["500"] or 0) > 0)
      local lines, again = logged(server)
      assert.same({ seen["200"], seen["500"], 0 }, { lines["200"], lines["500"], again })
    end
    server:stop()
  end)
end)
