-- Writes docs/configuration.md: the facts of each key come from the command, what else there is to say
-- of it from the comments of config.lua.
--
--   ./luaserve config | lua5.4 docs/make/configuration.lua config.lua > docs/configuration.md
local function fail(...)
  io.stderr:write("docs/make/configuration.lua: ", string.format(...), "\n")
  os.exit(1)
end

--- The keys as `luaserve config` prints them, in its order and by name: { name, takes, standard, about }.
local function read_keys(text)
  local list, by_name = {}, {}
  for head, takes, about in text:gmatch "([^ \n][^\n]*)\n    ([^\n]+)\n    ([^\n]+)\n" do
    local name, standard = head:match "^([%w_.]+) = (.+)$"
    local key = { name = name or head, takes = takes, about = about, standard = standard }
    list[#list + 1], by_name[key.name] = key, key
  end
  return list, by_name
end

-- The comments of config.lua -------------------------------------------------------------------

-- Comment lines as paragraphs; what is dangerous is one of its own.
local function paragraphs_of(lines)
  local list = {}
  for _, line in ipairs(lines) do
    local danger = line:match "^DANGER: (.*)"
    if line == "" then
      list.done = true
    elseif danger or #list == 0 or list.done then
      list[#list + 1], list.done = line, false
    else
      list[#list] = list[#list] .. " " .. line
    end
  end
  return list
end

--- What stands above `return`, what belongs to each table, and the blocks in their order: { keys, text, example }.
local function read_comments(file, by_name)
  local head, tables, blocks = nil, {}, {}
  local comment, prefix, block = {}, "", nil
  for line in file:lines() do
    local prose = line:match "^%s*%-%- ?(.*)"
    local name = (prose or line):match "^%s*([%w_]+) = "
    if name and by_name[prefix .. name] then
      if not block then
        block = { keys = {}, text = paragraphs_of(comment), table = prefix }
        blocks[#blocks + 1], comment = block, {}
      end
      block.keys[#block.keys + 1] = by_name[prefix .. name]
      block.example = (prose or line):match "^%s*(.-),?$"
    elseif line:find "^return {" then
      head, comment = comment, {}
    elseif line:find "^  [%w_]+ = {$" then
      prefix = line:match "[%w_]+" .. "."
      tables[prefix], comment, block = paragraphs_of(comment), {}, nil
    elseif line == "  }," then
      prefix, comment, block = "", {}, nil
    elseif prose then
      comment[#comment + 1], block = prose, nil
    elseif head then
      comment, block = {}, nil -- not of a key: what it says of ranges the command says
    end
  end
  return head, tables, blocks
end

-- The page -------------------------------------------------------------------------------------

local function escape(text) return (text:gsub("[*_|<`]", "\\%0")) end

-- Prose, whose own `code` stays as it is.
local function marked(text)
  return (("`" .. text):gsub("`([^`]*)", (function()
    local code = true
    return function(part)
      code = not code
      if code then return "`" .. part .. "`" end
      return (part:gsub("%*", "\\*"):gsub("docs/(%w+%.md)", "[%1](%1)"):gsub("DANGER:", "**Danger:**"))
    end
  end)()))
end

-- As GitHub and docs/make/pages.lua name a heading.
local function anchor(heading) return (heading:lower():gsub("[^%w_ -]", ""):gsub(" ", "-")) end

local function title_of(block)
  local names = {}
  for i, key in ipairs(block.keys) do names[i] = key.name end
  return table.concat(names, ", ")
end

local function write_head(lines)
  for _, line in ipairs(lines) do
    local word, rest = line:match "^(%u%l+)  +(.*)"
    print(word and ("* **%s**: %s"):format(word, rest) or (line:gsub("^config.lua: what luaserve does", "`config.lua` says what luaserve does")))
  end
end

local function write_index(keys, place)
  print "| key | |\n| --- | --- |"
  for _, key in ipairs(keys) do
    print(("| [`%s`](#%s) | %s |"):format(key.name, place[key], escape(key.about)))
  end
end

local function write_facts(key)
  local standard = key.standard and "default `" .. key.standard .. "`" or "no default"
  print(("* `%s`: %s; %s"):format(key.name, escape(key.takes), standard))
end

local function write_block(block)
  print(("\n### %s\n"):format(title_of(block)))
  for _, key in ipairs(block.keys) do write_facts(key) end
  if #block.text > 0 then print("\n" .. marked(table.concat(block.text, "\n\n"))) end
  local example = block.example
  if not block.keys[#block.keys].standard and not example:find "{}" then print(("\n    %s"):format(example)) end
end

local function write_section(name, blocks, text)
  print(("\n## %s"):format(name))
  if #text > 0 then print("\n" .. marked(table.concat(text, "\n\n"))) end
  for _, block in ipairs(blocks) do write_block(block) end
end

--- The blocks of each table, as { prefix, block … }: those at the top first.
local function sections_of(blocks)
  local list, by_prefix = {}, {}
  for _, block in ipairs(blocks) do
    local section = by_prefix[block.table]
    if not section then
      section = { prefix = block.table }
      list[#list + 1], by_prefix[block.table] = section, section
    end
    section[#section + 1] = block
  end
  return list
end

local keys, by_name = read_keys(io.read "a")
local file = assert(io.open(arg[1]))
local head, tables, blocks = read_comments(file, by_name)
file:close()
local place = {}
for _, block in ipairs(blocks) do
  for _, key in ipairs(block.keys) do place[key] = anchor(title_of(block)) end
end
for _, key in ipairs(keys) do
  if not place[key] then fail("config.lua does not tell of %s", key.name) end
end

print "# Configuration\n"
write_head(head)
print [[

`luaserve config` prints what each key takes, its default, and the lines of this table. A name with a point is that of a
key in a table: `limits.wall` stands as `limits = { wall = "5s" }` in the file.
]]
write_index(keys, place)
for _, section in ipairs(sections_of(blocks)) do
  local name = section.prefix:match "^(.*)%.$"
  write_section(name or "At the top level", section, tables[section.prefix] or {})
end
print "\n<!-- Written by `make docs` from `luaserve config` and the comments of config.lua. -->\n"
print "Next: [As a service](service.md)"
