local spec = require "luaserve.spec"

local function gunzip(bytes)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  local pipe = io.popen("gzip -dc < " .. path)
  local text = pipe:read "*a"
  pipe:close()
  os.remove(path)
  return text
end

describe("compressed siblings", function()
  local server

  setup(function()
    server = spec.start {
      www = {
        ["app.js"] = "plain", ["app.js.br"] = "as br", ["app.js.gz"] = "as gzip",
        ["only.css"] = "plain", ["only.css.gz"] = "as gzip",
        ["old.css"] = "new", ["old.css.gz"] = "of old",
        ["photo.png"] = "plain", ["photo.png.gz"] = "as gzip",
        ["index.html"] = "plain", ["index.html.br"] = "as br",
      },
    }
    assert(os.execute(string.format("cd '%s/www' && touch -d '2020-01-01' * && " ..
      "touch -d '2001-01-01' old.css.gz", server.dir)))
  end)
  teardown(function() server:stop() end)

  local function get(path, accepted, headers)
    headers = headers or {}
    headers["Accept-Encoding"] = accepted
    return server:get(path, { headers = headers })
  end

  it("goes by the weights of Accept-Encoding", function()
    for accepted, expected in pairs {
      ["gzip, deflate, br"] = "as br", ["br;q=0.5, gzip"] = "as gzip", ["gzip"] = "as gzip",
      ["x-gzip"] = "as gzip", ["*"] = "as br", ["br;q=0, *"] = "as gzip", ["identity"] = "plain",
      ["br;q=0.2, identity"] = "plain", ["gzip;q=0"] = "plain", ["deflate"] = "plain",
      ["BR"] = "as br", ["br;q=2"] = "plain", ["br ; q=1.000"] = "as br", [""] = "plain",
      ["identity;q=0"] = "plain",
    } do
      assert.equal(expected, get("/app.js", accepted).body, accepted)
    end
    assert.equal("plain", get("/app.js").body)
  end)

  it("names the coding, keeps the type, and says what it went by", function()
    local br, plain = get("/app.js", "br"), get "/app.js"
    assert.equal("br", br.headers["content-encoding"])
    assert.is_nil(plain.headers["content-encoding"])
    assert.equal("text/javascript; charset=utf-8", br.headers["content-type"])
    assert.equal("Accept-Encoding", br.headers.vary)
    assert.equal("Accept-Encoding", plain.headers.vary)
    assert.not_equal(br.headers.etag, plain.headers.etag)
    assert.equal(304, get("/app.js", "br", { ["If-None-Match"] = br.headers.etag }).status)
    assert.equal("Accept-Encoding", get("/app.js", "br", { ["If-None-Match"] = "*" }).headers.vary)
    assert.equal(200, get("/app.js", "br", { ["If-None-Match"] = plain.headers.etag }).status)
  end)

  it("takes the next best when the best is not there", function()
    assert.equal("as gzip", get("/only.css", "br, gzip;q=0.1").body)
    assert.equal("plain", get("/only.css", "br").body)
  end)

  it("serves ranges of the compressed bytes", function()
    local response = get("/app.js", "gzip", { Range = "bytes=3-" })
    assert.equal("gzip", response.body)
    assert.equal("bytes 3-6/7", response.headers["content-range"])
  end)

  it("holds for the index of a folder", function()
    assert.equal("as br", get("/", "br").body)
    assert.equal("text/html; charset=utf-8", get("/", "br").headers["content-type"])
  end)

  it("passes over a sibling that is older than the file", function()
    assert.equal("new", get("/old.css", "gzip").body)
  end)

  it("does not look for siblings of what is compressed already", function()
    local response = get("/photo.png", "gzip")
    assert.equal("plain", response.body)
    assert.is_nil(response.headers.vary)
  end)

  it("serves a sibling under its own name as what it is", function()
    local response = get("/app.js.gz", "gzip")
    assert.equal("application/gzip", response.headers["content-type"])
    assert.is_nil(response.headers["content-encoding"])
  end)

  it("leaves what is small or not asked for alone when nothing is configured", function()
    assert.is_nil(get("/index.html", "gzip").headers["content-encoding"])
  end)
end)

describe("compress = true", function()
  local server
  local text = {}
  for i = 1, 60000 do text[i] = "line " .. i * 7919 % 10007 end
  text = table.concat(text, "\n")

  setup(function()
    server = spec.start {
      config = { compress = true },
      www = { ["big.txt"] = text, ["small.txt"] = "short", ["a.css"] = text, ["a.css.gz"] = "sibling",
        ["photo.png"] = text },
      scripts = { ["app.lua"] = [[
        local app = require "luaserve"
        app:get("/file", function() return { file = "big.txt" } end)
      ]] },
    }
  end)
  teardown(function() server:stop() end)

  local function get(path, headers, method)
    headers = headers or {}
    headers["Accept-Encoding"] = headers["Accept-Encoding"] or "gzip, br"
    return server:request { method = method, path = path, headers = headers }
  end

  it("compresses text while it is sent, and goes on with the connection", function()
    local client = server:client()
    for _ = 1, 2 do
      local response = client:request { path = "/big.txt", headers = { ["Accept-Encoding"] = "gzip" } }
      assert.equal("gzip", response.headers["content-encoding"])
      assert.equal("Accept-Encoding", response.headers.vary)
      assert.is_true(#response.body < #text / 2)
      assert.is_true(text == gunzip(response.body))
    end
    client:close()
  end)

  it("has a weak entity-tag of its own, and no ranges", function()
    local packed = get "/big.txt"
    local plain = get("/big.txt", { ["Accept-Encoding"] = "identity" })
    assert.equal("W/" .. plain.headers.etag, packed.headers.etag)
    assert.is_nil(packed.headers["accept-ranges"])
    assert.equal(304, get("/big.txt", { ["If-None-Match"] = packed.headers.etag }).status)
    local part = get("/big.txt", { Range = "bytes=0-3" })
    assert.equal("line", part.body)
    assert.is_nil(part.headers["content-encoding"])
    assert.equal(200, get("/big.txt", { Range = "bytes=0-3", ["If-Range"] = packed.headers.etag }).status)
  end)

  it("leaves alone what is small, compressed, not wanted, or has a sibling", function()
    assert.equal("short", get("/small.txt").body)
    assert.is_nil(get("/photo.png").headers["content-encoding"])
    assert.equal(text, get("/big.txt", { ["Accept-Encoding"] = "gzip;q=0" }).body)
    assert.equal(text, get("/big.txt", { ["Accept-Encoding"] = "br" }).body)
    assert.equal("sibling", get("/a.css").body)
  end)

  it("says to HEAD what it says to GET", function()
    local head, got = get("/big.txt", nil, "HEAD"), get "/big.txt"
    for _, name in ipairs { "content-encoding", "etag", "vary", "content-type", "transfer-encoding" } do
      assert.equal(got.headers[name], head.headers[name], name)
    end
  end)

  it("sends it to a 1.0 client up to the end of the connection", function()
    local answer = server:raw "GET /big.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n"
    local head, body = answer:match "^(.-\r\n\r\n)(.*)$"
    assert.is_nil(head:match "Transfer%-Encoding")
    assert.is_true(text == gunzip(body))
  end)

  it("compresses a file that a handler names", function()
    assert.is_true(text == gunzip(get("/file").body))
  end)
end)
