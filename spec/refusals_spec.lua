-- What scripts are told when they ask for what cannot be.
local spec = require "luaserve.spec"

-- A piece of a handler, and what its error, or what it returns, says.
local SAID = {
  ["coroutine.close"] = {
    { "return coroutine.close((coroutine.running()))", "cannot close a running coroutine" },
    { [[local outer = coroutine.running()
        return coroutine.resume(coroutine.create(function() coroutine.close(outer) end))]], "cannot close a normal coroutine" },
    { [[local co = coroutine.create(function()
          local held <close> = setmetatable({}, { __close = function() error "spoilt" end })
          coroutine.yield()
        end)
        coroutine.resume(co)
        return coroutine.close(co)]], "false .*spoilt" },
    { "return coroutine.close(coroutine.create(print))", "^true$" },
    { "return coroutine.close(1)", "coroutine expected" },
  },
  ["coroutine.resume"] = {
    { [[local co = coroutine.create(function() end)
        coroutine.resume(co)
        return coroutine.resume(co)]], "false cannot resume dead coroutine" },
    { [[local function many() return table.unpack({}, 1, 600000) end
        local function ask(...)
          local said = table.pack(coroutine.resume(coroutine.create(many)))
          return said[1], said[2], (...)
        end
        return ask(many())]], "false too many results to resume" },
  },
  ["app.json"] = {
    { "return app.json.encode { [1.5] = 1 }", "JSON objects have string keys: found a number" },
    { 'return app.json.encode { ["a\\0b"] = 1 }', "a JSON key with a NUL" },
    { 'return app.json.encode { ["\\xff"] = 1 }', "a JSON key that is not UTF%-8" },
    { 'return app.json.encode "\\xff"', "JSON strings are UTF%-8: found another" },
    { "return app.json.encode(1 / 0)", "JSON has no inf" },
    { "local t = {} t[1] = t return app.json.encode(t)", "tables nested too deep for JSON, or in a circle" },
    { "return app.json.encode(app.json.array())", "^%[%]$" },
    { "return app.json.encode { app.json.null, true, app.json.array { 1 } }", "^%[null,true,%[1%]%]$" },
    { "return app.json.decode '[1'", "^nil .+" },
  },
  ["app.shared"] = {
    { [[local d = app.shared "words"
        d:set("a", "b")
        return d:incr "a"]], "the value is not a number" },
    { [[local d = app.shared "numbers"
        d:set("a", math.maxinteger)
        return d:incr "a"]], "the number would be too large" },
    { [[for i = 1, 256 do app.shared("d" .. i):set("a", 1) end]], "too many shared dictionaries %(255 at most%)" },
  },
  ["app.channel"] = {
    { [[local all = {}
        for i = 1, 2000 do all[i] = app.channel("c" .. i):subscribe() end]], "there are %d+ channels with subscribers already" },
  },
}

local TRY = [[
  local app = require "luaserve"
  app:post("/try", function(req)
    local piece = assert(load("local app = ... " .. req:body(), "=piece"))
    local said = table.pack(pcall(piece, app))
    for i = 1, said.n do said[i] = tostring(said[i]) end
    return { text = table.concat(said, " ", 2, said.n) }
  end)
]]

describe("a handler is told why not:", function()
  for what, cases in pairs(SAID) do
    it(what, function()
      local server = spec.start { scripts = { ["try.lua"] = TRY }, config = { limits = { memory = "512M" } } }
      for _, case in ipairs(cases) do
        local response = server:post("/try", case[1])
        assert.equal(200, response.status, case[1])
        assert.truthy(response.body:find(case[2]), case[1] .. ": " .. response.body)
      end
      assert.equal(0, server:stop())
    end)
  end

  it("what it sends by a WebSocket", function()
    local server = spec.start { scripts = { ["ws.lua"] = [[
      local app = require "luaserve"
      app:ws("/ws", function(_, ws)
        for _, try in ipairs { function() ws:send("\xff", "text") end, function() ws:ping(("x"):rep(126)) end,
          function() ws:send("x", "image") end } do
          ws:send((select(2, pcall(try))))
        end
        ws:send("\xff", "binary")
      end)
    ]] } }
    local ws = assert(server:ws "/ws")
    for _, said in ipairs { "text that is not UTF%-8", "at most 125 bytes", "invalid option 'image'" } do
      local text = ws:receive()
      assert.truthy(text:find(said), text)
    end
    assert.same({ "\xff", "binary" }, { ws:receive() })
    server:stop()
  end)

  it("what it returns", function()
    local server = spec.start { scripts = { ["a.lua"] = [[
      local app = require "luaserve"
      app:get("/folder", function() return { file = "inner" } end)
      app:get("/table", function() return { body = {} } end)
      app:get("/twice", function(_, res) res:write "once" return "and again" end)
      app:get("/key", function() return { 1 } end)
    ]] }, www = { ["inner/a.txt"] = "a" } }
    for path, said in pairs {
      ["/folder"] = 'returned the file "inner", which cannot be served: it is a folder',
      ["/table"] = "returned body that is a table, not a string",
      ["/key"] = "returned a table with a key that is no string",
    } do
      assert.equal(500, server:get(path).status)
      assert.truthy(server:log():find(said, 1, true), server:log())
    end
    server:raw "GET /twice HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.truthy(server:log "returned a string, although it had written its response")
    server:stop()
  end)
end)

describe("a server does not start", function()
  local function fails(options, said)
    local code, _, err = spec.run(options)
    assert.equal(78, code)
    assert.truthy(err:find(said), err)
  end

  it("whose log cannot be opened", function()
    fails({ config = { log = { file = "no/folder/log" } } }, "log%.file: cannot open .*no/folder/log: No such file")
  end)

  it("whose access log cannot be opened", function()
    fails({ config = { log = { access = "json", access_file = "no/log" } } }, "log%.access_file: cannot open .*no/log: No such file")
  end)

  it("whose templates are nested without end", function()
    fails({ views = { ["a.html"] = "" , [("d/"):rep(18) .. "a.html"] = "" }, scripts = {} }, "views: Too many levels")
  end)

  it("that has more services than it can have", function()
    fails({ scripts = { ["a.lua"] = [[
      local app = require "luaserve"
      for i = 1, 100 do app:tcp("127.0.0.1:" .. 20000 + i, print) end
    ]] } }, "a%.lua:2: app:tcp: there are %d+ services already")
  end)
end)

describe("an answer", function()
  it("takes no notice of two If-Range fields, nor of one with a weak tag", function()
    local server = spec.start { www = { ["a.txt"] = "0123456789" } }
    local tag = server:get("/a.txt").headers.etag
    local function status(fields)
      return tonumber(server:raw("GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=0-1\r\n" .. fields .. "\r\n")
        :match "^HTTP/1.1 (%d+)")
    end
    assert.equal(206, status("If-Range: " .. tag .. "\r\n"))
    assert.equal(200, status("If-Range: " .. tag .. "\r\nIf-Range: " .. tag .. "\r\n"))
    assert.equal(200, status("If-Range: W/" .. tag .. "\r\n"))
    server:stop()
  end)

  it("is for whom a proxy names by an IPv6 address, with a port and without", function()
    local server = spec.start { scripts = { ["a.lua"] = 'require "luaserve":get("/", function(req) return { text = req.ip } end)' },
      config = { trusted_proxies = { "127.0.0.1" } } }
    for _, node in ipairs { "[2001:db8::1]", "[2001:db8::1]:80", "[2001:db8::1]:_port" } do
      assert.equal("2001:db8::1", server:get("/", { headers = { Forwarded = 'for="' .. node .. '"' } }).body, node)
    end
    for _, node in ipairs { "[]", "[2001:db8::1", "[2001:db8::1]x" } do
      assert.equal("127.0.0.1", server:get("/", { headers = { Forwarded = 'for="' .. node .. '"' } }).body, node)
    end
    server:stop()
  end)

  it("passes hooks whose pattern covers its path: parameters of a class, optional parts, the rest", function()
    local server = spec.start { scripts = { ["a.lua"] = [[
      local app = require "luaserve"
      for _, pattern in ipairs { "/n/:id[%d]", "/n/:id", "/f/*rest", "/o(/:a)/b", "/n/7/" } do
        app:before(pattern, function(_, res) res.headers["X-Passed"] = (res.headers["X-Passed"] or "") .. pattern .. "," end)
      end
      app:any("/*rest", function() return "" end)
    ]] } }
    for path, passed in pairs { ["/n/7"] = "/n/:id[%d],/n/:id,", ["/n/x"] = "/n/:id,", ["/f/a/b"] = "/f/*rest,", ["/o/b"] = "/o(/:a)/b,",
      ["/o/x/b"] = "/o(/:a)/b,", ["/o/x/c"] = "", ["/n/7/"] = "/n/7/," } do
      assert.equal(passed, server:get(path).headers["x-passed"] or "", path)
    end
    server:stop()
  end)
end)
