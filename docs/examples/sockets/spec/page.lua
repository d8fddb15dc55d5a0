-- Step 10 in a browser: the page of the chat room in headless Chromium, several pages at once, by keyboard alone.
-- `make clients` runs it; by hand: busted docs/examples/sockets/spec/page.lua
local spec = require "luaserve.spec"

local folder = debug.getinfo(1, "S").source:match "^@(.*/)"
local chromium = dofile(spec.path "spec/chromium.lua")
local example = dofile(folder .. "example.lua")

local CONNECTED = "document.body.dataset.state === 'connected'"
local TEXTS = "[...document.querySelectorAll('.message .text')].map(e => e.textContent).join('|')"
local NAMES = "[...document.querySelectorAll('#people .name')].map(e => e.textContent).join('|')"

describe("the page of the chat room", function()
  local browser, server, url

  setup(function()
    browser = chromium.start()
    server = example.start("10_chat.lua", nil, { www = example.folder .. "www", config = { index = "chat.html" } })
    url = "http://127.0.0.1:" .. server.port .. "/"
  end)
  teardown(function()
    browser:stop()
    server:stop()
  end)

  local pages
  before_each(function() pages = {} end)
  after_each(function()
    for _, page in ipairs(pages) do page:close() end
  end)

  local function visit()
    local page = browser:page(url)
    pages[#pages + 1] = page
    return page
  end

  local function enter(name)
    local page = visit()
    page:type(name)
    page:press "Enter"
    page:wait(CONNECTED)
    return page
  end

  local function say(page, text)
    page:type(text)
    page:press "Enter"
  end

  local function pid_of(page) return tonumber(page:eval "document.getElementById('status').textContent":match "process (%d+)$") end

  local function assert_content(...)
    for _, page in ipairs { ... } do assert.same({}, page.faults) end
  end

  it("shows to each what the others write, their names and their processes", function()
    local ann = enter "Ann"
    local ben = enter "Ben"
    ann:wait(NAMES .. " === 'Ann|Ben'")
    say(ann, "good morning")
    say(ann, "is anybody here?")
    ben:wait(TEXTS .. " === 'good morning|is anybody here?'")
    say(ben, "yes")
    ann:wait(TEXTS .. " === 'good morning|is anybody here?|yes'")
    local last = "document.querySelector('.message:last-child %s').textContent"
    assert.equal("Ben", ann:eval(last:format ".name"))
    assert.equal("process " .. pid_of(ben), ann:eval(last:format ".process"))
    assert.equal("process " .. pid_of(ann), ben:eval "document.querySelector('#people .process').textContent")
    if spec.mode == "fork" then assert.not_equal(pid_of(ann), pid_of(ben)) end
    ben:close()
    ann:wait(NAMES .. " === 'Ann'")
    assert_content(ann, ben)
  end)

  it("takes what others write, and how they call themselves, for text", function()
    local ann = enter "Ann"
    local markup = "<img src=x onerror=document.title='hacked'>"
    local eve = enter "<i>Eve</i>"
    say(eve, markup)
    assert.equal(markup, ann:wait(TEXTS))
    ann:wait(NAMES .. " === '<i>Eve</i>|Ann'")
    assert.equal(0, ann:eval "document.querySelectorAll('#room img, #room i').length")
    assert.equal("Chat room", ann:eval "document.title")
    assert_content(ann, eve)
  end)

  it("comes back, to another process, when its own was killed", function()
    local ann = enter "Ann"
    local before = pid_of(ann)
    os.execute("kill -KILL " .. before)
    ann:wait(CONNECTED .. " && !document.getElementById('status').textContent.endsWith('" .. before .. "')")
    assert.not_equal(before, pid_of(ann))
    say(ann, "here again")
    ann:wait(TEXTS .. " === 'here again'")
  end)

  it("keeps what is written while the server is away, and comes back with it", function()
    local ann = enter "Ann"
    say(ann, "one")
    ann:wait(TEXTS .. " === 'one'")
    server:stop()
    ann:wait "document.body.dataset.state === 'broken'"
    say(ann, "two")
    assert.equal("two", ann:eval "document.getElementById('text').value")
    assert.truthy(ann:eval "document.getElementById('hint').textContent":find "^Not connected")
    server = example.start("10_chat.lua", nil, { www = example.folder .. "www",
      config = { index = "chat.html", port = server.port } })
    ann:wait(CONNECTED)
    assert.equal("", ann:eval "document.getElementById('hint').textContent")
    ann:press "Enter"
    ann:wait(TEXTS .. " === 'one|two'")
  end)

  it("says what is wrong with a name, and asks again", function()
    local ann = visit()
    ann:eval "document.getElementById('name').removeAttribute('maxlength')"
    say(ann, ("x"):rep(31))
    ann:wait "document.getElementById('fault').textContent === 'A name has 1 to 30 characters.'"
    assert.equal("name", ann:eval "document.activeElement.id")
    ann:eval "document.getElementById('name').select()"
    say(ann, "Ann")
    ann:wait(CONNECTED)
    assert_content(ann)
  end)

  it("stays where its reader is, and says that there is more", function()
    local ann = enter "Ann"
    local ben = enter "Ben"
    ann:look(400, 500, "light")
    for i = 1, 20 do say(ben, "line " .. i) end
    ann:wait "document.querySelectorAll('.message').length === 20"
    local bottom = "(e => e.scrollHeight - e.scrollTop - e.clientHeight < 2)(document.getElementById('log'))"
    assert.is_true(ann:eval(bottom))
    ann:look(400, 300, "light") -- a keyboard comes up: the end stays in sight
    ann:eval(([[new Promise(done => {
      const look = () => { if (%s) done(); };
      document.getElementById("log").addEventListener("scroll", look);
      look();
    })]]):format(bottom))
    ann:eval "new Promise(done => { const log = document.getElementById('log'); log.addEventListener('scrollend', done); log.scrollTop = 0; })"
    say(ben, "one more")
    ann:wait "!document.getElementById('newer').hidden"
    assert.equal(0, ann:eval "document.getElementById('log').scrollTop")
    ann:eval "document.getElementById('newer').click()"
    assert.is_true(ann:eval(bottom))
    assert.is_true(ann:eval "document.getElementById('newer').hidden")
    assert_content(ann, ben)
  end)

  it("tells assistive technology what everything is, and can be used without a pointer", function()
    local ann = visit()
    local known = ann:accessible()
    for _, what in ipairs { "heading Come in", "textbox Your name", "button Enter" } do
      assert.truthy(known[what], what)
    end
    say(ann, "Ann")
    ann:wait(NAMES .. " === 'Ann'")
    known = ann:accessible()
    for _, what in ipairs { "heading The room", "region Conversation", "log Messages", "textbox Message", "button Send",
      "heading Here now: 1", "complementary Here now: 1" } do
      assert.truthy(known[what], what)
    end
    assert.equal("polite", ann:eval "document.getElementById('log').ariaLive")
    local order = {}
    for i = 1, 3 do
      order[i] = ann:eval "document.activeElement.id || document.activeElement.textContent"
      ann:press "Tab"
    end
    assert.same({ "text", "Send" }, { order[1], order[2] })
    assert_content(ann)
  end)

  it("fits a phone and a wide screen, and can be read in light and dark", function()
    local ann = enter "Ann"
    local ben = enter(("Benjamin "):rep(3))
    say(ben, ("a-very-long-word"):rep(30))
    say(ann, "short")
    ann:wait "document.querySelectorAll('.message').length === 2"
    local door = visit()
    for _, page in ipairs { ann, door } do
      for _, size in ipairs { { 320, 480 }, { 390, 844 }, { 768, 1024 }, { 1920, 1080 } } do
        for _, scheme in ipairs { "light", "dark" } do
          page:look(size[1], size[2], scheme)
          assert.same({ size[1], size[2] }, { page:eval "document.documentElement.scrollWidth",
            page:eval "document.documentElement.scrollHeight" })
          local contrast, where = page:contrast()
          assert.truthy(contrast >= 4.5, ("%s: %s %s"):format(scheme, contrast, where))
        end
      end
    end
    assert_content(ann, ben, door)
  end)
end)
