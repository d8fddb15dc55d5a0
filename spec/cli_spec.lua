-- The command line, the config file and what is said when something is wrong.
local spec = require "luaserve.spec"

local function run(options)
  local code, out, err = spec.run(options)
  return { code = code, out = out, err = err }
end

describe("the command", function()
  it("prints help and version", function()
    local help = run { arguments = { "--help" } }
    assert.equal(0, help.code)
    for _, word in ipairs { "check", "routes", "config", "connect", "--local-port", "--port", "--host", "--www", "--scripts", "--dev", "--set",
      "--version" } do
      assert.truthy(help.out:find(word, 1, true), word)
    end
    local version = run { arguments = { "--version" } }
    assert.truthy(version.out:match "^luaserve %d+%.%d+%.%d+\n$")
    assert.equal(help.out, run { arguments = { "-h" } }.out)
  end)

  it("takes its options and its task in any order", function()
    for _, arguments in ipairs { { "check", "--dev" }, { "--dev", "check" }, { "--port", "1", "check" } } do
      local result = run { arguments = arguments }
      assert.equal(0, result.code, result.err)
      assert.truthy(result.out:find("in order", 1, true))
    end
  end)

  it("lists the keys of a config file: what they take, their defaults, what they do", function()
    local pipe = io.popen((os.getenv "LUASERVE" or "./luaserve") .. " config")
    local list = { out = pipe:read "a" }
    assert.is_true(pipe:close())
    assert.truthy(list.out:find('\nlimits.wall = "30s"\n    a duration from 10ms to 24h\n    for a handler ', 1, true))
    assert.truthy(list.out:find("\nport = 3000\n    an integer from 0 to 65535\n", 1, true))
    assert.truthy(list.out:find("\nlisten\n    a list of 1 to 16 addresses", 1, true))
    local defaults = { "check" }
    for key, value in ("\n" .. list.out):gmatch '\n([%w_.]+) = "?([^\n"]+)"?' do
      if value ~= "-" and not ({ www = 1, scripts = 1, views = 1 })[key] then
        defaults[#defaults + 1] = "--set=" .. key .. "=" .. value
      end
    end
    assert.is_true(#defaults > 30)
    for first = 2, #defaults, 20 do
      local result = run { arguments = { "check", table.unpack(defaults, first, math.min(first + 19, #defaults)) } }
      assert.equal(0, result.code, result.err)
    end
  end)

  it("exits 64 when it is called wrongly", function()
    for _, arguments in ipairs { { "--nonsense" }, { "-x" }, { "a.lua", "b.lua" }, { "--port" },
      { "--set", "novalue" }, { "--dev=1" }, { "--port", "abc" }, { "--set", "nokey=1" },
      { "check", "routes", "a.lua" }, { "config", "a.lua" }, { "config", "--dev" } } do
      local result = run { arguments = arguments }
      assert.equal(64, result.code)
      assert.truthy(result.err:find "^luaserve: ")
    end
  end)

  it("knows a task that is nearly spelt right, unless it is a file", function()
    local binary = spec.path(os.getenv "LUASERVE" or "luaserve")
    local function said(arguments, file)
      local pipe = io.popen(("D=$(mktemp -d) && cd $D && %s '%s' %s 2>&1; echo \"exit $?\"; rm -r $D"):format(
        file and "echo 'return { nokey = 1 }' >" .. file .. ";" or "", binary, arguments))
      local text = pipe:read "a"
      pipe:close()
      return text
    end
    for word, task in pairs { chek = "check", chekc = "check", checks = "check", route = "routes", ["trac 0123"] = "trace",
      ["conect localhost:80"] = "connect", ["--dev rootes"] = "routes" } do
      assert.truthy(said(word):find(('(did you mean "%s"?)'):format(task), 1, true), word)
      assert.truthy(said(word):find "^luaserve: there is no file .*exit 64\n$", word)
    end
    assert.truthy(said("chek", "chek"):find("nokey", 1, true))
    assert.is_nil(said("check nowhere.lua"):find "did you mean")
    assert.is_nil(said("cork"):find "did you mean")
  end)

  it("prints one line when it is ready, with the addresses really bound", function()
    local server = spec.start()
    assert.truthy(server.port > 0)
    assert.equal("luaserve", server.ready:match "^%a+")
    assert.truthy(server.ready:find("listening on http://127.0.0.1:" .. server.port, 1, true))
    server:stop()
  end)

  it("listens on IPv6 and on Unix sockets, and several at once", function()
    local path = os.tmpname()
    os.remove(path)
    local server = spec.start {
      config = { listen = { "127.0.0.1:0", "[::1]:0", "unix:" .. path } },
      scripts = { ["a.lua"] = [[
        local app = require "luaserve"
        app:get("/who", function(req) return req.ip .. " " .. (req.port > 0 and "port" or "0") end)
      ]] },
    }
    assert.truthy(server.ready:find("http://[::1]:", 1, true))
    assert.truthy(server.ready:find("unix:" .. path, 1, true))
    assert.equal("127.0.0.1 port", server:get("/who").body)
    local curl = io.popen("curl -s --unix-socket " .. path .. " http://x/who"):read "a"
    assert.equal("unix 0", curl)
    local port6 = server.ready:match "%[::1%]:(%d+)"
    assert.equal("::1 port", io.popen("curl -s 'http://[::1]:" .. port6 .. "/who'"):read "a")
    server:stop()
    assert.is_nil(io.open(path))
  end)

  it("exits 69 when the address is in use, and says so", function()
    local server = spec.start()
    local result = run { config = { port = server.port } }
    assert.equal(69, result.code)
    assert.truthy(result.err:find("cannot bind 127.0.0.1:" .. server.port .. ": the address is in use", 1, true))
    server:stop()
    result = run { config = { host = "192.0.2.1" } }
    assert.equal(69, result.code)
    assert.truthy(result.err:find("not one of this machine's", 1, true))
  end)

  it("exits 78 with every fault of the config file", function()
    local result = run { config = { prot = 80, limits = { wall = "soon" }, www = "missing-folder" } }
    assert.equal(78, result.code)
    assert.truthy(result.err:find "prot: .*\"?port\"?")
    assert.truthy(result.err:find("limits.wall", 1, true))
  end)

  it("wants a file's name for the index", function()
    for _, index in ipairs { "..", ".", "a/b" } do
      local result = run { config = { index = index } }
      assert.equal(78, result.code, index)
      assert.truthy(result.err:find("a name of a file", 1, true), result.err)
    end
  end)

  it("exits 78 when a named folder is missing", function()
    local result = run { config = { www = "missing-folder" } }
    assert.equal(78, result.code)
    assert.truthy(result.err:find("missing-folder", 1, true))
  end)

  it("exits 78 when a script is wrong, and says where", function()
    local result = run { scripts = { ["bad.lua"] = "local x = \n" } }
    assert.equal(78, result.code)
    assert.truthy(result.err:find "scripts/bad%.lua:%d+:")
    result = run { scripts = { ["bad.lua"] = "local app = require 'luaserve'\n\nerror 'oops'" } }
    assert.equal(78, result.code)
    assert.truthy(result.err:find "scripts/bad%.lua:3: oops")
  end)

  it("names both places of a route that is there twice", function()
    local line = "require('luaserve'):get('/a/:x', print)\n"
    local result = run { scripts = { ["one.lua"] = line, ["two.lua"] = "\n" .. line } }
    assert.equal(78, result.code)
    assert.truthy(result.err:find("scripts/one.lua:1", 1, true))
    assert.truthy(result.err:find("scripts/two.lua:2", 1, true))
  end)

  it("checks without listening, and lists routes", function()
    local scripts = { ["a.lua"] = "local app = require 'luaserve'\napp:get('/x/:id', print)\n" ..
      "app:route({ 'PUT', 'POST' }, '/y', print)" }
    local result = run { arguments = { "check" }, scripts = scripts }
    assert.equal(0, result.code)
    assert.truthy(result.out:find("in order", 1, true))
    result = run { arguments = { "routes" }, scripts = scripts }
    assert.equal(0, result.code)
    assert.truthy(result.out:find "GET%s+/x/:id%s+scripts/a%.lua:2")
    assert.truthy(result.out:find "POST, PUT%s+/y%s+scripts/a%.lua:3")
    assert.equal(78, run { arguments = { "check" }, scripts = { ["a.lua"] = "(" } }.code)
  end)

  it("takes no config.lua that cannot be read for none", function()
    local dir = io.popen("mktemp -d"):read "l"
    local binary = spec.path(os.getenv "LUASERVE" or "luaserve")
    assert(os.execute("ln -s gone " .. dir .. "/config.lua"))
    local said = io.popen("cd " .. dir .. " && " .. binary .. " check 2>&1; echo $?"):read "a"
    os.execute("rm -r " .. dir)
    assert.truthy(said:find "config%.lua: .*No such file or directory\n78\n$", said)
  end)

  it("lets options win over the file", function()
    local server = spec.start { arguments = { "--dev", "--set", "limits.body=10" }, scripts = {
      ["a.lua"] = "require('luaserve'):post('/', function(req) error(req:body()) end)" } }
    assert.equal(413, server:post("/", { body = ("x"):rep(11) }).status)
    assert.truthy(server:post("/", { body = "short" }).body:find("short", 1, true))
    server:stop()
  end)

  it("writes its log to the file that the config names", function()
    local path = os.tmpname()
    local server = spec.start { config = { log = { file = path } }, scripts = {
      ["a.lua"] = "local app = require 'luaserve' app:get('/', function() app.log.info('to the file') return '' end)" } }
    server:get "/"
    server:stop()
    local file = io.open(path)
    assert.truthy(file:read("a"):find("to the file", 1, true))
    file:close()
    os.remove(path)
  end)
end)
