-- Renders the guide: docs/*.md and the READMEs of the examples as HTML, with the pages' order, titles and
-- groups from docs/README.md. Files that they link to come along, sources as text.
--
--   lua5.4 docs/make/pages.lua FOLDER      from the root of the repo; what else is in FOLDER goes
--
-- cmark-gfm reads the Markdown, as GitHub does; links, headings and the frame are made here.
local out = assert(arg[1], "usage: docs/make/pages.lua FOLDER")

local function fail(...)
  io.stderr:write("docs/make/pages.lua: ", string.format(...), "\n")
  os.exit(1)
end

local function run(command, ...)
  local quoted = {}
  for i, word in ipairs { ... } do quoted[i] = "'" .. word:gsub("'", "'\\''") .. "'" end
  local pipe = assert(io.popen(command:format(table.unpack(quoted))))
  local text = pipe:read "a"
  if not pipe:close() then fail("%s failed", command:format(table.unpack(quoted))) end
  return text
end

local function read(path)
  local file, message = io.open(path)
  if not file then fail("%s", message) end
  local text = file:read "a"
  file:close()
  return text
end

local written = {}

-- In place of what was there, whole: a server may be sending it.
local function write(path, text)
  run("mkdir -p %s", path:match "^(.*)/")
  local file = assert(io.open(path .. ".new", "w"))
  assert(file:write(text))
  assert(file:close())
  assert(os.rename(path .. ".new", path))
  written[path] = true
end

-- Where things are -----------------------------------------------------------------------------

-- "docs/examples/todo/../../../config.lua" as "config.lua".
local function resolve(path)
  local parts = {}
  for part in path:gmatch "[^/]+" do
    if part == ".." then parts[#parts] = nil elseif part ~= "." then parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

local function folder_of(path) return path:match "^(.*/)" or "" end

--- Where a file of the repository stands below FOLDER; "" is FOLDER itself.
local function place_of(path)
  local below = path:match "^docs/(.*)" or "source/" .. path
  local page = path:match "^docs/(.*)%.md$"
  if page then return (page:gsub("README$", "index")) .. ".html" end
  if path:find "%.svg$" or path:find "%.png$" then return below end
  return below .. ".txt"
end

--- From one place below FOLDER to another.
local function relative(from, to)
  local up = folder_of(from):gsub("[^/]+/", "../")
  local target = up .. to:gsub("index%.html$", "")
  return target == "" and "./" or target
end

-- The pages ------------------------------------------------------------------------------------

--- { path, title } in reading order, with groups: { name, page … }.
local function read_order()
  local pages, groups = { { path = "docs/README.md", title = "The guide" } }, {}
  for line in read "docs/README.md":gmatch "[^\n]+" do
    local name, title, target = line:match "^## (.*)", line:match "^[%d*]+%.? %[(.-)%]%((.-)%)"
    if name then
      groups[#groups + 1] = { name = name }
    elseif target then
      local page = { path = resolve("docs/" .. target), title = title }
      pages[#pages + 1], groups[#groups][#groups[#groups] + 1] = page, page
    end
  end
  return pages, groups
end

local function text_of(html)
  return (html:gsub("<[^>]*>", ""):gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&quot;", '"'):gsub("&amp;", "&"))
end

local function escape(text)
  return (text:gsub('[&<>"]', { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

-- As GitHub names a heading, for links with "#".
local function slug(heading)
  return (heading:lower():gsub("[^%w_ \x80-\xff-]", ""):gsub(" ", "-"))
end

local copied = {}

--- What a link of a page leads to.
local function link(page, target)
  if target:find "^%a[%w+.-]*:" or target:find "^#" then return target end
  local path, fragment = target:match "^([^#]*)(.*)$"
  path = resolve(folder_of(page.path) .. path)
  if run("if test -d %s; then echo yes; fi", path) ~= "" then
    local below = path:match "^docs/(.*)" or fail("%s links to the folder %s", page.path, path)
    return relative(page.place, below .. "/") .. fragment
  end
  local place = place_of(path)
  if not place:find "%.html$" then copied[path] = place end
  return relative(page.place, place) .. fragment
end

--- The content, its headings of second rank, and its title.
local function render(page)
  local html = run("cmark-gfm -e table %s", page.path)
  local used, sections, title = {}, {}, nil
  html = html:gsub("<h(%d)>(.-)</h%d>\n", function(rank, inner)
    local id = slug(text_of(inner))
    used[id] = (used[id] or -1) + 1
    if used[id] > 0 then id = id .. "-" .. used[id] end
    if rank == "1" then title = title or text_of(inner) end
    if rank == "2" then sections[#sections + 1] = { id = id, inner = inner } end
    return ('<h%s id="%s">%s <a class="anchor" href="#%s" aria-label="Link to this heading">#</a></h%s>\n')
      :format(rank, id, inner, id, rank)
  end)
  html = html:gsub('(<[ai][^>]- )(%a+)="([^"]*)"', function(before, name, target)
    if name ~= "href" and name ~= "src" or before:find 'class="anchor"' then return nil end
    return ('%s%s="%s"'):format(before, name, link(page, target))
  end)
  html = html:gsub('(<a href="([^"]*)">)[%w_/.-]+%.md</a>', function(tag, target) -- in a page it has a title
    for _, other in ipairs(page.all) do
      if relative(page.place, other.place) == target:match "^[^#]*" then return tag .. escape(other.title) .. "</a>" end
    end
  end)
  html = html:gsub("<table>", '<div class="scroll" tabindex="0"><table>'):gsub("</table>", "</table></div>")
  html = html:gsub("<pre>", '<pre tabindex="0">'):gsub("<!%-%- raw HTML omitted %-%->\n", "")
  html = html:gsub("<p>Next: [^\n]*</p>\n$", "") -- the frame says it
  return html, sections, title or fail("%s has no title", page.path)
end

-- The frame ------------------------------------------------------------------------------------

local function write_nav(page, groups, sections, put)
  for _, group in ipairs(groups) do
    put("<h2>%s</h2>\n<ul>", escape(group.name))
    for _, other in ipairs(group) do
      local here = other == page
      put('<li><a href="%s"%s>%s</a>', relative(page.place, other.place), here and ' aria-current="page"' or "",
        escape(other.title))
      if here and #sections > 1 then
        put "<ul>"
        for _, section in ipairs(sections) do put('<li><a href="#%s">%s</a></li>', section.id, (section.inner:gsub("</?a[^>]*>", ""))) end
        put "</ul>"
      end
      put "</li>"
    end
    put "</ul>"
  end
end

local function write_page(page, at, pages, groups)
  local html, sections, title = render(page)
  local lines = {}
  local function put(format, ...) lines[#lines + 1] = select("#", ...) > 0 and format:format(...) or format end
  local function step(name, class, other)
    if not other then return end
    put('<a class="%s" href="%s"><span>%s</span> %s</a>', class, relative(page.place, other.place), name, escape(other.title))
  end
  put('<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">')
  put('<meta name="viewport" content="width=device-width, initial-scale=1">')
  put('<meta name="color-scheme" content="light dark">')
  put("<title>%s – luaserve</title>", escape(title))
  put('<link rel="stylesheet" href="%s">', relative(page.place, "docs.css"))
  put('<a class="skip" href="#content">Skip to the content</a>')
  put('<header><a href="%s"><b>luaserve</b> the guide</a> <a class="jump" href="#contents">Contents</a></header>',
    relative(page.place, "index.html"))
  put('<div class="frame">\n<main id="content">')
  put(html)
  put('<nav class="steps" aria-label="Neighbouring pages">')
  step("Before", "before", pages[at - 1])
  step("Next", "next", pages[at + 1])
  put('</nav>\n</main>\n<nav class="contents" id="contents" aria-label="Contents">')
  write_nav(page, groups, sections, put)
  put "</nav>\n</div>\n</html>\n"
  write(out .. "/" .. page.place, table.concat(lines, "\n"))
end

local pages, groups = read_order()
for _, page in ipairs(pages) do page.place, page.all = place_of(page.path), pages end
for at, page in ipairs(pages) do write_page(page, at, pages, groups) end
for path in run "find docs/examples -type f ! -name README.md":gmatch "[^\n]+" do copied[path] = place_of(path) end
for path, place in pairs(copied) do write(out .. "/" .. place, read(path)) end
write(out .. "/docs.css", read "docs/make/docs.css")
for path in run("find %s -type f", out):gmatch "[^\n]+" do
  if not written[path] then assert(os.remove(path)) end
end
