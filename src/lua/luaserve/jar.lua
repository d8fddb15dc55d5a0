--- Cookies as a browser keeps them (RFC 6265), for servers that are spoken to without TLS.
local M = {}

-- What Set-Cookie says ---------------------------------------------------------------------------

local function trim(text) return text:match "^%s*(.-)%s*$" end

local FIELD = { ["max-age"] = "max_age", httponly = "http_only", samesite = "same_site" }
local IS_FLAG = { secure = true, httponly = true, path = false, domain = false, expires = false }

---@class luaserve.spec.Cookie
---@field name string
---@field value string
---@field path? string
---@field domain? string
---@field max_age? number
---@field expires? string as it came
---@field secure? boolean
---@field http_only? boolean
---@field same_site? string

--- Reads one line of Set-Cookie. Attributes without a field above have their name in lower case.
---@param line string
---@return luaserve.spec.Cookie|nil # nil if it sets nothing
function M.parse(line)
  local name, value = line:match "^([^=;]*)=([^;]*)"
  if not name or trim(name) == "" then return nil end
  local cookie = {}
  for attribute in (line:match ";(.*)" or ""):gmatch "[^;]+" do
    local key, equals, given = attribute:match "^([^=]*)(=?)(.*)$"
    key = trim(key):lower()
    local is_flag = IS_FLAG[key]
    if is_flag == nil then is_flag = equals == "" end
    if key ~= "" then cookie[FIELD[key] or key] = is_flag or trim(given) end
  end
  cookie.max_age = tonumber(tostring(cookie.max_age):match "^%-?%d+$")
  cookie.name, cookie.value = trim(name), trim(value)
  return cookie
end

local MONTHS = { jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6, jul = 7, aug = 8, sep = 9,
  oct = 10, nov = 11, dec = 12 }

local function seconds_of(year, month, day, hour, minute, second)
  if month < 3 then year, month = year - 1, month + 12 end
  local days = 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400) +
    math.floor((153 * month - 457) / 5) + day - 719469
  return ((days * 24 + hour) * 60 + minute) * 60 + second
end

--- The date of Expires, in the words' any order (RFC 6265, 5.1.1).
---@param text string
---@return number|nil # seconds since 1970
function M.date(text)
  local day, month, year, hour, minute, second
  for word in text:gmatch "[%w:]+" do
    if not hour and word:find "^%d%d?:%d%d?:%d%d?" then
      hour, minute, second = word:match "^(%d%d?):(%d%d?):(%d%d?)"
    elseif not day and word:find "^%d%d?$" then
      day = tonumber(word)
    elseif not month and MONTHS[word:sub(1, 3):lower()] then
      month = MONTHS[word:sub(1, 3):lower()]
    elseif not year and word:find "^%d%d%d?%d?$" then
      year = tonumber(word)
    end
  end
  if not (day and month and year and hour) then return nil end
  if year < 100 then year = year + (year < 70 and 2000 or 1900) end
  return seconds_of(year, month, day, tonumber(hour), tonumber(minute), tonumber(second))
end

-- The jar ----------------------------------------------------------------------------------------

---@class luaserve.spec.Jar
local Jar = {}
Jar.__index = Jar

---@return luaserve.spec.Jar
function M.new()
  return setmetatable({ kept = {} }, Jar)
end

-- As in browsers, a connection to the same machine counts as a secure one.
local function is_trustworthy(host)
  return host == "localhost" or host:find "%.localhost$" or host:find "^127%.%d+%.%d+%.%d+$" or host == "::1"
end

-- Up to the last "/" of the path that was asked.
local function default_path(path)
  local folder = path:match "^(/[^?]*)/[^?/]*"
  return folder or "/"
end

local function expiry(cookie, now)
  if cookie.max_age then return now + cookie.max_age end
  return cookie.expires and M.date(cookie.expires) or math.huge
end

-- Whether a browser takes it: the host's own alone, and what its name promises.
local function is_acceptable(cookie, host)
  local domain = (cookie.domain or ""):gsub("^%.", ""):lower()
  if domain ~= "" and domain ~= host then return false end
  if cookie.secure and not is_trustworthy(host) then return false end
  local name = cookie.name:lower()
  if name:find "^__secure%-" then return cookie.secure == true end
  if name:find "^__host%-" then
    return cookie.secure == true and domain == "" and cookie.path == "/"
  end
  return true
end

-- Takes its place when there was one of that name, host and path; else comes last.
local function put(kept, cookie)
  for i, other in ipairs(kept) do
    if other.name == cookie.name and other.host == cookie.host and other.path == cookie.path then
      kept[i] = cookie
      return
    end
  end
  kept[#kept + 1] = cookie
end

-- Those that still hold.
local function fresh(kept)
  local still, now = {}, os.time()
  for _, cookie in ipairs(kept) do
    if cookie.ends > now then still[#still + 1] = cookie end
  end
  return still
end

--- Keeps what a response sets, and drops what it ends.
---@param cookies luaserve.spec.Cookie[]
---@param host string in lower case, without a port
---@param path string that was asked
function Jar:take(cookies, host, path)
  for _, cookie in ipairs(cookies) do
    if is_acceptable(cookie, host) then
      local given = cookie.path and cookie.path:find "^/" and cookie.path
      put(self.kept, { name = cookie.name, value = cookie.value, host = host,
        path = given or default_path(path), secure = cookie.secure, ends = expiry(cookie, os.time()) })
    end
  end
  self.kept = fresh(self.kept)
end

local function path_matches(folder, path)
  path = path:match "^[^?]*"
  return path == folder or path:sub(1, #folder) == folder and
    (folder:sub(-1) == "/" or path:sub(#folder + 1, #folder + 1) == "/")
end

--- The cookies that go along with a request, longer paths first.
---@param host string
---@param path string
---@return table[] # of name and value
function Jar:matching(host, path)
  self.kept = fresh(self.kept)
  local found, place = {}, {}
  for i, cookie in ipairs(self.kept) do
    if cookie.host == host and path_matches(cookie.path, path) then
      found[#found + 1] = cookie
      place[cookie] = i
    end
  end
  table.sort(found, function(a, b)
    if #a.path ~= #b.path then return #a.path > #b.path end
    return place[a] < place[b]
  end)
  return found
end

--- All of them. Of one name on several paths or hosts, the one that came first.
---@return table<string, string>
function Jar:values()
  self.kept = fresh(self.kept)
  local values = {}
  for _, cookie in ipairs(self.kept) do values[cookie.name] = values[cookie.name] or cookie.value end
  return values
end

return M
