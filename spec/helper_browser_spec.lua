-- The browser of luaserve.spec: what it keeps, what it sends, where it goes.
local spec = require "luaserve.spec"

describe("a browser of luaserve.spec", function()
  local server, browser

  setup(function()
    server = spec.start { scripts = { ["site.lua"] = [[
      local app = require "luaserve"
      local function show(req)
        return { text = req.headers.cookie or "none",
          headers = { ["Set-Cookie"] = app.json.decode(req.query.lines or "[]") } }
      end
      app:any("/set/*rest", show)
      app:any("/sent/*rest", show)
      app:any("/go/:status", function(req)
        return { status = tonumber(req.params.status), text = "", headers = {
          Location = req.query.to, ["Set-Cookie"] = req.query.cookie or {} } }
      end)
      app:any("/asked/*rest", function(req)
        return { text = table.concat({ req.method, req.target, req.headers["content-type"] or "-",
          req.headers["x-a"] or "-", req.headers.host, req:body() }, " ") }
      end)
      app:any("/round/:n", function(req)
        return { redirect = "/round/" .. req.params.n + 1 }
      end)
      app:any("/down/:n", function(req)
        local n = tonumber(req.params.n)
        return n == 0 and "landed" or { redirect = tostring(n - 1) }
      end)
    ]] } }
  end)

  teardown(function() server:stop() end)

  before_each(function() browser = server:browser() end)

  -- Has these lines of Set-Cookie come from a path.
  local function set(lines, path, options)
    options = options or {}
    options.query = { lines = '["' .. table.concat(lines, '","') .. '"]' }
    assert.equal(200, browser:get(path or "/set/it", options).status)
  end

  local function sent(path, options) return browser:get(path or "/sent/it", options).body end

  describe("keeps cookies", function()
    it("and sends them along", function()
      assert.equal("none", sent())
      set { "a=1; Path=/", "b=two; Path=/; HttpOnly" }
      assert.equal("a=1; b=two", sent())
      assert.same({ a = "1", b = "two" }, browser.cookies)
    end)

    it("of its own alone", function()
      set { "a=1; Path=/" }
      assert.equal("none", server:browser():get("/sent/it").body)
      assert.equal("none", server:get("/sent/it").body)
    end)

    it("until they are set anew", function()
      set { "a=1; Path=/", "b=1; Path=/" }
      set { "a=2; Path=/" }
      assert.equal("a=2; b=1", sent())
    end)

    it("until it is cleared", function()
      set { "a=1; Path=/" }
      browser:clear()
      assert.equal("none", sent())
      assert.same({}, browser.cookies)
    end)

    it("until Max-Age or Expires end them", function()
      set { "a=1; Path=/", "b=1; Path=/", "c=1; Path=/", "d=1; Path=/" }
      set { "a=; Path=/; Max-Age=0", "b=; Path=/; Expires=Wednesday, 21-Oct-15 07:28:00 GMT", "c=; Path=/; Max-Age=-1" }
      assert.equal("d=1", sent())
    end)

    it("whose end is to come", function()
      set { "a=1; Path=/; Max-Age=86400", "b=1; Path=/; Expires=Fri, 31 Dec 2100 23:59:59 GMT",
        "c=1; Path=/; Max-Age=86400; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "d=1; Path=/; Expires=sometime" }
      assert.equal("a=1; b=1; c=1; d=1", sent())
    end)

    it("for their paths, the longer path first", function()
      set { "a=1; Path=/", "b=1; Path=/sent/x", "c=1; Path=/se" }
      assert.equal("a=1", sent "/sent/it")
      assert.equal("b=1; a=1", sent "/sent/x")
      assert.equal("b=1; a=1", sent "/sent/x?q")
      assert.equal("b=1; a=1", sent "/sent/x/y?q")
      assert.equal("a=1", sent "/sent/xy")
    end)

    it("without a path for the folder that set them", function()
      set({ "a=1", "b=1; Path=x" }, "/sent/x/y")
      assert.equal("a=1; b=1", sent "/sent/x")
      assert.equal("a=1; b=1", sent "/sent/x/z")
      assert.equal("none", sent "/sent/z")
    end)

    it("of one name on several paths", function()
      set { "a=1; Path=/", "a=2; Path=/sent" }
      assert.equal("a=2; a=1", sent())
      set { "a=; Path=/sent; Max-Age=0" }
      assert.equal("a=1", sent())
    end)

    it("of this host, not of another", function()
      set { "a=1; Path=/; Domain=127.0.0.1", "b=1; Path=/; Domain=example.org", "c=1; Path=/; Domain=0.0.1" }
      assert.equal("a=1", sent())
    end)

    it("by the host that the request names", function()
      local options = { headers = { Host = "Shop.example.org:80" } }
      set({ "a=1; Path=/; Domain=.shop.example.org" }, "/set/it", options)
      assert.equal("none", sent())
      assert.equal("a=1", sent("/sent/it", { headers = { host = "shop.example.org" } }))
    end)

    it("that are secure on this machine, not by plain HTTP elsewhere", function()
      for _, host in ipairs { "127.0.0.1:80", "localhost", "a.localhost:80", "[::1]:80" } do
        browser:clear()
        set({ "a=1; Path=/; Secure" }, "/set/it", { headers = { Host = host } })
        assert.equal("a=1", sent("/sent/it", { headers = { Host = host } }))
      end
      set({ "b=1; Path=/; Secure", "c=1; Path=/" }, "/set/it", { headers = { Host = "example.org" } })
      assert.equal("c=1", sent("/sent/it", { headers = { Host = "example.org" } }))
    end)

    it("that are what their names promise", function()
      set { "__Host-a=1; Path=/; Secure", "__Host-b=1; Secure", "__Host-c=1; Path=/", "__Host-d=1; Path=/; Secure; Domain=127.0.0.1",
        "__Secure-e=1; Path=/; Secure", "__Secure-f=1; Path=/" }
      assert.equal("__Host-a=1; __Secure-e=1", sent())
    end)

    it("and not what is none", function()
      set { "novalue", "=x", "", "a=1; Path; Domain; Expires; Max-Age=soon" }
      assert.same({ a = "1" }, browser.cookies)
    end)
  end)

  it("sends the cookies of a request once, in place of its own", function()
    set { "a=1; Path=/", "b=1; Path=/" }
    assert.equal("b=1; a=2; c=3", sent("/sent/it", { cookies = { a = "2", c = "3" } }))
    assert.equal("a=1; b=1", sent())
  end)

  it("leaves a Cookie field that was given as it is", function()
    set { "a=1; Path=/" }
    assert.equal("z=1", sent("/sent/it", { headers = { cookie = "z=1" } }))
  end)

  it("posts as the server does", function()
    assert.equal("POST /asked/it?q=1 application/json - 127.0.0.1:" .. server.port .. " [1]",
      browser:post("/asked/it", { json = { 1 }, query = { q = 1 } }).body)
  end)

  it("does not follow redirects unless asked to", function()
    assert.equal(302, browser:get("/down/1").status)
  end)

  describe("that follows redirects", function()
    before_each(function() browser = server:browser { follow = true } end)

    local function asked(method, status, options)
      options.query = { to = "/asked/it" }
      options.headers = { ["X-A"] = "a" }
      return browser[method](browser, "/go/" .. status, options).body
    end

    it("comes to the end of them, and says where that is", function()
      local response = browser:get "/down/3"
      assert.equal("landed", response.body)
      assert.equal("/down/0", response.path)
    end)

    it("does so for one request alone if that alone asks", function()
      browser = server:browser()
      assert.equal("landed", browser:get("/down/3", { follow = true }).body)
      assert.equal(302, browser:get("/down/3").status)
    end)

    it("does not do so for a request that asks not to", function()
      assert.equal(302, browser:get("/down/3", { follow = false }).status)
    end)

    it("asks with GET and without a body after 301, 302, 303 to a POST", function()
      for _, status in ipairs { 301, 302, 303 } do
        assert.equal("GET /asked/it - a 127.0.0.1:" .. server.port .. " ", asked("post", status, { json = 1 }))
      end
    end)

    it("leaves out fields of the body together with it", function()
      local options = { body = "x", headers = { ["Content-Type"] = "a/b" }, query = { to = "/asked/it" } }
      assert.equal("GET /asked/it - ", browser:post("/go/303", options).body:sub(1, 16))
      assert.equal("POST /asked/it a/b ", browser:post("/go/307", options).body:sub(1, 19))
    end)

    it("asks with GET after 303 to a PUT, with PUT after 302", function()
      assert.equal("GET", asked("put", 303, { body = "x" }):match "%S+")
      assert.equal("PUT", asked("put", 302, { body = "x" }):match "%S+")
    end)

    it("keeps method and body after 307 and 308", function()
      for _, status in ipairs { 307, 308 } do
        assert.equal("POST /asked/it application/json a 127.0.0.1:" .. server.port .. " 1", asked("post", status, { json = 1 }))
      end
    end)

    it("keeps HEAD", function()
      local response = browser:head("/go/303?to=/asked/it")
      assert.equal("/asked/it", response.path)
      assert.equal("", response.body)
    end)

    it("keeps and sends the cookies on the way", function()
      local options = { query = { to = "/sent/it", cookie = "a=2; Path=/" }, cookies = { a = "1", b = "1" } }
      assert.equal("a=2; b=1", browser:post("/go/303", options).body)
      assert.same({ a = "1", b = "1" }, options.cookies)
    end)

    it("takes every form of a Location", function()
      local here = "http://127.0.0.1:" .. server.port
      for to, target in pairs { [here .. "/asked/x?y#z"] = "/asked/x?y", ["//127.0.0.1:" .. server.port .. "/asked/x"] = "/asked/x",
        ["../asked/./x"] = "/asked/x", ["/asked/%2F;v=1"] = "/asked/%2F;v=1" } do
        assert.equal(target, browser:get("/go/302", { query = { to = to } }).path)
      end
    end)

    it("stays with this server", function()
      for _, to in ipairs { "http://example.org/", "https://127.0.0.1:" .. server.port .. "/", "mailto:a@example.org" } do
        assert.equal(302, browser:get("/go/302", { query = { to = to } }).status)
      end
    end)

    it("gives up after ten", function()
      assert.equal("landed", browser:get("/down/10").body)
      local fine, message = pcall(browser.get, browser, "/round/1")
      assert.is_false(fine)
      assert.truthy(message:find("more than 10 redirects, the last one to /round/12", 1, true), message)
    end)
  end)

  it("has no option that nobody knows", function()
    local _, message = pcall(server.browser, server, { folow = true })
    assert.truthy(message:find("server:browser: unknown option 'folow' (known: follow)", 1, true), message)
    _, message = pcall(browser.get, browser, "/", { folow = true })
    assert.truthy(message:find("browser:get: unknown option 'folow'", 1, true), message)
    _, message = pcall(server.get, server, "/", { follow = true })
    assert.truthy(message:find("server:get: unknown option 'follow'", 1, true), message)
  end)
end)
