-- How routes, groups, hosts and hooks are written down. A scope is the app itself, a group, or a
-- host: what it registers has its prefix, its host, its hooks and its error handlers.
local core, check = ...

local fail, described, where = check.fail, check.described, check.where

local M = {
  --- Every route in the order of its registration: { number, handler, scope }.
  routes = {},
  --- Name → { pattern, where }.
  named = {},
  --- What the user holds → { prefix, host, parent, options, before, after, errors }.
  scopes = {},
  --- Those that were made, the outer before the inner.
  order = {},
}

local methods = {} -- of every scope

local function new_scope(self, scope)
  scope.before, scope.after, scope.errors = {}, {}, {}
  M.scopes[self] = scope
  M.order[#M.order + 1] = scope
  return scope
end

local function scope_of(self, name)
  local scope, late = M.scopes[self], core.late()
  if not scope then fail(2, "call app:%s(...) with a colon", name) end
  if late then fail(2, "app:%s: %s", name, late) end
  return scope
end

-- Options of a route ---------------------------------------------------------------------------

local function duration_option(level, name, value)
  local time = check.duration(value)
  return time and time > 0 and time or
    fail(level, 'option %s: expected a duration such as "30s", found %s', name, described(value))
end

local function size_option(level, name, value)
  return check.size(value) or
    fail(level, 'option %s: expected a size such as "4M", found %s', name, described(value))
end

local function name_option(level, _, value)
  if type(value) == "string" and value ~= "" then return value end
  fail(level, "option name: expected a text, found %s", described(value))
end

local options_of = {
  name = name_option,
  body = size_option, memory = size_option, wall = duration_option, cpu = duration_option,
  body_timeout = duration_option, send_timeout = duration_option, live_timeout = duration_option,
}

-- In bytes and microseconds. The user's call is `level` calls above the caller.
-- `more`: a table with what the call knows beside these, which are the caller's to read.
function M.read_options(level, options, what, more)
  local read = {}
  local known = options_of
  if more then
    known = {}
    for name in pairs(options_of) do known[name] = true end
    for name in pairs(more) do known[name] = true end
  end
  check.keys(level + 1, what, options, known)
  for key, value in pairs(options) do read[key] = options_of[key](level + 2, key, value) end
  return read
end

local read_options = M.read_options

-- The limits of a route: its own, else those of the groups around it.
local function limits_of(scope, own)
  local limits = {}
  for key, value in pairs(own) do limits[key] = value end
  while scope do
    for key, value in pairs(scope.options) do limits[key] = limits[key] or value end
    scope = scope.parent
  end
  limits.name = nil
  return limits
end

-- Routes ---------------------------------------------------------------------------------------

local function remember_name(name, pattern, place)
  local there = M.named[name]
  if there then
    fail(4, "the name %q is there already, for %s from %s", name, there.pattern, there.where)
  end
  M.named[name] = { pattern = pattern, where = place }
end

local function register(scope, route, name)
  if name then remember_name(name, route.pattern, route.where) end
  local number = core.route(route)
  M.routes[number] = { handler = route.handler, scope = scope }
end

-- Called straight from the function that the user calls, and never by a tail call: the levels
-- count on it.
local function add(scope, name, verbs, pattern, options, handler, more)
  if handler == nil then options, handler = {}, options end
  if type(pattern) ~= "string" then
    fail(2, "app:%s: expected a pattern such as \"/hello/:name\", found %s", name,
      described(pattern))
  elseif type(options) ~= "table" then
    fail(2, "app:%s: expected a table of options, found %s", name, described(options))
  elseif type(handler) ~= "function" then
    fail(2, "app:%s: expected a handler function, found %s", name, described(handler or nil))
  end
  local own = read_options(2, options, "app:" .. name, more)
  register(scope, { methods = verbs, pattern = scope.prefix .. pattern, handler = handler,
    where = where(3), limits = limits_of(scope, own), host = scope.host }, own.name)
end

local function define(name, verbs)
  methods[name] = function(self, pattern, options, handler)
    add(scope_of(self, name), name, verbs, pattern, options, handler)
    return self
  end
end

for _, name in ipairs { "get", "post", "put", "patch", "delete", "options" } do
  define(name, { name:upper() })
end
define("any", { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" })

function methods:route(verbs, pattern, options, handler)
  local scope = scope_of(self, "route")
  if type(verbs) == "string" then verbs = { verbs } end
  if type(verbs) ~= "table" or #verbs == 0 then
    fail(1, 'app:route: expected a list of methods such as { "GET", "POST" }, found %s',
      described(verbs))
  end
  for _, method in ipairs(verbs) do
    if type(method) ~= "string" then
      fail(1, "app:route: expected the name of a method, found %s", described(method))
    end
  end
  add(scope, "route", verbs, pattern, options, handler)
  return self
end

-- Files ----------------------------------------------------------------------------------------

local function boolean_option(name, value)
  if type(value) == "boolean" then return value end
  fail(2, "app:static: option %s: expected true or false, found %s", name, described(value))
end

local static_options = {
  max_age = function(_, value)
    return check.duration(value) or
      fail(2, 'app:static: option max_age: expected a duration such as "1h", found %s',
        described(value))
  end,
  listing = boolean_option,
  index = function(_, value)
    if type(value) == "string" and value ~= "" and not value:find "[/\0]" then return value end
    fail(2, "app:static: option index: expected the name of a file, found %s", described(value))
  end,
}

--- Files of a folder: app:static("/assets", "dir", { max_age = "1h", listing = true }).
function methods:static(prefix, folder, options)
  local scope = scope_of(self, "static")
  if type(prefix) ~= "string" or prefix:find "[:*(%[]" then
    fail(1, "app:static: expected a path such as \"/assets\", found %s", described(prefix))
  elseif type(folder) ~= "string" then
    fail(1, "app:static: expected the path of a folder, found %s", described(folder))
  elseif options ~= nil and type(options) ~= "table" then
    fail(1, "app:static: expected a table of options, found %s", described(options))
  end
  local read = { max_age = 0, listing = false, index = "index.html" }
  check.keys(1, "app:static", options or {}, static_options)
  for key, value in pairs(options or {}) do read[key] = static_options[key](key, value) end
  local place = where(2)
  local files = core.folder(folder, place, read.index, read.listing, read.max_age // 1000000)
  register(scope, { methods = { "GET" }, pattern = scope.prefix .. prefix:gsub("/$", "") .. "/*",
    files = files, where = place, limits = {}, host = scope.host })
  return self
end

-- Groups and hosts -----------------------------------------------------------------------------

-- What the user gets to hold; `fill` registers with it.
local function open_scope(scope, fill)
  local inner = setmetatable({}, { __index = methods, __name = "luaserve scope" })
  new_scope(inner, scope)
  fill(inner)
end

function methods:group(prefix, options, fill)
  local scope = scope_of(self, "group")
  if fill == nil then options, fill = {}, options end
  if type(prefix) ~= "string" or not (prefix == "" or prefix:find "^[/(]" and not prefix:find "/$") then
    fail(1, "app:group: expected a prefix such as \"/api\", found %s", described(prefix))
  elseif type(options) ~= "table" then
    fail(1, "app:group: expected a table of options, found %s", described(options))
  elseif type(fill) ~= "function" then
    fail(1, "app:group: expected a function that is given the group, found %s", described(fill))
  end
  local read = read_options(1, options, "app:group")
  if read.name then fail(1, "app:group: option name: routes have names, groups have none") end
  local whole = scope.prefix .. prefix
  core.pattern(whole .. "/*", where(2)) -- or it says what is wrong
  open_scope({ parent = scope, prefix = whole, host = scope.host, options = read }, fill)
  return self
end

function methods:host(name, fill)
  local scope = scope_of(self, "host")
  if type(name) ~= "string" then
    fail(1, "app:host: expected a name such as \"api.example.org\", found %s", described(name))
  elseif type(fill) ~= "function" then
    fail(1, "app:host: expected a function that is given the host, found %s", described(fill))
  elseif scope.host then
    fail(1, "app:host: this stands within the host %s already", scope.host)
  end
  open_scope({ parent = scope, prefix = scope.prefix, host = name, options = {} }, fill)
  return self
end

-- Hooks and error handlers ---------------------------------------------------------------------

local function add_hook(list, scope, name, pattern, hook)
  if hook == nil then pattern, hook = nil, pattern end
  if pattern ~= nil and type(pattern) ~= "string" then
    fail(2, "app:%s: expected a pattern such as \"/admin/*\", found %s", name, described(pattern))
  elseif type(hook) ~= "function" then
    fail(2, "app:%s: expected a function, found %s", name, described(hook))
  end
  local compiled = pattern and core.pattern(scope.prefix .. pattern, where(3))
  list[#list + 1] = { hook = hook, pattern = compiled }
end

function methods:before(pattern, hook)
  local scope = scope_of(self, "before")
  add_hook(scope.before, scope, "before", pattern, hook)
  return self
end

function methods:after(pattern, hook)
  local scope = scope_of(self, "after")
  add_hook(scope.after, scope, "after", pattern, hook)
  return self
end

function methods:error(status, handler)
  local scope = scope_of(self, "error")
  if handler == nil then status, handler = "any", status end
  if status ~= "any" and (math.type(status) ~= "integer" or status < 400 or status > 599) then
    fail(1, "app:error: expected a status from 400 to 599, found %s", described(status))
  elseif type(handler) ~= "function" then
    fail(1, "app:error: expected a function, found %s", described(handler))
  elseif scope.errors[status] then
    fail(1, "app:error: there is one for %s already", status == "any" and "all others" or status)
  end
  scope.errors[status] = handler
  return self
end

M.methods, M.scope_of, M.add = methods, scope_of, add -- for what other files register
M.of_app = {} -- methods of the app alone, which no group or host has

--- The table that scripts hold as `app` becomes the outermost scope.
function M.open(app)
  for name, method in pairs(methods) do app[name] = method end
  for name, method in pairs(M.of_app) do app[name] = method end
  local scope = new_scope(app, { prefix = "", options = {} })
  for _, route in ipairs(core.natives) do -- of the program around the server
    route.limits, route.where = {}, "luaserve_route"
    register(scope, route)
  end
end

-- URLs -----------------------------------------------------------------------------------------

local function encode(text, kept)
  return (text:gsub("[^%w%-._~" .. kept .. "]", function(byte)
    return string.format("%%%02X", byte:byte())
  end))
end

--- Text as one value of a query.
function M.encode(text) return encode(tostring(text), "") end

local function piece(kind, name, class, params, used)
  local value = params[name]
  if value == nil then return nil, name end
  value = tostring(math.type(value) == "float" and math.tointeger(value) or value)
  used[name] = true
  if kind == "*" then return (encode(value, "/")) end
  if value == "" then return nil, name end
  if class and not value:find("^[" .. class .. "]+$") then
    error(string.format("%s = %q is not of the class [%s]", name, value, class), 0)
  end
  return encode(value, "")
end

-- One sequence of a pattern, up to its end or ")": the text, or nil and the name that is missing.
-- Then where it ended, and whether any parameter in it was given.
local function build(pattern, at, params, used)
  local parts, missing, given = {}, nil, false
  while at <= #pattern and pattern:sub(at, at) ~= ")" do
    local char = pattern:sub(at, at)
    if char == "(" then
      local text, inner_missing, finish, inner_given = build(pattern, at + 1, params, used)
      if inner_given and not text then missing = missing or inner_missing end
      if inner_given then parts[#parts + 1] = text end
      given = given or inner_given
      at = finish + 1
    elseif pattern:find("^/[:*]", at) then
      local kind, name, finish = pattern:match("^/([:*])([%a_]?[%w_]*)()", at)
      local class = pattern:match("^%[(.-[^%%])%]", finish)
      if class then finish = finish + #class + 2 end
      local text, absent = piece(kind, name == "" and "*" or name, class, params, used)
      given = given or text ~= nil
      missing = missing or absent
      parts[#parts + 1] = "/" .. (text or "")
      at = finish
    else
      local literal = pattern:match("^/?[^/()]*", at)
      parts[#parts + 1] = literal
      at = at + #literal
    end
  end
  return not missing and table.concat(parts) or nil, missing, at, given
end

-- Literal text may hold what a URL cannot have raw.
local function tidy(text)
  return (text:gsub("[^%w%-._~!$&'()*+,;=:@/%%]", function(byte)
    return string.format("%%%02X", byte:byte())
  end))
end

local function query_of(query)
  local names, pairs_of = {}, {}
  for name in pairs(query) do names[#names + 1] = tostring(name) end
  table.sort(names)
  for _, name in ipairs(names) do
    local values = query[name]
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      pairs_of[#pairs_of + 1] = M.encode(name) .. "=" .. M.encode(value)
    end
  end
  return #pairs_of > 0 and "?" .. table.concat(pairs_of, "&") or ""
end

--- The path of the route of that name; nil and why not.
function M.url(name, params, query)
  local route = M.named[name]
  if not route then return nil, string.format("there is no route named %q", name) end
  local used = {}
  local well, text, missing = pcall(build, route.pattern, 1, params, used)
  if not well then return nil, text end
  if not text then return nil, string.format("%s needs %s", route.pattern, missing) end
  for key in pairs(params) do
    if not used[key] then
      return nil, string.format("%s has no parameter %s (a query is the third argument)",
        route.pattern, tostring(key))
    end
  end
  return (text == "" and "/" or tidy(text)) .. query_of(query)
end

return M
