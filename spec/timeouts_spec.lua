local socket = require "socket"
local spec = require "luaserve.spec"

-- Sends or reads a little now and then: slowly, but never pausing for long.
local function pause() socket.select(nil, nil, 0.02) end

describe("a client that is slow, though it never stalls,", function()
  local server

  setup(function()
    server = spec.start {
      config = { limits = { body = "2M", body_timeout = "20s", send_timeout = "20s", head_timeout = "500ms",
        min_rate = "100K", min_rate_after = "400ms" } },
      www = { ["big.bin"] = ("x"):rep(20000000) },
      scripts = { ["app.lua"] = [[
        local app = require "luaserve"
        app:get("/ok", function() return "ok" end)
        app:post("/body", function(req) return tostring(#req:body()) end)
        app:get("/text", function() return ("y"):rep(20000000) end)
        app:get("/stream", function(req, res)
          for i = 1, 2000 do res:write(("z"):rep(10000)) end
        end)
      ]] },
    }
  end)
  teardown(function() server:stop() end)

  -- Drips `bytes` until the server answers; that answer.
  local function drip(client, bytes)
    for i = 1, #bytes do
      if socket.select({ client.socket }, nil, 0)[1] then break end
      if not client.socket:send(bytes:sub(i, i)) then break end
      pause()
    end
    return client:receive_response()
  end

  it("is answered 408 for its head", function()
    local client = server:client()
    assert.equal(408, drip(client, "GET /ok HTTP/1.1\r\nHost: x\r\nX: " .. ("a"):rep(1000)).status)
    client:close()
  end)

  it("is answered 408 for its body", function()
    for _, body in ipairs { "Content-Length: 5000\r\n\r\n" .. ("a"):rep(5000),
      "Transfer-Encoding: chunked\r\n\r\n" .. ("1\r\na\r\n"):rep(1000) } do
      local client = server:client()
      client:send "POST /body HTTP/1.1\r\nHost: x\r\n"
      assert.equal(408, drip(client, body).status)
      client:close()
    end
  end)

  it("may pause when it was fast enough before", function()
    local client = server:client()
    client:send("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" .. ("a"):rep(999999))
    for _ = 1, 40 do pause() end
    client:send "a"
    assert.equal("1000000", client:receive_response().body)
    client:close()
  end)

  for _, path in ipairs { "/big.bin", "/text", "/stream" } do
    it("is cut when it reads " .. path .. " like that, and costs others nothing", function()
      local client = server:client()
      client.socket:setoption("recv-buffer-size", 4096)
      client:send("GET " .. path .. " HTTP/1.1\r\nHost: x\r\n\r\n")
      local got, message = 0
      local deadline = socket.gettime() + 20
      repeat
        local bytes, more
        bytes, message, more = client.socket:receive(500)
        got = got + #(bytes or more)
        pause()
        if got % 5000 < 500 then assert.equal("ok", server:get("/ok").body) end
      until message or socket.gettime() > deadline
      assert.equal("closed", message)
      assert.is_true(got < 20000000)
      client:close()
    end)
  end

  it("may read slower than that once, when the whole is sent in time", function()
    local client = server:client()
    client:send "GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n"
    for _ = 1, 10 do pause() end
    assert.equal(20000000, #client:receive_response().body)
    client:close()
  end)
end)
