-- What the documentation claims is where it says, and its examples run as printed.
local socket = require "socket"
local spec = require "luaserve.spec"

local binary = spec.path(os.getenv "LUASERVE" or "luaserve")

local function read(path)
  local file = assert(io.open(path), path)
  local text = file:read "a"
  file:close()
  return text
end

local function output(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1"))
  local text = pipe:read "a"
  return text, pipe:close()
end

local PAGES = { "README.md" }
for page in io.popen("ls docs/*.md docs/examples/*/*.md"):lines() do PAGES[#PAGES + 1] = page end

-- The page that a path leads to from another one.
local function resolve(from, path)
  local parts = {}
  for part in ((from:match "^(.*/)" or "") .. path):gmatch "[^/]+" do
    if part == ".." then parts[#parts] = nil else parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

-- The names that a page's headings have in links.
local function anchors(page)
  local names, text = {}, read(page):gsub("\n```.-\n```", "")
  for heading in text:gmatch "\n#+ ([^\n]+)" do
    names[heading:lower():gsub("[^%w_ \x80-\xff-]", ""):gsub(" ", "-")] = true
  end
  return names
end

describe("the documentation", function()
  it("names specs that are there", function()
    local count = 0
    for file, name in (read "docs/isolation.md" .. read "docs/pool.md"):gmatch '`([%w_]+%.lua)`%s+"([^"]+)"' do
      assert.truthy(read("spec/" .. file):find(name, 1, true), file .. ": " .. name)
      count = count + 1
    end
    assert.is_true(count > 25)
  end)

  it("links to pages and headings that are there", function()
    for _, page in ipairs(PAGES) do
      for target, heading in read(page):gmatch "%]%(([%w_./-]*)#?([%w_-]*)%)" do
        local path = target == "" and page or resolve(page, target)
        assert.truthy(io.open(path), page .. ": " .. target)
        if heading ~= "" then assert.is_true(anchors(path)[heading], page .. ": " .. target .. "#" .. heading) end
      end
    end
  end)

  it("has an order, in which each page leads to the next", function()
    local order, there = {}, {}
    for target in read "docs/README.md":gmatch "\n%* %[[^%]]+%]%(([%w_./-]+)%)" do
      order[#order + 1], there["docs/" .. target] = "docs/" .. target, true
    end
    for i, page in ipairs(order) do
      local next_one = read(page):match "\nNext: %[[^%]]+%]%(([%w_./-]+)%)\n$"
      assert.equal(order[i + 1], next_one and resolve(page, next_one), page)
    end
    for _, page in ipairs(PAGES) do
      if page ~= "README.md" and page ~= "docs/README.md" then assert.is_true(there[page], page .. " is not in docs/README.md") end
    end
  end)

  it("has what is made of other files as `make docs` makes it", function()
    for file, command in pairs {
      ["docs/configuration.md"] = binary .. " config | lua5.4 docs/make/configuration.lua config.lua",
      ["docs/bench.svg"] = "lua5.4 docs/make/goals.lua docs/bench.md",
    } do
      local made, fine = output(command)
      assert.is_true(fine, made)
      assert.is_true(made == read(file), file .. " is out of step: make docs")
    end
  end)
end)

-- Examples ---------------------------------------------------------------------------------------

-- What a page's examples need and do not show.
local BESIDE = {
  ["docs/testing.md"] = [[
    app:post("/signup", function(req) return { json = req:form_values "tags" } end)
    app:post("/upload", function(req) return { text = req:form().file.type } end)
    app:post("/login", function(req) req.session.user = req:form().user return app.redirect "/" end)
    app:get("/", function(req) return "Hello " .. req.session.user:gsub("^%l", string.upper) end)
    app:ws("/echo", function(_, ws) for message in ws:messages() do ws:send(message) end end)
  ]],
}

-- What a block of Lua is. "passed over": the page says so, and why, in a comment above it.
local function use_of(block)
  if block.before:find "^<!%-%- not run: .+ %-%->$" then return "passed over" end
  if block.text:find "describe%(" then return "spec" end
  if block.text:find "^return" then return "configuration" end
  if block.text:find "server[:.]" then return "conversation" end
  return "script"
end

-- The blocks of a page: { kind, text, before: the line above, use: of Lua }.
local function blocks_of(page)
  local blocks = {}
  for before, kind, text in ("\n\n" .. read(page)):gmatch "\n([^\n]*)\n\n?```(%a+)\n(.-)\n```" do
    local block = { before = before, kind = kind, text = text .. "\n" }
    if kind == "lua" then block.use = use_of(block) end
    blocks[#blocks + 1] = block
  end
  return blocks
end

local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return tostring(port)
end

-- What a reader would have typed: scripts in their order, other files by the names above them. The ports of raw
-- services are free ones.
local function project(page, blocks)
  local scripts, views, www, count = {}, {}, {}, 0
  local ports = setmetatable({}, { __index = function(t, port)
    t[port] = free_port()
    return t[port]
  end })
  local function add(text)
    count = count + 1
    local named = text:find('require "luaserve"', 1, true)
    scripts[("%02d.lua"):format(count)] = (named and "" or 'local app = require "luaserve" ') ..
      text:gsub("5555%d", function(port) return ports[port] end)
  end
  for _, block in ipairs(blocks) do
    if block.use == "script" then
      add(block.text)
    elseif block.kind == "html" then
      local folder, name = block.before:match "(%l+)/([%w_./-]+)"
      local files = folder == "views" and views or folder == "www" and www
      files[name] = block.text
    end
  end
  if BESIDE[page] then add(BESIDE[page]) end
  return { scripts = scripts, views = views, www = www, config = { secret = ("s"):rep(32) } }, count
end

-- Command and expected output, one after the other.
local function exchanges(text)
  local list = {}
  for line in text:gmatch "([^\n]*)\n" do
    if line:find "^%$ " then
      list[#list + 1] = { command = line:sub(3), output = "" }
    else
      list[#list].output = list[#list].output .. line .. "\n"
    end
  end
  return list
end

local function run(server, command)
  local address = server.host .. ":" .. server.port
  local pipe = assert(io.popen("cd " .. server.dir .. "; { " .. command:gsub("localhost:3000", address) .. "; } 2>/dev/null"))
  local said = pipe:read "a"
  pipe:close()
  return (said:gsub("%s*$", ""))
end

-- In a folder with the page's scripts, which is where its server runs.
local function run_spec(server, text)
  local file = assert(io.open(server.dir .. "/page_spec.lua", "w"))
  file:write(text)
  file:close()
  local said, fine = output(("cd %s && mkdir -p www && LUASERVE=%s busted --lua=lua5.4 --lpath='%s/?.lua' page_spec.lua")
    :format(server.dir, binary, spec.path "src/lua"))
  assert.is_true(fine, said)
end

local function check_configuration(text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  local said, fine = output(binary .. " check " .. name .. " --set log.level=off")
  os.remove(name)
  assert.is_true(fine, said)
end

describe("the examples of", function()
  for _, page in ipairs(PAGES) do
    local blocks = blocks_of(page)
    local started, count = project(page, blocks)
    if count > 0 then
      it(page .. " run as printed", function()
        local server = spec.start(started)
        local names = setmetatable({ server = server, assert = assert, spec = spec, bytes = "\x89PNG" }, { __index = _G })
        for _, block in ipairs(blocks) do
          if block.use == "conversation" then assert(load(block.text, page, "t", names))() end
          if block.use == "spec" then run_spec(server, block.text) end
          for _, exchange in ipairs(block.kind == "console" and exchanges(block.text) or {}) do
            assert.are.equal((exchange.output:gsub("%s*$", "")), run(server, exchange.command), exchange.command)
          end
        end
        assert.falsy(server:log():find "handler failed", server:log())
        server:stop()
      end)
    end
  end

  it("the rest is Lua too, and its configurations are in order", function()
    local passed_over = 0
    for _, page in ipairs(PAGES) do
      for _, block in ipairs(blocks_of(page)) do
        if block.kind == "lua" then assert(load(block.text, page)) end
        if block.use == "configuration" then check_configuration(block.text) end
        if block.use == "passed over" then passed_over = passed_over + 1 end
      end
    end
    assert.is_true(passed_over < 5)
  end)
end)
