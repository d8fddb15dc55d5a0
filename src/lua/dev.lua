-- The page of a fault while developing: what happened, the lines of source where, and the request.
local core = ...

local AROUND = 6 -- lines shown before and after

local escape = core.escape

-- The text of a file as messages name it: "scripts/app.lua", "views/page.html", or a path.
local function source_of(name)
  local template = name:match "^views/(.*)$"
  if template and core.templates[template] then return core.templates[template] end
  local path = name
  if core.scripts then
    local folder = core.scripts:match "([^/]*)/*$"
    if name:sub(1, #folder + 1) == folder .. "/" then path = core.scripts .. name:sub(#folder + 1) end
  end
  local file = io.open(path)
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

local function excerpt(name, line)
  local source = source_of(name)
  if not source then return "" end
  local rows, number = {}, 0
  for text in (source .. "\n"):gmatch "([^\n]*)\n" do
    number = number + 1
    if number >= line - AROUND and number <= line + AROUND then
      rows[#rows + 1] = string.format('<span class="%s"><b>%5d</b>  %s</span>\n',
        number == line and "here" or "near", number, escape(text))
    end
  end
  return "<h2>" .. escape(name) .. ":" .. line .. "</h2>\n<pre>" .. table.concat(rows) .. "</pre>\n"
end

-- Each place that the text names, the first three of them.
local function excerpts(text)
  local seen, parts = {}, {}
  for name, line in text:gmatch "%f[%w_%-./]([%w_%-./]+%.%w+):(%d+)" do
    local place = name .. ":" .. line
    if not seen[place] and #parts < 3 then
      local part = excerpt(name, tonumber(line))
      seen[place] = true
      if part ~= "" then parts[#parts + 1] = part end
    end
  end
  return table.concat(parts)
end

local STYLE = [[
body{font:15px/1.5 system-ui,sans-serif;margin:0;color:#222}header{background:#a11;color:#fff;padding:1em 2em}
main{padding:0 2em 2em}h1{font-size:1.2em;margin:0;white-space:pre-wrap}h2{font-size:1em}
pre{background:#f6f6f6;padding:1em;overflow:auto}.here{background:#fdd;display:block}.near{display:block}
.near b,.here b{color:#999;font-weight:normal}@media(prefers-color-scheme:dark){body{background:#1c1c1c;color:#ddd}
pre{background:#292929}.here{background:#533}}]]

--- The page: of the message with its traceback, the head of the request as it came, and its id.
core.provide("dev_page", function(text, head, id, status)
  local trace = core.trace(id)
  local message, rest = text:match "^(.-)\nstack traceback:\n(.*)$"
  return table.concat {
    '<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n<title>',
    tostring(status), " ", escape((message or text):match "^[^\n]*"), "</title>\n<style>", STYLE, "</style>\n<header><h1>",
    escape(message or text), "</h1></header>\n<main>\n", excerpts(text),
    rest and "<h2>Traceback</h2>\n<pre>" .. escape(rest) .. "</pre>\n" or "",
    "<h2>Request ", escape(id), "</h2>\n<pre>", escape(head), "</pre>\n",
    trace and "<h2>Syscalls</h2>\n<pre>" .. escape(trace) .. "</pre>\n" or "",
    "<p>This page is shown because <code>dev = true</code>.</p>\n</main>\n",
  }
end)
