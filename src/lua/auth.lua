-- Passwords, random bytes, comparison in constant time, and Basic authentication (RFC 7617).
local core, check, app, check_dot = ...

local fail, described = check.fail, check.described

local function check_text(level, name, value)
  if type(value) == "string" then return value end
  fail(level + 1, "app.%s: expected text, found %s", name, described(value))
end

--- The hash of a password, with a salt of its own: what to keep in its place.
function app.hash(password)
  check_dot(password, "hash")
  return core.hash(check_text(1, "hash", password))
end

--- Whether the password is the one of which this is the hash.
function app.verify(password, hash)
  check_dot(password, "verify")
  return core.verify(check_text(1, "verify", password), check_text(1, "verify", hash))
end

--- Whether two texts are the same, in a time that does not tell where they differ.
function app.equal(a, b)
  check_dot(a, "equal")
  return core.equal(check_text(1, "equal", a), check_text(1, "equal", b))
end

--- n random bytes (1 to 1048576); as text for "hex" or "base64url".
function app.random(n, form)
  check_dot(n, "random")
  if math.type(n) ~= "integer" or n < 1 or n > 1048576 then
    fail(1, "app.random: expected a number of bytes from 1 to 1048576, found %s", described(n))
  end
  local bytes = core.random(n)
  if form == nil then return bytes end
  if form == "base64url" then return core.encode64(bytes) end
  if form ~= "hex" then fail(1, 'app.random: expected "hex" or "base64url", found %s', described(form)) end
  return (bytes:gsub(".", function(byte) return string.format("%02x", byte:byte()) end))
end

local function credentials(req)
  local scheme, code = (req.headers.authorization or ""):match "^(%a+) +([%w+/]+=*)$"
  if not scheme or scheme:lower() ~= "basic" then return nil end
  local text = core.decode64(code, true)
  if not text then return nil end
  return text:match "^([^:]*):(.*)$"
end

--- A `before` hook that lets in whom `check(user, password, req)` accepts, as req.user.
function app.basic_auth(options)
  check_dot(options, "basic_auth")
  if type(options) ~= "table" or type(options.check) ~= "function" then
    fail(1, "app.basic_auth: expected { check = function(user, password) … end }, found %s",
      described(options))
  end
  check.keys(1, "app.basic_auth", options, { check = true, realm = true })
  local realm = options.realm or "luaserve"
  if type(realm) ~= "string" or realm:find '[%c"\\]' then
    fail(1, "app.basic_auth: option realm: expected a text without quotes, found %s", described(realm))
  end
  local challenge = { ["WWW-Authenticate"] = 'Basic realm="' .. realm .. '", charset="UTF-8"' }
  return function(req)
    local user, password = credentials(req)
    if user and options.check(user, password, req) then
      req.user = user
      return nil
    end
    return { status = 401, headers = challenge }
  end
end
