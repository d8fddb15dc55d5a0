-- Sessions: a table of the client's own, in a cookie that is signed. It can be read by the client, and
-- changed by nobody but us.
--
-- The cookie is TIME.JSON.SIGNATURE: TIME in seconds since 1970, when it was written; JSON in base64url;
-- the signature over what stands before it, and over the cookie's name.
local core, put_cookie = ...

local NAME, MAX_AGE -- session.cookie, and session.max_age in seconds
local DEPTH = 64
local MOST = 4000 -- bytes of a cookie that every browser keeps (RFC 6265 6.1 says 4096 with its attributes)

local function signed_text(time, payload)
  return NAME .. "\0" .. time .. "." .. payload
end

-- The table in a cookie, and when it was written; nil when it is none, or none any more.
local function open(cookie)
  local time, payload, signature = cookie:match "^(%d+)%.([%w_-]*)%.([%w+/=]+)$"
  if not time or #time > 12 then return nil end
  local secret = core.signed(signed_text(time, payload), signature)
  local age = os.time() - tonumber(time)
  if not secret or age < -60 or age > MAX_AGE then return nil end
  local text = core.decode64(payload)
  local values = text and core.json.decode(text)
  if type(values) ~= "table" then return nil end
  return values, age, secret
end

-- What identifies the content: JSON with its names in order.
local function canonical(value, depth)
  if type(value) ~= "table" then return core.json.encode(value) end
  if depth > DEPTH then error("req.session has tables in tables, more than " .. DEPTH .. " deep", 0) end
  local names = {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  for i, name in ipairs(names) do
    names[i] = core.json.encode(tostring(name)) .. ":" .. canonical(value[name], depth + 1)
  end
  return "{" .. table.concat(names, ",") .. "}"
end

local loaded = setmetatable({}, { __mode = "k" }) -- req → { content, age, secret, given }

-- The field req.session.
local function session(req)
  local cookie = req.cookies[NAME]
  local values, age, secret
  if cookie then values, age, secret = open(cookie) end
  loaded[req] = { content = canonical(values or {}, 1), age = age, secret = secret, given = cookie ~= nil }
  core.note_session(req)
  return values or {}
end

local function write(res, text)
  local time = os.time()
  local payload = core.encode64(text)
  local cookie = time .. "." .. payload .. "." .. core.sign(signed_text(time, payload))
  if #cookie > MOST then
    error(string.format("req.session is too large for a cookie: %d bytes, %d are kept (keep an id " ..
      "in it, and the rest on the server)", #cookie, MOST), 0)
  end
  put_cookie(res, NAME, cookie, MAX_AGE)
end

-- Written when it was changed; and now and then, so that one that is used does not end, and an old
-- secret is replaced.
core.provide("seal", function(req, res)
  local was, values = loaded[req], req.session
  if not was then return end
  if values ~= nil and type(values) ~= "table" then
    error("req.session is a table, not a " .. type(values), 0)
  end
  local content = canonical(values or {}, 1)
  local changed = content ~= was.content
  local due = was.age and (was.age > MAX_AGE // 10 or was.secret ~= 1)
  if values == nil or next(values) == nil then
    if was.given then put_cookie(res, NAME, "", 0) end
  elseif changed or due then
    write(res, core.json.encode(values))
  end
  was.content, was.age = content, nil
end)

core.request.session = { session }

--- The configuration is known.
return function() NAME, MAX_AGE = core.session_cookie, core.session_max_age end
