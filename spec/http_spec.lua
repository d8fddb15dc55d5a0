-- HTTP/1.1 as a client sees it: connections, pipelining, framing, refusals.
local spec = require "luaserve.spec"

local scripts = {
  ["app.lua"] = [[
    local app = require "luaserve"
    app:get("/hello", function() return "hello" end)
    app:get("/pid", function() return (io.open("/proc/self/stat"):read("n")) .. "" end)
    app:post("/echo", function(req) return { body = req:body() } end)
    app:post("/ignore", function() return "ignored" end)
    app:put("/thing/", function() return 204 end)
    app:get("/thing/", function() return "thing" end)
    app:get("/bare", function() return "bare" end)
    app:delete("/bare", function() return 204 end)
    app:get("/no-content", function() return { status = 204, text = "dropped" } end)
    app:get("/not-modified", function() return { status = 304, text = "dropped" } end)
    app:post("/change", function(req, res) req:body() res:write "not out yet" error "so this is a 500" end)
    app:get("/no-stream", function(_, res) res.status = 204 res:write "dropped" end)
  ]],
}

describe("HTTP", function()
  local server
  setup(function()
    server = spec.start {
      config = { limits = { body = "8K", request_line = 1024, headers = "4K", header_count = 20,
        requests_per_client = 50 } },
      scripts = scripts,
      www = { ["page.txt"] = "a page\n" },
    }
  end)
  teardown(function() server:stop() end)

  local function status(bytes)
    return tonumber(server:raw(bytes):match "^HTTP/1%.1 (%d%d%d) ")
  end

  local function statuses(bytes)
    local all = {}
    for code in server:raw(bytes):gmatch "HTTP/1%.1 (%d%d%d) " do all[#all + 1] = code end
    return table.concat(all, " ")
  end

  describe("connections", function()
    it("serves many requests on one, all by one process", function()
      local client, pids = server:client(), {}
      for _ = 1, 20 do pids[client:request({ path = "/pid" }).body] = true end
      client:close()
      assert.is_nil(next(pids, (next(pids))))
    end)

    it("closes after a request that says close", function()
      local answer = server:raw("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" ..
        "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
      assert.truthy(answer:find "\r\nConnection: close\r\n")
      assert.equal(1, select(2, answer:gsub("HTTP/1.1 200", "")))
    end)

    it("closes for 1.0, and stays for 1.0 with keep-alive", function()
      assert.equal("200", statuses "GET /hello HTTP/1.0\r\n\r\nGET /hello HTTP/1.0\r\n\r\n")
      local request = "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
      local answer = server:raw(request .. request)
      assert.equal(2, select(2, answer:gsub("HTTP/1.1 200", "")))
      assert.truthy(answer:find "\r\nConnection: keep%-alive\r\n")
    end)

    it("answers pipelined requests in order", function()
      local answer = server:raw("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\none." ..
        "GET /page.txt HTTP/1.1\r\nHost: x\r\n\r\n" ..
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntwo.\r\n0\r\n\r\n" ..
        "GET /none HTTP/1.1\r\nHost: x\r\n\r\n")
      local order = {}
      for part in answer:gmatch "\r\n\r\n(%a+)" do order[#order + 1] = part end
      assert.same({ "one", "a", "two" }, { order[1], order[2], order[3] })
      assert.truthy(answer:find("404 Not Found", 1, true))
    end)

    it("closes after limits.requests_per_client", function()
      local one = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
      local answer = server:raw(one:rep(60))
      assert.equal(50, select(2, answer:gsub("HTTP/1.1 200", "")))
    end)

    it("reads requests that come byte by byte", function()
      local client = server:client()
      for byte in ("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"):gmatch "." do client:send(byte) end
      assert.equal("hello", client:receive_response().body)
      client:close()
    end)
  end)

  describe("methods", function()
    it("answers HEAD like GET without the body", function()
      local get, head = server:get "/hello", server:head "/hello"
      assert.equal(200, head.status)
      assert.equal(get.headers["content-length"], head.headers["content-length"])
      assert.equal("", head.body)
      local raw = server:raw "HEAD /page.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      assert.truthy(raw:find "\r\nContent%-Length: 7\r\n")
      assert.equal("\r\n\r\n", raw:sub(-4))
    end)

    it("sends no content with 204 and 304, whatever a handler says", function()
      for path, code in pairs { ["/no-content"] = "204", ["/not-modified"] = "304", ["/no-stream"] = "204" } do
        local answer = server:raw("GET " .. path .. " HTTP/1.1\r\nHost: x\r\n\r\n" ..
          "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        local head, rest = answer:match "^(.-\r\n)\r\n(.*)$"
        assert.truthy(head:find("^HTTP/1.1 " .. code), path)
        assert.is_nil(head:find "Content%-Length", path)
        assert.is_nil(head:find "Transfer%-Encoding", path)
        assert.truthy(rest:find "^HTTP/1.1 200 ", path)
      end
    end)

    it("answers 405 with Allow where other methods are known", function()
      local response = server:post("/bare", { body = "x" })
      assert.equal(405, response.status)
      assert.equal("GET, HEAD, DELETE, OPTIONS", response.headers.allow)
      assert.equal(405, server:delete("/page.txt").status)
    end)

    it("answers OPTIONS, also for *", function()
      local response = server:options "/bare"
      assert.equal(204, response.status)
      assert.equal("GET, HEAD, DELETE, OPTIONS", response.headers.allow)
      assert.equal(204, status "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    end)

    it("answers 501 to CONNECT and to what no one knows", function()
      assert.equal(501, status "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n")
      assert.equal(501, status "BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n")
    end)
  end)

  describe("refusals", function()
    local function refused(code, bytes)
      local answer = server:raw(bytes)
      assert.equal(code, tonumber(answer:match "^HTTP/1%.1 (%d%d%d) "), bytes)
      assert.truthy(answer:find("\r\nConnection: close\r\n", 1, true), bytes)
      assert.equal(1, select(2, answer:gsub("HTTP/1%.1 %d%d%d ", "")), bytes)
    end
    local next_one = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
    local post = "POST /echo HTTP/1.1\r\nHost: x\r\n"

    it("answers 400 to a Host that is missing, doubled or invalid", function()
      refused(400, "GET /hello HTTP/1.1\r\n\r\n" .. next_one)
      refused(400, "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" .. next_one)
      refused(400, "GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n" .. next_one)
    end)

    it("answers 400 to framing in doubt", function()
      refused(400, post .. "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd" .. next_one)
      refused(400, post .. "Content-Length: +3\r\n\r\nabc" .. next_one)
      refused(400, post .. "Content-Length: 99999999999999999999\r\n\r\n" .. next_one)
      refused(400, post .. "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" .. next_one)
      refused(400, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" .. next_one)
      refused(400, post .. "Transfer-Encoding: gzip\r\n\r\n" .. next_one)
      refused(501, post .. "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" .. next_one)
    end)

    it("answers 400 to lines that are none", function()
      refused(400, "GET /hello HTTP/1.1\nHost: x\n\n")
      refused(400, "GET /hello HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n" .. next_one)
      refused(400, "GET /hello HTTP/1.1\r\nHost : x\r\n\r\n" .. next_one)
      refused(400, "GET /hello HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n" .. next_one)
      refused(400, "GET /hello HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n" .. next_one)
      refused(400, "GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n" .. next_one)
      refused(400, "\22\3\1\2\0\1\0\1\252\3\3")
    end)

    it("answers 400 to a TLS hello, and says in the log what that was, once", function()
      for _ = 1, 3 do
        assert.equal(400, status("\22\3\1\2\0\1\0\1\252\3\3" .. ("x"):rep(500)))
      end
      local log = server:log "speaks TLS"
      assert.truthy(log)
      assert.equal(1, select(2, server:log():gsub("speaks TLS", "")))
    end)

    it("answers 400 to chunks that are none", function()
      local chunked = post .. "Transfer-Encoding: chunked\r\n\r\n"
      refused(400, chunked .. "x\r\nabc\r\n0\r\n\r\n" .. next_one)
      refused(400, chunked .. "3\r\nabcX\r\n0\r\n\r\n" .. next_one)
      refused(400, chunked .. "3\nabc\n0\n\n" .. next_one)
    end)

    it("answers 400 to targets that decode to nothing sound", function()
      refused(400, "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n" .. next_one)
      refused(400, "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n" .. next_one)
      refused(400, "GET /a%c0%af HTTP/1.1\r\nHost: x\r\n\r\n" .. next_one)
    end)

    it("answers 414, 431, 413, 417 and 505 where a bound is passed", function()
      refused(414, "GET /" .. ("a"):rep(2000) .. " HTTP/1.1\r\nHost: x\r\n\r\n")
      refused(431, "GET /hello HTTP/1.1\r\nHost: x\r\nA: " .. ("b"):rep(5000) .. "\r\n\r\n")
      refused(431, "GET /hello HTTP/1.1\r\nHost: x\r\n" .. ("A: b\r\n"):rep(30) .. "\r\n")
      refused(413, post .. "Content-Length: 100000\r\n\r\n")
      refused(413, post .. "Transfer-Encoding: chunked\r\n\r\n2800\r\n" .. ("x"):rep(0x2800) .. "\r\n0\r\n\r\n")
      refused(417, "GET /hello HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n")
      refused(505, "GET /hello HTTP/2.0\r\nHost: x\r\n\r\n")
    end)
  end)

  describe("bodies", function()
    it("sends 100 Continue once the handler asks for the body", function()
      local client = server:client()
      client:send "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
      assert.equal("HTTP/1.1 100 Continue", client:receive "*l")
      assert.equal("", client:receive "*l")
      client:send "abc"
      assert.equal("abc", client:receive_response().body)
      client:close()
    end)

    it("sends a clean 500 though a 100 went before", function()
      local client = server:client()
      client:send "POST /change HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
      assert.equal("HTTP/1.1 100 Continue", client:receive "*l")
      client:send "ab"
      client:receive "*l"
      assert.equal(500, client:receive_response().status)
      client:close()
    end)

    it("sends no 100 and closes when the handler never asks", function()
      local client = server:client()
      client:send "POST /ignore HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
      local response = client:receive_response()
      assert.equal(200, response.status)
      assert.equal("close", response.headers.connection)
      client:close()
    end)

    it("takes in a small body that nobody asked for, and stays", function()
      assert.equal("200 200", statuses("POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" ..
        "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"))
    end)

    it("lets a client that is still sending read its 413", function()
      local client = server:client()
      client:send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
      client:send(("x"):rep(500000))
      assert.equal(413, client:receive_response().status)
      client:close()
    end)
  end)

  describe("paths", function()
    it("redirects to the route that differs by the last slash alone", function()
      local response = server:get "/thing?a=b"
      assert.equal(308, response.status)
      assert.equal("/thing/?a=b", response.headers.location)
      assert.equal("/bare", server:get("/bare/").headers.location)
      assert.equal(405, server:put("/bare").status)
      assert.equal(404, server:put("/thing").status)
    end)

    it("gives every answer an id of its own, and a date", function()
      local first, second = server:get "/hello", server:get "/none"
      assert.truthy(first.headers["x-request-id"]:match "^%x+$")
      assert.not_equal(first.headers["x-request-id"], second.headers["x-request-id"])
      assert.truthy(first.headers.date:match "^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$")
    end)
  end)
end)
