-- Reloads: new clients get what the configuration and the scripts say now; nobody loses a request,
-- and nothing that is wrong with the new ones can take the service down.
local socket = require "socket"
local spec = require "luaserve.spec"

local function write(server, name, text)
  local file = assert(io.open(server.dir .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

local function version(text)
  return 'local app = require "luaserve"\n' ..
    'app:get("/version", function() return { text = "' .. text .. '" } end)\n'
end

local function start(options)
  options = options or {}
  options.scripts = options.scripts or { ["app.lua"] = version "one" }
  return spec.start(options)
end

local function eventually(condition)
  local deadline = socket.gettime() + 15
  repeat
    local result = condition()
    if result then return result end
    socket.select(nil, nil, 0.005)
  until socket.gettime() > deadline
  return nil
end

-- Reloads with these scripts or this configuration, and waits for what the log then says of it.
local function reload(server, files, pattern)
  local from = #server:log() + 1
  for name, text in pairs(files) do write(server, name, text) end
  server:signal "HUP"
  return eventually(function() return server:log():sub(from):match(pattern) end) or
    error("the log does not say " .. pattern .. ":\n" .. server:log():sub(from), 2)
end

local function config(server, more)
  return "return { host = '127.0.0.1', port = " .. server.port .. ", " .. (more or "") .. " }\n"
end

local function descriptors(pid)
  local list = {}
  for line in io.popen("ls -l /proc/" .. pid .. "/fd"):lines() do
    list[#list + 1] = line:match "%d+ %-> .*"
  end
  return #list, table.concat(list, "\n")
end

describe("a reload", function()
  it("gives new clients the new scripts and the new configuration", function()
    local server = start()
    assert.equal("one", server:get("/version").body)
    reload(server, { ["scripts/app.lua"] = version "two" .. 'app:post("/in", function(req) return tostring(#req:body()) end)' },
      "reloaded: generation 2")
    assert.equal("two", server:get("/version").body)
    assert.equal("100", server:post("/in", ("x"):rep(100)).body)
    reload(server, { ["config.lua"] = config(server, "limits = { body = 50 }") }, "reloaded: generation 3")
    assert.equal(413, server:post("/in", ("x"):rep(100)).status)
    assert.equal(0, server:stop())
  end)

  it("applies what the command line said once more", function()
    local server = start { arguments = { "--set", "limits.body=20" } }
    reload(server, { ["scripts/app.lua"] = 'require("luaserve"):post("/in", function(req) return tostring(#req:body()) end)' },
      "reloaded")
    assert.equal("20", server:post("/in", ("x"):rep(20)).body)
    assert.equal(413, server:post("/in", ("x"):rep(21)).status)
    server:stop()
  end)

  it("that fails changes nothing, and the log says why", function()
    local server = start { config = { limits = { load = "300ms" } } }
    local function fails(files, pattern)
      reload(server, files, pattern)
      assert.equal("one", server:get("/version").body, pattern)
    end
    fails({ ["scripts/app.lua"] = "local x = = 1" }, "app%.lua:1: unexpected symbol")
    fails({ ["scripts/app.lua"] = 'error "no database"' }, "app%.lua:1: no database")
    fails({ ["scripts/app.lua"] = "while true do end" }, "loading took longer than limits%.load")
    fails({ ["scripts/app.lua"] = "while true do pcall(function() while true do end end) end" },
      "loading took longer than limits%.load.*")
    fails({ ["scripts/app.lua"] = "coroutine.wrap(function() while true do end end)()" },
      "loading took longer than limits%.load.*")
    fails({ ["scripts/app.lua"] = 'io.popen "sleep 100":read "a"' }, "did not end within limits%.load: killed")
    fails({ ["scripts/app.lua"] = "os.exit(5)" }, "app%.lua:1: os%.exit while the scripts load")
    fails({ ["scripts/app.lua"] = 'local id = io.open("/proc/self/stat"):read "n" os.execute("kill -SEGV " .. id)' },
      "was killed by signal 11")
    fails({ ["scripts/app.lua"] = 'local app = require "luaserve" app.sleep(1)' }, "app%.lua:1: .*sleep")
    write(server, "scripts/app.lua", version "two")
    fails({ ["config.lua"] = "return { portt = 1 }" }, 'portt: unknown key')
    fails({ ["config.lua"] = "return {" }, "config%.lua:%d+: ")
    fails({ ["config.lua"] = config(server, "www = 'nowhere'") }, "www: expected a folder, found none at .*nowhere")
    os.remove(server.dir .. "/config.lua")
    fails({}, "config%.lua.*No such file")
    reload(server, { ["config.lua"] = config(server) }, "reloaded: generation 2")
    assert.equal("two", server:get("/version").body)
    assert.equal(0, server:stop())
  end)

  it("moves to another port, and stays when that one is taken", function()
    local server, other = start(), start()
    reload(server, { ["config.lua"] = ("return { host = '127.0.0.1', port = %d }"):format(other.port) },
      "cannot bind 127%.0%.0%.1:" .. other.port .. ": the address is in use")
    assert.equal("one", server:get("/version").body)
    local port = other.port
    other:stop()
    reload(server, {}, "reloaded: generation 2")
    assert.is_nil(socket.connect("127.0.0.1", server.port))
    server.port = port
    assert.equal("one", server:get("/version").body)
    reload(server, { ["config.lua"] = ("return { listen = { '127.0.0.1:%d', '[::1]:0' } }"):format(port) },
      "reloaded: generation 3")
    assert.equal("one", server:get("/version").body)
    assert.equal(0, server:stop())
  end)

  it("keeps the addresses that stay, also where the system chose the port", function()
    local server = start()
    local waiting = assert(socket.connect("127.0.0.1", server.port))
    for generation = 2, 4 do reload(server, {}, "reloaded: generation " .. generation) end
    assert.equal("one", server:get("/version").body)
    waiting:close()
    server:stop()
  end)

  it("closes clients that wait, lets requests end, and keeps their generation for them", function()
    local server = start { scripts = { ["app.lua"] = version "one" .. [[
      app:get("/held", function(req)
        while not io.open(req.query.go) do app.sleep("5ms") end
        return { text = "one" }
      end)
      app:get("/stream", function(req, res)
        res:write "one" res:flush()
        while not io.open(req.query.go) do app.sleep("5ms") end
        res:write " and all"
      end)
    ]] } }
    local go = server.dir .. "/go"
    local idle, held, stream = server:client(), server:client(), server:client()
    idle:request { path = "/version" }
    held:send("GET /held?go=" .. go .. " HTTP/1.1\r\nHost: x\r\n\r\n")
    stream:send("GET /stream?go=" .. go .. " HTTP/1.1\r\nHost: x\r\n\r\n")
    assert.truthy(stream:receive "*l")
    reload(server, { ["scripts/app.lua"] = version "two" }, "reloaded")
    assert.equal("", idle:receive "*a")
    assert.equal("two", server:get("/version").body)
    write(server, "go", "")
    local response = held:receive_response()
    assert.equal("one", response.body)
    assert.equal("close", response.headers.connection)
    assert.truthy(stream:receive "*a":find(" and all", 1, true))
    assert.equal(0, server:stop())
  end)

  it("leaves a request that goes on the id that it had, also where its worker dies", function()
    local server = start { scripts = { ["app.lua"] = [[
      local app = require "luaserve"
      app:get("/die", function(req)
        app.log.info("id " .. req.id)
        while not io.open(req.query.go) do app.sleep("5ms") end
        os.execute "kill -SEGV $PPID"
        app.sleep(5)
      end)
    ]] } }
    local client = server:client()
    client:send("GET /die?go=" .. server.dir .. "/go HTTP/1.1\r\nHost: x\r\n\r\n")
    local id = server:log("id %x+"):match "id (%x+)"
    reload(server, {}, "reloaded")
    write(server, "go", "")
    local response = client:receive_response()
    assert.equal(500, response.status)
    assert.equal(id, response.headers["x-request-id"])
    server:stop()
  end)

  it("begins again when it is asked for while one is under way", function()
    local server = start()
    reload(server, { ["scripts/app.lua"] = version "two" .. 'os.execute "sleep 0.2"' }, "reloaded: generation 2")
    server:signal "HUP"
    server:signal "HUP"
    write(server, "scripts/app.lua", version "three")
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation 3")
    assert.truthy(eventually(function() return server:get("/version").body == "three" end))
    server:stop()
  end)

  it("under way does not hold up a stop", function()
    local server = start { config = { limits = { load = "1m" } } }
    write(server, "scripts/app.lua", 'io.open("' .. server.dir .. '/begun", "w"):close() io.popen "sleep 60":read "a"')
    server:signal "HUP"
    assert.truthy(eventually(function() return io.open(server.dir .. "/begun") end))
    assert.equal("one", server:get("/version").body)
    assert.equal(0, server:stop())
  end)

  it("prints what scripts print once, and leaves no descriptor behind", function()
    local server = start()
    local scripts = { ["scripts/app.lua"] = version "two" .. 'print "loaded" f = io.open("/dev/zero")' }
    reload(server, scripts, "reloaded: generation 2")
    local before, said = descriptors(server.pid)
    for generation = 3, 12 do reload(server, {}, "reloaded: generation " .. generation) end
    local after, says = descriptors(server.pid)
    assert.equal(before, after, said .. "\n---\n" .. says)
    assert.equal("two", server:get("/version").body)
    server:stop()
    assert.equal(11, select(2, server.out:gsub("loaded\n", "")))
  end)

  it("loses no request under load", function()
    local server = start()
    local done = server.dir .. "/done"
    local load = io.popen(string.format([[LUA_PATH='%s/src/lua/?.lua;;' lua5.4 - 127.0.0.1 %d %s 2>&1 <<'END'
      local http = require "luaserve.client"
      local host, port, done = arg[1], math.tointeger(arg[2]), arg[3]
      local count, retried = 0, 0
      local client = http.connect(host, port, 5)
      repeat
        local fine, response = pcall(client.request, client, { path = "/version" })
        if not fine then -- an idle connection that was closed: once more, on a fresh one
          retried = retried + 1
          client = http.connect(host, port, 5)
          response = client:request { path = "/version" }
        end
        assert(response.status == 200 and (response.body == "one" or response.body == "two"))
        if response.headers.connection == "close" then client = http.connect(host, port, 5) end
        count = count + 1
      until io.open(done)
      print("fine", count, retried)
END]], spec.path ".", server.port, done))
    for generation = 2, 21 do
      reload(server, { ["scripts/app.lua"] = version(generation % 2 == 0 and "two" or "one") },
        "reloaded: generation " .. generation)
    end
    write(server, "done", "")
    local said = load:read "a"
    load:close()
    assert.truthy(said:find "^fine", said)
    assert.truthy(tonumber(said:match "fine%s+(%d+)") > 20, said)
    server:stop()
  end)

  it("says what stays until the next start", function()
    local server = start()
    reload(server, { ["config.lua"] = config(server, "processes = { max_clients = 3 }") },
      "processes%.max_clients stays 1024 until the next start")
    assert.equal("one", server:get("/version").body)
    server:stop()
  end)
end)

describe("loading", function()
  it("that does not end is an error at the start and of check", function()
    for _, arguments in ipairs { {}, { "check" } } do
      local code, _, err = spec.run {
        config = { limits = { load = "200ms" } }, arguments = arguments,
        scripts = { ["a.lua"] = "while true do end" },
      }
      assert.equal(78, code)
      assert.truthy(err:find("a.lua:1: loading took longer than limits.load", 1, true), err)
    end
  end)

  it("that spends its time in C is one too, once it is back", function()
    for script, wanted in pairs {
      ['os.execute "sleep 0.4"'] = "loading took longer than limits.load",
      ['local t = {} while true do t[#t % 100 + 1] = ("x"):rep(1000000) .. #t end'] = "a.lua:1: loading took longer than limits.load",
    } do
      local code, _, err = spec.run { arguments = { "check" }, config = { limits = { load = "200ms" } }, scripts = { ["a.lua"] = script } }
      assert.equal(78, code)
      assert.truthy(err:find(wanted, 1, true), err)
    end
  end)
end)

describe("the log", function()
  it("is opened anew at SIGUSR1, by the server and by workers that live on", function()
    local server = start {
      config = { log = { file = "server.log" } },
      scripts = { ["app.lua"] = 'local app = require "luaserve" app:get("/say", function(req) app.log.info("said " .. req.query.what) return 204 end)' },
    }
    local function text(name)
      local file = io.open(server.dir .. "/" .. name)
      local all = file and file:read "a" or ""
      if file then file:close() end
      return all
    end
    local client = server:client()
    client:request { path = "/say?what=before" }
    assert(os.rename(server.dir .. "/server.log", server.dir .. "/old.log"))
    server:signal "USR1"
    assert.truthy(eventually(function() return text("server.log"):find "log reopened" end))
    client:request { path = "/say?what=after" }
    assert.truthy(text("old.log"):find "said before")
    assert.is_nil(text("old.log"):find "said after")
    assert.truthy(text("server.log"):find "said after")
    server:stop()
  end)
end)
