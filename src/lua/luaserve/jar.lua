--- Cookies as a browser keeps them (RFC 6265), for servers that are spoken to without TLS.
local M = {}

-- What Set-Cookie says ---------------------------------------------------------------------------

local function trim(text) return text:match "^%s*(.-)%s*$" end

local FIELD = { ["max-age"] = "max_age", httponly = "http_only", samesite = "same_site" }
local FLAG = { secure = true, httponly = true }

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
    local key, given = attribute:match "^([^=]*)=?(.*)$"
    key = trim(key):lower()
    if key ~= "" then
      local is_flag = FLAG[key] or not attribute:find("=", 1, true)
      cookie[FIELD[key] or key] = is_flag or trim(given)
    end
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

return M
