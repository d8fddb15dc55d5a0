local spec = require "luaserve.spec"

describe("static files", function()
  local server
  local big = {}
  for i = 1, 40000 do big[i] = string.format("%08d\n", i) end
  big = table.concat(big)

  setup(function()
    server = spec.start {
      www = {
        ["index.html"] = "<p>front</p>", ["a.css"] = "p{}", ["sub/index.html"] = "<p>sub</p>",
        ["sub/x y.txt"] = "blank", ["big.bin"] = big, ["empty.txt"] = "", [".secret"] = "no",
        [".well-known/ok.txt"] = "yes", ["both"] = "from www", ["bare/file.txt"] = "x",
      },
      scripts = { ["app.lua"] = [[
        local app = require "luaserve"
        app:get("/both", function() return "from a route" end)
        app:get("/next", function() return app.next end)
        app:get("/send", function() return { file = "a.css" } end)
      ]] },
    }
    os.execute(string.format("cd '%s/www' && mkfifo fifo && ln -s a.css link.css && " ..
      "ln -s /etc/passwd outside && ln -s ../config.lua up && printf x >denied && chmod 000 denied",
      server.dir))
  end)
  teardown(function() server:stop() end)

  it("serves files with their type and length", function()
    local response = server:get "/a.css"
    assert.equal(200, response.status)
    assert.equal("p{}", response.body)
    assert.equal("text/css; charset=utf-8", response.headers["content-type"])
    assert.equal("3", response.headers["content-length"])
    assert.equal("", server:get("/empty.txt").body)
    assert.equal("blank", server:get("/sub/x%20y.txt").body)
  end)

  it("serves index.html for a folder, and redirects to the slash", function()
    assert.equal("<p>front</p>", server:get("/").body)
    assert.equal("<p>sub</p>", server:get("/sub/").body)
    local response = server:get "/sub?q=1"
    assert.equal(301, response.status)
    assert.equal("/sub/?q=1", response.headers.location)
    assert.equal(404, server:get("/bare/").status)
  end)

  it("sends a large file whole", function()
    local response = server:get "/big.bin"
    assert.equal(#big, #response.body)
    assert.equal(big, response.body)
  end)

  it("answers 304 to the validators it gave", function()
    local first = server:get "/a.css"
    local etag, date = first.headers.etag, first.headers["last-modified"]
    assert.truthy(etag:match '^".+"$')
    local by_etag = server:get("/a.css", { headers = { ["If-None-Match"] = '"x", ' .. etag } })
    assert.equal(304, by_etag.status)
    assert.equal("", by_etag.body)
    assert.equal(etag, by_etag.headers.etag)
    assert.equal(304, server:get("/a.css", { headers = { ["If-Modified-Since"] = date } }).status)
    assert.equal(200, server:get("/a.css", { headers = { ["If-None-Match"] = '"x"' } }).status)
    assert.equal(412, server:get("/a.css", { headers = { ["If-Match"] = '"x"' } }).status)
  end)

  it("finds a changed file changed", function()
    local before = server:get("/a.css").headers.etag
    local file = assert(io.open(server.dir .. "/www/a.css", "w"))
    file:write "q{}"
    file:close()
    local after = server:get("/a.css", { headers = { ["If-None-Match"] = before } })
    assert.equal(200, after.status)
    assert.equal("q{}", after.body)
  end)

  it("follows links inside and none that lead out", function()
    assert.equal(200, server:get("/link.css").status)
    assert.equal(404, server:get("/outside").status)
    assert.equal(404, server:get("/up").status)
  end)

  it("finds no way out of the root", function()
    for _, path in ipairs { "/../config.lua", "/%2e%2e/config.lua", "/sub/../../config.lua",
      "/..%2fconfig.lua", "/sub%2findex.html" } do
      local answer = server:raw("GET " .. path .. " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      assert.equal("404", answer:match "^HTTP/1%.1 (%d%d%d)", path)
    end
  end)

  it("keeps files whose names begin with a dot to itself, but for /.well-known/", function()
    assert.equal(404, server:get("/.secret").status)
    assert.equal("yes", server:get("/.well-known/ok.txt").body)
  end)

  it("answers 404 for a FIFO at once", function()
    assert.equal(404, server:get("/fifo").status)
  end)

  it("answers 404 for a device and 403 without permission", function()
    if not os.execute("mknod '" .. server.dir .. "/www/null' c 1 3 2>/dev/null") then
      assert.equal(403, server:get("/denied").status) -- only root makes devices, and reads all files
      return
    end
    assert.equal(404, server:get("/null").status)
  end)

  -- Asks for a file of 50 MB and has read a little of it when `change` runs; all that came.
  local function read_while(change)
    local path = server.dir .. "/www/moving.bin"
    assert(os.execute(string.format("head -c 50000000 /dev/zero | tr '\\0' a > '%s'", path)))
    local client = server:client()
    client:send "GET /moving.bin HTTP/1.1\r\nHost: x\r\n\r\n"
    local head = {}
    repeat head[#head + 1] = client:receive "*l" until head[#head] == ""
    assert.truthy(table.concat(head, "\n"):find "Content%-Length: 50000000")
    local first = client:receive(100000)
    change(path)
    local rest, _, partial = client.socket:receive(50000000 - 100000)
    client:close()
    return first .. (rest or partial)
  end

  it("cuts the connection when a file has become shorter, and pads nothing", function()
    local got = read_while(function(path) os.execute("truncate -s 1000000 '" .. path .. "'") end)
    assert.is_true(#got < 50000000)
    assert.equal(200, server:get("/a.css").status)
  end)

  it("sends the whole of a file that another has taken the place of", function()
    local got = read_while(function(path)
      os.execute(string.format("echo new > '%s.tmp' && mv '%s.tmp' '%s'", path, path, path))
    end)
    assert.equal(50000000, #got)
    assert.is_nil(got:find "[^a]")
    assert.equal("new\n", server:get("/moving.bin").body)
  end)

  it("lets routes go first, and serves a file where a handler says app.next", function()
    assert.equal("from a route", server:get("/both").body)
    assert.equal(404, server:get("/next").status)
  end)

  it("sends a file that a handler names", function()
    local response = server:get "/send"
    assert.equal("text/css; charset=utf-8", response.headers["content-type"])
    assert.truthy(response.headers.etag)
  end)
end)
