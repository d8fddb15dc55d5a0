-- require "luaserve" in programs of plain lua5.4.
local http = require "socket.http"
local spec = require "luaserve.spec"

local function capture(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1"))
  local text = pipe:read "a"
  return text, pipe:close()
end

local function have(tool) return select(2, capture("command -v " .. tool)) == true end

local prefix = capture "mktemp -d":match "%S+"
local sanitized = (os.getenv "SAN" or "") ~= ""

local function write(name, text)
  local file = assert(io.open(prefix .. "/" .. name, "w"))
  file:write(text)
  file:close()
  return prefix .. "/" .. name
end

-- What lua5.4 needs to find the module; one with sanitizers wants theirs to be there first.
local function environment()
  local words = ("LUA_CPATH='%s/lib/lua/5.4/?.so' LUA_PATH="):format(prefix)
  if not sanitized then return words end
  return words .. " LD_PRELOAD=$(cc -print-file-name=libasan.so) ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0"
end

-- What a short program writes, and how it ends.
local function outcome(text)
  return capture(("cd %s && %s timeout -s KILL 60 lua5.4 %s"):format(prefix, environment(), write("short.lua", text)))
end

-- A command as the specs want it, that is a program.
local function command(name, text)
  local program = write(name .. ".lua", text)
  local path = write(name, ("#!/bin/sh\n%s exec lua5.4 %s \"$@\"\n"):format(environment(), program))
  os.execute("chmod +x " .. path)
  return path
end

local function start(text) return spec.start { binary = command("program", text) } end

-- The configuration of spec.start, with what belongs to it, and the mode of these specs.
local CONFIGURED = ([[
local config = dofile(arg[1])
local dir = arg[1]:match "^(.*)/"
config.processes = config.processes or {}
config.processes.mode = config.processes.mode or "%s"
]]):format(spec.mode)

describe("the module", function()
  if not (have "cc" and have "make" and have "lua5.4") then
    pending "needs cc, make and lua5.4"
    return
  end

  local server
  setup(function()
    local said, good = capture("make -s install-lib prefix=" .. prefix)
    assert.is_true(good, said)
  end)
  after_each(function()
    if server then server:stop() end
    server = nil
  end)
  teardown(function() os.execute("rm -rf " .. prefix) end)

  it("shows one name", function()
    local names = capture("nm -D --defined-only " .. prefix .. "/lib/lua/5.4/luaserve.so")
    assert.same({ "luaopen_luaserve" }, { names:match " %a ([%w_]+)\n$" })
    assert.equal(1, select(2, names:gsub("\n", "")))
  end)

  it("serves functions of the program, with what they know", function()
    server = start(CONFIGURED .. [[
      local app = require "luaserve"
      local known, count = { answer = "42" }, 0
      app:get("/known/:name", function(req) return known[req.params.name] or 404 end)
      app:get("/count", function() count = count + 1 return tostring(count) end)
      app:get("/session", function(req) req.session.n = (req.session.n or 0) + 1 return tostring(req.session.n) end)
      app:get("/shared", function() return tostring(app.shared("d"):incr("n")) end)
      app:get("/mode", function() return app.mode .. tostring(app.dev) end)
      app:run(config)
    ]])
    assert.equal("42", server:get "/known/answer".body)
    assert.equal(404, server:get "/known/question".status)
    assert.equal(spec.mode .. "false", server:get "/mode".body)
    assert.equal("1", server:get "/session".body)
    assert.equal("1", server:get "/shared".body)
    assert.equal("2", server:get "/shared".body)
    if spec.mode == "fork" then
      assert.equal("1", server:get "/count".body) -- each client has a copy of the program
      assert.equal("1", server:get "/count".body)
    end
  end)

  it("costs the client alone when its handler ends, loops, or takes all memory", function()
    server = start(CONFIGURED .. [[
      local app = require "luaserve"
      local ballast = {}
      for i = 1, 100000 do ballast[i] = { i } end
      local old = coroutine.wrap(function() while true do coroutine.yield(#ballast) end end)
      old()
      app:get("/exit", function() os.exit(3) end)
      app:get("/loop", function() while true do end end)
      app:get("/memory", function() local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end end)
      app:get("/", function() return tostring(old()) end)
      config.limits = { cpu = "200ms", memory = "8M" }
      app:run(config)
    ]])
    local client = server:client()
    assert.equal("100000", client:request({ path = "/" }).body)
    assert.equal(500, server:get "/exit".status)
    assert.equal(503, server:get "/loop".status)
    assert.equal(503, server:get "/memory".status)
    assert.equal("100000", client:request({ path = "/" }).body)
    client:close()
  end)

  it("passes the specs of the server", function()
    local binary = command("same", CONFIGURED .. [[
      if io.open(dir .. "/scripts") then config.scripts = dir .. "/scripts" end
      local app = require "luaserve"
      local good, why = pcall(app.run, app, config)
      if not good then io.stderr:write(why, "\n") os.exit(78) end
    ]])
    local said, good = capture("LUASERVE=" .. binary .. " timeout -s KILL 120 busted spec/http_spec.lua spec/routing_spec.lua " ..
      "spec/hooks_spec.lua spec/answers_spec.lua spec/events_spec.lua")
    assert.is_true(good, said)
  end)

  it("serves raw TCP, WebSockets and schedules", function()
    server = start(CONFIGURED .. [[
      local app = require "luaserve"
      app:tcp("127.0.0.1:0", function(conn) conn:write("echo ", conn:read("line"), "\n") end)
      app:ws("/ws", function(_, ws) for text in ws:messages() do ws:send(text:upper()) end end)
      app:every("1h", { first = 0 }, function() app.channel("ran"):publish("well") app.shared("ran"):set("it", true) end)
      app:get("/ran", function()
        local channel <close> = app.channel("ran"):subscribe()
        return app.shared("ran"):get("it") and "well" or channel:receive("5s")
      end)
      app:run(config)
    ]])
    local conn = assert(require "socket".connect("127.0.0.1", tonumber(server.ready:match "tcp://127%.0%.0%.1:(%d+)")))
    conn:settimeout(10)
    conn:send "hello\n"
    assert.equal("echo hello", conn:receive "*l")
    conn:close()
    local ws = server:ws "/ws"
    ws:send "text"
    assert.equal("TEXT", ws:receive())
    ws:close()
    assert.equal("well", server:get "/ran".body)
  end)

  it("runs scripts where that is asked for, which may be programs themselves", function()
    os.execute("mkdir -p " .. prefix .. "/scripts/lib")
    write("scripts/lib/words.lua", 'return "of a library"')
    local both = write("scripts/both.lua", 'local app = require "luaserve" app:get("/both", function() return require "words" end) app:run { port = 1 }')
    server = start(CONFIGURED .. ([[
      config.scripts = "%s/scripts"
      local app = require "luaserve"
      app:get("/own", function() return "own" end)
      app:run(config)
    ]]):format(prefix))
    assert.equal("own", server:get "/own".body)
    assert.equal("of a library", server:get "/both".body)
    server:stop()
    server = spec.start { scripts = prefix .. "/scripts" }
    assert.equal("of a library", server:get "/both".body)
    os.remove(both)
    server:stop()
    server = spec.start { scripts = { ["program.lua"] = io.open("docs/examples/embed/program.lua"):read "a",
      ["mark.lua"] = "\xEF\xBB\xBF#!/bin/lua\nrequire 'luaserve':get('/mark', function() return 'mark' end)" } }
    assert.equal("1764\n", server:get "/squares/42".body)
    assert.equal("mark", server:get "/mark".body)
    local function says(script, wanted)
      local path = write("scripts/wrong.lua", script)
      local said, good = outcome(('require "luaserve":run { host = "127.0.0.1", port = 0, scripts = "%s/scripts" }'):format(prefix))
      assert.is_nil(good, said)
      assert.truthy(said:find(wanted, 1, true), said)
      os.remove(path)
    end
    says('require "luaserve":start()', "scripts/wrong.lua:1: app:start: the server is just being started")
    says("os.exit(0)", "os.exit while the scripts load")
  end)

  it("goes on when the server has stopped, with signals and collector as they were", function()
    local binary = command("program", CONFIGURED .. [[
      collectgarbage "generational"
      local app = require "luaserve"
      app:get("/", function() return "here" end)
      app:run(config)
      assert(io.popen("echo from a child"):read "a" == "from a child\n")
      assert(os.execute "exit 0")
      print("after " .. collectgarbage "generational")
      io.stdout:flush()
      assert(io.popen("kill -TERM " .. io.open("/proc/self/stat"):read "n")):close()
      print "not reached"
    ]])
    server = spec.start { binary = binary }
    assert.equal("here", server:get "/".body)
    server:signal "TERM"
    assert.equal(143, server:wait())
    assert.truthy(server:output():find "\nafter generational\n$", server:output() .. server:log())
    server = nil
  end)

  it("steps in a loop of the program's", function()
    server = start(CONFIGURED .. [[
      collectgarbage "generational"
      config.pidfile = dir .. "/pid"
      local app = require "luaserve"
      local steps = 0
      app:get("/", function() return "stepped" end)
      local urls = app:start(config)
      print("luaserve program listening on " .. table.concat(urls, " "))
      io.stdout:flush()
      assert(math.type(app:fd()) == "integer")
      while app:step "50ms" do
        steps = steps + 1
        if steps == 40 then app:stop() end
      end
      local pidfile = io.open(dir .. "/pid")
      print(app:step(0), pidfile, "after " .. steps, collectgarbage "incremental")
      os.exit(0, true)
    ]])
    assert.equal("stepped", server:get "/".body)
    while not server:output():find "after" and pcall(server.get, server, "/") do end
    assert.equal(0, server:wait())
    assert.truthy(server:output():find "\nfalse\tnil\tafter %d+\tgenerational\n$", server:output())
    server = nil
  end)

  it("refuses to reload, and says so", function()
    server = start(CONFIGURED .. 'require "luaserve":run(config)')
    server:signal "HUP"
    assert.truthy(server:log "the handlers are the program's own: start it again")
    assert.equal(404, server:get "/".status)
  end)

  it("says what is wrong where the program calls it", function()
    local function says(text, wanted)
      local said, good = outcome(text)
      assert.is_nil(good, said)
      assert.truthy(said:find(wanted, 1, true), said)
    end
    says('\nrequire "luaserve":run { prt = 1 }', 'short.lua:2: app:run: prt: unknown key (did you mean "port"?)')
    says('require "luaserve":run { limits = { wall = print, [{}] = 1 } }', "app:run: limits.wall: expected a duration")
    says('local t = {} t.t = t require "luaserve":start(t)', "short.lua:1: app:start: the configuration has tables in each other")
    says('local t = {} for i = 1, 20000 do t[i] = i end require "luaserve":start { listen = t }', "app:start: the configuration has too many")
    says('require "luaserve":run(setmetatable({}, { __index = { port = 1 } }))', "app:run: the configuration is made of plain tables")
    says('return require "luaserve":run { prt = 1 }', "app:run: prt: unknown key")
    says('require "luaserve":run { host = "192.0.2.1" }', "short.lua:1: app:run: cannot bind 192.0.2.1:3000")
    says('require "luaserve".run {}', "short.lua:1: call app:run(...) with a colon")
    says('require "luaserve":run(3)', "short.lua:1: app:run: expected a table such as { port = 3000 }, found 3")
    says('require "luaserve":step()', "short.lua:1: app:step: the server was not started")
    says('require "luaserve":step("x")', "short.lua:1: app:step: expected seconds")
    says('require "luaserve":fd()', "short.lua:1: app:fd: the server was not started")
    says('local app = require "luaserve" app:start { host = "127.0.0.1", port = 0 }\napp:start()',
      "short.lua:2: app:start: the server was started already")
    says('local app = require "luaserve" app:start { host = "127.0.0.1", port = 0 }\napp:get("/", print)',
      "short.lua:2: app:get: this can be done only before the server starts")
    for _, hook in ipairs { "before(print)", "after(print)", "error(print)", 'group("/x", print)' } do
      says('local app = require "luaserve" app:start { host = "127.0.0.1", port = 0 }\napp:' .. hook,
        "short.lua:2: app:" .. hook:match "%w+" .. ": this can be done only before the server starts")
    end
    says('local app = require "luaserve" pcall(app.run, app, { port = 0, log = { file = "/nowhere/x" } })\napp:run()', "short.lua:2: app:run: the server has ended")
    says('local app = require "luaserve" app:run { port = 0, scripts = "nowhere" }', 'expected a folder, found none at "nowhere"')
  end)

  it("can be told something else when it could not start", function()
    server = start(CONFIGURED .. [[
      local app = require "luaserve"
      app:get("/", function() return "at last" end)
      assert(not pcall(app.run, app, { prt = 1 }))
      assert(not pcall(app.run, app, { host = "192.0.2.1", status = "/status" }))
      app:run(config)
    ]])
    assert.equal("at last", server:get "/".body)
    assert.equal(404, server:get "/status".status)
  end)

  it("is not hurt by a second start, or by its standard output being closed", function()
    server = start(CONFIGURED .. [[
      local app = require "luaserve"
      app:get("/", function() return "here" end)
      print("luaserve program listening on " .. app:start(config)[1])
      io.stdout:flush()
      assert(not pcall(app.start, app))
      assert(not pcall(app.run, app, {}))
      app:run()
    ]])
    assert.equal("here", server:get "/".body)
    server:stop()
    server = nil
    local said, good = outcome [[
      local app = require "luaserve"
      local pid = io.open("/proc/self/stat"):read "n"
      app:every("1h", { first = 0 }, function() os.execute("kill -INT " .. pid) end)
      io.stdout:close()
      app:run { host = "127.0.0.1", port = 0 }
      io.stderr:write "well" os.exit(0)]]
    assert.is_true(good, said)
    assert.truthy(said:find "well$", said)
  end)

  it("asks for Lua's libraries before it changes anything", function()
    local said, good = outcome [[
      local there = io
      io = nil
      local loaded, why = pcall(require, "luaserve")
      io = there
      assert(not loaded and why:find 'luaserve needs Lua\'s library "io"', why)
      require "luaserve".log.info "then" collectgarbage()
      math = nil
      assert(coroutine.resume(coroutine.create(print), "resumed"))
      os.exit(0)]]
    assert.is_true(good, said)
    assert.truthy(said:find "resumed")
  end)

  it("is for the program where it serves, and not for handlers or scripts of the command", function()
    server = start(CONFIGURED .. [[
      local app = require "luaserve"
      app:get("/:what", function(req) return tostring(select(2, pcall(app[req.params.what], app))) end)
      app:run(config)
    ]])
    for _, what in ipairs { "run", "start", "step", "fd", "stop" } do
      assert.truthy(server:get("/" .. what).body:find "this is for the program, and not for handlers$", what)
    end
    server:stop()
    server = spec.start { scripts = { ["a.lua"] = [[
      local app = require "luaserve"
      app:get("/:what", function(req) return tostring(select(2, pcall(app[req.params.what], app))) end) app:run {}]] } }
    for _, what in ipairs { "start", "step", "fd", "stop" } do
      assert.truthy(server:get("/" .. what).body:find "is for programs of their own", what)
    end
  end)

  it("is there for coroutines that are older, and once in a state", function()
    server = start(CONFIGURED .. [[
      local app
      local old = coroutine.wrap(function(f) while true do f = coroutine.yield(f and f()) end end)
      old()
      app = require "luaserve"
      app:post("/body", function(req) return old(function() return req:body():upper() end) end)
      app:get("/write", function(_, res) old(function() res:write "written" end) end)
      app:get("/shared", function() return tostring(old(function() return app.shared("d"):incr("n") end)) end)
      app:run(config)
    ]])
    assert.equal("ABC", server:post("/body", { body = "abc" }).body)
    assert.equal("written", server:get "/write".body)
    assert.equal("1", server:get "/shared".body)
    local said, good = outcome [[
      local old = coroutine.wrap(function()
        local app = coroutine.yield()
        app:get("/x", { name = "x" }, print)
        print(app.escape "<", app.json.encode { 1 }, (app.url "x"), coroutine.wrap(function() return "new" end)())
        assert(coroutine.resume(coroutine.create(function() app.log.info "said" end)))
        assert(not pcall(function() return app.shared("d"):get "y" end))
        assert(not pcall(function() return app.channel("c"):publish "y" end))
        os.exit(0, true)
      end)
      old()
      local app = require "luaserve"
      package.loaded.luaserve = nil
      assert(require "luaserve" == app)
      old(app)]]
    assert.is_true(good, said)
    assert.truthy(said:find("&lt;\t[1]\t/x\tnew\n", 1, true), said)
    assert.truthy(said:find("info  said\n", 1, true), said)
  end)

  it("survives what finalizers do after its end", function()
    local said, good = outcome [[
      local late = setmetatable({}, { __gc = function(self)
        local app = self.app
        app.log.info "late"
        print(pcall(app.get, app, "/", print))
        print(pcall(app.run, app))
        print(pcall(function() return app.shared("x"):get "y" end))
        print(app.json.encode { 2 })
      end })
      collectgarbage "generational"
      late.app = require "luaserve"
      late.app:get("/x", print)
      late.app:start { host = "127.0.0.1", port = 0 }]]
    assert.is_true(good, said)
    assert.truthy(said:find("only before the server starts", 1, true), said)
    assert.truthy(said:find("the server has ended", 1, true), said)
    assert.truthy(said:find("[2]", 1, true), said)
  end)

  it("serves the example", function()
    local pipe = assert(io.popen(("%s exec timeout -s KILL 60 sh -c 'echo $$; exec lua5.4 docs/examples/embed/program.lua 0' 2>/dev/null")
      :format(environment())))
    local pid, url = pipe:read "l", pipe:read "l":match "http://0%.0%.0%.0(:%d+)"
    url = "http://127.0.0.1" .. url
    assert.truthy(http.request(url .. "/"):find "^Asked since")
    assert.equal("1764\n", (http.request(url .. "/squares/42")))
    assert.equal(404, select(2, http.request(url .. "/squares/1001")))
    os.execute("kill " .. pid)
    assert.equal("That was all.", pipe:read "l")
    assert.is_true(pipe:close())
  end)
end)
