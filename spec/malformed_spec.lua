-- Ten thousand requests that are wrong by the way they are made, each another one: a 4xx every time.
local spec = require "luaserve.spec"

local EACH = 2500

local SCRIPT = [[
  local app = require "luaserve"
  app:get("/query", function(req) return { json = { req.query, req:queries "a" } } end)
  app:get("/cookie", function(req)
    if req.session.user ~= "me" then app.abort(401) end
    return { json = req.cookies }
  end)
  app:get("/session", function(req) req.session.user = "me" return "set" end)
  app:post("/json", function(req) return { json = req:json() } end)
  app:post("/form", function(req) return { json = req:form() } end)
  app:post("/parts", function(req)
    for part in req:parts() do part:text() end
    return "all"
  end)
]]

local random -- of this file's own seed, which a failure names

local function pick(list) return list[random(#list)] end

local function word()
  local letters = {}
  for i = 1, random(8) do letters[i] = string.char(random(97, 122)) end
  return table.concat(letters)
end

local function insert(text, at, piece) return text:sub(1, at) .. piece .. text:sub(at + 1) end

-- Queries and forms -----------------------------------------------------------------------------------

local ESCAPES = { "%", "%%", "%z1", "%1", "%1z", "%ff", "%c3%28", "%C0%80", "%00", "%ed%a0%80", "%f4%90%80%80", "%80" }

local function pairs_text()
  local list = {}
  for i = 1, random(6) do list[i] = word() .. "=" .. word() end
  local text = table.concat(list, "&")
  local at = random(0, #text)
  local piece = pick(ESCAPES)
  -- Two letters behind it must not make it whole.
  return insert(text, at, piece .. (piece:find "%%%x?$" and "g" or ""))
end

-- JSON -------------------------------------------------------------------------------------------------

local function value(depth)
  local kind = random(depth > 3 and 4 or 6)
  if kind == 1 then return tostring(random(-1000, 1000)) end
  if kind == 2 then return '"' .. word() .. '"' end
  if kind == 3 then return pick { "true", "false", "null" } end
  if kind == 4 then return random(100) .. "." .. random(100) end
  local list = {}
  for i = 1, random(4) do list[i] = (kind == 5 and "" or '"' .. word() .. i .. '":') .. value(depth + 1) end
  return kind == 5 and "[" .. table.concat(list, ",") .. "]" or "{" .. table.concat(list, ",") .. "}"
end

local WRONG = { "[1,]", "[,1]", "{,}", '{"a"}', '{"a":}', '{a:1}', "{'a':1}", '{"a":1,"a":2}', "[01]", "[+1]", "[1.]", "[.5]",
  "[1e]", "[NaN]", "[Infinity]", "[tru]", "[nulll]", '["\\x"]', '["\\u12"]', '["\\ud800"]', '["a\nb"]', '["\255"]', '["a]',
  "[1 2]", "[1]]", "{}}", "[1] x", "// x\n[1]", "[1e999]", "\0", "[\0]", "" }

local function json_text()
  local whole = "[" .. value(0) .. "]"
  local how = random(3)
  if how == 1 then return whole:sub(1, random(1, #whole - 1)) end
  if how == 2 then return "[" .. value(1) .. "," .. pick(WRONG) .. ",]" end
  return whole .. pick { "]", "}", ",", "x", "\1", "[]" }
end

-- multipart/form-data ----------------------------------------------------------------------------------

local HEADS = { "", "X: y", "Content-Disposition: form-data", "Content-Disposition: attachment; name=a",
  "Content-Disposition: form-data; name=", 'Content-Disposition: form-data; name="a', "Content-Disposition: form-data; name=a; name=b",
  'Content-Disposition: form-data; name="\255"', "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
  "Content-Disposition form-data; name=a", " Content-Disposition: form-data; name=a", "Content-Disposition: form-data; filename=x",
  "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64", "Content-Disposition: form-data; name=a\nX: y",
  "Content-Disposition: form-data; name=a\r\nBad header: x" }

local function part(head)
  return "--b\r\n" .. (head or 'Content-Disposition: form-data; name="' .. word() .. '"') .. "\r\n\r\n" .. word() .. "\r\n"
end

local function multipart_text()
  local parts = {}
  for i = 1, random(3) do parts[i] = part() end
  local how, text = random(4), table.concat(parts)
  if how == 1 then return text:sub(1, random(0, #text)) end -- the end is missing
  if how == 2 then return text .. part(pick(HEADS)) .. "--b--" end
  if how == 3 then return pick { "\r\n", "x", "-", "--c\r\n" } .. text .. "--b--" end
  return text .. "--b" .. pick { "x", "-x", "\n", "\rx", " -" } .. "--b--"
end

local TYPES = { "multipart/form-data", "multipart/form-data; boundary", "multipart/form-data; boundary=",
  'multipart/form-data; boundary="', "multipart/form-data; boundary=" .. ("b"):rep(71), "multipart/form-data; boundary=b@" }

-- Cookies ------------------------------------------------------------------------------------------------

local function cookie_text(sound)
  local how = random(4)
  if how == 1 then
    local at = random(#sound)
    local byte = sound:sub(at, at)
    return "session=" .. sound:sub(1, at - 1) .. (byte == "A" and "B" or "A") .. sound:sub(at + 1)
  elseif how == 2 then
    return "session=" .. sound:sub(1, random(0, #sound - 1))
  elseif how == 3 then
    return pick { "session", "=", ";;;", "session=", "session==", "session=..", 'session="', "session=%zz", "sess ion=1" } ..
      pick { "", "; ", ";" .. word(), ";=" .. word() }
  end
  local bytes = {}
  for i = 1, random(60) do bytes[i] = string.char(pick { random(33, 126), random(128, 255) }) end
  return table.concat(bytes)
end

describe("what is malformed", function()
  local server, seed, sound
  setup(function()
    server = spec.start { config = { secret = ("s"):rep(32), limits = { idle_timeout = "60s" } }, scripts = { ["app.lua"] = SCRIPT } }
    sound = server:get("/session").cookies.session
    assert.are.equal(200, server:get("/cookie", { cookies = { session = sound } }).status)
  end)
  teardown(function() server:stop() end)
  before_each(function()
    seed = os.time()
    math.randomseed(seed)
    random = math.random
  end)

  local function all_refused(make)
    local client
    for i = 1, EACH do
      client = client or server:client()
      local request = make()
      local response = client:request(request)
      if response.status < 400 or response.status > 499 then
        assert.are.equal("4xx", response.status, string.format("seed %d, number %d: %s %q %q", seed, i, request.path,
          tostring(request.body), tostring(request.headers and next(request.headers) and request.headers.Cookie)))
      end
      if response.headers.connection == "close" then
        client:close()
        client = nil
      end
    end
    assert.falsy(server:log():find("handler failed", 1, true))
  end

  it("of queries is refused", function()
    all_refused(function() return { path = "/query?" .. pairs_text() } end)
  end)

  it("of cookies is nobody's session", function()
    all_refused(function() return { path = "/cookie", headers = { Cookie = cookie_text(sound) } } end)
  end)

  it("of JSON is refused", function()
    all_refused(function() return { method = "POST", path = "/json", body = json_text() } end)
  end)

  it("of forms and uploads is refused", function()
    all_refused(function()
      local path = pick { "/form", "/parts" }
      local kind = random(5) == 1 and pick(TYPES) or "multipart/form-data; boundary=b"
      if path == "/form" and random(3) == 1 then
        return { method = "POST", path = path, body = pairs_text(),
          headers = { ["Content-Type"] = "application/x-www-form-urlencoded" } }
      end
      return { method = "POST", path = path, body = multipart_text(), headers = { ["Content-Type"] = kind } }
    end)
  end)
end)
