-- Templates: text with Lua in it. Each is compiled once to a function, whose lines are those of the
-- template, so that what Lua says of an error names the template's own file and line.
--
--     <%= expression %>   its value, escaped where the file is HTML or XML
--     <%- expression %>   its value as it is
--     <% code %>          Lua
--     <%# comment %>      nothing
--     <%%                 the two characters <%
--     -%>                 in place of %>: without the end of line behind it
local core = ...

local M = {}

local DEPTH = 32 -- of partials and layouts in each other

-- What need not be escaped any more ----------------------------------------------------------------

local Markup = { __name = "markup" }
Markup.__tostring = function(self) return self[1] end
Markup.__concat = function(a, b) return tostring(a) .. tostring(b) end

local function markup(text) return setmetatable({ text }, Markup) end

-- Where in the HTML an expression stands -------------------------------------------------------------
--
-- The text is looked at from its beginning to its end, whatever the code between does. A context is
-- "text", "tag", "value" (behind a "="), "bare" (a value without quotes), '"', "'", "comment", or the
-- name of an element whose content is no HTML.

local OPAQUE = { script = true, style = true }

local step = {}

function step.text(text, at)
  local open = text:find("<", at, true)
  if not open then return nil, "text" end
  if text:find("^!%-%-", open + 1) then return open + 4, "comment" end
  if open == #text or text:find("^[%a/!?]", open + 1) then
    return open + 1, "tag", text:match("^%a+", open + 1)
  end
  return open + 1, "text"
end

function step.tag(text, at, element)
  local found = text:find("[>=]", at)
  if not found then return nil, "tag", element or text:match("^%a+", at) end
  if text:sub(found, found) == "=" then return found + 1, "value", element end
  element = element and element:lower()
  local opaque = OPAQUE[element] and text:sub(found - 1, found - 1) ~= "/"
  return found + 1, opaque and element or "text"
end

function step.value(text, at, element)
  local found = text:find("%S", at)
  if not found then return nil, "value", element end
  local char = text:sub(found, found)
  if char == '"' or char == "'" then return found + 1, char, element end
  return found, "bare", element
end

function step.bare(text, at, element)
  local found = text:find("[%s>]", at)
  return found, found and "tag" or "bare", element
end

function step.comment(text, at)
  local _, found = text:find("-->", at, true)
  return found and found + 1, found and "text" or "comment"
end

for quote in ("\"'"):gmatch "." do
  step[quote] = function(text, at, element)
    local found = text:find(quote, at, true)
    return found and found + 1, found and "tag" or quote, element
  end
end

for element in pairs(OPAQUE) do
  step[element] = function(text, at)
    local found = text:lower():find("</" .. element, at, true)
    return found and found + 2, found and "tag" or element
  end
end

local function scan(context, text)
  local at = 1
  while at and at <= #text do
    at, context.is, context.element = step[context.is](text, at, context.element)
  end
end

local ADVICE = {
  tag = "stands in a tag, outside of a quoted value",
  value = "is the value of an attribute without quotes: put it in quotes",
  bare = "stands in the value of an attribute without quotes: put it in quotes",
  script = "stands in <script>, where escaping for HTML is wrong: use <%- json(value) %>",
  style = "stands in <style>, where escaping for HTML is wrong: use <%- %> with what you know is safe",
}

-- Compiling --------------------------------------------------------------------------------------

local ESCAPED = { html = true, htm = true, xhtml = true, svg = true, xml = true }

local function fail(name, line, format, ...)
  error(string.format("views/%s:%d: " .. format, name, line, ...), 0)
end

local function newlines(text)
  local _, count = text:gsub("\n", "\n")
  return count
end

local function short(expression)
  expression = expression:match "^%s*(.-)%s*$":gsub("%s+", " ")
  return #expression > 60 and expression:sub(1, 57) .. "..." or expression
end

local Compiler = {}
Compiler.__index = Compiler

function Compiler:literal(text)
  if text == "" then return end
  self.texts[#self.texts + 1] = text
  self:code("__out[#__out+1]=__texts[" .. #self.texts .. "] " .. ("\n"):rep(newlines(text)))
  scan(self.context, text)
end

function Compiler:code(text)
  self.chunk[#self.chunk + 1] = text
  self.line = self.line + newlines(text)
end

function Compiler:expression(text, shower)
  if not text:find "%S" then fail(self.name, self.line, "there is no expression in <%%= %%>") end
  if self.escapes and shower == "__show" and ADVICE[self.context.is] then
    fail(self.name, self.line, "<%%= %s %%> %s", short(text), ADVICE[self.context.is])
  end
  self.texts[#self.texts + 1] = short(text)
  self:code("__out[#__out+1]=" .. shower .. "(__texts[" .. #self.texts .. "],(" .. text .. ")) ")
end

function Compiler:tag(kind, text)
  if kind == "=" then
    self:expression(text, self.escapes and "__show" or "__plain")
  elseif kind == "-" then
    self:expression(text, "__plain")
  elseif kind == "#" then
    self:code(("\n"):rep(newlines(text)))
  else
    self:code(text .. " ")
  end
end

-- Takes the tag that begins at `open`; where it ends.
function Compiler:take_tag(text, open)
  local kind = text:match("^[=%-#]", open + 2) or ""
  local first = open + 2 + #kind
  local close = text:find("%>", first, true)
  if not close then fail(self.name, self.line, "<%% is never closed with %%>") end
  local trims = close > first and text:sub(close - 1, close - 1) == "-"
  self:tag(kind, text:sub(first, close - (trims and 2 or 1)))
  local after = close + 2
  local newline = trims and text:match("^\r?\n", after)
  if newline then self:code "\n" end
  return after + (newline and #newline or 0)
end

function Compiler:run(text)
  local at = 1
  while true do
    local open = text:find("<%", at, true)
    self:literal(text:sub(at, (open or 0) - 1))
    if not open then return end
    if text:sub(open + 2, open + 2) == "%" then
      self:literal "<%"
      at = open + 3
    else
      at = self:take_tag(text, open)
    end
  end
end

local function compile(name, text)
  local extension = name:match "%.(%w+)$"
  local compiler = setmetatable({ name = name, line = 1, texts = {}, context = { is = "text" },
    escapes = ESCAPED[extension and extension:lower()] or false,
    chunk = { "local _ENV,__out,__texts,__show,__plain=... " } }, Compiler)
  compiler:run(text)
  local run, why = load(table.concat(compiler.chunk), "@views/" .. name, "t")
  if not run then error(why, 0) end
  return { run = run, texts = compiler.texts }
end

-- Rendering --------------------------------------------------------------------------------------

local function shown(expression, value)
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" then return tostring(value) end
  if value == nil then error(("nil in <%%= %s %%> (write <%%= %s or \"\" %%>)"):format(expression, expression), 3) end
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__tostring then return tostring(value) end
  error("a " .. kind .. " in <%= " .. expression .. " %>", 3)
end

local function show(expression, value)
  if getmetatable(value) == Markup then return value[1] end
  return core.escape(shown(expression, value))
end

local function plain(expression, value)
  return (shown(expression, value))
end

-- JSON that ends no <script>, and no line of old JavaScript.
local function json(value)
  local text = core.json.encode(value)
  text = text:gsub("[<>&]", { ["<"] = "\\u003c", [">"] = "\\u003e", ["&"] = "\\u0026" })
  return markup((text:gsub("\u{2028}", "\\u2028"):gsub("\u{2029}", "\\u2029")))
end

local render

-- What the code in a template sees beside the values: helpers that know where they are.
local function helpers_of(frame)
  return {
    json = json,
    raw = markup,
    blocks = frame.rendering.blocks,
    include = function(name, values)
      local inherited = setmetatable({}, { __index = function(_, key)
        local value = values and values[key]
        if value == nil then value = frame.values[key] end
        return value
      end })
      return markup(render(frame.rendering, name, inherited))
    end,
    layout = function(name, values)
      frame.layout, frame.layout_values = name, values or {}
    end,
    block = function(name, write)
      local first = #frame.out + 1
      write()
      frame.rendering.blocks[name] = markup(table.concat(frame.out, "", first))
      for i = #frame.out, first, -1 do frame.out[i] = nil end
    end,
  }
end

local function environment(frame, own)
  local helpers = helpers_of(frame)
  return setmetatable(own, { __index = function(_, key)
    local value = frame.values[key]
    if value == nil then value = helpers[key] end
    if value == nil then value = _G[key] end
    return value
  end })
end

local function known(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return #names > 0 and "known: " .. table.concat(names, ", ", 1, math.min(#names, 20)) or "there are none"
end

function render(rendering, name, values, own)
  local template = rendering.set[name]
  if not template then
    error(string.format("there is no template %q (%s)", tostring(name), known(rendering.set)), 0)
  end
  rendering.depth = rendering.depth + 1
  if rendering.depth > DEPTH then
    error("views/" .. name .. ": templates within templates, more than " .. DEPTH .. " deep", 0)
  end
  local frame = { rendering = rendering, values = values, out = {} }
  template.run(environment(frame, own or {}), frame.out, template.texts, show, plain)
  local text = table.concat(frame.out)
  if frame.layout then
    local both = setmetatable({}, { __index = function(_, key)
      local value = frame.layout_values[key]
      if value == nil then value = values[key] end
      return value
    end })
    text = render(rendering, frame.layout, both, { content = markup(text) })
  end
  rendering.depth = rendering.depth - 1
  return text
end

local Set = {}
Set.__index = Set

--- The text of a template with these values.
function Set:render(name, values)
  return render({ set = self.templates, depth = 0, blocks = {} }, name, values)
end

--- Whether there is a template of that name.
function Set:has(name) return self.templates[name] ~= nil end

--- Compiles all: name → text. Raises at the first one that is wrong.
function M.compile(files)
  local templates, names = {}, {}
  for name in pairs(files) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do templates[name] = compile(name, files[name]) end
  return setmetatable({ templates = templates }, Set)
end

M.known = function(set) return known(set.templates) end

return M
