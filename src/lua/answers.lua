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

local templates = views.compile(core.templates)
if not core.dev then core.templates = nil end -- their texts are of no use any more

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

local function field(lines, name, value)
  for line in (value .. "\n"):gsub("\r\n?", "\n"):gmatch "([^\n]*)\n" do
    lines[#lines + 1] = name .. ": " .. line .. "\n"
  end
end

local function single(name, value)
  if type(value) == "number" then value = tostring(value) end
  if type(value) ~= "string" or value:find "[\r\n\0]" then
    fail(2, "res:event: %s: expected a text of one line, found %s", name, described(value))
  end
  return name .. ": " .. value .. "\n"
end

--- One event (text/event-stream): data is text, or a table that is sent as JSON. Waits until it is out.
function core.response.event(res, name, data, id)
  local lines = {}
  if name ~= nil then lines[#lines + 1] = single("event", name) end
  if id ~= nil then lines[#lines + 1] = single("id", id) end
  if type(data) == "table" then data = core.json.encode(data) end
  if type(data) == "number" or type(data) == "boolean" then data = tostring(data) end
  if type(data) ~= "string" then fail(1, "res:event: expected data, found %s", described(data)) end
  field(lines, "data", data)
  if not core.begun() then
    if not res.headers["Content-Type"] then res.headers["Content-Type"] = "text/event-stream" end
    if not res.headers["Cache-Control"] then res.headers["Cache-Control"] = "no-store" end
  end
  res:write(table.concat(lines) .. "\n")
  res:flush()
end
