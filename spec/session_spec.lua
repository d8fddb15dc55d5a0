-- Cookies, sessions, passwords and Basic authentication.
local spec = require "luaserve.spec"
local json = require("dkjson").decode

local function app(source)
  return { ["app.lua"] = "local app = require 'luaserve'\n" .. source }
end

local function set_cookies(response)
  local lines = {}
  for line in (response.raw_head or ""):gmatch "[Ss]et%-[Cc]ookie: ([^\r]*)" do lines[#lines + 1] = line end
  return lines
end

local function head_of(server, path, headers)
  local lines = ""
  for name, value in pairs(headers or {}) do lines = lines .. name .. ": " .. value .. "\r\n" end
  local answer = server:raw("GET " .. path .. " HTTP/1.1\r\nHost: x\r\n" .. lines .. "\r\n")
  return { raw_head = answer:match "^(.-\r\n\r\n)", body = answer:match "\r\n\r\n(.*)$",
    status = tonumber(answer:match "^HTTP/1.1 (%d+)") }
end

describe("cookies", function()
  local server
  setup(function()
    server = spec.start { scripts = app [[
      app:get("/read", function(req) return { json = req.cookies } end)
      local calls = {
        plain = function(res) res:cookie("a", "1") end,
        all = function(res)
          res:cookie("a", "x y;%", { path = "/p", domain = "example.org", max_age = "1h", secure = true,
            http_only = false, same_site = "strict" })
        end,
        twice = function(res) res:cookie("a", "1") res:cookie("b", "2") res:cookie("a", "3") end,
        paths = function(res) res:cookie("a", "1") res:cookie("a", "2", { path = "/x" }) end,
        gone = function(res) res:cookie("a", nil) end,
        number = function(res) res:cookie("n", 5) end,
        host = function(res) res:cookie("__Host-a", "1") end,
        none = function(res) res:cookie("a", "1", { same_site = "none" }) end,
        name = function(res) res:cookie("a b", "1") end,
        path = function(res) res:cookie("a", "1", { path = "/;x" }) end,
        option = function(res) res:cookie("a", "1", { maxage = 1 }) end,
        value = function(res) res:cookie("a", {}) end,
        age = function(res) res:cookie("a", "1", { max_age = "soon" }) end,
        dot = function(res) res.cookie("a", "1") end,
      }
      app:get("/set/:how", function(req, res)
        local well, why = pcall(calls[req.params.how], res)
        return well and "set" or why
      end)
      app:get("/result", function()
        return { text = "", cookies = { a = "1", b = { value = "2", path = "/x" } } }
      end)
      app:get("/file", function(req, res) res:cookie("a", "1") return { file = "x.txt" } end)
      app:get("/stream", function(req, res) res:cookie("a", "1") res:write "x" end)
    ]], www = { ["x.txt"] = "file" } }
  end)
  teardown(function() server:stop() end)

  it("are read by their names, decoded, the first one of a name", function()
    local response = server:get("/read", { headers = { Cookie = 'a=x%20y; b="q"; a=2; bad; c=100%' } })
    assert.are.same({ a = "x y", b = "q", c = "100%" }, json(response.body))
    assert.are.same({}, json(server:get("/read").body))
  end)

  local lines = {
    plain = { "a=1; Path=/; HttpOnly; SameSite=Lax" },
    all = { "a=x%20y%3B%25; Path=/p; Domain=example.org; Max-Age=3600; Secure; SameSite=Strict" },
    twice = { "a=3; Path=/; HttpOnly; SameSite=Lax", "b=2; Path=/; HttpOnly; SameSite=Lax" },
    paths = { "a=1; Path=/; HttpOnly; SameSite=Lax", "a=2; Path=/x; HttpOnly; SameSite=Lax" },
    gone = { "a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax" },
    number = { "n=5; Path=/; HttpOnly; SameSite=Lax" },
  }
  for how, expected in pairs(lines) do
    it("are set with safe defaults: " .. how, function()
      assert.are.same(expected, set_cookies(head_of(server, "/set/" .. how)))
    end)
  end

  local refusals = {
    host = "__Host- needs secure = true", none = 'same_site = "none" needs secure = true',
    name = "expected a name", path = 'option path: expected a text without ";"',
    option = 'unknown option "maxage"', value = "expected a text as the value of a",
    age = "option max_age: expected a duration", dot = "call res:cookie(...) with a colon",
  }
  for how, message in pairs(refusals) do
    it("are refused aloud: " .. how, function()
      local response = head_of(server, "/set/" .. how)
      assert.are.same({}, set_cookies(response))
      assert.truthy(response.body:find(message, 1, true), response.body)
      assert.truthy(response.body:find("scripts/app.lua:", 1, true), response.body)
    end)
  end

  it("go along with every kind of answer", function()
    local from_result = set_cookies(head_of(server, "/result"))
    table.sort(from_result)
    assert.are.same({ "a=1; Path=/; HttpOnly; SameSite=Lax", "b=2; Path=/x; HttpOnly; SameSite=Lax" }, from_result)
    assert.are.same(lines.plain, set_cookies(head_of(server, "/file")))
    assert.are.same(lines.plain, set_cookies(head_of(server, "/stream")))
  end)
end)

local SCRIPT = [[
  app:get("/show", function(req) return { json = req.session } end)
  app:get("/set/:value", function(req) req.session.user = req.params.value return "set" end)
  app:get("/clear", function(req) req.session = {} return "cleared" end)
  app:get("/nil", function(req) req.session = nil return "cleared" end)
  app:get("/untouched", function() return "no session" end)
  app:get("/big", function(req) req.session.big = ("x"):rep(5000) return "big" end)
  app:get("/endless", function(req) req.session.itself = req.session return "endless" end)
  app:get("/wrong", function(req) req.session = 5 return "wrong" end)
  app:get("/fail", function(req) req.session.user = "changed" error "boom" end)
  app:get("/stream", function(req, res) req.session.user = "streamed" res:write "x" end)
  app:get("/nested", function(req) req.session.list = { 1, 2, { deep = true } } return "nested" end)
  app:get("/same", function(req) req.session.user = req.session.user return "same" end)
]]
local ONE, TWO = ("1"):rep(32), ("2"):rep(32)

local function session_of(response)
  local line = set_cookies(response)[1]
  return line and line:match "^session=([^;]*)", line
end

describe("sessions", function()
  local server
  setup(function() server = spec.start { config = { secret = ONE }, scripts = app(SCRIPT) } end)
  teardown(function() server:stop() end)

  local function show(cookie, from)
    return json(head_of(from or server, "/show", { Cookie = "session=" .. cookie }).body)
  end

  it("begin empty, and set no cookie before something is in them", function()
    local response = head_of(server, "/show")
    assert.are.same({}, json(response.body))
    assert.is_nil(session_of(response))
    assert.is_nil(session_of(head_of(server, "/untouched")))
  end)

  it("come back with the next request", function()
    local cookie, line = session_of(head_of(server, "/set/me"))
    assert.are.same({ user = "me" }, show(cookie))
    assert.truthy(line:find("; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax", 1, true), line)
    local nested = session_of(head_of(server, "/nested", { Cookie = "session=" .. cookie }))
    assert.are.same({ user = "me", list = { 1, 2, { deep = true } } }, show(nested))
  end)

  it("are not written again when nothing changed", function()
    local cookie = session_of(head_of(server, "/set/me"))
    assert.is_nil(session_of(head_of(server, "/show", { Cookie = "session=" .. cookie })))
    assert.is_nil(session_of(head_of(server, "/same", { Cookie = "session=" .. cookie })))
  end)

  it("end when they are emptied", function()
    local cookie = session_of(head_of(server, "/set/me"))
    for _, path in ipairs { "/clear", "/nil" } do
      local _, line = session_of(head_of(server, path, { Cookie = "session=" .. cookie }))
      assert.truthy(line:find("session=; Path=/; Max-Age=0", 1, true), line)
    end
  end)

  it("are believed only as they were signed", function()
    local cookie = session_of(head_of(server, "/set/me"))
    local time, payload, signature = cookie:match "^(%d+)%.([^.]*)%.(.*)$"
    local other = session_of(head_of(server, "/set/you"))
    assert.are.same({}, show(time .. "." .. other:match "%.([^.]*)%." .. "." .. signature))
    assert.are.same({}, show((time - 1) .. "." .. payload .. "." .. signature))
    assert.are.same({}, show(time .. "." .. payload .. "." .. signature:sub(1, -2)))
    for _, broken in ipairs { "", ".", "..", "1..", "x.y.z", time .. ".." .. signature, cookie .. "A" } do
      assert.are.same({}, show(broken))
    end
  end)

  it("go out with a stream", function()
    assert.are.same({ user = "streamed" }, show((session_of(head_of(server, "/stream")))))
  end)

  it("stay as they were when the handler fails", function()
    local cookie = session_of(head_of(server, "/set/me"))
    local response = head_of(server, "/fail", { Cookie = "session=" .. cookie })
    assert.are.equal(500, response.status)
    assert.is_nil(session_of(response))
  end)

  it("that no cookie can hold, or that are no table, are a 500 which says so", function()
    assert.are.equal(500, head_of(server, "/big").status)
    assert.truthy(server:log "req.session is too large for a cookie")
    assert.are.equal(500, head_of(server, "/endless").status)
    assert.truthy(server:log "req.session has tables in tables, more than 64 deep")
    assert.are.equal(500, head_of(server, "/wrong").status)
    assert.truthy(server:log "req.session is a table, not a number")
  end)

  it("outlive a reload and are known to every worker", function()
    local cookie = session_of(head_of(server, "/set/me"))
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation")
    assert.are.same({ user = "me" }, show(cookie))
  end)

  it("of an old secret are believed, and written with the new one", function()
    local cookie = session_of(head_of(server, "/set/me"))
    local newer = spec.start { config = { secret = { TWO, ONE } }, scripts = app(SCRIPT) }
    local response = head_of(newer, "/show", { Cookie = "session=" .. cookie })
    assert.are.same({ user = "me" }, json(response.body))
    local renewed = session_of(response)
    assert.truthy(renewed)
    newer:stop()
    local newest = spec.start { config = { secret = TWO }, scripts = app(SCRIPT) }
    assert.are.same({ user = "me" }, show(renewed, newest))
    assert.are.same({}, show(cookie, newest))
    newest:stop()
  end)

  it("end with the server where nobody gave a secret, and the log says so once", function()
    local other = spec.start { scripts = app(SCRIPT) }
    local cookie = session_of(head_of(other, "/set/me"))
    assert.are.same({ user = "me" }, show(cookie, other))
    other:signal "HUP"
    assert.truthy(other:log "reloaded: generation")
    assert.are.same({ user = "me" }, show(cookie, other))
    head_of(other, "/set/you")
    local _, told = other:log():gsub("signed with a secret of this start alone", "")
    assert.are.equal(1, told)
    other:stop()
    assert.are.same({}, show(cookie))
  end)

  it("end after their time", function()
    local short = spec.start { config = { secret = ONE, session = { max_age = "1s", cookie = "sid" } },
      scripts = app(SCRIPT .. [[
        local time = os.time
        app:get("/later", function(req) os.time = function() return time() + 2 end return { json = req.session } end)
      ]]) }
    local line = set_cookies(head_of(short, "/set/me"))[1]
    local cookie = line:match "^sid=([^;]*)"
    assert.are.same({}, json(head_of(short, "/later", { Cookie = "sid=" .. cookie }).body))
    short:stop()
  end)
end)

describe("passwords and the like", function()
  local server
  setup(function()
    server = spec.start { scripts = app [[
      local hash = app.hash "correct horse"
      app:get("/verify/:password", function(req) return tostring(app.verify(req.params.password, hash)) end)
      app:get("/hashes", function() return { json = { app.hash "a", app.hash "a", app.verify("a", "nonsense"),
        app.verify("a", "") } } end)
      app:get("/random", function()
        return { json = { #app.random(16), app.random(16, "hex"), app.random(16, "hex"), app.random(16, "base64url") } }
      end)
      app:get("/equal", function() return { json = { app.equal("a", "a"), app.equal("a", "b"), app.equal("", "a"),
        app.equal("a", ""), app.equal("aa", "a"), app.equal("", "") } } end)
      local wrong = { function() app.random(0) end, function() app.random(16, "octal") end, function() app.hash(5) end,
        function() app:hash "x" end, function() app.hash(("x"):rep(600)) end }
      app:get("/wrong/:n", function(req)
        local _, why = pcall(wrong[tonumber(req.params.n)])
        return why
      end)
      app:group("/private", function(private)
        private:before(app.basic_auth { realm = "here", check = function(user, password)
          return user == "me" and app.equal(password, "pass:word")
        end })
        private:get("/who", function(req) return req.user end)
      end)
    ]] }
  end)
  teardown(function() server:stop() end)

  it("verifies what was hashed", function()
    assert.are.equal("true", server:get("/verify/correct%20horse").body)
    assert.are.equal("false", server:get("/verify/wrong").body)
  end)

  it("salts every hash, and takes no nonsense for one", function()
    local hashes = json(server:get("/hashes").body)
    assert.are_not.equal(hashes[1], hashes[2])
    assert.truthy(hashes[1]:find "^%$")
    assert.are.same({ false, false }, { hashes[3], hashes[4] })
  end)

  it("gives random bytes in the form that is wanted", function()
    local random = json(server:get("/random").body)
    assert.are.equal(16, random[1])
    assert.truthy(random[2]:find "^%x+$" and #random[2] == 32 and random[2] ~= random[3])
    assert.truthy(random[4]:find "^[%w_-]+$" and #random[4] == 22)
  end)

  it("compares in constant time", function()
    assert.are.same({ true, false, false, false, false, true }, json(server:get("/equal").body))
  end)

  for n, message in ipairs { "from 1 to 1048576, found 0", '"hex" or "base64url", found "octal"',
    "app.hash: expected text, found 5", "call app.hash(...) with a dot", "at most 511 bytes" } do
    it("refuses wrong arguments at their place: " .. message, function()
      local body = server:get("/wrong/" .. n).body
      assert.truthy(body:find(message, 1, true), body)
    end)
  end

  it("asks for Basic credentials, and knows who has them", function()
    local response = server:get "/private/who"
    assert.are.equal(401, response.status)
    assert.are.equal('Basic realm="here", charset="UTF-8"', response.headers["www-authenticate"])
    local function with(code) return server:get("/private/who", { headers = { Authorization = code } }) end
    assert.are.equal("me", with("Basic bWU6cGFzczp3b3Jk").body)
    assert.are.equal("me", with("basic  bWU6cGFzczp3b3Jk").body)
    for _, code in ipairs { "Basic bWU6bm8=", "Basic ???", "Basic bWU", "Bearer bWU6cGFzczp3b3Jk", "Basic" } do
      assert.are.equal(401, with(code).status)
    end
  end)
end)
