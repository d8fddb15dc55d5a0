local spec = require "luaserve.spec"

describe("ranges of a file", function()
  local server
  local big = {}
  for i = 1, 40000 do big[i] = string.format("%08d\n", i) end
  big = table.concat(big)
  local SPARSE = 5 * 2 ^ 30 -- bytes

  setup(function()
    server = spec.start {
      www = { ["ten.txt"] = "0123456789", ["big.bin"] = big, ["empty.txt"] = "" },
      scripts = { ["app.lua"] = [[
        local app = require "luaserve"
        app:get("/file", function() return { file = "ten.txt" } end)
        app:get("/created", function() return { status = 201, file = "ten.txt" } end)
      ]] },
    }
    local file = assert(io.open(server.dir .. "/www/sparse.bin", "wb"))
    file:seek("set", SPARSE - 4)
    file:write "last"
    file:close()
  end)
  teardown(function() server:stop() end)

  local function get(path, range, headers)
    headers = headers or {}
    headers.Range = range
    return server:get(path, { headers = headers })
  end

  -- The parts of a multipart/byteranges body: { { range, bytes, type }, … }
  local function parts_of(response)
    local boundary = response.headers["content-type"]:match "^multipart/byteranges; boundary=(%w+)$"
    assert.truthy(boundary)
    local parts, rest = {}, response.body
    assert.equal("--" .. boundary .. "--\r\n", rest:sub(-#boundary - 6))
    local first = true
    while true do
      local head = (first and "" or "\r\n") .. "--" .. boundary .. "\r\n"
      if rest:sub(1, #head) ~= head then break end
      local fields, behind = rest:sub(#head + 1):match "^(.-\r\n)\r\n(.*)$"
      local from, to = fields:match "Content%-Range: bytes (%d+)%-(%d+)/%d+\r\n"
      local len = to - from + 1
      parts[#parts + 1] = { from .. "-" .. to, behind:sub(1, len),
        fields:match "Content%-Type: (.-)\r\n" }
      rest, first = behind:sub(len + 1), false
    end
    assert.equal("\r\n--" .. boundary .. "--\r\n", rest)
    return parts
  end

  it("announces that ranges can be had", function()
    assert.equal("bytes", server:get("/ten.txt").headers["accept-ranges"])
  end)

  it("sends what is asked for, with its place in the whole", function()
    for range, expected in pairs {
      ["bytes=2-4"] = { "234", "2-4" }, ["bytes=7-"] = { "789", "7-9" },
      ["bytes=-2"] = { "89", "8-9" }, ["bytes=-99"] = { "0123456789", "0-9" },
      ["bytes=8-99"] = { "89", "8-9" }, ["BYTES=0-0"] = { "0", "0-0" },
      ["bytes=0-99999999999999999999999999"] = { "0123456789", "0-9" },
    } do
      local response = get("/ten.txt", range)
      assert.equal(206, response.status, range)
      assert.equal(expected[1], response.body, range)
      assert.equal("bytes " .. expected[2] .. "/10", response.headers["content-range"], range)
      assert.equal(tostring(#expected[1]), response.headers["content-length"], range)
      assert.equal("text/plain; charset=utf-8", response.headers["content-type"])
      assert.truthy(response.headers.etag)
      assert.truthy(response.headers["last-modified"])
    end
  end)

  it("answers 416 with the length when nothing of it is there", function()
    for _, range in ipairs { "bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999-" } do
      local response = get("/ten.txt", range)
      assert.equal(416, response.status, range)
      assert.equal("bytes */10", response.headers["content-range"], range)
    end
    assert.equal(416, get("/empty.txt", "bytes=0-").status)
  end)

  it("sends the whole where the field cannot be read, or is not for it", function()
    for _, range in ipairs { "bytes", "bytes=", "bytes=a-b", "bytes=4-2", "bytes=1-2;3-4", "lines=1-2",
      "bytes=1", "bytes=--1", "bytes=0x1-0x2" } do
      local response = get("/ten.txt", range)
      assert.equal(200, response.status, range)
      assert.equal("0123456789", response.body, range)
      assert.is_nil(response.headers["content-range"], range)
    end
    assert.equal(200, get("/empty.txt", "bytes=-5").status)
    local head = server:request { method = "HEAD", path = "/ten.txt", headers = { Range = "bytes=1-2" } }
    assert.equal(200, head.status)
    assert.equal("10", head.headers["content-length"])
  end)

  it("sends several in one multipart answer, in the order asked for", function()
    local response = get("/ten.txt", "bytes=7-8, 0-0 ,-1")
    assert.equal(206, response.status)
    assert.same({ { "7-9", "789", "text/plain; charset=utf-8" },
      { "0-0", "0", "text/plain; charset=utf-8" } }, parts_of(response))
    assert.is_nil(response.headers["content-range"])
  end)

  it("sends several stretches of a large file from the file, and goes on behind them", function()
    local client = server:client()
    local ranges = { { 100000, 199999 }, { 0, 50000 }, { 300000, 300000 } }
    local asked = {}
    for i, r in ipairs(ranges) do asked[i] = r[1] .. "-" .. r[2] end
    local response = client:request { path = "/big.bin",
      headers = { Range = "bytes=" .. table.concat(asked, ",") } }
    local parts = parts_of(response)
    assert.equal(3, #parts)
    for i, r in ipairs(ranges) do
      assert.equal(asked[i], parts[i][1])
      assert.truthy(big:sub(r[1] + 1, r[2] + 1) == parts[i][2])
    end
    assert.equal("0123456789", client:request({ path = "/ten.txt" }).body)
    client:close()
  end)

  it("makes one of ranges that overlap or touch, so that none is sent twice", function()
    local response = get("/ten.txt", "bytes=0-3,2-5,6-6")
    assert.equal("bytes 0-6/10", response.headers["content-range"])
    assert.equal("0123456", response.body)
    local many = {}
    for i = 1, 1000 do many[i] = "0-" end
    response = get("/big.bin", "bytes=" .. table.concat(many, ","))
    assert.equal("bytes 0-359999/360000", response.headers["content-range"])
  end)

  it("sends the whole when more than sixteen parts are asked for", function()
    local some, more = {}, {}
    for i = 0, 15 do some[#some + 1] = i * 10 .. "-" .. i * 10 end
    for i = 0, 16 do more[#more + 1] = i * 10 .. "-" .. i * 10 end
    assert.equal(16, #parts_of(get("/big.bin", "bytes=" .. table.concat(some, ","))))
    assert.equal(200, get("/big.bin", "bytes=" .. table.concat(more, ",")).status)
  end)

  it("holds If-Range against the strong validators", function()
    local first = server:get "/ten.txt"
    local etag, date = first.headers.etag, first.headers["last-modified"]
    local function status(if_range) return get("/ten.txt", "bytes=0-1", { ["If-Range"] = if_range }).status end
    assert.equal(206, status(etag))
    assert.equal(206, status(date))
    assert.equal(200, status "\"other\"")
    assert.equal(200, status("W/" .. etag))
    assert.equal(200, status "Sun, 06 Nov 1994 08:49:37 GMT")
    assert.equal(200, status "yesterday")
    assert.equal(200, server:get("/ten.txt", { headers = { ["If-Range"] = etag } }).status)
  end)

  it("judges preconditions before ranges", function()
    local etag = server:get("/ten.txt").headers.etag
    assert.equal(304, get("/ten.txt", "bytes=99-", { ["If-None-Match"] = etag }).status)
    assert.equal(412, get("/ten.txt", "bytes=0-1", { ["If-Match"] = "\"other\"" }).status)
  end)

  it("serves ranges of a file that a handler names, where its status is 200", function()
    assert.equal("345", get("/file", "bytes=3-5").body)
    local created = get("/created", "bytes=3-5")
    assert.equal(201, created.status)
    assert.equal("0123456789", created.body)
  end)

  it("reaches beyond 4 GiB", function()
    local response = get("/sparse.bin", "bytes=-4")
    assert.equal("last", response.body)
    assert.equal(string.format("bytes %d-%d/%d", SPARSE - 4, SPARSE - 1, SPARSE),
      response.headers["content-range"])
    assert.equal("\0\0", get("/sparse.bin", "bytes=4294967295-4294967296").body)
    assert.equal(string.format("%d", SPARSE),
      server:request({ method = "HEAD", path = "/sparse.bin" }).headers["content-length"])
  end)
end)
