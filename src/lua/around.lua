-- What is put around handlers once all scripts have run: hooks, and error handlers.
local core, routes = ...

-- Scopes from the outermost in.
local function scopes_around(scope)
  local list = {}
  while scope do
    table.insert(list, 1, scope)
    scope = scope.parent
  end
  return list
end

local function gather(scopes, kind, from, to, step)
  local hooks = {}
  for i = from, to, step do
    for _, hook in ipairs(scopes[i][kind]) do hooks[#hooks + 1] = hook end
  end
  return hooks
end

local function hooks_of(scopes)
  return gather(scopes, "before", 1, #scopes, 1), gather(scopes, "after", #scopes, 1, -1)
end

local function applies(hook)
  return not hook.pattern or core.covers(hook.pattern)
end

-- Hooks that have run, by the request.
local ran = setmetatable({}, { __mode = "k" })

local function done_for(req)
  local done = ran[req]
  if not done then
    done = {}
    ran[req] = done
  end
  return done
end

-- A result that answers, with the hook that gave it; or nil. Each hook runs once for a request, even
-- where app.next leads from route to route.
local function run_before(hooks, req, res)
  local done = done_for(req)
  for _, hook in ipairs(hooks) do
    if not done[hook] and applies(hook) then
      done[hook] = true
      local result = hook.hook(req, res)
      if result ~= nil then return result, hook.hook end
      if core.begun() then return nil, hook.hook, true end
    end
  end
end

local CONTENT = { body = true, text = true, html = true, json = true, file = true, redirect = true,
  download = true }

-- What a result says of status and headers goes into res, so that `after` hooks see and change it;
-- what is left of the result is returned. A result that is none stays as it is: whoever sends it
-- will complain.
local function settle(res, result)
  if type(result) == "string" then
    res.status = res.status or 200
  elseif math.type(result) == "integer" and result >= 200 and result <= 599 then
    res.status = result
    return nil
  elseif type(result) == "table" and result ~= core.files and result ~= core.next then
    local rest = {}
    for key, value in pairs(result) do
      if CONTENT[key] then
        rest[key] = value
      elseif key ~= "status" and key ~= "headers" and key ~= "cookies" then
        return result
      end
    end
    local status = result.status or res.status or (result.redirect and 302) or 200
    if math.type(status) ~= "integer" or status < 200 or status > 599 then return result end
    if result.redirect and (status < 300 or status > 399) then status = 302 end
    for name, value in pairs(result.headers or {}) do res.headers[name] = value end
    for name, value in pairs(result.cookies or {}) do core.put_cookie(res, name, value) end
    res.status = status
    return rest
  end
  return result
end

local function run_after(hooks, req, res, result)
  local done, first = done_for(req), true
  for _, hook in ipairs(hooks) do
    if not done[hook] and applies(hook) then
      done[hook] = true
      if first and not core.begun() then result = settle(res, result) end
      first = false
      hook.hook(req, res)
    end
  end
  return result
end

-- A handler of a route with the hooks around it. The second result is who gave the first one.
local function wrap(before, after)
  return function(handler, req, res)
    local result, culprit, begun = run_before(before, req, res)
    if result == nil and not begun then
      culprit = handler
      result = handler(req, res)
    end
    if result ~= core.next and #after > 0 then result = run_after(after, req, res, result) end
    return result, culprit
  end
end

-- Files and what nobody answers ------------------------------------------------------------------

local function problem(status, allow)
  return { status = status, headers = { Allow = allow } }
end

-- The handler of a route that serves files, where hooks stand around it.
local function serve_files(_, res)
  local status = core.look()
  if status == 0 then return core.next end
  if status >= 400 then return status end
  res.status = status
  return core.files
end

-- Scopes whose hooks stand before what no route answers: the app, hosts, and groups with their prefix.
local function standing()
  local list = {}
  for _, scope in ipairs(routes.order) do
    list[#list + 1] = { scope = scope,
      pattern = scope.prefix ~= "" and core.pattern(scope.prefix .. "/*", "app:group") or nil }
  end
  return list
end

local function here(entry)
  return (not entry.scope.host or core.at_host(entry.scope.host)) and
    (not entry.pattern or core.covers(entry.pattern))
end

local function scopes_here(all)
  local list = {}
  for _, entry in ipairs(all) do
    if here(entry) then list[#list + 1] = entry.scope end
  end
  return list
end

local function answer_unrouted(all)
  return function(req, res)
    local before, after = hooks_of(scopes_here(all))
    local result, culprit, begun = run_before(before, req, res)
    if result ~= nil or begun then return run_after(after, req, res, result), culprit end
    local status, allow = core.look()
    if status >= 400 then return problem(status, allow) end
    res.status = status
    run_after(after, req, res, core.next)
    return core.next
  end
end

-- Errors -----------------------------------------------------------------------------------------

local function handler_for(scopes, status)
  for i = #scopes, 1, -1 do
    local handler = scopes[i].errors[status] or scopes[i].errors.any
    if handler then return handler end
  end
end

-- A before hook that answered with an error, or a handler that failed, may have run only some.
local function recover(all, scopes_of_handler)
  return function(number, req, res, status, message, detail)
    local scopes = scopes_of_handler[number] or scopes_here(all)
    local handler = handler_for(scopes, status)
    local result = handler and handler(req, res, status, message, detail)
    local _, after = hooks_of(scopes)
    return run_after(after, req, res, result), handler
  end
end

local function any(kind)
  for _, scope in ipairs(routes.order) do
    if next(scope[kind]) then return true end
  end
  return false
end

local function wrap_routes(scopes_of_handler)
  for number, route in pairs(routes.routes) do
    local scopes = scopes_around(route.scope)
    local before, after = hooks_of(scopes)
    if #before + #after > 0 then
      core.around(number, wrap(before, after), serve_files)
    end
    local handler = core.handler_of(number)
    if handler >= 0 then scopes_of_handler[handler] = scopes end
  end
end

--- Puts everything in its place.
return function()
  local scopes_of_handler, all = {}, standing()
  local hooks, errors = any "before" or any "after", any "errors"
  wrap_routes(scopes_of_handler)
  if hooks or errors then
    core.unrouted(answer_unrouted(all))
    core.provide("recover", recover(all, scopes_of_handler))
  end
end
