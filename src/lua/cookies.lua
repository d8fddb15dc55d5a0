-- Set-Cookie (RFC 6265 4.1): res:cookie, and `cookies` of a result.
local core, check = ...

local fail, described = check.fail, check.described

local SAME_SITE = { strict = "Strict", lax = "Lax", none = "None" }

local known = { path = true, domain = true, max_age = true, secure = true, http_only = true,
  same_site = true, value = true }

-- The user's call is `level` calls above the caller of all of these.
local function attribute(level, name, value)
  if type(value) == "string" and core.cookie_attribute(value) then return value end
  fail(level + 1, "cookie: option %s: expected a text without \";\", found %s", name, described(value))
end

local function flag(level, name, value, usual)
  if value == nil then return usual end
  if type(value) == "boolean" then return value end
  fail(level + 1, "cookie: option %s: expected true or false, found %s", name, described(value))
end

local function same_site_of(level, value)
  if value == nil then return "Lax" end
  return type(value) == "string" and SAME_SITE[value:lower()] or
    fail(level + 1, 'cookie: option same_site: expected "strict", "lax" or "none", found %s',
      described(value))
end

local function seconds_of(level, value)
  local us = check.duration(value)
  return us and us // 1000000 or
    fail(level + 1, 'cookie: option max_age: expected a duration such as "1h", found %s',
      described(value))
end

-- What browsers refuse in silence is refused here aloud (RFC 6265bis 4.1.3).
local function check_prefix(level, name, parts)
  local lower = name:lower()
  if lower:find "^__secure%-" and not parts.secure then
    fail(level + 1, "cookie: a name that begins with __Secure- needs secure = true")
  elseif lower:find "^__host%-" and (not parts.secure or parts.domain or parts.path ~= "/") then
    fail(level + 1, "cookie: a name that begins with __Host- needs secure = true, the path \"/\" and no domain")
  elseif parts.same_site == "None" and not parts.secure then
    fail(level + 1, 'cookie: same_site = "none" needs secure = true')
  end
end

local function read(level, name, options, https)
  if type(options) ~= "table" then
    fail(level + 1, "cookie: expected a table of options, found %s", described(options))
  end
  check.keys(level + 1, "cookie", options, known)
  local parts = {
    path = options.path == nil and "/" or attribute(level + 1, "path", options.path),
    domain = options.domain ~= nil and attribute(level + 1, "domain", options.domain) or nil,
    max_age = options.max_age ~= nil and seconds_of(level + 1, options.max_age) or nil,
    secure = flag(level + 1, "secure", options.secure, https),
    http_only = flag(level + 1, "http_only", options.http_only, true),
    same_site = same_site_of(level + 1, options.same_site),
  }
  check_prefix(level + 1, name, parts)
  return parts
end

local function text_of(name, value, parts)
  local list = { name .. "=" .. core.cookie_encode(value), "Path=" .. parts.path }
  local function add(text) list[#list + 1] = text end
  if parts.domain then add("Domain=" .. parts.domain) end
  if parts.max_age then add("Max-Age=" .. parts.max_age) end
  if parts.secure then add "Secure" end
  if parts.http_only then add "HttpOnly" end
  add("SameSite=" .. parts.same_site)
  return table.concat(list, "; ")
end

-- What makes two lines mean the same cookie.
local function identity(line)
  return (line:match "^[^=]*") .. "\0" .. (line:match "; Path=([^;]*)" or "") .. "\0" ..
    (line:match "; Domain=([^;]*)" or "")
end

-- Puts the line among those of the response, in place of one for the same cookie.
local function put_line(res, line)
  local lines = res.headers["Set-Cookie"]
  if type(lines) ~= "table" then lines = { lines } end
  for i, there in ipairs(lines) do
    if type(there) == "string" and identity(there) == identity(line) then
      lines[i] = line
      return
    end
  end
  lines[#lines + 1] = line
  res.headers["Set-Cookie"] = lines
end

local function put(level, res, name, value, options)
  if type(name) ~= "string" or not core.is_token(name) then
    fail(level + 1, "cookie: expected a name of letters, digits and the like, found %s", described(name))
  end
  local parts = read(level + 1, name, options or {}, core.is_https())
  if value == nil or value == false then
    value, parts.max_age = "", 0
  elseif type(value) ~= "string" and type(value) ~= "number" then
    fail(level + 1, "cookie: expected a text as the value of %s, found %s", name, described(value))
  end
  put_line(res, text_of(name, tostring(value), parts))
end

--- res:cookie(name, value, { path = "/", domain, max_age, secure, http_only = true, same_site = "lax" })
function core.response.cookie(res, name, value, options)
  if type(res) ~= "userdata" then fail(1, "call res:cookie(...) with a colon") end
  put(1, res, name, value, options)
end

--- One of `cookies = { name = value }` or `{ name = { value = …, max_age = … } }` of a result.
function core.put_cookie(res, name, value)
  if type(value) ~= "table" then return put(1, res, name, value) end
  local options = {}
  for key, option in pairs(value) do options[key] = option end
  options.value = nil
  put(1, res, name, value.value, options)
end

core.provide("cookies", function(res, cookies)
  for name, value in pairs(cookies) do core.put_cookie(res, name, value) end
end)

-- Without the checks, for the cookies of this server's own.
return function(res, name, value, max_age)
  put_line(res, text_of(name, value, { path = "/", max_age = max_age, http_only = true,
    same_site = "Lax", secure = core.is_https() }))
end
