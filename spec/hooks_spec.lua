-- What stands around handlers: before, after and error, for the app, groups and hosts.
local spec = require "luaserve.spec"
local json = require("dkjson").decode

local function app(source)
  return { ["app.lua"] = "local app = require 'luaserve'\n" .. source }
end

describe("hooks", function()
  local server
  setup(function()
    server = spec.start {
      www = { ["file.txt"] = "file", ["admin/secret.txt"] = "secret", ["api/file.txt"] = "file" },
      scripts = app [[
        local function note(name)
          return function(req, res) req.log = (req.log or "") .. name end
        end
        app:after(function(req, res) res.headers["X-Log"] = (req.log or "") .. "!" end)
        app:after(function(req, res) res.headers["X-Status"] = tostring(res.status) end)
        app:before(note "a")
        app:before("/admin/*", function(req)
          if req.headers.authorization ~= "yes" then return { status = 401, text = "who?" } end
        end)
        app:get("/", function(req) return req.log end)
        app:before(note "b")
        app:get("/admin", function() return "admin" end)
        app:get("/created", function() return { status = 201, headers = { ["x-log"] = "mine" }, text = "" } end)
        app:get("/number", function() return 204 end)
        app:get("/redirect", function() return app.redirect "/" end)
        app:get("/nothing", function() end)
        app:get("/stream", function(req, res) res:write "a" res:write "b" end)
        app:get("/first", function(req, res) res.headers["X-First"] = "1" return app.next end)
        app:get("/:first", function(req) return "second " .. req.log end)
        app:group("/api", function(api)
          api:get("/me", function(req) return req.log end)
          api:before(note "c")
          api:after(function(req) req.log = req.log .. "z" end)
          api:group("/inner", function(inner)
            inner:before(note "d")
            inner:after(function(req) req.log = req.log .. "y" end)
            inner:get("/x", function(req) return req.log end)
          end)
        end)
        app:group("/write", function(g)
          g:before(function(req, res) res:write "from the hook" end)
          g:get("/x", function() error "not reached" end)
        end)
        app:group("/bad", function(g)
          g:before(function() return { nonsense = true } end)
          g:get("/x", function() error "not reached" end)
        end)
        app:group("/change", function(g)
          g:after(function(req, res) res.status = 202 end)
          g:get("/text", function() return "text" end)
          g:get("/table", function() return { status = 201, text = "text" } end)
          g:get("/number", function() return 200 end)
        end)
        app:host("h.org", function(h) h:before(note "h") h:get("/host", function(req) return req.log end) end)
      ]],
    }
  end)
  teardown(function() server:stop() end)

  it("run before the handler in their order, wherever they stand", function()
    assert.are.equal("ab", server:get("/").body)
  end)

  it("run from the outermost group in, and back out", function()
    assert.are.equal("abc", server:get("/api/me").body)
    local response = server:get("/api/inner/x")
    assert.are.equal("abcd", response.body)
    assert.are.equal("abcdyz!", response.headers["x-log"])
  end)

  it("answer in the handler's place", function()
    local response = server:get "/admin"
    assert.are.equal(401, response.status)
    assert.are.equal("who?", response.body)
    assert.are.equal("admin", server:get("/admin", { headers = { Authorization = "yes" } }).body)
  end)

  it("stand before files too", function()
    assert.are.equal(401, server:get("/admin/secret.txt").status)
    assert.are.equal(401, server:get("/admin/").status)
    assert.are.equal(401, server:get("/%61dmin/none").status)
    assert.are.equal("secret", server:get("/admin/secret.txt", { headers = { Authorization = "yes" } }).body)
    assert.are.equal("ab!", server:get("/file.txt").headers["x-log"])
    assert.are.equal("abcz!", server:get("/api/file.txt").headers["x-log"])
  end)

  it("see and set the status and headers of what was returned", function()
    local response = server:get "/created"
    assert.are.equal("201", response.headers["x-status"])
    assert.are.equal("ab!", response.headers["x-log"])
    assert.are.equal("204", server:get("/number").headers["x-status"])
    assert.are.equal("302", server:get("/redirect").headers["x-status"])
    assert.are.equal("200", server:get("/file.txt").headers["x-status"])
    assert.are.equal(202, server:get("/change/text").status)
    assert.are.equal(202, server:get("/change/table").status)
    assert.are.equal("text", server:get("/change/table").body)
    assert.are.equal(202, server:get("/change/number").status)
  end)

  it("stand around 404 and 405 as well", function()
    assert.are.equal("404", server:get("/x/y/z").headers["x-status"])
    local response = server:post("/", "")
    assert.are.equal(405, response.status)
    assert.are.equal("405", response.headers["x-status"])
    assert.are.equal("GET, HEAD, OPTIONS", response.headers.allow)
  end)

  it("run once where app.next leads on, and keep what was set", function()
    local response = server:get "/first"
    assert.are.equal("second ab", response.body)
    assert.are.equal("1", response.headers["x-first"])
  end)

  it("give each request of a connection a req of its own", function()
    local client = server:client()
    for _ = 1, 2 do
      assert.are.equal("ab!", client:request({ path = "/file.txt" }).headers["x-log"])
      assert.are.equal("201", client:request({ path = "/created" }).headers["x-status"])
      assert.are.equal("second ab", client:request({ path = "/first" }).body)
    end
    client:close()
  end)

  it("may write the answer", function()
    assert.are.equal("from the hook", server:get("/write/x").body)
  end)

  it("leave a stream alone", function()
    assert.are.equal("ab", server:get("/stream").body)
  end)

  it("are named when they return no answer", function()
    assert.are.equal(500, server:get("/bad/x").status)
    assert.truthy(server:log "handler at scripts/app.lua:%d+ returned a table with the unknown key \"nonsense\"")
  end)

  it("do not hide a forgotten return", function()
    assert.are.equal(500, server:get("/nothing").status)
    assert.truthy(server:log "the handler at scripts/app.lua:%d+ returned nil")
  end)

  it("of a host are for that host", function()
    assert.are.equal("abh", server:get("/host", { headers = { Host = "h.org" } }).body)
  end)
end)

describe("error handlers", function()
  local server
  setup(function()
    server = spec.start {
      www = { ["403.html"] = "own 403" },
      scripts = app [[
        app:after(function(req, res) res.headers["X-After"] = tostring(res.status) end)
        app:error(404, function(req, res, status, message)
          return { text = "lost " .. req.path .. " " .. tostring(message) }
        end)
        app:error(500, function(req, res, status, message, detail)
          return { text = tostring(message) .. " " .. (detail:match "boom" or "?") }
        end)
        app:get("/raise", function(req, res) res.headers["X-Gone"] = "1" res.status = 201 error "boom" end)
        app:get("/abort", function() app.abort(404, "no such item") end)
        app:get("/return", function(req, res) return { status = 404, headers = { ["X-Kept"] = "1" } } end)
        app:get("/number", function() return 404 end)
        app:get("/file", function() return { file = "none.txt" } end)
        app:get("/mine", function() return { status = 404, text = "mine" } end)
        app:get("/403", function() app.abort(403) end)
        app:get("/stream", function(req, res) res:write "a" res:flush() error "boom" end)
        app:group("/api", function(api)
          api:error(function(req, res, status, message)
            return { status = status, json = { status = status, message = message } }
          end)
          api:get("/raise", function() error "boom" end)
          api:get("/abort", function() app.abort(418, "teapot") end)
          api:group("/in", function(inner)
            inner:error(410, function() return { text = "gone" } end)
            inner:get("/gone", function() app.abort(410) end)
            inner:get("/other", function() app.abort(409) end)
          end)
        end)
        app:group("/loop", function(g)
          g:error(function() error "in the error handler" end)
          g:get("/x", function() error "first" end)
          g:get("/abort", function() app.abort(404) end)
        end)
        app:group("/page", function(g)
          g:error(function() return 404 end)
          g:error(409, function() end)
          g:error(410, function() return app.redirect "/elsewhere" end)
          g:get("/number", function() app.abort(400) end)
          g:get("/nothing", function() app.abort(409, "<said>") end)
          g:get("/away", function() app.abort(410) end)
        end)
        app:get("/slow", { wall = "200ms" }, function() while true do end end)
      ]],
    }
  end)
  teardown(function() server:stop() end)

  it("answer what a handler raises, and forget what it had set", function()
    local response = server:get "/raise"
    assert.are.equal(500, response.status)
    assert.are.equal("nil boom", response.body)
    assert.is_nil(response.headers["x-gone"])
    assert.are.equal("500", response.headers["x-after"])
    assert.truthy(server:log "/raise: handler failed")
  end)

  it("answer app.abort, and know its message", function()
    local response = server:get "/abort"
    assert.are.equal(404, response.status)
    assert.are.equal("lost /abort no such item", response.body)
  end)

  it("give the page of a status that was returned, and keep its headers", function()
    local response = server:get "/return"
    assert.are.equal(404, response.status)
    assert.are.equal("lost /return nil", response.body)
    assert.are.equal("1", response.headers["x-kept"])
    assert.are.equal("lost /number nil", server:get("/number").body)
    assert.are.equal("lost /file nil", server:get("/file").body)
  end)

  it("leave alone what has content of its own", function()
    assert.are.equal("mine", server:get("/mine").body)
  end)

  it("answer what no route answers", function()
    local response = server:get "/nowhere"
    assert.are.equal(404, response.status)
    assert.are.equal("lost /nowhere nil", response.body)
    assert.are.equal("404", response.headers["x-after"])
  end)

  it("of a group answer for it, and for all beneath its prefix", function()
    assert.are.same(json('{"message":"teapot","status":418}'), json(server:get("/api/abort").body))
    assert.are.same(json('{"status":500}'), json(server:get("/api/raise").body))
    assert.are.same(json('{"status":404}'), json(server:get("/api/none").body))
    assert.are.same(json('{"status":405}'), json(server:post("/api/raise", "").body))
    assert.are.equal("gone", server:get("/api/in/gone").body)
    assert.are.same(json('{"status":409}'), json(server:get("/api/in/other").body))
  end)

  it("that fail end in a plain 500, once", function()
    local response = server:get "/loop/x"
    assert.are.equal(500, response.status)
    assert.truthy(response.body:find("Internal Server Error", 1, true))
    assert.truthy(server:log "in the error handler")
    assert.are.equal(500, server:get("/loop/abort").status)
  end)

  it("may return a status, nothing, or a redirect", function()
    assert.are.equal(404, server:get("/page/number").status)
    local response = server:get "/page/nothing"
    assert.are.equal(409, response.status)
    assert.truthy(response.body:find("&lt;said&gt;", 1, true))
    assert.are.equal(302, server:get("/page/away").status)
  end)

  it("leave other statuses to the pages of www", function()
    assert.are.equal("own 403", server:get("/403").body)
  end)

  it("cannot answer for a stream that has begun", function()
    local answer = server:raw "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.truthy(answer:find("\r\n\r\n1\r\na\r\n", 1, true))
    assert.are.equal("1\r\na\r\n", answer:match "\r\n\r\n(.*)$")
  end)

  it("are not asked when time ran out", function()
    local response = server:get "/slow"
    assert.are.equal(503, response.status)
    assert.truthy(response.body:find("Service Unavailable", 1, true))
  end)
end)
