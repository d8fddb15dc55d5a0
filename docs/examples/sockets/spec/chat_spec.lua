-- Step 10, the chat room, as its page sees it. (What is seen on the page: page.lua.)
local json = require "luaserve.json"
local spec = require "luaserve.spec"

local example = dofile(debug.getinfo(1, "S").source:match "^@(.*/)" .. "example.lua")

describe("step 10, the chat room,", function()
  local server, guests

  before_each(function()
    guests = {}
    server = example.start("10_chat.lua", nil, { www = example.folder .. "www", config = { index = "chat.html" } })
  end)
  after_each(function()
    for _, ws in ipairs(guests) do ws.client:close() end -- or the server waits for them to say goodbye
    server:stop()
  end)

  -- What comes next, but for ticks.
  local function receive(ws)
    while true do
      local text, kind = ws:receive()
      local what = kind == "text" and json.decode(text)
      if not what then return text, kind end
      if what.you or what.text or what.joined or what.left then return what end
    end
  end

  local function enter(name)
    local ws = server:ws("/chat?name=" .. name)
    guests[#guests + 1] = ws
    local me = receive(ws).you
    local joined = receive(ws)
    assert.same(me, joined.joined)
    return ws, me, joined.people
  end

  local function names(people)
    local list = {}
    for i, one in ipairs(people) do list[i] = one.name end
    return list
  end

  it("tells everybody who has come, who is there, and who has left", function()
    local ann, me, people = enter "Ann"
    assert.same({ me }, people)
    local ben, other = enter "%20Ben%20"
    assert.equal("Ben", other.name)
    local news = receive(ann)
    assert.same(other, news.joined)
    assert.same({ me, other }, news.people)
    ann:close()
    news = receive(ben)
    assert.same({ me, { other } }, { news.left, news.people })
  end)

  it("names the process that serves each", function()
    local _, one = enter "Ann"
    local _, two = enter "Ben"
    assert.is_number(one.pid)
    assert.not_equal(server.pid, one.pid)
    if spec.mode == "fork" then assert.not_equal(one.pid, two.pid) end
  end)

  it("carries what is said, as it was said, to all in one order", function()
    local ann, me = enter "Ann"
    local ben = enter "Ben"
    receive(ann)
    for _, text in ipairs { "<b>&amp;</b>", "zwei – äöü", (" x"):rep(2048) } do
      ann:send(text)
      local heard = receive(ben)
      assert.same({ me, text }, { heard.from, heard.text })
      assert.same(heard, receive(ann))
    end
  end)

  it("passes over blank messages and bytes, and refuses what is too long", function()
    local ann = enter "Ann"
    ann:send " \t "
    ann:send("\255", "binary")
    ann:send "text"
    assert.equal("text", receive(ann).text)
    ann:send(("x"):rep(4097))
    local payload, kind = receive(ann)
    assert.same({ "close", 1009 }, { kind, payload:byte(1) * 256 + payload:byte(2) })
  end)

  it("lets nobody in without a name, or with one that is too long", function()
    for _, name in ipairs { "", "%20", ("x"):rep(31) } do
      local payload, kind = server:ws("/chat?name=" .. name):receive()
      assert.same({ "close", 4000 }, { kind, payload:byte(1) * 256 + payload:byte(2) })
      assert.truthy(payload:find("A name has 1 to 30 characters.", 3, true))
    end
    assert.same({ "ä" }, names(select(3, enter "%C3%A4")))
  end)

  it("notices who has gone without a word", function()
    local ann = enter "Ann"
    local ben, other = enter "Ben"
    receive(ann)
    ben.client.socket:setoption("linger", { on = true, timeout = 0 })
    ben.client:close()
    assert.same(other, receive(ann).left)
  end)

  -- In mode pool a process takes all its clients along.
  local in_fork = spec.mode == "fork" and it or function() end
  in_fork("forgets who was killed, in time", function()
    server:stop()
    server = example.start("10_chat.lua", { ['STAYS = "30s"'] = 'STAYS = "1s"', ['TICK = "10s"'] = 'TICK = "100ms"' })
    local ann, me = enter "Ann"
    local _, other = enter "Ben"
    assert.same({ "Ann", "Ben" }, names(receive(ann).people))
    os.execute("kill -KILL " .. other.pid)
    local people
    repeat people = json.decode(ann:receive()).people until #people == 1
    assert.same({ me }, people)
  end)

  it("is a page for browsers, without anything from elsewhere", function()
    local page = server:get "/"
    assert.equal("text/html; charset=utf-8", page.headers["content-type"])
    for _, file in ipairs { "chat.css", "chat.js" } do
      assert.truthy(page.body:find('"' .. file .. '"', 1, true))
      assert.equal(200, server:get("/" .. file).status)
    end
    assert.is_nil((page.body .. server:get "/chat.css".body):gsub("http://www.w3.org/2000/svg", ""):find "https?://")
  end)
end)
