-- The status page in a browser, where there is one: what it shows while clients come and go, by keyboard too.
local chromium = dofile "spec/chromium.lua"
local spec = require "luaserve.spec"

local SCRIPT = { ["a.lua"] = [[
local app = require "luaserve"
app:get("/", function() return "hello" end)
app:get("/wait/*rest", function() app.sleep(60) end)
]] }

-- Whether the table of clients has a row whose text holds that.
local function row(text)
  return ("[...document.querySelectorAll('#clients tbody tr')].find(tr => tr.textContent.includes(%q))"):format(text)
end

describe("the status page in a browser", function()
  if not chromium.installed() then
    return it("is looked at where Chromium is installed (spec/deps.sh page)", function() pending "no chromium" end)
  end
  local server, browser, page

  setup(function()
    server = spec.start { config = { status = "/status", trace = true }, scripts = SCRIPT }
    browser = chromium.start()
    page = browser:page(("http://127.0.0.1:%d/status"):format(server.port))
    page:wait "document.querySelector('#state').textContent === 'Live'"
  end)

  teardown(function()
    browser:stop()
    server:stop()
  end)

  local function text_of(selector)
    return page:eval(("document.querySelector(%q).textContent"):format(selector))
  end

  -- Presses Tab until what has the focus holds that text.
  local function tab_to(text)
    for _ = 1, 40 do
      page:press "Tab"
      if page:eval "document.activeElement.textContent" == text then return end
    end
    error("no way to " .. text .. " by Tab")
  end

  it("shows itself, and a second client while it is there", function()
    assert.truthy(page:eval(row "(you)" .. " !== undefined"))
    local client = server:client()
    client:get "/"
    client:send "GET /wait/second HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.truthy(page:wait(row "/wait/second" .. "?.querySelector('.phase').textContent === 'handler'"))
    local link = page:eval(row "/wait/second" .. ".querySelector('a').getAttribute('href')")
    assert.truthy(link:find "^/status/trace/%x+$")
    client:close()
    if spec.mode == "pool" then server:get "/" end -- a sleeping handler of a pool sees no end
  end)

  it("says what the server does in numbers, and in charts that have words", function()
    page:wait "document.querySelector('[data-v=\"rate-unit\"]').textContent === 'a second'"
    assert.equal(tostring(server.pid), text_of '[data-v="pid"]')
    local names = page:accessible()
    local found = 0
    for name in pairs(names) do
      if name:find "^image .*, last 2 minutes: now %S+" or name:find "^img .*, last 2 minutes: now" then found = found + 1 end
    end
    assert.equal(3, found)
    for _, name in ipairs { "button Pause", "columnheader Client", "table Clients", "heading Requests" } do
      assert.is_true(names[name], name)
    end
  end)

  it("sorts by keyboard, and says so", function()
    local clients = {}
    for i = 1, 3 do
      clients[i] = server:client()
      for _ = 1, i do clients[i]:get "/" end
    end
    page:wait "document.querySelectorAll('#clients tbody tr').length >= 4"
    tab_to "Requests"
    page:press "Enter"
    page:press "Enter"
    assert.equal("descending", page:eval "document.activeElement.parentNode.getAttribute('aria-sort')")
    assert.equal(1, page:eval "document.querySelectorAll('#clients [aria-sort]').length")
    local column = page:eval "document.activeElement.parentNode.cellIndex"
    page:wait(([[(list => list[0] === "3" && list.every((n, i) => i === 0 || +list[i - 1] >= +n))(
      [...document.querySelectorAll('#clients tbody tr')].map(tr => tr.cells[%d].textContent))]]):format(column))
    for _, client in ipairs(clients) do client:close() end
  end)

  it("hides who is idle when it is told to", function()
    local client = server:client()
    client:get "/"
    page:wait "document.querySelector('#clients tr.idle') !== null"
    page:eval "document.querySelector('#busy').click()"
    assert.equal("none", page:eval "getComputedStyle(document.querySelector('#clients tr.idle')).display")
    page:eval "document.querySelector('#busy').click()"
    client:close()
  end)

  it("stands still while it is paused", function()
    tab_to "Pause"
    page:press "Enter"
    assert.equal("Paused", text_of "#state")
    local viewers
    repeat -- its stream ends
      viewers = 0
      for _, client in ipairs(server:get("/status/clients").json.clients) do
        viewers = viewers + (client.target == "/status/events" and 1 or 0)
      end
    until viewers == 0
    page:press "Enter"
    page:wait "document.querySelector('#state').textContent === 'Live'"
    assert.equal("Pause", text_of "#pause")
  end)

  it("asks nobody else for anything, and complains of nothing", function()
    assert.same({}, page.faults)
    local asked = page:eval "performance.getEntriesByType('resource').map(e => e.name).join(' ')"
    for url in asked:gmatch "%S+" do
      assert.equal(("http://127.0.0.1:%d/status/events"):format(server.port), url)
    end
  end)

  it("fits a phone", function()
    page:look(390, 844, "dark")
    assert.equal(390, page:eval "document.documentElement.scrollWidth")
    page:look(1280, 900, "light")
    assert.is_true(page:eval "document.documentElement.scrollWidth" <= 1280)
  end)

  it("says when the server has gone", function()
    server:stop()
    page:wait "document.querySelector('#state').className === 'lost'"
  end)
end)
