local spec = require "luaserve.spec"
local json = require "dkjson"

describe("listings", function()
  local server

  setup(function()
    server = spec.start {
      config = { listing = true },
      www = {
        ["has/index.html"] = "the index", ["d/b.txt"] = "12345", ["d/a.txt"] = "1", ["d/B.txt"] = "12",
        ["d/sub/x"] = "", ["d/z/x"] = "", ["d/.hidden"] = "", ["d/<b>&\"'.txt"] = "x",
        ["d/a b#c?d%e;f:g\\h.txt"] = "odd", ["d/\195\169t\195\169.txt"] = "utf8", ["d/bad\255.txt"] = "",
        ["d/line\nfeed.txt"] = "feed",
      },
      scripts = { ["app.lua"] = [[require "luaserve":get("/d/route", function() return "r" end)]] },
    }
    assert(os.execute(string.format("cd '%s/www/d' && mkfifo fifo && ln -s a.txt link && " ..
      "ln -s ../has through && ln -s /etc outside && ln -s nowhere broken", server.dir)))
  end)
  teardown(function() server:stop() end)

  local function list()
    local response = server:get("/d/", { headers = { Accept = "application/json" } })
    assert.equal("application/json", response.headers["content-type"])
    return assert(json.decode(response.body)), response
  end

  it("shows folders first, then files, each in the order of their bytes", function()
    local names = {}
    for i, entry in ipairs((list())) do names[i] = entry.name end
    assert.same({ "sub", "through", "z", "<b>&\"'.txt", "B.txt", "a b#c?d%e;f:g\\h.txt", "a.txt", "b.txt",
      "bad\239\191\189.txt", "line\nfeed.txt", "link", "\195\169t\195\169.txt" }, names)
  end)

  it("says of each what it is, how long, and how old", function()
    local entries = {}
    for _, entry in ipairs((list())) do entries[entry.name] = entry end
    assert.equal("file", entries["b.txt"].type)
    assert.equal(5, entries["b.txt"].size)
    assert.equal("folder", entries.sub.type)
    assert.is_nil(entries.sub.size)
    assert.truthy(entries["b.txt"].modified:match "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$")
  end)

  it("gives each name a link that leads to it, whatever its bytes, if any can", function()
    local linked = 0
    for _, entry in ipairs((list())) do
      if entry.href then
        linked = linked + 1
        assert.equal(200, server:get("/d/" .. entry.href).status, entry.name)
      else
        assert.equal("bad\239\191\189.txt", entry.name)
      end
    end
    assert.equal(11, linked)
  end)

  it("is a page for a browser, with every name escaped", function()
    local response = server:get("/d/", { headers = { Accept = "text/html,application/xml;q=0.9,*/*;q=0.8" } })
    assert.equal("text/html; charset=utf-8", response.headers["content-type"])
    assert.equal("Accept", response.headers.vary)
    assert.truthy(response.body:find("<h1>/d/</h1>", 1, true))
    assert.truthy(response.body:find('<a href="../">', 1, true))
    assert.truthy(response.body:find("&lt;b&gt;&amp;&quot;&#39;.txt", 1, true))
    assert.truthy(response.body:find('<a href="a%20b%23c%3Fd%25e%3Bf%3Ag%5Ch.txt">', 1, true))
    assert.is_nil(response.body:find("<b>&", 1, true))
    assert.is_nil(response.body:find("hidden", 1, true))
    assert.is_nil(server:get("/").body:find('"../"', 1, true))
  end)

  it("gives way to an index, and sends a folder without the slash to the one with it", function()
    assert.equal("the index", server:get("/has/").body)
    assert.equal("/d/", server:get("/d").headers.location)
  end)

  it("is read only, and only there where there is a folder", function()
    local response = server:post("/d/", { body = "x" })
    assert.equal(405, response.status)
    assert.equal("GET, HEAD, OPTIONS", response.headers.allow)
    assert.equal(404, server:get("/none/").status)
    assert.equal(404, server:get("/d/outside/").status)
    local head = server:request { method = "HEAD", path = "/d/" }
    assert.equal(tostring(#server:get("/d/").body), head.headers["content-length"])
  end)
end)

describe("what the document root says of errors", function()
  local server

  setup(function()
    server = spec.start {
      config = { max_age = "1h", mime = { glb = "model/gltf-binary", txt = "text/x-mine" } },
      www = { ["404.html"] = "<p>own 404</p>", ["500.html"] = "<p>own 500</p>",
        ["405.html"] = ("x"):rep(100000), ["a.glb"] = "x", ["a.txt"] = "x", ["a.css"] = "p{}" },
      scripts = { ["app.lua"] = [[
        local app = require "luaserve"
        app:get("/boom", function() error "secret" end)
        app:get("/gone", function() return 404 end)
        app:get("/abort", function() app.abort(404, "no such item") end)
        app:get("/mine", function() return { status = 404, html = "<p>mine</p>" } end)
        app:post("/only", function() return "posted" end)
        app:get("/kept", function() return { file = "a.css", headers = { ["Cache-Control"] = "no-store" } } end)
      ]] },
    }
  end)
  teardown(function() server:stop() end)

  it("is the page of that status", function()
    for _, path in ipairs { "/none", "/gone" } do
      local response = server:get(path)
      assert.equal(404, response.status)
      assert.equal("<p>own 404</p>", response.body)
      assert.equal("text/html; charset=utf-8", response.headers["content-type"])
      assert.is_nil(response.headers.etag)
      assert.is_nil(response.headers["cache-control"])
    end
    assert.equal("<p>own 500</p>", server:get("/boom").body)
    local head = server:request { method = "HEAD", path = "/none" }
    assert.equal("14", head.headers["content-length"])
  end)

  it("keeps the fields that belong to the status, and may be large", function()
    local response = server:get "/only"
    assert.equal(405, response.status)
    assert.equal("POST, OPTIONS", response.headers.allow)
    assert.equal(100000, #response.body)
  end)

  it("gives way to what a handler says itself", function()
    assert.equal("<p>mine</p>", server:get("/mine").body)
    assert.truthy(server:get("/abort").body:find("no such item", 1, true))
  end)

  it("is a file like any other under its own name", function()
    assert.equal(200, server:get("/404.html").status)
  end)

  it("is the standard page for a status without one of its own", function()
    assert.truthy(server:raw("GET / HTTP/3.0\r\n\r\n"):find("<h1>505 ", 1, true))
  end)

  it("says how long a file may be kept, unless a handler says otherwise", function()
    assert.equal("max-age=3600", server:get("/a.css").headers["cache-control"])
    local etag = server:get("/a.css").headers.etag
    assert.equal("max-age=3600",
      server:get("/a.css", { headers = { ["If-None-Match"] = etag } }).headers["cache-control"])
    assert.equal("no-store", server:get("/kept").headers["cache-control"])
  end)

  it("goes by the media types of the configuration first", function()
    assert.equal("model/gltf-binary", server:get("/a.glb").headers["content-type"])
    assert.equal("text/x-mine", server:get("/a.txt").headers["content-type"])
    assert.equal("text/css; charset=utf-8", server:get("/a.css").headers["content-type"])
  end)
end)
