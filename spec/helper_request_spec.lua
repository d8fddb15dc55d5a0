-- What luaserve.spec sends, as a server sees it, and what it makes of the answer.
local spec = require "luaserve.spec"

describe("a request of luaserve.spec", function()
  local server

  setup(function()
    server = spec.start { scripts = { ["seen.lua"] = [[
      local app = require "luaserve"
      app:any("/seen", function(req)
        return { text = req.target .. "\n" .. (req.headers["content-type"] or "") .. "\n" .. req:body() }
      end)
      app:any("/field/:name", function(req) return { text = req.headers[req.params.name] or "none" } end)
    ]] } }
  end)

  teardown(function() server:stop() end)

  local function seen(options)
    local target, content_type, body = server:post("/seen", options).body:match "^([^\n]*)\n([^\n]*)\n(.*)$"
    return { target = target, type = content_type, body = body }
  end

  local function field(name, options) return server:get("/field/" .. name, options).body end

  local function fault(options)
    local fine, message = pcall(server.post, server, "/seen", options)
    assert.is_false(fine)
    return message
  end

  it("carries a value as JSON", function()
    local it = seen { json = { list = { 1, 2 } } }
    assert.same({ "application/json", '{"list":[1,2]}' }, { it.type, it.body })
  end)

  it("carries false as JSON as well", function()
    assert.equal("false", seen { json = false }.body)
  end)

  it("carries a form, its names in order, a list as one name several times", function()
    local it = seen { form = { tags = { "x", "y z" }, a = 1, ["n&m"] = "=+%\195\164" } }
    assert.same({ "application/x-www-form-urlencoded", "a=1&n%26m=%3D%2B%25%C3%A4&tags=x&tags=y+z" }, { it.type, it.body })
  end)

  it("carries fields and files as multipart", function()
    local it = seen { multipart = { field = "text", file = { filename = 'a"b.png', type = "image/png", body = "\0\r\n" } } }
    local boundary = assert(it.type:match "^multipart/form%-data; boundary=([%w-]+)$", it.type)
    assert.equal(table.concat({
      "--" .. boundary, 'Content-Disposition: form-data; name="field"', "", "text",
      "--" .. boundary, 'Content-Disposition: form-data; name="file"; filename="a%22b.png"', "Content-Type: image/png", "",
      "\0\r\n",
      "--" .. boundary .. "--", "" }, "\r\n"), it.body)
  end)

  it("carries several parts of one name, files among them", function()
    local it = seen { multipart = { a = { "1", { filename = "a.bin", body = "2" } } } }
    local _, count = it.body:gsub('name="a"', "")
    assert.equal(2, count)
    assert.truthy(it.body:find("Content-Type: application/octet-stream\r\n\r\n2\r\n", 1, true), it.body)
  end)

  it("takes a boundary that does not occur in the content", function()
    local usual = seen({ multipart = { a = "1" } }).type:match "boundary=(.*)"
    local it = seen { multipart = { a = "1\r\n--" .. usual .. "--\r\n" } }
    assert.not_equal(usual, it.type:match "boundary=(.*)")
  end)

  it("sends a list of chunks as chunks", function()
    local chunks = { "a\0b", ("x"):rep(20), "end" }
    assert.equal(table.concat(chunks), seen({ chunks = chunks }).body)
    assert.equal("chunked", server:post("/field/transfer-encoding", { chunks = chunks }).body)
    assert.equal("none", server:post("/field/content-length", { chunks = chunks }).body)
  end)

  it("adds a query to the path", function()
    assert.equal("/seen?a=1&b=x%20y&b=%26", seen({ query = { b = { "x y", "&" }, a = 1 } }).target)
    assert.equal("/seen?z=0&a=1", server:get("/seen?z=0", { query = { a = 1 } }).body:match "[^\n]*")
  end)

  it("carries cookies", function()
    assert.equal("a=1; b=two", field("cookie", { cookies = { b = "two", a = 1 } }))
  end)

  it("says who asks", function()
    assert.equal("Basic QWxhZGRpbjpvcGVuOnNlc2FtZQ==", field("authorization", { auth = { "Aladdin", "open:sesame" } }))
  end)

  it("has a line for each value of a field", function()
    local client = server:client()
    local sent = {}
    client.send = function(_, bytes) sent[#sent + 1] = bytes end
    client.receive_response = function() end
    client:get("/", { headers = { ["X-A"] = { "1", 2 }, ["X-B"] = "3" } })
    client:close()
    assert.truthy(sent[1]:find("\r\nX-A: 1\r\nX-A: 2\r\nX-B: 3\r\n", 1, true), sent[1])
  end)

  it("leaves a field that was given as it is", function()
    assert.equal("text/x", seen({ json = 1, headers = { ["content-TYPE"] = "text/x" } }).type)
  end)

  it("has one body", function()
    assert.truthy(fault({ json = 1, form = {} }):find("both json and form: a request has one body", 1, true))
  end)

  it("has no option that nobody knows; the message lists those that there are", function()
    local message = fault { headesr = {} }
    assert.truthy(message:find("server:post: unknown option 'headesr' (known: auth, body, chunks, cookies, form, headers, " ..
      "json, multipart, query, timeout)", 1, true), message)
  end)

  it("has no option of the wrong type", function()
    assert.truthy(fault({ query = "a=1" }):find("server:post: query: expected a table, got a string", 1, true))
  end)

  it("has no chunk that would end it", function()
    assert.truthy(fault({ chunks = { "a", "" } }):find("chunks: 2: an empty one", 1, true))
  end)

  it("has no cookie that would be two", function()
    assert.truthy(fault({ cookies = { a = "1; b=2" } }):find("cookies: a: neither ';'", 1, true))
  end)

  it("has no file without a body", function()
    assert.truthy(fault({ multipart = { a = { filename = "a" } } }):find("multipart: a: a file has a body", 1, true))
  end)

  it("that is wrong is told where the caller wrote it", function()
    local info
    local _, message = pcall(function()
      info = debug.getinfo(1, "Sl")
      local response = server:get("/seen", { json = print })
      return response
    end)
    local expected = info.short_src .. ":" .. info.currentline + 1 .. ": json: "
    assert.equal(expected, message:sub(1, #expected))
  end)

  it("goes over a connection that stays open in the same words", function()
    local client = server:client()
    assert.equal("/seen?a=1\n\nb", client:post("/seen", { query = { a = 1 }, body = "b" }).body)
    assert.equal("/seen\n\n", client:get("/seen").body)
    client:close()
  end)
end)

describe("a response of luaserve.spec", function()
  local server

  setup(function()
    server = spec.start { scripts = { ["given.lua"] = [[
      local app = require "luaserve"
      app:get("/json", function() return { json = { list = { 1, "two" }, empty = app.json.array {} } } end)
      app:get("/bytes", function(req) return { body = req.query.b } end)
      app:get("/cookies", function() return { text = "", headers = { ["Set-Cookie"] = {
        "a=1; Path=/x; Max-Age=60; HttpOnly; SameSite=Lax", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure",
        "c=x=y ;domain=example.org; Name=no; Partitioned", "a=2" } } } end)
    ]] } }
  end)

  teardown(function() server:stop() end)

  it("is read as JSON", function()
    assert.same({ list = { 1, "two" }, empty = {} }, server:get("/json").json)
  end)

  it("that is no JSON says so, with what came", function()
    for _, body in ipairs { "oops", "[1] x", "" } do
      local fine, message = pcall(function() return server:get("/bytes", { query = { b = body } }).json end)
      assert.is_false(fine)
      assert.truthy(message:find("the body is no JSON: .* %(status 200, application/octet%-stream%): \"" ..
        body:gsub("%p", "%%%0") .. '"'), message)
    end
  end)

  it("has its fields by name in any case", function()
    local headers = server:get("/json").headers
    assert.equal("application/json", headers["content-type"])
    assert.equal("application/json", headers["Content-Type"])
    assert.is_nil(headers["X-None"])
  end)

  it("has the values of all lines of a name", function()
    local response = server:get "/cookies"
    assert.equal(4, #response:header_values "set-cookie")
    assert.equal("a=2", response:header_values("Set-Cookie")[4])
    assert.same({}, response:header_values "X-None")
  end)

  it("has its cookies", function()
    assert.same({ a = "2", b = "", c = "x=y" }, server:get("/cookies").cookies)
  end)

  it("has a cookie with its attributes", function()
    local response = server:get "/cookies"
    assert.same({ name = "a", value = "2" }, response:cookie "a")
    assert.same({ name = "a", value = "1", path = "/x", max_age = 60, http_only = true, same_site = "Lax" },
      response:set_cookies()[1])
    assert.same({ name = "b", value = "", expires = "Thu, 01 Jan 1970 00:00:00 GMT", secure = true }, response:cookie "b")
    assert.same({ name = "c", value = "x=y", domain = "example.org", partitioned = true }, response:cookie "c")
    assert.is_nil(response:cookie "d")
  end)

  describe("without dkjson", function()
    local dkjson

    local function absent() error "not here" end

    before_each(function()
      dkjson, package.loaded.dkjson, package.preload.dkjson = package.loaded.dkjson, nil, absent
      package.preload.cjson = absent
    end)

    after_each(function()
      package.loaded.dkjson, package.preload.dkjson, package.preload.cjson = dkjson, nil, nil
      package.loaded.cjson = nil
    end)

    it("names what to install, for JSON alone", function()
      local response = server:get "/json"
      assert.equal(200, response.status)
      local fine, message = pcall(function() return response.json end)
      assert.is_false(fine)
      assert.truthy(message:find("lua-dkjson", 1, true), message)
    end)

    it("is read by cjson, in which null is nothing as well", function()
      local null = io.stdout
      package.preload.cjson = function()
        return { null = null, decode = function() return { a = null, b = { 1, null } } end }
      end
      assert.same({ b = { 1 } }, server:get("/json").json)
    end)
  end)
end)
