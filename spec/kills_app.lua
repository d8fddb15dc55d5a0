-- The handlers of kills.sh. Whatever changes a shared dictionary and must not be lost is recorded, once it is
-- done, by one byte that is appended to a file of the client's: so a process that is killed has done at most
-- one thing more than is recorded.
local app = require "luaserve"

local ROUNDS, EVERY = 100, 5 -- of a batch; those that publish
local CLIENTS, TOKENS, CACHED = 6, 3, 3000
local FILLING = 40000 -- more than there is room for

local counts, cache, room = app.shared "counts", app.shared "cache", app.channel "room"

local function append(path, text)
  local file <close> = assert(io.open(path, "ab"))
  file:write(text)
end

local function wrong(...)
  local text = table.concat({ ... }, " ")
  append("wrong", text .. "\n")
  error(text)
end

-- A text that shows of which number it is, and whether it is whole; in up to 20 blocks of memory.
local function text_of(number)
  return number .. ":" .. string.char(97 + number % 26):rep(number * 7919 % 2400) .. ":" .. number
end

local function number_of(text, key)
  local number = math.tointeger(tonumber(text:match "^(%d+):"))
  if not number or text ~= text_of(number) then wrong("torn:", key, text:sub(1, 100)) end
  return number
end

-- Records --------------------------------------------------------------------------------------------

local files = {}

local function record(client, what)
  local file = files[client]
  if not file then
    file = assert(io.open("recorded/" .. client, "ab"))
    file:setvbuf "no"
    files[client] = file
  end
  file:write(what)
end

-- What is done ---------------------------------------------------------------------------------------

local function increase(client)
  counts:incr("own " .. client)
  record(client, "o")
  counts:incr "all"
  record(client, "a")
end

local function replace(client)
  local key = "seq " .. client
  local before = counts:get(key)
  counts:set(key, text_of(before and number_of(before, key) + 1 or 1))
  record(client, "s")
end

local function update(client)
  counts:update("updated", function(old)
    if old and old.twice ~= 2 * old.n then wrong("torn: updated") end
    local n = old and old.n + 1 or 1
    return { n = n, twice = 2 * n, filler = ("x"):rep(n % 500) }
  end)
  record(client, "u")
end

local function pass_token(client)
  local key = "token " .. math.random(TOKENS)
  if counts:add(key, text_of(math.random(1000))) then
    record(client, "+")
  elseif counts:delete(key) then
    record(client, "-")
  end
end

local function live_shortly(client)
  local key = "ttl " .. client
  counts:set(key, text_of(math.random(100)), "1h")
  local left = counts:ttl(key)
  if not left or left > 3600 then wrong("ttl:", tostring(left)) end
  counts:expire(key, "2h")
end

-- Far more than there is room for; some of it goes by itself.
local function press()
  local key, number = "cached " .. math.random(CACHED), math.random(1 << 20)
  cache:set(key, text_of(number), number % 3 == 0 and "20ms" or nil)
  key = "cached " .. math.random(CACHED)
  local text = cache:get(key)
  if text then number_of(text, key) end
end

-- What is counted must not be what is evicted: it is in use.
local function touch()
  local client = math.random(CLIENTS)
  for _, what in ipairs { "own ", "seq ", "ttl " } do counts:get(what .. client) end
  counts:get("token " .. math.random(TOKENS))
  counts:get "all"
  counts:get "updated"
end

app:get("/work", function(req)
  local client, session, seq = req.query.client, req.query.session, math.tointeger(req.query.first)
  for round = 1, ROUNDS do
    increase(client)
    replace(client)
    update(client)
    pass_token(client)
    live_shortly(client)
    press()
    touch()
    if round % EVERY == 0 then
      room:publish(session .. " " .. seq .. " " .. text_of(seq))
      seq = seq + 1
    end
  end
  return { text = tostring(seq) }
end)

-- As many changes as there can be, of two lengths: who is killed here is mostly in the middle of one.
app:get("/press", function()
  local short, long = text_of(26), text_of(27)
  for i = 1, ROUNDS * 20 do
    cache:set("cached " .. math.random(CACHED), i % 2 == 0 and short or long)
    touch()
  end
  return { text = "pressed" }
end)

-- Channels -------------------------------------------------------------------------------------------

-- Of each session in order, none twice, and none lost but those that are said to be missed.
local function verify(seen, message, missed)
  local session, seq, text = message:match "^(%S+) (%d+) (.*)$"
  if not session or number_of(text, session) ~= math.tointeger(seq) then wrong("torn:", message:sub(1, 100)) end
  seq = math.tointeger(seq)
  local last = seen.last[session]
  seen.missed = seen.missed + (missed or 0)
  if last and seq <= last then wrong("doubled, or out of order:", session, last, seq) end
  if last then seen.lost = seen.lost + seq - last - 1 end
  if seen.lost > seen.missed then wrong("lost:", session, last, seq, "missed", seen.missed) end
  seen.last[session] = seq
end

app:get("/listen", function(_, res)
  local subscription <close> = room:subscribe()
  local seen, count = { last = {}, lost = 0, missed = 0 }, 0
  res:write("pid " .. io.open("/proc/self/stat"):read "n" .. "\n")
  res:flush()
  for message, missed in subscription:messages() do
    if message == "the end" then break end
    verify(seen, message, missed)
    count = count + 1
    if count % 100 == 0 then
      res:write("got 100\n")
      res:flush()
    end
  end
  res:write("the end\n")
end)

app:get("/end", function() return { text = tostring(room:publish "the end") } end)

-- Before and afterwards ------------------------------------------------------------------------------

-- How many keys there is room for, once all is forgotten: a lost block, or an entry that nothing leads to,
-- would make it fewer.
app:get("/room", function()
  counts:flush()
  cache:flush()
  for i = 1, FILLING do cache:set("filling " .. i, "x") end
  local keys = #cache:keys "filling "
  cache:flush()
  return { text = tostring(keys - #cache:keys() - #counts:keys()) }
end)

app:get("/check", function()
  local result = { own = {}, seq = {}, tokens = 0, keys = 0 }
  for _, dict in ipairs { counts, cache } do
    for _, key in ipairs(dict:keys()) do
      local value = dict:get(key)
      if type(value) == "string" then number_of(value, key) end
      result.keys = result.keys + 1
    end
  end
  for client = 1, CLIENTS do
    local text = counts:get("seq " .. client)
    result.own[client] = counts:get("own " .. client) or 0
    result.seq[client] = text and number_of(text, "seq") or 0
  end
  for token = 1, TOKENS do result.tokens = result.tokens + (counts:get("token " .. token) and 1 or 0) end
  result.all, result.updated = counts:get "all" or 0, (counts:get "updated" or { n = 0 }).n
  counts:set("fresh", text_of(1))
  cache:set("fresh", text_of(2))
  result.fresh = counts:incr "fresh count"
  return { json = result }
end)
