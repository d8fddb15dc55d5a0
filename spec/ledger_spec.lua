-- What the server tells of its own syscalls, and what they must be.
local spec = require "luaserve.spec"

local pool = os.getenv "LUASERVE_MODE" == "pool"

local app = [[
  local app = require "luaserve"
  app:get("/hello", function() return "hello" end)
  app:get("/two", function(req, res) res:write "one" res:flush() res:write "two" end)
  app:get("/events", function(req, res) res:event("id", req.id) app.sleep(30) end)
  app:get("/many", function(req, res) for i = 1, 9000 do res:write "x" res:flush() end end)
  app:get("/die", function() os.exit(3) end)
  app:post("/body", function(req) return tostring(#req.body) end)
]]

local function start(config)
  config = config or {}
  config.status, config.trace = "/status", config.trace ~= false
  return spec.start { config = config, scripts = { ["app.lua"] = app },
    www = { ["small.txt"] = ("s"):rep(100), ["big.bin"] = ("b"):rep(1 << 20) } }
end

local function id_of(response) return response.headers["x-request-id"] end

describe("the syscall ledger", function()
  local server
  setup(function() server = start() end)
  teardown(function() server:stop() end)

  -- Of the second request on a connection: nothing of the beginning is in it.
  local function names_of(request)
    local client = server:client()
    client:request { path = "/hello" }
    local trace = server:trace(id_of(client:request(request))):since()
    client:close()
    return trace:names(), trace
  end

  it("a small answer on a connection that stays costs one read and one write", function()
    local names, trace = names_of { path = "/hello" }
    assert.equal("read write", names)
    assert.truthy(trace[1].args:find('^%d+, "GET /hello HTTP/1%.1\\r\\n'), trace.text)
    assert.truthy(trace[2].args:find('^%d+, "HTTP/1%.1 200 OK\\r\\n'), trace.text)
  end)

  it("a small file costs one more open, look, read and close", function()
    assert.equal("read openat2 fstat pread64 close write", (names_of { path = "/small.txt" }))
  end)

  it("a large file is handed from file to socket by the kernel", function()
    local names, trace = names_of { path = "/big.bin" }
    assert.truthy(names:find "^read openat2 fstat sendto sendfile", names)
    assert.truthy(names:find " close$", names)
    assert.is_nil(names:find "pread64")
    assert.truthy(trace.text:find("MSG_NOSIGNAL|MSG_MORE", 1, true), trace.text)
  end)

  it("what has not changed costs no read of the file", function()
    local etag = server:get("/small.txt").headers.etag
    assert.equal("read openat2 fstat close write",
      (names_of { path = "/small.txt", headers = { ["If-None-Match"] = etag } }))
  end)

  it("a missing file costs an open, and one more for the page that says so", function()
    local names, trace = names_of { path = "/none" }
    assert.equal("read openat2 openat2 write", names)
    assert.equal("ENOENT", trace[2].error)
    assert.equal(-1, trace[2].result)
    assert.truthy(trace[2].line:find("= -1 ENOENT (No such file or directory) <", 1, true), trace[2].line)
    assert.truthy(trace[2].args:find('"none", {flags=O_RDONLY|', 1, true), trace[2].args)
    assert.truthy(trace[2].args:find("resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_BENEATH", 1, true), trace[2].args)
  end)

  it("each flush is a write of its own", function()
    assert.equal("read write write", (names_of { path = "/two" }))
  end)

  it("answers to requests that came together go out together, as the last one's", function()
    local client = server:client()
    client:send(("GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"):rep(3))
    local names = {}
    for i = 1, 3 do names[i] = id_of(client:receive_response "GET") end
    for i = 1, 3 do names[i] = server:trace(names[i]):since():names() end
    assert.same({ "read openat2 fstat pread64 close", "openat2 fstat pread64 close",
      "openat2 fstat pread64 close write" }, names)
    client:close()
  end)

  it("a first request shows how its client came", function()
    local client = server:client()
    local _, port = client.socket:getsockname()
    local trace = server:trace(id_of(client:request { path = "/hello" }))
    assert.equal("accept4", trace[1].name)
    assert.truthy(trace[1].args:find("{sa_family=AF_INET, sin_port=htons(" .. port ..
      '), sin_addr=inet_addr("127.0.0.1")}, [16], SOCK_', 1, true), trace[1].line)
    if not pool then
      assert.truthy(trace:names():find " clone set_robust_list close_range ", trace:names())
      assert.equal("read write", trace:since():names())
    end
    client:close()
  end)

  it("times begin with the request", function()
    local client = server:client()
    client:request { path = "/hello" }
    local trace = server:trace(id_of(client:request { path = "/hello" })):since()
    local read, write = trace[1], trace[2]
    assert.truthy(read.at <= 0 and read.at + read.took <= 1, trace.text)
    assert.truthy(write.at >= 0 and write.took >= 0, trace.text)
    client:close()
  end)

  it("a call that has not returned shows as such", function()
    if pool then return end -- there the worker waits for all its clients
    local client = server:client()
    client:send "GET /events HTTP/1.1\r\nHost: a\r\n\r\n"
    local id
    repeat id = client:receive "*l":match "^data: (%x+)" until id
    local trace = server:trace(id)
    for _ = 1, 100 do
      if trace.text:find "ppoll%(.*<unfinished %.%.%.>\n$" then break end
      trace = server:trace(id)
    end
    assert.truthy(trace.text:find "ppoll%(%[{fd=%d+, events=[%u|]+}.*<unfinished %.%.%.>\n$", trace.text)
    client:close()
  end)

  it("what an ended client has done can still be read", function()
    local ids = {}
    for i = 1, 20 do ids[i] = id_of(server:get "/hello") end
    for i = 1, 20 do assert.truthy(server:trace(ids[i]), "request " .. i) end
  end)

  it("says so when there is nothing to show", function()
    local none, response = server:trace "0123456789abcdef"
    assert.is_nil(none)
    assert.equal(404, response.status)
    assert.truthy(response.body:find("0123456789abcdef", 1, true))
    assert.equal(404, server:get("/status/trace/%3Cscript%3E").status)
  end)

  it("is not shown to who comes through a proxy, or for another host", function()
    local id = id_of(server:get "/hello")
    for _, headers in ipairs { { Via = "1.1 x" }, { ["X-Forwarded-For"] = "127.0.0.1" },
      { Forwarded = "for=127.0.0.1" }, { ["X-Forwarded-Proto"] = "https" }, { Host = "evil.example" }, { Host = "127.0.0.1.evil.example:80" } } do
      local response = server:request { path = "/status/trace/" .. id, headers = headers }
      assert.equal(403, response.status)
      assert.is_nil(response.body:find "read%(")
    end
    assert.truthy(server:raw("GET /status/trace/" .. id .. " HTTP/1.0\r\nHost: localhost\r\n\r\n"):find "^HTTP/1.1 403 ")
    assert.equal(200, server:request({ path = "/status/trace/" .. id, headers = { Host = "localhost" } }).status)
    assert.equal(200, server:request({ path = "/status/trace/" .. id, headers = { Host = "[::1]:3000" } }).status)
  end)

  it("is not shown to who comes from a proxy that is trusted", function()
    local other = start { trusted_proxies = { "127.0.0.1" } }
    assert.equal(403, other:get("/status/trace/" .. id_of(other:get "/hello")).status)
    other:stop()
  end)

  it("bytes that are no text come out escaped", function()
    local id = server:raw('G\1\0009 "\\\255\tx /\r\n\r\n'):match "X%-Request%-Id: (%x+)"
    assert.truthy(server:trace(id).text:find([[, "G\1\0009 \"\\\377\tx /\r\n\r\n", ]], 1, true), server:trace(id).text)
  end)

  it("goes on with what is reloaded", function()
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation 2")
    assert.equal("read write", (names_of { path = "/hello" }))
  end)

  it("keeps the last calls alone of a long request", function()
    local client = server:client { timeout = 20 }
    local trace = server:trace(id_of(client:request { path = "/many" }))
    local most = pool and 8191 or 127
    assert.truthy(#trace <= most, #trace)
    assert.equal("write", trace[#trace].name)
    client:close()
  end)

  describe("at the command line", function()
    local function trace(...)
      local arguments = table.concat({ ... }, " ")
      local binary = os.getenv "LUASERVE" or "./luaserve"
      local pipe = io.popen(binary .. " trace " .. arguments .. " 2>&1; echo $?")
      local text = pipe:read "a"
      pipe:close()
      return text:match "^(.-)(%d+)\n$"
    end

    it("shows the same", function()
      local id = id_of(server:get "/hello")
      server:trace(id)
      local text, code = trace(id, "--port", server.port, server.dir .. "/config.lua")
      assert.equal("0", code, text)
      assert.truthy(text:find 'read%(%d+, "GET /hello HTTP/1%.1')
    end)

    it("says what is wrong", function()
      local config = server.dir .. "/config.lua"
      local text, code = trace("0123456789abcdef", "--port", server.port, config)
      assert.equal("69", code)
      assert.truthy(text:find("nothing is recorded", 1, true), text)
      for words, expected in pairs {
        [""] = { "64", "wants the id of a request" },
        ["xyz " .. config] = { "64", 'expected an id of 16 hexadecimal digits (X-Request-Id), found "xyz"' },
        ["0123456789abcdef " .. config] = { "64", "port 0 is any free one" },
        ["0123456789abcdef --port 1 --set status=false " .. config] = { "78", "`status`, which is false: set status = \"/status\" and trace = true" },
        ["0123456789abcdef --port 1 " .. config] = { "69", "cannot ask the server: connection refused" },
      } do
        text, code = trace(words)
        assert.equal(expected[1], code, words .. ": " .. text)
        assert.truthy(text:find(expected[2], 1, true), text)
      end
    end)
  end)

  it("is silent, and says so, where trace is false", function()
    local other = start { trace = false }
    local none, response = other:trace(id_of(other:get "/hello"))
    assert.is_nil(none)
    assert.equal(404, response.status)
    assert.truthy(response.body:find "trace = false")
    other:stop()
  end)
end)
