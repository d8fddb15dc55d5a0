-- How a handler answers, beside what it returns: redirect, abort, templates, files, events.
local core, check, app, check_dot, views = ...

local fail, described = check.fail, check.described

function app.redirect(location, status)
  check_dot(location, "redirect")
  if type(location) ~= "string" then
    fail(1, "app.redirect: expected where to, found %s", described(location))
  end
  return { redirect = location, status = status }
end

-- `core.abort` is the metatable that marks what is raised here.
core.abort.__tostring = function(self)
  return self.message or "abort " .. tostring(self.status)
end

function app.abort(status, message)
  check_dot(status, "abort")
  if math.type(status) ~= "integer" or status < 200 or status > 599 then
    fail(1, "app.abort: expected a status from 200 to 599, found %s", described(status))
  end
  error(setmetatable({ status = status, message = message and tostring(message) }, core.abort))
end

-- Templates ----------------------------------------------------------------------------------------

local templates = views.compile {}

local function compile()
  templates = views.compile(core.templates)
  if not core.dev then core.templates = nil end -- their texts are of no use any more
end

local function check_template(name, values)
  if type(name) ~= "string" or not templates:has(name) then
    fail(2, "render: there is no template %s (%s)", described(name), views.known(templates))
  elseif values ~= nil and type(values) ~= "table" then
    fail(2, "render: expected a table of values, found %s", described(values))
  end
end

--- The text of a template of views/ with these values.
function app.render(name, values)
  check_dot(name, "render")
  check_template(name, values)
  return (templates:render(name, values or {}))
end

--- The same as the answer, with the media type that the template's name says.
function core.response.render(res, name, values)
  check_template(name, values)
  local text = templates:render(name, values or {})
  if not res.headers["Content-Type"] then res.headers["Content-Type"] = core.type_of(name) end
  core.leave(res, { body = text })
end

-- Files --------------------------------------------------------------------------------------------

local FILE = { download = true, status = true }

--- A file of www, or anywhere by an absolute path, as the answer: { download = "name" or true, status }.
function core.response.file(res, path, options)
  if type(path) ~= "string" then fail(1, "res:file: expected a path, found %s", described(path)) end
  if options ~= nil and type(options) ~= "table" then
    fail(1, "res:file: expected a table of options, found %s", described(options))
  end
  check.keys(1, "res:file", options or {}, FILE)
  core.leave(res, { file = path, download = options and options.download, status = options and options.status })
end

-- Server-sent events -------------------------------------------------------------------------------

local valid = utf8.len

local function text_of(data)
  local kind = type(data)
  if kind == "table" then return core.json.encode(data) end
  if kind == "number" or kind == "boolean" then return tostring(data) end
  if kind ~= "string" then fail(2, "res:event: expected data, found %s", described(data)) end
  return valid(data) and data or fail(2, "res:event: data that is not UTF-8")
end

local function add_data(lines, text)
  for line in (text .. "\n"):gsub("\r\n?", "\n"):gmatch "([^\n]*)\n" do
    lines[#lines + 1] = "data: " .. line
  end
end

local function add_line(lines, name, value)
  if type(value) == "number" then value = tostring(value) end
  if type(value) ~= "string" or value:find "[\r\n\0]" or not valid(value) then
    fail(2, "res:event: %s: expected a text of one line, found %s", name, described(value))
  end
  lines[#lines + 1] = name .. ": " .. value
end

local function set_fields(res)
  if not res.headers["Content-Type"] then res.headers["Content-Type"] = "text/event-stream" end
  if not res.headers["Cache-Control"] then res.headers["Cache-Control"] = "no-store" end
end

--- One event (text/event-stream): data is text, or a table that is sent as JSON. Waits until it is out.
function core.response.event(res, name, data, id)
  local lines = {}
  if name ~= nil then add_line(lines, "event", name) end
  if id ~= nil then add_line(lines, "id", id) end
  add_data(lines, text_of(data))
  if not core.begun() then set_fields(res) end
  return core.event(res, table.concat(lines, "\n") .. "\n\n")
end

local STREAM = { retry = true, heartbeat = true }

local function time_option(options, name)
  local value = options[name]
  if value == nil then return nil end
  return check.duration(value) or
    fail(2, 'res:event_stream: %s: expected a duration such as "5s", found %s', name, described(value))
end

--- Begins a stream of events before its first one: { retry = how long the client waits before it comes again,
--- heartbeat = after how long of silence a comment is sent ("15s"; false: never) }.
function core.response.event_stream(res, options)
  options = options or {}
  if type(options) ~= "table" then
    fail(1, "res:event_stream: expected a table of options, found %s", described(options))
  end
  check.keys(1, "res:event_stream", options, STREAM)
  local retry = time_option(options, "retry")
  local heartbeat = options.heartbeat == false and 0 or time_option(options, "heartbeat")
  if core.begun() then fail(1, "res:event_stream: the response has begun already") end
  set_fields(res)
  return core.event(res, retry and ("retry: %d\n\n"):format(retry // 1000) or ":\n\n", heartbeat)
end

return compile
