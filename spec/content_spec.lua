-- What handlers read of a request: queries, repeated fields, forms, uploads, pieces of a body.
local spec = require "luaserve.spec"
local json = require("dkjson").decode

local function multipart(parts, boundary)
  local lines = {}
  for _, part in ipairs(parts) do
    lines[#lines + 1] = "--" .. (boundary or "b") .. "\r\nContent-Disposition: form-data; " .. part[1] ..
      (part.type and "\r\nContent-Type: " .. part.type or "") .. "\r\n\r\n" .. part[2] .. "\r\n"
  end
  return table.concat(lines) .. "--" .. (boundary or "b") .. "--\r\n"
end

local MULTIPART = { ["Content-Type"] = "multipart/form-data; boundary=b" }
local URLENCODED = { ["Content-Type"] = "application/x-www-form-urlencoded" }

local SCRIPT = [[
  local app = require "luaserve"
  app:any("/query", function(req)
    return { json = { first = req.query.a, all = app.json.array(req:queries "a") } }
  end)
  app:get("/headers", function(req)
    return { json = { first = req.headers.x, all = app.json.array(req:header_values "x") } }
  end)
  app:post("/form", function(req)
    return { json = { form = req:form(), a = app.json.array(req:form_values "a") } }
  end)
  app:post("/twice", function(req)
    req.form(req)
    return { json = req:form() }
  end)
  app:post("/read/:n", function(req)
    local sizes = {}
    for piece in function() return req:read(tonumber(req.params.n)) end do sizes[#sizes + 1] = piece end
    return { text = table.concat(sizes, "|") }
  end)
  app:post("/rest", function(req) return { text = tostring(req:read(2)) .. "+" .. req:body() } end)
  app:post("/parts", function(req)
    local list = {}
    for part in req:parts() do
      list[#list + 1] = { name = part.name, filename = part.filename, type = part.type, text = part:text() }
    end
    return { json = app.json.array(list) }
  end)
  app:post("/skip", function(req)
    local names = {}
    for part in req:parts() do names[#names + 1] = part.name end
    return table.concat(names, ",")
  end)
  app:post("/over", function(req)
    local next_part = req:parts()
    while next_part() do end
    return tostring(next_part()) .. " " .. tostring(req:read(5)) .. " " .. tostring(req:read(5))
  end)
  app:post("/late", function(req)
    local first
    for part in req:parts() do
      if first then return (select(2, pcall(first.text, first))) end
      first = part
    end
  end)
  app:post("/save", function(req)
    local results = {}
    for part in req:parts() do
      if part.filename then
        local bytes, why, code = part:save(req.headers["x-folder"] .. "/" .. part.filename)
        results[#results + 1] = bytes and { bytes } or { 0, why, code }
      end
    end
    return { json = app.json.array(results) }
  end)
  app:post("/huge", { body = "3G", cpu = "60s", wall = "60s" }, function(req)
    local function held()
      local status = io.open("/proc/self/status"):read "a"
      return tonumber(status:match "VmHWM:%s+(%d+)")
    end
    local before, bytes = held(), 0
    for part in req:parts() do
      for piece in part.read, part do bytes = bytes + #piece end
    end
    return { json = { bytes = bytes, grown = held() - before } }
  end)
  app:post("/big-form", { body = "100M", memory = "8M" }, function(req) return { json = req:form() } end)
  app:post("/big-body", { body = "100M", memory = "8M" }, function(req) return { json = #req:body() } end)
]]

describe("a request", function()
  local server
  setup(function()
    server = spec.start { config = { limits = { body = "256K" } }, scripts = { ["app.lua"] = SCRIPT } }
  end)
  teardown(function() server:stop() end)

  local function ask(path, body, headers)
    local response = server:post(path, { body = body, headers = headers })
    return response.status == 200 and json(response.body) or response.status, response
  end

  it("has the first value of a name in the query, and all of them", function()
    assert.are.same({ first = "1", all = { "1", "x y", "" } }, json(server:get("/query?a=1&b=2&a=x+y&a").body))
    assert.are.same({ all = {} }, json(server:get("/query").body))
  end)

  it("with a query that is none is a 400", function()
    for _, query in ipairs { "a=%zz", "a=%", "%ff=1", "a=%00", ("a&"):rep(1001) } do
      assert.are.equal(400, server:get("/query?" .. query).status)
    end
    assert.are.equal(200, server:get("/query?" .. ("a&"):rep(1000)).status)
  end)

  it("has the first field line of a name, and all of them", function()
    local answer = server:raw "GET /headers HTTP/1.1\r\nHost: x\r\nX: 1\r\nx: 2\r\nX: 3, 4\r\n\r\n"
    assert.are.same({ first = "1", all = { "1", "2", "3, 4" } }, json(answer:match "\r\n\r\n(.*)$"))
  end)

  it("has a form that is urlencoded", function()
    local got = ask("/form", "a=1&b=%C3%BC+x&a=2", URLENCODED)
    assert.are.same({ form = { a = "1", b = "ü x" }, a = { "1", "2" } }, got)
    assert.are.same({ form = {}, a = {} }, ask("/form", "", URLENCODED))
    assert.are.same({ form = {}, a = {} }, ask("/form", ""))
  end)

  it("has a form that is multipart, with its files", function()
    local got = ask("/form", multipart { { 'name="a"', "1" }, { "name=a", "2" },
      { 'name="f"; filename="C:\\dir\\x%22.txt"', "\0file", type = "text/plain" } }, MULTIPART)
    assert.are.same({ a = "1", f = { filename = 'x".txt', type = "text/plain", body = "\0file" } }, got.form)
    assert.are.same({ "1", "2" }, got.a)
  end)

  it("has the same form when it is asked for again", function()
    assert.are.same({ a = "1" }, ask("/twice", "a=1", URLENCODED))
  end)

  it("with another body than a form is a 415", function()
    assert.are.equal(415, ask("/form", "{}", { ["Content-Type"] = "application/json" }))
    assert.are.equal(415, ask("/parts", "a=1", URLENCODED))
  end)

  it("with a malformed form is a 400", function()
    assert.are.equal(400, ask("/form", "a=%zz", URLENCODED))
    assert.are.equal(400, ask("/form", multipart { { "name=a", "\255" } }, MULTIPART))
    assert.are.equal(400, ask("/form", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1", MULTIPART))
    assert.are.equal(400, ask("/form", "--c--", MULTIPART))
    assert.are.equal(400, ask("/form", "--b--", { ["Content-Type"] = "multipart/form-data" }))
  end)

  it("with too much in a form is a 413", function()
    local many = {}
    for i = 1, 1001 do many[i] = { "name=a", "" } end
    assert.are.equal(413, ask("/form", multipart(many), MULTIPART))
    assert.are.equal(413, ask("/form", multipart { { "name=a", ("x"):rep(300000) } }, MULTIPART))
    assert.are.equal(413, ask("/parts", multipart { { "name=" .. ("n"):rep(2000), "" } }, MULTIPART))
    assert.are.equal(413, ask("/big-form", multipart { { "name=a", ("x"):rep(3e6) } }, MULTIPART))
    assert.are.equal(413, ask("/big-body", ("x"):rep(9e6)))
    assert.are.equal(5e6, ask("/big-body", ("x"):rep(5e6)))
  end)

  it("that has been read gives nil", function()
    assert.are.equal("nil nil nil", select(2, ask("/over", multipart { { "name=a", "1" } }, MULTIPART)).body)
  end)

  it("is read in pieces", function()
    assert.are.equal("abc|def|g", select(2, ask("/read/3", "abcdefg")).body)
    assert.are.equal("", select(2, ask("/read/3", "")).body)
    assert.are.equal("ab+cdefg", select(2, ask("/rest", "abcdefg")).body)
    local chunked = server:raw("POST /read/4 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "3\r\nabc\r\n3\r\ndef\r\n1\r\ng\r\n0\r\n\r\n")
    assert.are.equal("abcd|efg", chunked:match "\r\n\r\n(.*)$")
  end)

  it("gives its parts one by one", function()
    local got = ask("/parts", multipart { { "name=a", "1" }, { 'name=f; filename="x"', "two", type = "a/b" },
      { 'name=""; filename=""', "" } }, MULTIPART)
    assert.are.same({ { name = "a", text = "1" }, { name = "f", filename = "x", type = "a/b", text = "two" },
      { name = "", filename = "", text = "" } }, got)
  end)

  it("gives parts that come byte by byte", function()
    local body = multipart { { "name=a", "\r\n--\r\n--c" }, { "name=b", "2" } }
    local client = server:client()
    client:send("POST /parts HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n" ..
      "Content-Length: " .. #body .. "\r\n\r\n")
    for byte in body:gmatch "." do client:send(byte) end
    assert.are.same({ { name = "a", text = "\r\n--\r\n--c" }, { name = "b", text = "2" } },
      json(client:receive_response().body))
    client:close()
  end)

  it("passes over parts that are not read, and keeps to the one at hand", function()
    local body = multipart { { "name=a", ("x"):rep(200000) }, { "name=b", "2" }, { "name=c", "" } }
    assert.are.equal("a,b,c", select(2, ask("/skip", body, MULTIPART)).body)
    assert.truthy(select(2, ask("/late", body, MULTIPART)).body:find("this part is over", 1, true))
  end)

  it("saves parts as files, and overwrites none", function()
    local folder = server.dir .. "/uploads"
    os.execute("mkdir " .. folder)
    local headers = { ["Content-Type"] = MULTIPART["Content-Type"], ["X-Folder"] = folder }
    local body = multipart { { 'name=f; filename="one"', ("x"):rep(200000) }, { 'name=f; filename="two"', "" },
      { 'name=f; filename="one"', "again" }, { 'name=f; filename="../up"', "up" } }
    local got = ask("/save", body, headers)
    assert.are.same({ 200000 }, got[1])
    assert.are.same({ 0 }, got[2])
    assert.are.same({ 0, folder .. "/one: File exists", 17 }, got[3])
    assert.are.same({ 2 }, got[4])
    local file = assert(io.open(folder .. "/one"))
    assert.are.equal(("x"):rep(200000), file:read "a")
    file:close()
    assert.truthy(io.open(folder .. "/up"))
  end)

  it("that breaks off leaves no file behind", function()
    local folder = server.dir .. "/broken"
    os.execute("mkdir " .. folder)
    local body = multipart { { 'name=f; filename="one"', ("x"):rep(200000) } }
    local answer = server:raw("POST /save HTTP/1.1\r\nHost: x\r\nX-Folder: " .. folder ..
      "\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: " .. #body .. "\r\n\r\n" ..
      body:sub(1, 150000))
    assert.truthy(answer:find "^HTTP/1.1 400")
    assert.is_nil(io.open(folder .. "/one"))
  end)

  it("of 2 GB goes through req:parts in constant memory", function()
    local head, tail = "--b\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n", "\r\n--b--"
    local piece, count = ("0123456789abcde\n"):rep(65536), 2048
    local client = server:client { timeout = 60 }
    client:send("POST /huge HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n" ..
      "Content-Length: " .. #head + #tail + #piece * count .. "\r\n\r\n" .. head)
    for _ = 1, count do client:send(piece) end
    client:send(tail)
    local got = json(client:receive_response().body)
    assert.are.equal(#piece * count, got.bytes)
    local sanitized = os.getenv "ASAN_OPTIONS" -- which keeps what was freed for a while
    assert.truthy(sanitized or got.grown < 4096, "grown by " .. got.grown .. " KiB")
    client:close()
  end)
end)
