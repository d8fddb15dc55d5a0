-- The front page in headless Chromium: the repository's own scripts/ and www/, as its visitors see them.
local chromium = dofile "spec/chromium.lua"
local spec = require "luaserve.spec"

if not chromium.installed() then
  describe("the front page", function() pending "is not looked at: chromium is not installed (spec/deps.sh page)" end)
  return
end

local CONFIG = { status = "/status", metrics = "/metrics", trace = true }

local function contents(path)
  local file <close> = assert(io.open(spec.path(path)))
  return file:read "a"
end

local function text(id) return ("document.getElementById('%s').textContent"):format(id) end

local READY = "document.querySelectorAll('#tree ul .pid').length > 0 && " .. text "facts" .. ".startsWith('Process ') && " ..
  text "traced" .. " && " .. text "time" .. ".includes(':') && /\\d/.test(" .. text "count" .. ") && " ..
  "document.querySelector('.pid[data-role=chat]').textContent"

describe("the front page", function()
  local browser, server, pages

  setup(function() browser = chromium.start() end)
  teardown(function() browser:stop() end)
  before_each(function()
    pages = {}
    server = spec.start { www = "www", scripts = "scripts", config = CONFIG }
  end)
  after_each(function()
    for _, page in ipairs(pages) do page:close() end
    server:stop()
  end)

  local function visit(of, before)
    local page = browser:page "about:blank"
    pages[#pages + 1] = page
    if before then before(page) end
    page:visit("http://127.0.0.1:" .. (of or server).port .. "/")
    return page
  end

  local function arrive(of)
    local page = visit(of)
    page:wait(READY)
    return page
  end

  local function click(page, selector) page:eval(("document.querySelector(%q).click()"):format(selector)) end

  -- The console tells of every answer of 400 and more; it has nothing else to tell.
  local function assert_content(page)
    for _, fault in ipairs(page.faults) do assert.truthy(fault:find "/crash/", fault) end
  end

  it("greets, and says which process answers for whom, and how often it was asked", function()
    local page = arrive()
    assert.equal("Hello, World!", page:eval(text "hello"))
    local pid, ip, port = page:eval(text "facts"):match "^Process (%d+) answered (%S+), port (%d+)%."
    assert.equal("127.0.0.1", ip)
    assert.is_true(tonumber(port) > 0)
    assert.equal(pid, page:eval "document.querySelector('#facts .pid').textContent")
    assert.truthy(io.open("/proc/" .. pid .. "/stat"):read "a":find(" " .. server.pid .. " ", 1, true))
    local before = page:eval(text "facts")
    click(page, "#again")
    page:wait(text "facts" .. " !== " .. ("%q"):format(before))
    assert.truthy(page:eval(text "facts"):find(spec.mode == "fork" and "serves nobody else" or "Other clients share it", 1, true))
    assert_content(page)
  end)

  it("shows what GET /hello answers, and the scripts, as text", function()
    local scripts = { ["hello.lua"] = contents("scripts/hello.lua"):gsub("World", "<b>Moon</b> &amp; <i>", 1) }
    for _, name in ipairs { "front.lua", "process.lua", "lib/pid.lua" } do scripts[name] = contents("scripts/" .. name) end
    local other = spec.start { www = "www", scripts = scripts, config = CONFIG }
    local page = visit(other)
    page:wait(text "traced")
    assert.equal("Hello, Moon & !", page:eval(text "hello"))
    assert.equal(contents "scripts/process.lua":gsub("%s*$", ""), page:eval "document.querySelector('[data-script=process] code').textContent")
    assert.equal((scripts["hello.lua"]:gsub("%s*$", "")), page:eval "document.querySelector('[data-script=hello] code').textContent")
    assert.equal("trace-title", page:eval "[...document.querySelectorAll('.demo h2')].filter(e => e.checkVisibility()).map(e => e.id).join()")
    assert_content(page)
    other:stop()
  end)

  it("shows the syscalls of the request that it has just made", function()
    local page = arrive()
    local id = page:eval(text "traced"):match "^GET /process, request (%x+):$"
    local calls = page:eval(text "trace")
    assert.equal(server:get("/status/trace/" .. id, { headers = { Accept = "text/plain" } }).body, calls)
    assert.truthy(calls:find '"GET /process HTTP/1.1\\r\\n' and calls:find '"HTTP/1.1 200 OK\\r\\n', calls)
    assert.equal(select(2, calls:gsub("\n", "")), page:eval "document.querySelectorAll('#trace .call').length")
    assert.is_true(page:eval "document.getElementById('trace').checkVisibility()")
    assert_content(page)
  end)

  it("says why there are no syscalls, and what to do", function()
    local proxied = { ["X-Forwarded-For"] = "203.0.113.7" }
    for _, case in ipairs {
      { { status = "/status" }, {}, "It takes status = \"/status\" and trace = true" },
      { { status = "/status", trace = true }, proxied, "open http://localhost:" },
      { { status = "/status", trace = true, trusted_proxies = { "127.0.0.1" } }, proxied, 'observers = { "203.0.113.7" }' },
    } do
      local other = spec.start { www = "www", scripts = "scripts", config = case[1] }
      local page = visit(other, function(page)
        if next(case[2]) then page:call("Network.setExtraHTTPHeaders", { headers = case[2] }) end
      end)
      page:wait(READY)
      assert.truthy(page:eval(text "traced"):find(case[3], 1, true), page:eval(text "traced"))
      assert.is_false(page:eval "document.getElementById('trace').checkVisibility()")
      page:close()
      other:stop()
    end
  end)

  it("raises the number in all windows, and it outlives them", function()
    local one, two = arrive(), arrive()
    for n = 1, 3 do
      click(n == 2 and two or one, "#add")
      for _, page in ipairs { one, two } do page:wait(text "count" .. " === '" .. n .. "'") end
    end
    one:close()
    two:close()
    local three = arrive()
    assert.equal("3", three:eval(text "count"))
    assert_content(three)
  end)

  it("carries a chat between two windows, both ways, as text", function()
    local said = "[...document.querySelectorAll('#log li')].map(e => e.querySelector('.by').firstChild.data + ': ' + " ..
      "e.lastChild.textContent).join('|')"
    local one, two = arrive(), arrive()
    local function say(page, name, what)
      page:eval(("document.getElementById('name').value = %q; document.getElementById('text').focus()"):format(name))
      page:type(what)
      page:press "Enter"
    end
    say(one, "Ann", "<img src=x onerror=document.title='hacked'>")
    two:wait(said .. " === \"Ann: <img src=x onerror=document.title='hacked'>\"")
    say(two, "<b>Ben</b>", "hello")
    for _, page in ipairs { one, two } do
      page:wait(said .. ".endsWith('|<b>Ben</b>: hello')")
      assert.equal(0, page:eval "document.querySelectorAll('#log img, #log b').length")
      assert.equal("", page:eval(text "said"))
      assert_content(page)
    end
  end)

  it("shows the clean answer of a handler that went wrong, while everything else goes on", function()
    local page = arrive()
    local clock = page:eval "document.querySelector('.pid[data-role=clock]').textContent"
    local verdicts = { abort = spec.mode == "fork" and "500 Internal Server Error" or "409 Conflict",
      memory = "503 Service Unavailable", loop = "503 Service Unavailable" }
    for kind, verdict in pairs(verdicts) do
      click(page, "[data-crash=" .. kind .. "]")
      page:wait(("document.querySelector('#answer .verdict')?.textContent === %q"):format(verdict))
      if verdict:find "^5" then
        local id = page:eval "document.querySelector('#answer code').textContent"
        assert.truthy(server:log(id .. " .*POST /crash/" .. kind))
        page:wait(text "answer" .. ".includes('goes on')")
      end
      page:eval "document.getElementById('answer').replaceChildren()"
    end
    local before = page:eval(text "time")
    page:wait(text "time" .. " !== '" .. before .. "'")
    assert.equal(clock, page:eval "document.querySelector('.pid[data-role=clock]').textContent")
    click(page, "#add")
    page:wait(text "count" .. " === '1'")
    assert_content(page)
  end)

  it("comes back by itself when its processes were killed", function()
    local page = arrive()
    local chat = page:eval "document.querySelector('.pid[data-role=chat]').textContent"
    os.execute("kill -KILL " .. chat:match "%d+")
    page:wait("!['', '" .. chat .. "'].includes(document.querySelector('.pid[data-role=chat]').textContent)")
  end)

  it("asks nobody but its server", function()
    local page = arrive()
    assert.is_true(#page.asked > 5)
    for _, url in ipairs(page.asked) do
      assert.truthy(url:find("://127.0.0.1:" .. server.port .. "/", 1, true) or url:find "^data:", url)
    end
  end)

  it("can be used by keyboard and by ear", function()
    local page = arrive()
    local known, nameless = page:accessible()
    assert.same({}, nameless)
    for _, what in ipairs { "heading Hello, World!", "button Ask again", "button Add one", "textbox Name", "textbox Message",
      "button Send", "button Crash", "button Eat memory", "button Loop forever", "log What was said", "link Status",
      "navigation Elsewhere", "complementary Processes at work for this page", "region A clock" } do
      assert.truthy(known[what], what)
    end
    local levels = page:eval "[...document.querySelectorAll('h1, h2, h3, h4')].map(e => e.tagName).join(' ')"
    assert.truthy(levels:find "^H1 H2[H2 ]*$", levels)
    assert.equal(1, page:eval "document.querySelectorAll('main').length")
    assert.equal(0, page:eval "(ids => ids.length - new Set(ids).size)([...document.querySelectorAll('[id]')].map(e => e.id))")
    page:press "Tab"
    assert.equal("skip", page:eval "document.activeElement.className")
    assert.is_true(page:eval "document.activeElement.getBoundingClientRect().left >= 0")
    page:eval "document.getElementById('add').focus()"
    page:press "Enter"
    page:wait(text "count" .. " === '1'")
    assert.equal("add", page:eval "document.activeElement.id")
  end)

  it("fits every screen, and can be read in light and dark", function()
    local page = arrive()
    page:eval "document.getElementById('name').value = document.getElementById('text').value = 'x'.repeat(300)"
    click(page, "#say button")
    page:wait "document.querySelector('#log li')"
    click(page, "[data-crash=memory]")
    page:wait "document.querySelector('#answer .verdict')"
    for _, width in ipairs { 320, 360, 390, 768, 1024, 1280, 1920 } do
      for _, scheme in ipairs { "light", "dark" } do
        page:look(width, 800, scheme, true)
        assert.equal(width, page:eval "document.documentElement.scrollWidth + innerWidth - document.documentElement.clientWidth")
        local contrast, where = page:contrast()
        assert.truthy(contrast >= 4.5, ("%s: %s %s"):format(scheme, contrast, where))
      end
    end
    local before = page:eval(text "time")
    page:wait(text "time" .. " !== '" .. before .. "'")
    assert.equal(0, page:eval "document.getAnimations().length")
  end)

  it("greets without JavaScript, and leads on", function()
    local page = visit(nil, function(page) page:call("Emulation.setScriptExecutionDisabled", { value = true }) end)
    local shown = page:eval "document.body.innerText"
    for _, what in ipairs { "Hello, World!", "Without JavaScript", "curl -N localhost:3000/clock", "scripts/hello.lua" } do
      assert.truthy(shown:find(what, 1, true), what)
    end
    assert.is_false(page:eval "[...document.querySelectorAll('button, input')].some(e => e.checkVisibility())")
    assert.equal("/hello", page:eval "[...document.links].filter(e => e.checkVisibility()).map(e => e.pathname).find(p => p === '/hello')")
  end)
end)
