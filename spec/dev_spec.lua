-- dev = true: what changed is served at once, and a fault shows where it is.
local spec = require "luaserve.spec"

local function write(server, name, text)
  local file = assert(io.open(server.dir .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

local function says(text)
  return "local app = require 'luaserve'\napp:get('/', function(req, res) return '" .. text ..
    "' .. require('part') .. app.render('x.txt') end)\n"
end

describe("while developing", function()
  local server
  before_each(function()
    server = spec.start { config = { dev = true }, views = { ["x.txt"] = "view" },
      scripts = { ["app.lua"] = says "one ", ["lib/part.lua"] = "return 'part '" } }
  end)
  after_each(function() server:stop() end)

  it("the next client sees a changed script, module, template and configuration", function()
    assert.are.equal("one part view", server:get("/").body)
    write(server, "scripts/app.lua", says "two ")
    assert.are.equal("two part view", server:get("/").body)
    write(server, "scripts/lib/part.lua", "return 'other '")
    assert.are.equal("two other view", server:get("/").body)
    write(server, "views/x.txt", "changed")
    assert.are.equal("two other changed", server:get("/").body)
    write(server, "scripts/more.lua", "require('luaserve'):get('/more', function() return 'more' end)")
    assert.are.equal("more", server:get("/more").body)
    os.remove(server.dir .. "/scripts/more.lua")
    assert.are.equal(404, server:get("/more").status)
    write(server, "config.lua", "return { dev = true, host = '127.0.0.1', port = " .. server.port ..
      ", views = 'elsewhere' }")
    os.execute("mkdir " .. server.dir .. "/elsewhere; cp " .. server.dir .. "/views/x.txt " .. server.dir .. "/elsewhere")
    write(server, "elsewhere/x.txt", "elsewhere")
    assert.are.equal("two other elsewhere", server:get("/").body)
  end)

  it("a client that stays connected sees it too", function()
    local response = server:get "/"
    assert.are.equal("close", response.headers.connection)
  end)

  it("what is broken leaves the old in place, is told once, and is read again when it is mended", function()
    write(server, "scripts/app.lua", "local = 5")
    assert.are.equal("one part view", server:get("/").body)
    assert.truthy(server:log "reload failed")
    assert.truthy(server:log "scripts/app.lua:1: ")
    assert.are.equal("one part view", server:get("/").body)
    local _, failures = server:log():gsub("reload failed", "")
    assert.are.equal(1, failures)
    write(server, "scripts/app.lua", says "mended ")
    assert.are.equal("mended part view", server:get("/").body)
  end)

  it("the mode is fork, and the log says so where another one is configured", function()
    local other = spec.start { config = { dev = true, processes = { mode = "pool" } }, scripts = {
      ["a.lua"] = "local app = require 'luaserve' app:get('/', function() return app.mode .. tostring(app.dev) end)" } }
    assert.truthy(other:log "dev: processes.mode is fork")
    assert.equal("forktrue", other:get("/").body)
    other:stop()
  end)

  it("nothing is read again that has not changed", function()
    for _ = 1, 3 do assert.are.equal("one part view", server:get("/").body) end
    assert.falsy(server:log():find("reloaded", 1, true))
  end)
end)

describe("the page of a fault", function()
  local server
  setup(function()
    server = spec.start { config = { dev = true }, views = { ["bad.html"] = "a\n<b>\n<%= missing.field %>\n" }, scripts = {
      ["app.lua"] = [[
local app = require "luaserve"
local helper = require "helper"
app:get("/raise", function(req)
  -- a comment & more
  helper.fail("<message>")
end)
app:get("/view", function(req, res) res:render "bad.html" end)
app:get("/abort", function() app.abort(404, "no such item") end)
app:get("/stream", function(req, res) res:write "x" error "late" end)
]], ["lib/helper.lua"] = "return { fail = function(text) error(text, 2) end }" } }
  end)
  teardown(function() server:stop() end)

  it("shows the message, the source around the line, the traceback and the request, escaped", function()
    local response = server:get("/raise?q=1&r=2", { headers = { ["X-Mine"] = "<mine>" } })
    assert.are.equal(500, response.status)
    local function shows(text) assert.truthy(response.body:find(text, 1, true), text .. " in " .. response.body) end
    shows "<h1>scripts/app.lua:5: &lt;message&gt;</h1>"
    shows '<span class="near"><b>    4</b>    -- a comment &amp; more</span>'
    shows '<span class="here"><b>    5</b>    helper.fail(&quot;&lt;message&gt;&quot;)</span>'
    shows "GET /raise?q=1&amp;r=2 HTTP/1.1"
    shows "&lt;mine&gt;"
    shows(response.headers["x-request-id"])
    assert.falsy(response.body:find("<message>", 1, true))
  end)

  it("shows the syscalls of the request where they are recorded", function()
    local other = spec.start { config = { dev = true, trace = true },
      scripts = { ["app.lua"] = "require('luaserve'):get('/', function() error 'this' end)" } }
    local body = other:get("/").body
    assert.truthy(body:find("read%(%d+, &quot;GET / HTTP/1.1\\r\\n"), body)
    other:stop()
    assert.falsy(server:get("/raise").body:find("Syscalls", 1, true))
  end)

  it("shows what is known of a process that died", function()
    local other = spec.start { config = { dev = true, trace = true }, scripts = { ["app.lua"] =
      "require('luaserve'):get('/<die>', function() package.loadlib('libc.so.6', 'abort')() end)" } }
    local response = other:get("/%3Cdie%3E", { headers = { Cookie = "secret=1", ["X-Mine"] = "<mine>" } })
    assert.are.equal(500, response.status)
    for _, text in ipairs { "killed by signal 6 (Aborted)", "GET /%3Cdie%3E HTTP/1.1", "X-Mine: &lt;mine&gt;",
      "Cookie: (not shown)", "read(", " s of CPU as user", "Incident " .. response.headers["x-request-id"] } do
      assert.truthy(response.body:find(text, 1, true), text .. " in " .. response.body)
    end
    assert.falsy(response.body:find("secret", 1, true))
    other:stop()
  end)

  it("shows the template's own lines", function()
    local body = server:get("/view").body
    assert.truthy(body:find("<h1>views/bad.html:3: ", 1, true), body)
    assert.truthy(body:find('<span class="here"><b>    3</b>  &lt;%= missing.field %&gt;</span>', 1, true), body)
  end)

  it("is not for what a handler means", function()
    local response = server:get "/abort"
    assert.are.equal(404, response.status)
    assert.falsy(response.body:find("app.lua", 1, true))
  end)

  it("is never shown in production", function()
    local other = spec.start { scripts = { ["app.lua"] = "require('luaserve'):get('/', function() error 'secret' end)" } }
    local response = other:get "/"
    assert.are.equal(500, response.status)
    assert.falsy(response.body:find("secret", 1, true))
    assert.falsy(response.body:find("app.lua", 1, true))
    other:stop()
  end)
end)

describe("a start", function()
  it("with a script that is no Lua says where, and ends with 78", function()
    local code, _, err = spec.run { scripts = { ["app.lua"] = "local x = 1\nlocal = 5" } }
    assert.are.equal(78, code)
    assert.truthy(err:find("scripts/app.lua:2: <name> expected near '='", 1, true), err)
  end)
end)
