-- What handlers may return and ask, and what Lua's own library does inside a worker.
local spec = require "luaserve.spec"

local function app(source)
  return { ["app.lua"] = "local app = require 'luaserve'\n" .. source }
end

describe("handlers", function()
  local server
  setup(function()
    server = spec.start {
      config = { limits = { body = "64K" } },
      www = { ["after.txt"] = "from www" },
      scripts = {
        ["app.lua"] = [[
          local app = require "luaserve"
          local greet = require "greet"
          app:get("/text", function() return "a string" end)
          app:get("/integer", function() return 418 end)
          app:get("/table", function()
            return { status = 201, headers = { ["X-One"] = "1", ["X-Two"] = { "a", "b" } }, text = "made" }
          end)
          app:get("/json", function() return { json = { n = 9007199254740993, list = {}, [ "é" ] = true } } end)
          app:get("/decimals", function() return { json = { 0.1, 1e-7, 2.5 } } end)
          app:get("/sum", function() return { json = { 0.1, 0.1 + 0.2 } } end)
          app:get("/holes", function() return { json = { 1, nil, 3 } } end)
          app:get("/mixed", function() return { json = { 1, 2, x = 3 } } end)
          app:get("/mixed-holes", function() return { json = { x = 5, 1, nil, 3 } } end)
          app:get("/marked", function() return { json = app.json.array { x = 5 } } end)
          app:get("/zeroth", function() return { json = { [0] = 1, 2 } } end)
          app:get("/odd", function() return app.redirect '/ü x"?q= %61#f' end)
          app:get("/injected", function() return app.redirect "/a\r\nX-Evil: 1" end)
          app:get("/unescaped", function(req) return app.escape(req.query.none) end)
          app:get("/array", function() return { json = app.json.array {} } end)
          app:get("/html", function() return { html = "<p>" } end)
          app:get("/body", function() return { body = "\0\1" } end)
          app:get("/away", function() return app.redirect("/text?x=1") end)
          app:get("/moved", function() return { redirect = "/text", status = 301 } end)
          app:get("/after.txt", function() return app.next end)
          app:get("/either", function() return app.next end)
          app:get("/:any", function(req)
            if req.params.any ~= "either" then return app.next end
            return "second choice"
          end)
          app:get("/nothing", function() local x = 1 end)
          app:get("/function", function() return print end)
          app:get("/typo", function() return { stauts = 201 } end)
          app:get("/list", function() return { 1, 2 } end)
          app:get("/both", function() return { text = "a", html = "b" } end)
          app:get("/split", function() return { headers = { ["X-A"] = "b\r\nX-Evil: 1" }, text = "" } end)
          app:get("/framing", function() return { headers = { ["Content-Length"] = "1" }, text = "" } end)
          app:get("/error", function() local t = nil; return t.x end)
          app:get("/abort", function() app.abort(403, "not <you>") end)
          app:get("/abort-inside", function()
            local function deep() app.abort(410) end
            deep()
          end)
          app:get("/res", function(req, res)
            res.status = 202
            res.headers["X-From"] = "res"
            return { text = "ok" }
          end)
          app:get("/res-only", function(req, res) res.status = 202 end)
          app:get("/stream", function(req, res)
            res.headers["Content-Type"] = "text/plain"
            for i = 1, 3 do res:write("line " .. i .. "\n") end
          end)
          app:get("/torn", function(req, res) res:write(("x"):rep(100)); res:flush(); error "late" end)
          app:get("/request", function(req)
            return { json = { method = req.method, path = req.path, target = req.target,
              version = req.version, host = req.host, scheme = req.scheme, ip = req.ip, id = req.id,
              q = req.query.q, empty = req.query.empty, ua = req.headers["User-Agent"],
              ua2 = req.headers["user-agent"], none = req.headers["x-none"] == nil } }
          end)
          app:any("/json-in", function(req) return { json = req:json() } end)
          app:post("/soft", function(req)
            local value, message = req:json { soft = true }
            return value and "value" or "soft: " .. message
          end)
          app:post("/length", function(req) return tostring(#req:body()) end)
          app:get("/kept", function(req)
            if KEPT then return { text = tostring(pcall(function() return KEPT.path end)) } end
            KEPT = req
            return "kept"
          end)
          app:get("/field", function(req) req.user = "me"; return req.user end)
          app:get("/module", function() return greet.hi() end)
          app:get("/sleep", function() app.sleep("20ms"); return "awake" end)
          app:get("/log", function() app.log.warn("a warning", 1, true); return "logged" end)
          app:get("/escape", function() return app.escape([[<a href="x">'&]].."]]"..[[) end)
          app:get("/late-route", function() app:get("/new", print) end)
          app:get("/colon", function() return app:escape("x") end)
          app:get("/dot", function() return tostring(pcall(app.get, "/x", print)) end)
        ]],
        ["lib/greet.lua"] = "return { hi = function() return 'hi from lib' end }",
      },
    }
  end)
  teardown(function() server:stop() end)

  it("may return a string, an integer or a table", function()
    local text = server:get "/text"
    assert.equal("a string", text.body)
    assert.equal("text/html; charset=utf-8", text.headers["content-type"])
    local integer = server:get "/integer"
    assert.equal(418, integer.status)
    assert.truthy(integer.body:find "418")
    local made = server:get "/table"
    assert.equal(201, made.status)
    assert.equal("made", made.body)
    assert.equal("text/plain; charset=utf-8", made.headers["content-type"])
    assert.equal("1", made.headers["x-one"])
    assert.equal("a, b", made.headers["x-two"])
    assert.equal("text/html; charset=utf-8", server:get("/html").headers["content-type"])
    assert.equal("application/octet-stream", server:get("/body").headers["content-type"])
    assert.equal("\0\1", server:get("/body").body)
  end)

  it("may return JSON, with 64-bit integers whole and [] apart from {}", function()
    local body = server:get("/json").body
    assert.truthy(body:find("9007199254740993", 1, true))
    assert.truthy(body:find('"list":{}', 1, true))
    assert.equal("[]", server:get("/array").body)
    assert.equal("application/json", server:get("/array").headers["content-type"])
    assert.equal("[0.1,1e-7,2.5]", server:get("/decimals").body)
    assert.equal("[0.1,0.30000000000000004]", server:get("/sum").body:gsub("0%.1%d+", "0.1"))
  end)

  it("leave nothing out of JSON in silence", function()
    for path, message in pairs { ["/holes"] = "holes: index 3 of 2", ["/mixed"] = "both indices and other keys",
      ["/mixed-holes"] = "both indices and other keys", ["/marked"] = "both indices and other keys",
      ["/zeroth"] = "both indices and other keys" } do
      assert.equal(500, server:get(path).status, path)
      assert.truthy(server:log(message:gsub("%p", "%%%0")), path)
    end
  end)

  it("may redirect to what no URI has, which is escaped", function()
    assert.equal("/%C3%BC%20x%22?q=%20%61#f", server:get("/odd").headers.location)
    assert.equal(500, server:get("/injected").status)
  end)

  it("are told when there is nothing to escape", function()
    assert.equal(500, server:get("/unescaped").status)
    assert.truthy(server:log "app%.escape: expected text, found nil")
  end)

  it("may redirect", function()
    local away = server:get "/away"
    assert.equal(302, away.status)
    assert.equal("/text?x=1", away.headers.location)
    assert.equal(301, server:get("/moved").status)
  end)

  it("may hand on with app.next, to another route and then to www", function()
    assert.equal("second choice", server:get("/either").body)
    assert.equal("from www", server:get("/after.txt").body)
    assert.equal(404, server:get("/nobody").status)
  end)

  it("are told loudly when what they return is no answer", function()
    for path, what in pairs { ["/nothing"] = "returned nil", ["/function"] = "returned a function",
      ["/typo"] = "unknown key \"stauts\"", ["/list"] = "json = list", ["/both"] = "both" } do
      assert.equal(500, server:get(path).status, path)
      assert.truthy(server:log(what:gsub("%p", "%%%0")), path)
    end
    assert.truthy(server:log "handler at scripts/app%.lua:%d+ returned nil")
  end)

  it("cannot split a response or set its framing", function()
    for _, path in ipairs { "/split", "/framing" } do
      local response = server:get(path)
      assert.equal(500, response.status)
      assert.is_nil(response.headers["x-evil"])
    end
    assert.truthy(server:log "X%-A")
  end)

  it("fail with a 500 whose traceback is in the log and not in the answer", function()
    local response = server:get "/error"
    assert.equal(500, response.status)
    assert.is_nil(response.body:find("app.lua", 1, true))
    local id = response.headers["x-request-id"]
    assert.truthy(response.body:find(id, 1, true))
    assert.truthy(server:log(id .. " GET /error: handler failed"))
    assert.truthy(server:log "scripts/app%.lua:%d+: attempt to index a nil value")
    assert.truthy(server:log "stack traceback")
  end)

  it("have tracebacks of the scripts' frames, and a text for errors that have none", function()
    local other = spec.start { scripts = { ["a.lua"] = [[
      local app = require "luaserve"
      app:before("/*", function() end)
      app:get("/table", function() error {} end)
      app:get("/text", function() error(setmetatable({}, { __tostring = function() return "its text" end })) end)
      app:get("/call", function() app.render(1) return "" end)]] } }
    for _, path in ipairs { "/table", "/text", "/call" } do assert.equal(500, other:get(path).status) end
    other:stop()
    local log = other:log()
    assert.truthy(log:find "%(error object is a table value%)\n *stack traceback:\n%s*%[C%]: in function 'error'\n%s*scripts/a%.lua:3")
    assert.truthy(log:find "\n *its text\n")
    assert.truthy(log:find "scripts/a%.lua:5: render: there is no template 1[^\n]*\n *stack traceback:\n%s*scripts/a%.lua:5: in")
    assert.is_nil(log:find("?:", 1, true))
    local _, _, said = spec.run { scripts = { ["a.lua"] = "\n" .. 'require "luaserve":get("x", print)' } }
    assert.truthy(said:find 'scripts/a%.lua:2: bad pattern[^\n]*\n[^\n]*stack traceback:\n[^\n]*scripts/a%.lua:2: in main chunk\n$')
  end)

  it("may abort with a status and a message, shown escaped", function()
    local response = server:get "/abort"
    assert.equal(403, response.status)
    assert.truthy(response.body:find("not &lt;you&gt;", 1, true))
    assert.equal(410, server:get("/abort-inside").status)
  end)

  it("may use res", function()
    local response = server:get "/res"
    assert.equal(202, response.status)
    assert.equal("res", response.headers["x-from"])
    assert.equal(202, server:get("/res-only").status)
    local stream = server:get "/stream"
    assert.equal("line 1\nline 2\nline 3\n", stream.body)
    assert.equal("text/plain", stream.headers["content-type"])
  end)

  it("have their connection cut when they fail behind the first byte", function()
    local answer = server:raw "GET /torn HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.truthy(answer:find("HTTP/1.1 200", 1, true) or answer == "")
    assert.is_nil(answer:find("\r\n0\r\n\r\n", 1, true))
    assert.truthy(server:log "late")
  end)

  it("see the request", function()
    local seen = server:get("/request?q=a+b%21&empty", { headers = { ["User-Agent"] = "spec" } }).json
    assert.equal("GET", seen.method)
    assert.equal("/request", seen.path)
    assert.equal("/request?q=a+b%21&empty", seen.target)
    assert.equal("1.1", seen.version)
    assert.equal("a b!", seen.q)
    assert.equal("", seen.empty)
    assert.equal("spec", seen.ua)
    assert.equal("spec", seen.ua2)
    assert.is_true(seen.none)
    assert.equal("127.0.0.1", seen.ip)
  end)

  it("read JSON strictly", function()
    local function send(body) return server:post("/json-in", { body = body }) end
    assert.equal('{"a":[1,2.5,null,true,"x"]}', send('{"a":[1,2.5,null,true,"x"]}').body)
    assert.equal("9223372036854775807", send("9223372036854775807").body)
    for _, bad in ipairs { "", "{", "[1,]", "NaN", "{'a':1}", '{"a":1,"a":2}', "[1] x", '"\255"' } do
      assert.equal(400, send(bad).status, bad)
    end
    assert.truthy(server:post("/soft", { body = "{" }).body:find "^soft: malformed JSON")
  end)

  it("get bodies up to the limit", function()
    assert.equal("65536", server:post("/length", { body = ("x"):rep(65536) }).body)
    assert.equal(413, server:post("/length", { body = ("x"):rep(65537) }).status)
  end)

  it("may keep things on req, but not req itself", function()
    assert.equal("me", server:get("/field").body)
    local client = server:client()
    client:request { path = "/kept" }
    assert.equal("false", client:request({ path = "/kept" }).body)
    client:close()
  end)

  it("find modules in scripts/lib", function()
    assert.equal("hi from lib", server:get("/module").body)
  end)

  it("may sleep and log", function()
    assert.equal("awake", server:get("/sleep").body)
    local id = server:get("/log").headers["x-request-id"]
    assert.truthy(server:log(id .. " a warning 1 true"))
  end)

  it("are told of a colon where a dot belongs, and of routes that come too late", function()
    server:get "/colon"
    assert.truthy(server:log "call app%.escape%(%.%.%.%) with a dot")
    assert.equal("false", server:get("/dot").body:sub(1, 5))
    server:get "/late-route"
    assert.truthy(server:log "only while the scripts load")
  end)
end)

describe("Lua's library in a worker", function()
  it("gives exit codes of programs", function()
    local server = spec.start { scripts = app [[
      app:get("/popen", function()
        local p = io.popen("echo out; exit 7")
        local text = p:read "a"
        local _, how, code = p:close()
        local _, how2, code2 = os.execute("exit 3")
        local _, how3, code3 = os.execute("kill -TERM $$")
        return text .. how .. code .. how2 .. code2 .. how3 .. code3
      end)
    ]] }
    assert.equal("out\nexit7exit3signal15", server:get("/popen").body)
    server:stop()
  end)

  it("gives programs no descriptor of the server's and no signal ignored", function()
    local server = spec.start { scripts = app [[
      app:get("/fds", function() return { text = io.popen("ls /proc/self/fd"):read "a" } end)
      app:get("/signals", function()
        return { text = io.popen("grep -E 'Sig(Blk|Ign)' /proc/self/status"):read "a" }
      end)
    ]] }
    -- The same that a program started by this process has: what the server itself was given.
    assert.equal(io.popen("ls /proc/self/fd"):read "a", server:get("/fds").body)
    local blocked, ignored = server:get("/signals").body:match "SigBlk:%s*(%x+)%s+SigIgn:%s*(%x+)"
    assert.equal(0, tonumber(blocked, 16))
    local ours = 1 << 13 - 1 | 1 << 17 - 1 -- SIGPIPE, SIGCHLD; others may come from our parent
    assert.equal(0, tonumber(ignored, 16) & ours)
    server:stop()
  end)

  it("prints exactly once", function()
    local server = spec.start { scripts = app [[
      print "while loading"
      app:get("/print", function() print("from the handler"); return "x" end)
    ]] }
    server:get "/print"
    server:get "/print"
    server:stop()
    local _, handler = server:output():gsub("from the handler", "")
    local _, loading = server:output():gsub("while loading", "")
    assert.equal(2, handler)
    assert.equal(1, loading)
  end)

  it("gives each worker random numbers of its own", function()
    local server = spec.start { scripts = app [[
      app:get("/random", function() return tostring(math.random(0)) end)
      app:get("/seeded", function() math.randomseed(); return tostring(math.random(0)) end)
      app:get("/fixed", function() math.randomseed(42); return tostring(math.random(0)) end)
    ]] }
    local seen = {}
    for _ = 1, 10 do
      for _, path in ipairs { "/random", "/seeded" } do
        local number = server:get(path).body
        assert.is_nil(seen[number])
        seen[number] = true
      end
    end
    assert.equal(server:get("/fixed").body, server:get("/fixed").body)
    server:stop()
  end)

  it("collects garbage as ever", function()
    local server = spec.start { scripts = app [[
      app:get("/gc", function()
        local freed = false
        setmetatable({}, { __gc = function() freed = true end })
        collectgarbage()
        return tostring(freed) .. type(collectgarbage "count")
      end)
    ]] }
    assert.equal("truenumber", server:get("/gc").body)
    server:stop()
  end)

  it("keeps a client's globals from every other client in mode fork", function()
    local server = spec.start { config = { processes = { mode = "fork" } }, scripts = app [[
      N = 0
      app:get("/count", function() N = N + 1; return tostring(N) end)
    ]] }
    local one, two = server:client(), server:client()
    assert.equal("1", one:request({ path = "/count" }).body)
    assert.equal("2", one:request({ path = "/count" }).body)
    assert.equal("1", two:request({ path = "/count" }).body)
    one:close()
    two:close()
    server:stop()
  end)

  it("ends request and worker with os.exit, and the client gets a clean answer", function()
    local server = spec.start { scripts = app [[
      app:get("/exit", function() os.exit(3) end)
      app:get("/ok", function() return "ok" end)
    ]] }
    local response = server:get "/exit"
    assert.equal(500, response.status)
    assert.truthy(server:log(response.headers["x-request-id"] .. ".*os%.exit%(3%)"))
    assert.equal("ok", server:get("/ok").body)
    server:stop()
  end)
end)

describe("development mode", function()
  it("shows the traceback in the answer, escaped", function()
    local server = spec.start { config = { dev = true }, scripts = app [[
      app:get("/error", function() error("<oops>") end)
    ]] }
    local response = server:get "/error"
    assert.equal(500, response.status)
    assert.truthy(response.body:find("&lt;oops&gt;", 1, true))
    assert.truthy(response.body:find("scripts/app.lua", 1, true))
    server:stop()
  end)
end)
