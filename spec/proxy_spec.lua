-- Whom a request comes from when proxies stand before the server.
local spec = require "luaserve.spec"
local json = require("dkjson").decode

local SCRIPT = { ["app.lua"] = [[
  local app = require "luaserve"
  app:get("/", function(req)
    return { json = { ip = req.ip, port = req.port > 0 and req.port < 10000 and req.port or nil, scheme = req.scheme, host = req.host } }
  end)
  app:get("/cookie", function(req, res) res:cookie("a", "1") return "set" end)
  app:host("a.example", function(a) a:get("/host", function() return "a" end) end)
]] }

describe("behind a proxy that is trusted", function()
  local server
  setup(function()
    server = spec.start { config = { trusted_proxies = { "127.0.0.1", "10.0.0.0/8" } }, scripts = SCRIPT }
  end)
  teardown(function() server:stop() end)

  local function ask(headers)
    headers.Host = headers.Host or "here"
    return json(server:get("/", { headers = headers }).body)
  end

  it("the client is whom it names", function()
    assert.are.same({ ip = "192.0.2.7", scheme = "https", host = "example.org" }, ask {
      ["X-Forwarded-For"] = "192.0.2.7", ["X-Forwarded-Proto"] = "https", ["X-Forwarded-Host"] = "example.org" })
    assert.are.same({ ip = "2001:db8::1", port = 80, scheme = "https", host = "example.org:81" }, ask {
      Forwarded = 'for="[2001:db8::1]:80";proto=https;host="example.org:81"' })
  end)

  it("nothing is believed that an untrusted one may have said", function()
    assert.are.equal("192.0.2.7", ask({ ["X-Forwarded-For"] = "1.2.3.4, 192.0.2.7" }).ip)
    assert.are.equal("192.0.2.7", ask({ ["X-Forwarded-For"] = "1.2.3.4, 192.0.2.7, 10.1.1.1" }).ip)
    assert.are.equal("192.0.2.7", ask({ ["X-Forwarded-For"] = { "1.2.3.4", "192.0.2.7, 10.1.1.1" } }).ip)
    assert.are.same({ ip = "192.0.2.7", scheme = "http", host = "here" },
      ask { Forwarded = "for=1.2.3.4;proto=https;host=evil, for=192.0.2.7" })
  end)

  it("what is malformed ends what is believed", function()
    assert.are.equal("10.1.1.1", ask({ ["X-Forwarded-For"] = "1.2.3.4, nonsense, 10.1.1.1" }).ip)
    assert.are.equal("127.0.0.1", ask({ Forwarded = "for=unknown" }).ip)
    assert.are.equal("127.0.0.1", ask({ Forwarded = "for=1.2.3.4 x" }).ip)
    assert.are.same({ ip = "1.2.3.4", scheme = "http", host = "here" }, ask {
      ["X-Forwarded-For"] = "1.2.3.4", ["X-Forwarded-Proto"] = "gopher", ["X-Forwarded-Host"] = "a b" })
  end)

  it("Forwarded goes before the older fields", function()
    assert.are.equal("192.0.2.7", ask({ Forwarded = "for=192.0.2.7", ["X-Forwarded-For"] = "1.2.3.4" }).ip)
  end)

  it("cookies are secure, and hosts are found, as for the client", function()
    local headers = { ["X-Forwarded-Proto"] = "https" }
    assert.truthy(server:get("/cookie", { headers = headers }).headers["set-cookie"]:find("; Secure", 1, true))
    assert.are.equal("a", server:get("/host", { headers = { ["X-Forwarded-Host"] = "a.example" } }).body)
  end)
end)

describe("behind nobody that is trusted", function()
  it("what a client says of itself is nothing", function()
    local server = spec.start { scripts = SCRIPT }
    local got = json(server:get("/", { headers = { ["X-Forwarded-For"] = "192.0.2.7", ["X-Forwarded-Proto"] = "https",
      Forwarded = "for=192.0.2.7;proto=https;host=x", Host = "here" } }).body)
    assert.are.same({ ip = "127.0.0.1", scheme = "http", host = "here" }, got)
    server:stop()
  end)
end)
