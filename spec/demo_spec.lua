-- What a newcomer meets: the repository's own config.lua, scripts/ and www/.
local json = require "luaserve.json"
local spec = require "luaserve.spec"

local function contents(path)
  local file <close> = assert(io.open(spec.path(path)))
  return file:read "a"
end

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

  it("counts the requests of a connection in a variable of its process", function()
    local client = server:client()
    local first = client:request({ path = "/process" }).json
    client:request { path = "/hello" }
    local third = client:request({ path = "/process" }).json
    client:close()
    assert.equal(first.pid, third.pid)
    assert.equal("127.0.0.1", third.ip)
    if spec.mode == "fork" then assert.same({ 1, 3 }, { first.requests, third.requests }) end
    assert.is_true(third.requests >= 3)
  end)

  it("ticks from one process, once a second, until its client leaves", function()
    local client = server:client()
    client:send "GET /clock HTTP/1.0\r\n\r\n"
    local ticks = {}
    repeat
      local data = assert(client:receive "*l"):match "^data: (.*)"
      ticks[#ticks + 1] = data and json.decode(data)
    until #ticks == 2
    client:close()
    assert.equal(ticks[1].pid, ticks[2].pid)
    assert.not_equal(server.pid, ticks[1].pid)
    assert.truthy(ticks[1].time:find "^%d%d:%d%d:%d%d$")
    assert.not_equal(ticks[1].time, ticks[2].time)
  end)

  it("has a number that all clients raise and see, whoever has left", function()
    local before = server:post("/counter").json.count
    local ws = server:ws "/counter"
    assert.equal(before, json.decode(ws:receive()).count)
    assert.equal(before + 1, server:post("/counter").json.count)
    assert.equal(before + 1, json.decode(ws:receive()).count)
    ws:close()
    ws = server:ws "/counter"
    assert.equal(before + 1, json.decode(ws:receive()).count)
    ws:close()
  end)

  it("carries what a guest says to all, both ways, as it was said", function()
    local ann, ben = server:ws "/chat?name=Ann", server:ws "/chat?name=%3Cb%3EBen"
    local pids = { json.decode(ann:receive()).pid, json.decode(ben:receive()).pid }
    if spec.mode == "fork" then assert.not_equal(pids[1], pids[2]) end
    ann:send "<i>hello</i>"
    local heard = { name = "Ann", pid = pids[1], text = "<i>hello</i>" }
    assert.same(heard, json.decode(ben:receive()))
    assert.same(heard, json.decode(ann:receive()))
    ben:send "and you"
    assert.same({ name = "<b>Ben", pid = pids[2], text = "and you" }, json.decode(ann:receive()))
    ann:close()
    ben:close()
  end)

  for path, status in pairs { abort = 500, memory = 503, loop = 503 } do
    it("answers " .. status .. " at /crash/" .. path .. ", says why in the log, and goes on", function()
      local other = server:client()
      local before = other:request({ path = "/process" }).json
      local response = server:post("/crash/" .. path)
      if path == "abort" and spec.mode == "pool" then
        assert.same({ 409, "Others share this process." }, { response.status, response.body })
      else
        local id = response.headers["x-request-id"]
        assert.equal(status, response.status)
        assert.truthy(response.body:find("Incident " .. id, 1, true))
        assert.truthy(server:log(id .. " .*/crash/" .. path))
      end
      assert.equal(before.pid, other:request({ path = "/process" }).json.pid)
      other:close()
    end)
  end

  it("tells the front page which server this is, and the scripts that run in it", function()
    local front = server:get("/front").json
    assert.same({ server.pid, spec.mode, false }, { front.server, front.mode, front.dev })
    for name, source in pairs(front.sources) do assert.equal(contents("scripts/" .. name .. ".lua"), source) end
    for _, name in ipairs { "hello", "process", "clock", "counter", "chat", "crash" } do
      assert.truthy(front.sources[name], name)
    end
  end)

  it("goes without a script that was deleted", function()
    local scripts = {}
    for _, name in ipairs { "hello.lua", "front.lua", "lib/pid.lua" } do scripts[name] = contents("scripts/" .. name) end
    local other = spec.start { scripts = scripts }
    assert.same({ hello = scripts["hello.lua"] }, other:get("/front").json.sources)
    other:stop()
  end)

  it("shows Hello, World! on the front page, with nothing from elsewhere", function()
    local response = server:get "/"
    assert.equal(200, response.status)
    assert.equal("text/html; charset=utf-8", response.headers["content-type"])
    assert.truthy(response.body:find("Hello, World!", 1, true))
    assert.truthy(response.body:find("default-src 'none'", 1, true))
    local all = response.body
    for _, file in ipairs { "front.css", "front.js" } do
      assert.truthy(response.body:find('"' .. file .. '"', 1, true))
      all = all .. server:get("/" .. file).body
    end
    for url in all:gsub("http://www.w3.org/2000/svg", ""):gmatch "https?://%S+" do
      assert.truthy(url:find "^http://localhost:", url)
    end
  end)
end)
