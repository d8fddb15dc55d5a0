-- One client of kills.sh, or its judge, from the root of the repo:
--
--   kills.lua worker PORT FOLDER CLIENT SECONDS   has batches done, on a connection that it makes anew when its
--                                                 process is killed
--   kills.lua presser PORT FOLDER SECONDS         the same, of batches that only change a dictionary
--   kills.lua listener PORT FOLDER NAME [safe]    reads what a subscriber says; ends with it. A safe one is
--                                                 named in FOLDER/safe, and must not be killed
--   kills.lua judge PORT FOLDER ROOM              compares the counters with what is recorded, and the room that
--                                                 there is with what there was
local http = require "luaserve.client"
local json = require "luaserve.json"
local socket = require "socket"

local role, port, folder = arg[1], math.tointeger(arg[2]), arg[3]
local PATIENCE = 20 -- seconds that anything may take
local CLIENTS = 6
local LIFE = 10     -- batches on a connection, at most: the next one may come to another process

local passed, failed = 0, 0
local function check(what, condition)
  if condition then passed = passed + 1 else failed = failed + 1 end
  if not condition then print("FAILED: " .. what) end
end

local function read(path)
  local file <close> = io.open(folder .. "/" .. path)
  return file and file:read "a" or ""
end

-- Workers --------------------------------------------------------------------------------------------

-- The body of the answer; nil: its process was killed.
local function batch(client, path)
  local fine, response = pcall(client.request, client, { path = path, timeout = PATIENCE })
  if not fine and tostring(response):find(" within ", 1, true) then
    print("FAILED: " .. path .. ": " .. tostring(response))
  end
  return fine and response.status == 200 and response.body or nil
end

local function presser(seconds)
  local until_time = socket.gettime() + seconds
  repeat
    local client = http.connect("127.0.0.1", port, PATIENCE)
    for _ = 1, LIFE do
      if not batch(client, "/press") then break end
    end
    client:close()
  until socket.gettime() > until_time
  print "presser"
end

local function worker(name, seconds)
  local until_time, session, batches = socket.gettime() + seconds, 0, 0
  while socket.gettime() < until_time do
    local client, seq = http.connect("127.0.0.1", port, PATIENCE), 1
    session = session + 1
    for _ = 1, LIFE do
      seq = batch(client, ("/work?client=%s&session=%s-%d&first=%s"):format(name, name, session, seq))
      if not seq then break end
      batches = batches + 1
    end
    client:close()
  end
  print(("worker: batches %d sessions %d"):format(batches, session))
end

-- Listeners ------------------------------------------------------------------------------------------

-- Up to the end: true; to that of its process: false.
local function listen(name, safe)
  local conn = assert(socket.connect("127.0.0.1", port))
  conn:settimeout(PATIENCE)
  conn:send "GET /listen HTTP/1.0\r\n\r\n"
  local got = 0
  while true do
    local line, message = conn:receive "*l"
    if message == "timeout" then print("FAILED: listener " .. name .. ": nothing came for " .. PATIENCE .. " s") end
    if not line or line == "the end" then
      conn:close()
      return line or message == "timeout", got
    end
    got = got + (math.tointeger(line:match "^got (%d+)") or 0)
    local pid = safe and line:match "^pid (%d+)"
    if pid then assert(io.open(folder .. "/safe/" .. pid, "w")):close() end
  end
end

local function listener(name, safe)
  local all = 0
  repeat
    local ended, got = listen(name, safe)
    all = all + got
    if safe and not ended then print("FAILED: listener " .. name .. ": it ended too early") end
  until ended or safe
  print(("listener: got %d"):format(all))
end

-- The judge ------------------------------------------------------------------------------------------

-- letter → how often it is recorded, in all.
local function recorded_of(client)
  local sums = {}
  for what in read("recorded/" .. client):gmatch "." do sums[what] = (sums[what] or 0) + 1 end
  return setmetatable(sums, { __index = function() return 0 end })
end

local function judge(room)
  local answer = http.connect("127.0.0.1", port, PATIENCE):request { path = "/check", timeout = PATIENCE }
  check("the dictionaries cannot be used: " .. answer.status .. " " .. tostring(answer.body):sub(1, 200), answer.status == 200)
  if answer.status ~= 200 then return end
  local found, sums, unrecorded = json.decode(answer.body), {}, 0
  local _, kills = read "killed":gsub("\n", "")
  local function compare(what, real, record, least)
    local more = real - record
    check(("%s: %d are recorded, %d counted"):format(what, record, real), more >= least and more <= kills)
    unrecorded = unrecorded + math.abs(more)
  end
  for client = 1, CLIENTS do
    local recorded = recorded_of(client)
    for what, n in pairs(recorded) do sums[what] = (sums[what] or 0) + n end
    compare("counter of client " .. client, found.own[client], recorded.o, 0)
    compare("text of client " .. client, found.seq[client], recorded.s, 0)
  end
  compare("common counter", found.all, sums.a or 0, 0)
  compare("updates", found.updated, sums.u or 0, 0)
  compare("tokens", found.tokens, (sums["+"] or 0) - (sums["-"] or 0), -kills)
  print(("%d kills; %d increments, %d updates, %d texts, %d tokens taken; %d done and not recorded; %d keys are there")
    :format(kills, found.all * 2, found.updated, sums.s or 0, sums["+"] or 0, unrecorded, found.keys))
  check("more was done than is recorded: " .. unrecorded .. " by " .. kills .. " kills", unrecorded <= kills)
  check("nothing was done", found.all > 1000)
  check("nobody was killed", kills > 0)
  check("a fresh client cannot count", found.fresh == 1)
  local there = http.connect("127.0.0.1", port, PATIENCE):request { path = "/room", timeout = PATIENCE }.body
  check(("there was room for %s keys, and now for %s"):format(room, there), there == room)
end

-- ----------------------------------------------------------------------------------------------------

if role == "worker" then worker(arg[4], tonumber(arg[5])) end
if role == "presser" then presser(tonumber(arg[4])) end
if role == "listener" then listener(arg[4], arg[5] == "safe") end
if role == "judge" then
  judge(arg[4])
  check("something was wrong", read "wrong" == "")
  io.write(read("wrong"):sub(1, 1000))
  print(("%d passed, %d failed"):format(passed, failed))
end
