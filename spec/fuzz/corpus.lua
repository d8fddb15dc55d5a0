-- The corpus of a fuzz target as text, one input a line, bytes escaped as in spec/vectors; and as
-- libFuzzer has it, a file for each input.
--
--     corpus.lua unpack TARGET FOLDER          corpus and vectors of the target into FOLDER
--     corpus.lua pack TARGET BUILD FOLDER      what reached new code in FOLDER into the corpus,
--                                              by BUILD/bin/TARGET -merge=1
local UNESCAPED = { r = "\r", n = "\n", t = "\t", ["0"] = "\0", ["\\"] = "\\" }
local ESCAPED = { ["\r"] = "\\r", ["\n"] = "\\n", ["\t"] = "\\t", ["\0"] = "\\0", ["\\"] = "\\\\" }

local function unescape(text)
  text = text:gsub("\\{(%d+) (.-)}", function(times, part) return part:rep(tonumber(times)) end)
  return (text:gsub("\\(.)(%x?%x?)", function(letter, hex)
    if letter == "x" then return string.char(tonumber(hex, 16)) end
    return UNESCAPED[letter] .. hex
  end))
end

local function escape(bytes)
  bytes = bytes:gsub("[%c\\\127-\255]", function(c)
    return ESCAPED[c] or string.format("\\x%02x", c:byte())
  end)
  return (bytes:gsub("^#", "\\x23"):gsub("|", "\\x7c"))
end

local function lines_of(path)
  local file = io.open(path)
  local text = file and file:read "a" or ""
  if file then file:close() end
  return text:gmatch "([^\n]+)"
end

local function write(path, bytes)
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  file:close()
end

local function unpack_into(target, folder)
  local count = 0
  local function add(text)
    count = count + 1
    write(string.format("%s/%04d", folder, count), unescape(text))
  end
  assert(os.execute(string.format("mkdir -p '%s'", folder)))
  for line in lines_of("spec/fuzz/corpus/" .. target .. ".txt") do
    if line:sub(1, 1) ~= "#" then add(line) end
  end
  for line in lines_of("spec/vectors/" .. target .. ".txt") do
    local input = line:match "^[^#].- | .- | (.*)$"
    if input then add(input) end
  end
end

local function pack(target, build, folder)
  local least = build .. "/least/" .. target
  assert(os.execute(string.format("rm -rf '%s' && mkdir -p '%s' && '%s/bin/%s' -merge=1 '%s' '%s' 2> '%s/merge.log'",
    least, least, build, target, least, folder, build)))
  local inputs = {}
  for path in io.popen(string.format("ls '%s'/*", least)):lines() do
    local file = assert(io.open(path, "rb"))
    local bytes = file:read "a"
    file:close()
    if #bytes > 0 and #bytes <= 600 then inputs[#inputs + 1] = escape(bytes) end
  end
  table.sort(inputs)
  write("spec/fuzz/corpus/" .. target .. ".txt", table.concat(inputs, "\n") .. "\n")
end

local command, target = arg[1], arg[2]
if command == "unpack" then
  unpack_into(target, arg[3])
elseif command == "pack" then
  pack(target, arg[3], arg[4])
else
  error "corpus.lua unpack TARGET FOLDER | pack TARGET BUILD FOLDER"
end
