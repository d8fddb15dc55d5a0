-- One client of soak.sh: soak.lua ROLE PORT FOLDER SECONDS SEED, from the root of the repo. Ends
-- with one line of counts; says what went wrong, each in a line that begins with FAILED.
--
-- An innocent asks, and verifies every answer. It may ask once more, on a fresh connection, where
-- one that had been kept alive was closed before any byte of an answer (RFC 9112 9.3.1). It writes
-- the number of its worker into FOLDER/workers; soak.sh writes those that it kills into
-- FOLDER/killed, and only of such a worker an innocent takes a 500 or a cut connection. Both are
-- counted. A bomber throws bombs.lua, and verifies what it gets for that.
local http = require "luaserve.client"
local socket = require "socket"
local bombs = dofile "spec/bombs.lua"

local role, port, folder = arg[1], math.tointeger(arg[2]), arg[3]
local until_time = socket.gettime() + tonumber(arg[4])
math.randomseed(math.tointeger(arg[5]))

local PATIENCE = 20 -- seconds that an answer may take
local PAUSE = 0.01  -- seconds between two requests, at most
local LIFE = 50     -- requests on a connection, at most

local counts = { asked = 0, right = 0, retried = 0, killed = 0, failed = 0 }
local function count(what) counts[what] = counts[what] + 1 end
local function fail(...)
  count "failed"
  print("FAILED: " .. role .. " " .. string.format(...):gsub("%c", " "):sub(1, 300))
end

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

-- Connections ------------------------------------------------------------------------------------

local client, pid, left -- left: requests until we close it

local function hang_up()
  if not client then return end
  client:close()
  client = nil
  if pid then os.remove(folder .. "/workers/" .. pid) end
  pid = nil
end

local function was_killed() return pid and exists(folder .. "/killed/" .. pid) end

local function connect()
  hang_up()
  client, left = http.connect("127.0.0.1", port, PATIENCE), math.random(LIFE)
end

-- Nobody kills it before we know its number.
local function introduce()
  connect()
  local known = client:request { path = "/pid" }
  assert(known.status == 200, "/pid: " .. known.status)
  if known.headers.connection == "close" then return introduce() end
  pid = known.body
  os.remove(folder .. "/killed/" .. pid) -- of another process, which had that number before
  assert(io.open(folder .. "/workers/" .. pid, "w")):close()
end

-- The response, or nil and what went wrong.
local function try(request)
  local fine, response = pcall(client.request, client, request)
  if fine then return response end
  return nil, tostring(response)
end

local function nothing_came(message) return message:find('no status line: ""', 1, true) end

-- The same, once more where that is allowed.
local function ask(request)
  local kept = client ~= nil
  if not kept then if role == "innocent" then introduce() else connect() end end
  kept = kept or pid ~= nil
  local response, message = try(request)
  if not response and kept and nothing_came(message) then
    count "retried"
    connect()
    response, message = try(request)
  end
  return response, message
end

local function is_incident(response, status)
  return response.status == status and
    response.body:find("Incident " .. response.headers["x-request-id"], 1, true) ~= nil
end

-- Innocents --------------------------------------------------------------------------------------

local text = assert(io.open(folder .. "/www/text.txt")):read "a"

-- Each gives a request, and what its answer is.
local questions = {
  function()
    local n = math.random(1 << 40)
    return { path = "/hello?n=" .. n }, 200, "hello " .. n
  end,
  function()
    local body = string.char(math.random(0, 255)):rep(math.random(0, 1000)) .. math.random(1 << 40)
    return { method = "POST", path = "/echo", body = body:rep(math.random(100)) }, 200
  end,
  function() return { path = "/text.txt" }, 200, text end,
  function()
    local first = math.random(0, #text - 1)
    local last = math.random(first, #text - 1)
    return { path = "/text.txt", headers = { Range = ("bytes=%d-%d"):format(first, last) } }, 206,
      text:sub(first + 1, last + 1)
  end,
  function()
    local n, pieces = math.random(50), {}
    for i = 1, n do pieces[i] = "piece " .. i .. "\n" end
    return { path = "/pieces?n=" .. n }, 200, table.concat(pieces)
  end,
}

local function judge(request, response, message, status, body)
  local name = (request.method or "GET") .. " " .. request.path
  if response and response.status == status and response.body == (body or request.body) then
    count "right"
  elseif was_killed() and (not response or is_incident(response, 500)) then
    count "killed"
    hang_up()
  else
    fail("%s (worker %s): %s", name, pid, message or response.status .. " " .. response.body:sub(1, 150))
    hang_up()
  end
end

local times = {} -- seconds that each /hello on a connection that was there took

local function innocent()
  local question = math.random(#questions)
  local request, status, body = questions[question]()
  count "asked"
  local from = client and question == 1 and socket.gettime()
  local response, message = ask(request)
  if from then times[#times + 1] = socket.gettime() - from end
  judge(request, response, message, status, body)
  return response
end

-- Bombers ----------------------------------------------------------------------------------------

local function greets()
  local n = math.random(1 << 40)
  local response, message = ask { path = "/hello?n=" .. n }
  if response and response.status == 200 and response.body == "hello " .. n then return true end
  fail("/hello: %s", message or response.status .. " " .. response.body:sub(1, 150))
  return false
end

-- Each on a connection of its own, since what one leaves behind (garbage, files that are open until
-- it is collected) is for the next on the same one to find.
local function bomber()
  local bomb = bombs.list[math.random(#bombs.list)]
  local part = math.random(3) == 1
  local path = (part and "/part/" or "/bomb/") .. bomb.name
  count "asked"
  if math.random(2) == 1 then greets() end
  local response, message = ask { path = path }
  local right = response and is_incident(response, bomb.status)
  if part then right = not response and not nothing_came(message) end
  if not right then fail("%s: %s", path, message or response.status .. " " .. response.body:sub(1, 150)) end
  if right and (part or bomb.killed or greets()) then count "right" end
  hang_up()
  return response
end

-- ------------------------------------------------------------------------------------------------

local act = ({ innocent = innocent, bomber = bomber })[role]
while socket.gettime() < until_time do
  local fine, response = pcall(act)
  if not fine then fail("%s", response) end
  left = left and left - 1
  if not fine or left and left <= 0 or response and response.headers.connection == "close" then hang_up() end
  socket.sleep(math.random() * PAUSE)
end
hang_up()
if #times > 0 then
  table.sort(times)
  print(("times: p50 %.2f p99 %.2f"):format(times[#times // 2 + 1] * 1000, times[math.ceil(#times * 0.99)] * 1000))
end
print(("%s: asked %d right %d retried %d killed %d failed %d"):format(role, counts.asked, counts.right,
  counts.retried, counts.killed, counts.failed))
