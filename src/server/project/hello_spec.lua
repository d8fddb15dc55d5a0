-- Run by `busted`: each spec asks a real server, which listens on a free port.
local spec = require "luaserve.spec"

describe("the site", function()
  local server
  setup(function() server = spec.start { config = "config.lua" } end)
  teardown(function() server:stop() end)

  it("greets, and escapes whom it greets", function()
    assert.equal("Hello, World!", server:get("/hello").body)
    assert.equal("Hello, &lt;b&gt;!", server:get("/hello/%3Cb%3E").body)
  end)

  it("adds numbers", function()
    assert.same({ total = 42 }, server:post("/sum", { json = { 1, 2, 39 } }).json)
    assert.equal(400, server:post("/sum", "no JSON").status)
  end)

  it("has a front page", function()
    local page = server:get "/"
    assert.equal(200, page.status)
    assert.truthy(page.body:find 'href="/hello"')
  end)
end)
