-- What a newcomer meets: the repository's own config.lua, scripts/ and www/.
local spec = require "luaserve.spec"

describe("the demo", function()
  local server
  setup(function()
    server = spec.start {
      config = { www = spec.path "www", scripts = spec.path "scripts" },
    }
  end)
  teardown(function() server:stop() end)

  it("gives the classic answer at /hello", function()
    local response = server:get "/hello"
    assert.equal(200, response.status)
    assert.equal("OK", response.reason)
    assert.equal("text/html", response.headers["content-type"])
    assert.equal("22", response.headers["content-length"])
    assert.equal("<h1>Hello, World!</h1>", response.body)
  end)

  it("greets by name, escaped", function()
    local response = server:get "/hello/%3Cb%3E%20&%20co"
    assert.equal("<h1>Hello, &lt;b&gt; &amp; co!</h1>", response.body)
    assert.equal("text/html; charset=utf-8", response.headers["content-type"])
  end)

  it("says at /whoami who asks and which process answers", function()
    local client = server:client()
    local _, port = client.socket:getsockname()
    local first = client:request({ path = "/whoami" }).json
    local second = client:request({ path = "/whoami" }).json
    client:close()
    assert.equal("127.0.0.1", first.ip)
    assert.equal(tonumber(port), first.port)
    assert.not_equal(server.pid, first.pid)
    assert.equal(first.pid, second.pid)
    if spec.mode == "fork" then assert.not_equal(first.pid, server:get("/whoami").json.pid) end
  end)

  it("gives a body back at /echo, byte for byte", function()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    local body = table.concat(all):rep(100)
    local response = server:post("/echo", { body = body })
    assert.equal(200, response.status)
    assert.equal(body, response.body)
  end)

  it("shows Hello, World! on the front page", function()
    local response = server:get "/"
    assert.equal(200, response.status)
    assert.equal("text/html; charset=utf-8", response.headers["content-type"])
    assert.truthy(response.body:find("Hello, World!", 1, true))
  end)
end)
