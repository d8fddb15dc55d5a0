-- How a handler answers beside what it returns: files to save, events, headers.
local spec = require "luaserve.spec"

describe("an answer", function()
  local server
  setup(function()
    server = spec.start {
      www = { ["a.txt"] = "0123456789", ["Überblick.pdf"] = "pdf" },
      scripts = { ["app.lua"] = [[
        local app = require "luaserve"
        app:get("/file", function(req, res) res:file("a.txt", { download = req.query.name or nil }) end)
        app:get("/own", function() return { file = "a.txt", download = true } end)
        app:get("/status", function(req, res) res:file("a.txt", { status = 203 }) end)
        app:get("/missing", function(req, res) res:file "none.txt" end)
        app:get("/made", function() return { body = "x", download = "made.bin" } end)
        app:get("/wrong", function() return { text = "x", download = true } end)
        app:get("/option", function(req, res) res:file("a.txt", { name = "x" }) end)
        app:get("/events", function(req, res)
          res:event("tick", { n = 1 }, 7)
          res:event(nil, "two\nlines\r\nand a third")
          res:event("odd", 5)
        end)
        app:get("/event-name", function(req, res) res:event("a\nb", "x") end)
        app:get("/event-typed", function(req, res)
          res.headers["Cache-Control"] = "max-age=1"
          res:event(nil, "x")
        end)
        app:get("/case", function(req, res)
          res.headers["X-One"] = "1"
          res.headers["x-one"] = "2"
          return { text = res.headers["X-ONE"], headers = { ["X-ONE"] = "3", ["x-two"] = { "a", "b" } } }
        end)
        app:get("/removed", function(req, res)
          res.headers["X-One"] = "1"
          res.headers["X-One"] = nil
          return { text = tostring(res.headers["x-one"]) }
        end)
        app:get("/left", function(req, res) res:file "a.txt" return "instead" end)
        app:get("/late", function(req, res) res:write "x" res:file "a.txt" end)
      ]] } }
  end)
  teardown(function() server:stop() end)

  local names = {
    ["Report.txt"] = 'attachment; filename="Report.txt"',
    ["../../etc/passwd"] = 'attachment; filename="passwd"',
    ['a"b\\c.txt'] = "attachment; filename=\"c.txt\"",
    ['say "hi".txt'] = "attachment; filename=\"say _hi_.txt\"; filename*=UTF-8''say%20%22hi%22.txt",
    ["Ü 100%.txt"] = "attachment; filename=\"_ 100_.txt\"; filename*=UTF-8''%C3%9C%20100%25.txt",
  }
  for name, expected in pairs(names) do
    it("is saved under its name: " .. name, function()
      local response = server:get("/file", { query = { name = name } })
      assert.are.equal(expected, response.headers["content-disposition"])
      assert.are.equal("0123456789", response.body)
      assert.are.equal("text/plain; charset=utf-8", response.headers["content-type"])
    end)
  end

  it("that is a file has ranges, conditions, its own name, a status", function()
    local part = server:get("/file", { headers = { Range = "bytes=2-4" } })
    assert.are.equal(206, part.status)
    assert.are.equal("234", part.body)
    assert.is_nil(part.headers["content-disposition"])
    local etag = server:get("/own").headers.etag
    assert.are.equal(304, server:get("/own", { headers = { ["If-None-Match"] = etag } }).status)
    assert.are.equal('attachment; filename="a.txt"', server:get("/own").headers["content-disposition"])
    assert.are.equal(203, server:get("/status").status)
    assert.are.equal(404, server:get("/missing").status)
  end)

  it("that a handler made is saved too", function()
    assert.are.equal('attachment; filename="made.bin"', server:get("/made").headers["content-disposition"])
    assert.are.equal(500, server:get("/wrong").status)
    assert.truthy(server:log "returned download that is a boolean, not the name of a file")
    assert.are.equal(500, server:get("/option").status)
    assert.truthy(server:log 'scripts/app.lua:%d+: res:file: unknown option "name" %(known: download, status%)')
  end)

  it("can be events", function()
    local response = server:get "/events"
    assert.are.equal("text/event-stream", response.headers["content-type"])
    assert.are.equal("no-store", response.headers["cache-control"])
    assert.are.equal('event: tick\nid: 7\ndata: {"n":1}\n\ndata: two\ndata: lines\ndata: and a third\n\n' ..
      "event: odd\ndata: 5\n\n", response.body)
    assert.are.equal("max-age=1", server:get("/event-typed").headers["cache-control"])
    assert.are.equal(500, server:get("/event-name").status)
    assert.truthy(server:log "res:event: event: expected a text of one line")
  end)

  it("has headers by name in any case, the result's before those of res", function()
    local response = server:get "/case"
    assert.are.equal("2", response.body)
    assert.are.same({ "3" }, response:header_values "X-One")
    assert.are.same({ "a", "b" }, response:header_values "x-two")
    assert.are.equal("nil", server:get("/removed").body)
  end)

  it("that was left in res gives way to one that is returned, and is none behind a stream", function()
    assert.are.equal("instead", server:get("/left").body)
    server:raw "GET /late HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.truthy(server:log "the head of the response is sent already")
  end)
end)
