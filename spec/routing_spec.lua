-- Which route answers a request: patterns, hosts, groups, static folders, names.
local spec = require "luaserve.spec"
local json = require("dkjson").decode

local function app(source)
  return { ["app.lua"] = "local app = require 'luaserve'\n" .. source }
end

local function refusal(source)
  local code, _, err = spec.run { scripts = app(source) }
  assert.are.equal(78, code)
  return err
end

describe("routes", function()
  local server
  setup(function()
    server = spec.start {
      scripts = app [[
        local function named(name)
          return function(req)
            return { json = { route = name, params = next(req.params) and req.params or nil } }
          end
        end
        app:get("/u(/:id)", named "u")
        app:get("/log(/:year[%d](/:month[%d]))", named "log")
        app:get("/n/:id[%d]", named "number")
        app:get("/n/:word", named "word")
        app:get("/n/new", named "new")
        app:get("/files/*", named "files")
        app:get("/a%20b", named "blank")
        app:get("/slash/", named "slash")
        app:get("/plain", named "plain")
        app:any("/any", named "any")
        app:route({ "GET", "PUT" }, "/several", named "several")
        app:get("/pattern/:x", function(req) return req.route end)
        app:get("/limited", { wall = "1s", name = "limited" }, named "limited")
        app:group("/api", function(api)
          api:get("", named "api")
          api:get("/me", { name = "me" }, named "me")
          api:group("/deep/:x", function(deep) deep:get("/:y", named "deep") end)
        end)
        app:host("api.example.org", function(site)
          site:get("/plain", named "host")
          site:group("/g", function(g) g:get("/x", named "host group") end)
        end)
        app:host("*.example.org", function(site) site:get("/plain", named "wild") end)
      ]],
    }
  end)
  teardown(function() server:stop() end)

  local function route(path, host)
    local response = server:get(path, { headers = host and { Host = host } })
    return response.body:match '"route":"([^"]*)"' or response.status, response
  end

  it("leaves optional parts out", function()
    assert.are.same(json('{"route":"u"}'), json(server:get("/u").body))
    assert.are.same(json('{"params":{"id":"7"},"route":"u"}'), json(server:get("/u/7").body))
    assert.are.same(json('{"route":"log"}'), json(server:get("/log").body))
    assert.are.same(json('{"params":{"year":"2026"},"route":"log"}'), json(server:get("/log/2026").body))
    local both = server:get("/log/2026/11").body
    assert.truthy(both:find('"month":"11"', 1, true) and both:find('"year":"2026"', 1, true))
    assert.are.equal(404, server:get("/log/x").status)
  end)

  it("prefers a literal to a class, and a class to a plain parameter", function()
    assert.are.equal("new", route "/n/new")
    assert.are.equal("number", route "/n/12")
    assert.are.equal("word", route "/n/12a")
  end)

  it("gives a splat without a name as *", function()
    assert.are.same(json('{"params":{"*":"a/b"},"route":"files"}'), json(server:get("/files/a/b").body))
  end)

  it("decodes a literal as it does the path", function()
    assert.are.equal("blank", route "/a%20b")
  end)

  it("redirects to the path that differs in its last slash alone", function()
    local response = server:get("/slash?x=1")
    assert.are.equal(308, response.status)
    assert.are.equal("/slash/?x=1", response.headers.location)
    assert.are.equal("/plain", server:get("/plain/").headers.location)
    assert.are.equal(404, server:post("/slash", "").status)
  end)

  it("answers other methods with 405 and Allow", function()
    local response = server:delete("/several")
    assert.are.equal(405, response.status)
    assert.are.equal("GET, HEAD, PUT, OPTIONS", response.headers.allow)
    assert.are.equal("GET, HEAD, PUT, OPTIONS", server:options("/several").headers.allow)
    assert.are.equal(204, server:options("/several").status)
  end)

  it("tells the handler its pattern", function()
    assert.are.equal("/pattern/:x", server:get("/pattern/5").body)
  end)

  it("puts the prefix of a group before its routes", function()
    assert.are.equal("api", route "/api")
    assert.are.equal("me", route "/api/me")
    assert.are.equal("deep", route "/api/deep/1/2")
  end)

  it("keeps the routes of a host for that host, and those of none for all", function()
    assert.are.equal("plain", route("/plain", "example.org"))
    assert.are.equal("host", route("/plain", "API.example.org:3000"))
    assert.are.equal("wild", route("/plain", "www.example.org"))
    assert.are.equal("host group", route("/g/x", "api.example.org"))
    assert.are.equal(404, route("/g/x", "www.example.org"))
    assert.are.equal("new", route("/n/new", "api.example.org"))
  end)
end)

describe("app:static", function()
  local server
  setup(function()
    server = spec.start {
      www = { ["assets/www.txt"] = "from www" },
      scripts = {
        ["app.lua"] = [[
          local app = require "luaserve"
          app:static("/assets", "scripts/public", { max_age = "1h" })
          app:static("/list/", "scripts/public", { listing = true, index = "none" })
          app:group("/deep/:x", function(deep) deep:static("/files", "scripts/public") end)
          app:get("/assets/made", function() return "made" end)
        ]],
        ["public/a.txt"] = "aaa",
        ["public/in/index.html"] = "index",
        ["public/.hidden"] = "no",
      },
    }
  end)
  teardown(function() server:stop() end)

  it("serves the folder beneath its prefix, with its own age", function()
    local response = server:get "/assets/a.txt"
    assert.are.equal("aaa", response.body)
    assert.are.equal("max-age=3600", response.headers["cache-control"])
    assert.are.equal("text/plain; charset=utf-8", response.headers["content-type"])
    assert.truthy(response.headers.etag)
  end)

  it("answers conditions and ranges", function()
    local etag = server:get("/assets/a.txt").headers.etag
    assert.are.equal(304, server:get("/assets/a.txt", { headers = { ["If-None-Match"] = etag } }).status)
    local part = server:get("/assets/a.txt", { headers = { Range = "bytes=1-1" } })
    assert.are.equal(206, part.status)
    assert.are.equal("a", part.body)
  end)

  it("gives the index of a folder, and redirects to its slash", function()
    assert.are.equal("index", server:get("/assets/in/").body)
    assert.are.equal("/assets/in/", server:get("/assets/in").headers.location)
  end)

  it("goes behind routes and before www", function()
    assert.are.equal("made", server:get("/assets/made").body)
    assert.are.equal("from www", server:get("/assets/www.txt").body)
    assert.are.equal(404, server:get("/assets/none").status)
  end)

  it("answers other methods with 405 where there is a file", function()
    local response = server:post("/assets/a.txt", "x")
    assert.are.equal(405, response.status)
    assert.are.equal("GET, HEAD, OPTIONS", response.headers.allow)
    assert.are.equal(404, server:post("/assets/none", "x").status)
  end)

  it("hides what begins with a point, and lets nothing lead out", function()
    assert.are.equal(404, server:get("/assets/.hidden").status)
    assert.truthy(server:raw "GET /assets/..%2fapp.lua HTTP/1.1\r\nHost: x\r\n\r\n":find "^HTTP/1.1 404")
  end)

  it("lists a folder where that is asked for", function()
    assert.truthy(server:get("/list/").body:find("a.txt", 1, true))
    assert.are.equal(404, server:get("/assets/").status)
  end)

  it("stands beneath parameters of a group", function()
    assert.are.equal("aaa", server:get("/deep/7/files/a.txt").body)
  end)
end)

describe("a script with a route that cannot be", function()
  it("names both places of an overlap", function()
    local err = refusal [[
      app:get("/n/:id[%d]", print)
      app:get("/n/:x[%w]", print)]]
    assert.truthy(err:find("scripts/app.lua:3: GET, HEAD /n/:x[%w] cannot be told apart from " ..
      "/n/:id[%d] from scripts/app.lua:2", 1, true) or err:find("scripts/app.lua:3: GET /n/:x[%w] " ..
      "cannot be told apart from /n/:id[%d] from scripts/app.lua:2", 1, true), err)
  end)

  local bad = {
    ['app:ws("/x")'] = "app:ws: expected a handler function, found nil",
    ['app:get("/a/..", print)'] = "once it is resolved",
    ['app:get("/a?b=1", print)'] = "a path ends before",
    ['app:get("/:x[]", print)'] = "no path can have a byte of that class",
    ['app:get("/a(/b", print)'] = 'a "(" without its ")"',
    ['app:get("a", print)'] = 'it has to begin with "/"',
    ['app:host("a b", function(s) s:get("/", print) end)'] = 'bad host "a b"',
    ['app:group("api", print)'] = 'app:group: expected a prefix such as "/api"',
    ['app:group("/api/", print)'] = 'app:group: expected a prefix such as "/api"',
    ['app:group("/a?", print)'] = "a path ends before",
    ['app:static("/x", "nowhere")'] = "cannot open the folder",
    ['app:static("/x", "scripts", { age = 1 })'] = 'app:static: unknown option "age" (known: index, listing, max_age)',
    ['app:get("/a", { nam = "x" }, print)'] = 'app:get: unknown option "nam"',
    ['app:get("/a", { wall = "soon" }, print)'] = 'option wall: expected a duration',
    ['app:get("/a", { name = 1 }, print)'] = 'option name: expected a text',
    ['app:get("/a", { name = "x" }, print) app:get("/b", { name = "x" }, print)'] =
      'the name "x" is there already, for /a from scripts/app.lua:2',
    ['app.get("/a", print)'] = "call app:get(...) with a colon",
    ['app:before("admin", print)'] = "bad pattern",
    ['app:before("/admin")'] = "app:before: expected a function",
    ['app:error(200, print)'] = "app:error: expected a status from 400 to 599, found 200",
    ['app:error(404, print) app:error(404, print)'] = "there is one for 404 already",
    ['app:group("/g", function(g) app:host("x.org", function(h) h:host("y.org", print) end) end)'] =
      "this stands within the host x.org already",
  }
  for source, message in pairs(bad) do
    it("says so: " .. source, function()
      local err = refusal(source)
      assert.truthy(err:find(message, 1, true), err)
      assert.truthy(err:find("scripts/app.lua:2", 1, true), err)
    end)
  end
end)

describe("app.url", function()
  local server
  setup(function()
    server = spec.start { scripts = app [[
      app:get("/item/:id[%d]", { name = "item" }, print)
      app:get("/log(/:year(/:month))/list", { name = "log" }, print)
      app:get("/files/*path", { name = "file" }, print)
      app:get("(/:lang)/about", { name = "about" }, print)
      app:get("/ü x/:v", { name = "odd" }, print)
      app:group("/g/:x", function(g) g:get("", { name = "group" }, print) end)
      app:post("/url", function(req)
        local call = req:json()
        local well, url = pcall(app.url, table.unpack(call))
        return { text = well and url or "error: " .. tostring(url) }
      end)
    ]] }
  end)
  teardown(function() server:stop() end)

  local urls = {
    ['["item",{"id":7}]'] = "/item/7",
    ['["item",{"id":7.0}]'] = "/item/7",
    ['["item",{"id":7},{"b":[1,"ü&"],"a":"x y"}]'] = "/item/7?a=x%20y&b=1&b=%C3%BC%26",
    ['["item",{"id":"x"}]'] = 'error: .*id = "x" is not of the class %[%%d%]',
    ['["item",{}]'] = "error: .*/item/:id%[%%d%] needs id",
    ['["item",{"id":1,"no":2}]'] = "error: .*has no parameter no",
    ['["none"]'] = 'error: .*there is no route named "none"',
    ['["log"]'] = "/log/list",
    ['["log",{"year":2026}]'] = "/log/2026/list",
    ['["log",{"year":2026,"month":1}]'] = "/log/2026/1/list",
    ['["log",{"month":1}]'] = "error: .* needs year",
    ['["file",{"path":"a b/c?"}]'] = "/files/a%20b/c%3F",
    ['["about"]'] = "/about",
    ['["about",{"lang":"de"}]'] = "/de/about",
    ['["odd",{"v":"/.."}]'] = "/%C3%BC%20x/%2F..",
    ['["group",{"x":1}]'] = "/g/1",
  }
  for call, expected in pairs(urls) do
    it("gives for " .. call .. " " .. expected, function()
      local text = server:post("/url", { body = call }).body
      if expected:find "^error" then assert.truthy(text:find(expected), text)
      else assert.are.equal(expected, text) end
    end)
  end
end)
