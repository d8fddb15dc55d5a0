-- Forms (urlencoded or multipart) and uploads: req:form, req:form_values, req:parts.
local core, check, app = ...

local fail, described = check.fail, check.described

local PARTS = 1000 -- of one form, at most

local Part = {}
Part.__index = Part
Part.__name = "luaserve part"

-- What is current: reading a part whose turn is over gives nothing, not what came after.
local function reader(part)
  local state = part[Part]
  if state.current ~= part then
    fail(2, "this part is over: read it before the next one is asked for")
  end
  return state
end

--- The next piece of the part's content, as it came in; nil at its end.
function Part:read()
  return core.part_run(reader(self).parts)
end

--- All that is left of it.
function Part:text()
  local pieces, state = {}, reader(self)
  for piece in function() return core.part_run(state.parts) end do pieces[#pieces + 1] = piece end
  return table.concat(pieces)
end

--- Writes what is left of it into a new file, mode 0640: its bytes; or nil, message, errno. Of an upload
--- that fails, nothing stays.
function Part:save(path)
  local state = reader(self)
  if type(path) ~= "string" or path:find "\0" then
    fail(1, "part:save: expected a path, found %s", described(path))
  end
  local made, message, code = core.part_create(state.parts, path)
  if not made then return nil, message, code end
  local file <close> = setmetatable({}, { __close = function(file)
    if not file.whole then os.remove(path) end
  end })
  local bytes
  bytes, message, code = core.part_save(state.parts)
  file.whole = bytes ~= nil
  return bytes, message, code
end

--- An iterator over the parts of multipart/form-data: { name, filename, type }, each with read, text,
--- save. What is not read is passed over.
function core.request.parts(req)
  local state = { parts = core.parts(req), count = 0 }
  return function()
    local part = core.next_part(state.parts)
    state.count = state.count + 1
    if part and state.count > PARTS then app.abort(413, "the form has more than 1000 parts") end
    state.current = part
    if not part then return nil end
    part[Part] = state
    return setmetatable(part, Part)
  end
end

-- Whole forms ------------------------------------------------------------------------------------

local function media_type(req)
  return (req.headers["content-type"] or ""):match "^%s*([^;%s]*)":lower()
end

local function add(form, name, value)
  local values = form.values[name]
  if values then
    values[#values + 1] = value
  else
    form.values[name] = { value }
    form.first[name] = value
  end
end

local function read_parts(req, form)
  local most, total = core.form_most(), 0
  for part in req:parts() do
    local pieces = {}
    for piece in part.read, part do
      total = total + #piece
      if total > most then
        app.abort(413, "the form is too large to be held in memory (req:parts takes it in pieces)")
      end
      pieces[#pieces + 1] = piece
    end
    local content = table.concat(pieces)
    if part.filename then
      add(form, part.name, { filename = part.filename, type = part.type, body = content })
    elseif not utf8.len(content) or content:find("\0", 1, true) then
      app.abort(400, "the form has text that is not UTF-8, or holds NUL")
    else
      add(form, part.name, content)
    end
  end
end

local function read_pairs(req, form)
  local list = core.form_pairs(req)
  for i = 1, #list, 2 do add(form, list[i], list[i + 1]) end
end

local read_as = {
  ["application/x-www-form-urlencoded"] = read_pairs,
  ["multipart/form-data"] = read_parts,
}

local forms = setmetatable({}, { __mode = "k" })

local function form_of(req)
  local form = forms[req]
  if form then return form end
  form = { first = {}, values = {} }
  local read = read_as[media_type(req)]
  if read then
    read(req, form)
  elseif req:body() ~= "" then
    app.abort(415, "expected a form: application/x-www-form-urlencoded or multipart/form-data")
  end
  forms[req] = form
  return form
end

--- Name → first value: a text, or { filename, type, body } of a file.
function core.request.form(req)
  return form_of(req).first
end

--- The list of all values of a name.
function core.request.form_values(req, name)
  return form_of(req).values[name] or {}
end
