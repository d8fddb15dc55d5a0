-- luaserve.spec itself, as people's own specs use it.
local http = require "luaserve.client"
local socket = require "socket"
local spec = require "luaserve.spec"

local program = spec.path(os.getenv "LUASERVE" or "luaserve")

describe("luaserve.spec", function()
  it("refuses an option that it does not know, where it was given", function()
    for _, start in ipairs { spec.start, spec.run } do
      local ok, message = pcall(start, { limits = { wall = "1s" } })
      assert.is_false(ok)
      assert.truthy(message:find("unknown option 'limits' (settings of config.lua stand", 1, true), message)
    end
    local server = spec.start { www = { ["a.txt"] = "a" } }
    local ok, message = pcall(server.get, server, "/a.txt", { header = {} })
    assert.is_false(ok)
    assert.truthy(message:find("unknown option 'header'", 1, true), message)
    server:stop()
  end)

  it("takes a string alone as the body", function()
    local server = spec.start { scripts = { ["a.lua"] = [[
      require("luaserve"):post("/length", function(req) return tostring(#req:body()) end)
    ]] } }
    assert.equal("5", server:post("/length", "abcde").body)
    server:stop()
  end)

  it("waits for the end of an answer no longer than it is told, however steadily it goes on", function()
    local server = spec.start { scripts = { ["a.lua"] = [[
      local app = require "luaserve"
      app:get("/", function(req, res)
        repeat
          res:write(("x"):rep(1000))
          res:flush()
        until req.query.once
        app.sleep "10s"
      end)
    ]] } }
    for _, path in ipairs { "/", "/?once=1" } do
      local fine, message = pcall(server.get, server, path, { timeout = 0.3 })
      assert.is_false(fine)
      assert.truthy(message:find("helper_spec.lua:%d+: the answer did not end within 0.3 s"), message)
    end
    server:stop()
  end)

  it("speaks to a server on IPv6", function()
    local server = spec.start {
      config = { listen = { "[::1]:0" } },
      scripts = { ["a.lua"] = [[require("luaserve"):get("/host", function(req) return req.host end)]] },
    }
    assert.equal("[::1]:" .. server.port, server:get("/host").body)
    server:stop()
  end)

  it("runs many servers side by side, each with its own port, folder and log", function()
    local servers = {}
    for i = 1, 4 do
      servers[i] = spec.start { scripts = { ["a.lua"] = ([[
        local app = require "luaserve"
        app:get("/", function() app.log.info "asked %d" return "%d" end)
      ]]):format(i, i) } }
    end
    for i, server in ipairs(servers) do
      assert.equal(tostring(i), server:get("/").body)
      assert.truthy(server:log("asked " .. i))
    end
    for i, server in ipairs(servers) do
      assert.equal(0, server:stop())
      for j = 1, 4 do assert.equal(i == j, server:log("asked " .. j) ~= nil) end
    end
  end)

  it("says what it has not found, and leaves nothing behind", function()
    local command = [[D=$(mktemp -d) && cd "$D" && mkdir bin left && for tool in lua5.4 mktemp mkdir; do
      ln -s "$(command -v $tool)" bin; done; LUA_PATH='%s/src/lua/?.lua;;' TMPDIR="$D/left" env -u LUASERVE \
      PATH="$D/bin" lua5.4 -e 'print(pcall(require("luaserve.spec").start))' 2>&1; ls left; rm -rf "$D"]]
    local pipe = io.popen(command:format(spec.path "."))
    local said = pipe:read "*a"
    pipe:close()
    assert.equal("false\t(command line):1: no luaserve here or on PATH: set LUASERVE to where it is\n", said)
  end)

  it("says where nobody listens", function()
    local nobody = socket.tcp() -- has a port, and does not listen
    assert(nobody:bind("127.0.0.1", 0))
    local _, port = nobody:getsockname()
    local fine, message = pcall(http.connect, "127.0.0.1", port, 5)
    nobody:close()
    assert.is_false(fine)
    assert.truthy(message:find("no connection to 127.0.0.1:" .. port .. ": connection refused", 1, true), message)
  end)

  it("finds a luaserve on PATH when the folder has none", function()
    local here = spec.path "."
    local script = os.tmpname()
    local file = assert(io.open(script, "w"))
    file:write([[
      local server = require("luaserve.spec").start { www = { ["a.txt"] = "found" } }
      print(server:get("/a.txt").body)
      server:stop()
    ]])
    file:close()
    local pipe = io.popen(string.format("D=$(mktemp -d) && cd \"$D\" && ln -s '%s' luaserve && mkdir away && " ..
      "cd away && PATH=\"$D:$PATH\" LUA_PATH='%s/src/lua/?.lua;;' env -u LUASERVE timeout 30 lua5.4 '%s' 2>&1; " ..
      "rm -rf \"$D\"", program, here, script))
    local said = pipe:read "*a"
    pipe:close()
    os.remove(script)
    assert.equal("found\n", said)
  end)

  it("runs in every Lua that is here", function()
    local script = os.tmpname()
    local file = assert(io.open(script, "w"))
    file:write([[
      local spec = require "luaserve.spec"
      local server = spec.start { scripts = { ["a.lua"] = [=[
        local app = require "luaserve"
        app:post("/", function(req)
          return { json = { body = req:body() }, headers = { ["Set-Cookie"] = "a=1" } }
        end)
        app:get("/", function(req) return req.headers.cookie end)
      ]=] } }
      local browser = server:browser()
      print(browser:post("/", { form = { a = "\0" } }).json.body, browser:get("/").body, (pcall(server.get, server)))
      server:stop()
    ]])
    file:close()
    local count = 0
    for _, lua in ipairs { "lua5.1", "luajit", "lua5.2", "lua5.3", "lua5.4" } do
      local pipe = io.popen(("%s -lsocket -ldkjson -e '' 2> /dev/null || exit; " ..
        "LUASERVE='%s' LUA_PATH='%s/src/lua/?.lua;;' timeout 30 %s '%s' 2>&1"):format(lua, program, spec.path ".", lua, script))
      local said = pipe:read "*a"
      pipe:close()
      if said ~= "" then
        assert.equal("a=%00\ta=1\tfalse\n", said, lua)
        count = count + 1
      end
    end
    os.remove(script)
    assert.is_true(count > 0)
  end)

  it("passes the example of its documentation", function()
    local blocks = {}
    local file = assert(io.open(spec.path "docs/testing.md"))
    for block in file:read("*a"):gmatch "```lua\n(.-)```" do blocks[#blocks + 1] = block end
    file:close()
    local folder = io.popen("mktemp -d"):read "*l"
    local function write(name, text)
      local out = assert(io.open(folder .. "/" .. name, "w"))
      out:write(text)
      out:close()
    end
    os.execute("mkdir " .. folder .. "/spec")
    write("spec/greet_spec.lua", blocks[1])
    write(".busted", (blocks[2]:gsub("/home/me/luaserve", function() return spec.path "." end)))
    local pipe = io.popen(("cd '%s' && LUASERVE='%s' timeout 30 busted 2>&1; rm -rf '%s'"):format(folder, program, folder))
    local said = pipe:read "*a"
    pipe:close()
    assert.truthy(said:find("1 success / 0 failures / 0 errors", 1, true), said)
  end)
end)
