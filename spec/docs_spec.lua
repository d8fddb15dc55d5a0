-- What the documentation claims is where it says, and its examples run as printed.
local socket = require "socket"
local spec = require "luaserve.spec"

local function read(path)
  local file = assert(io.open(path), path)
  local text = file:read "a"
  file:close()
  return text
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

  it("links to pages that are there", function()
    for page in io.popen("ls README.md docs/*.md docs/examples/*/README.md"):lines() do
      local folder = page:match "^(.*/)" or ""
      for target in read(page):gmatch "%]%(([%w_./-]+)%)" do assert.truthy(io.open(folder .. target), page .. ": " .. target) end
    end
  end)
end)

-- Examples ---------------------------------------------------------------------------------------

-- The blocks of a page: { kind, text, before: the line above }.
local function blocks_of(page)
  local blocks = {}
  for before, kind, text in ("\n\n" .. read(page)):gmatch "\n([^\n]*)\n\n?```(%a+)\n(.-)\n```" do
    blocks[#blocks + 1] = { before = before, kind = kind, text = text .. "\n" }
  end
  return blocks
end

local function is_script(block)
  return block.kind == "lua" and not block.text:find "luaserve%.spec" and not block.text:find "^return" and
    not block.text:find "server[:.]"
end

-- What a spec would say to the server of the page.
local function is_spec(block)
  return block.kind == "lua" and block.text:find "^local [%w_, ]+ = server:ws"
end

local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return tostring(port)
end

-- What a reader would have typed: scripts in their order, templates by the names above them.
local function project(blocks)
  local scripts, views, count = {}, {}, 0
  for _, block in ipairs(blocks) do
    if is_script(block) then
      count = count + 1
      local named = block.text:find('require "luaserve"', 1, true)
      scripts[("%02d.lua"):format(count)] = (named and "" or 'local app = require "luaserve" ') .. block.text
    elseif block.kind == "html" then
      views[block.before:match "views/([%w_./-]+)"] = block.text
    end
  end
  return scripts, views, count
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
  local output = pipe:read "a"
  pipe:close()
  return (output:gsub("%s*$", ""))
end

local PAGES = { "README.md" }
for page in io.popen("ls docs/*.md docs/examples/*/*.md 2>/dev/null"):lines() do PAGES[#PAGES + 1] = page end

describe("the examples of", function()
  for _, page in ipairs(PAGES) do
    local blocks = blocks_of(page)
    local scripts, views, count = project(blocks)
    if count > 0 then
      it(page .. " run as printed", function()
        local port = free_port()
        for name, text in pairs(scripts) do scripts[name] = text:gsub("55555", port) end
        local server = spec.start { scripts = scripts, views = views, config = { secret = ("s"):rep(32) } }
        for _, block in ipairs(blocks) do
          if is_spec(block) then assert(load(block.text, page, "t", { server = server, assert = assert }))() end
          for _, exchange in ipairs(block.kind == "console" and exchanges(block.text) or {}) do
            assert.are.equal((exchange.output:gsub("%s*$", "")), run(server, exchange.command), exchange.command)
          end
        end
        assert.falsy(server:log():find "handler failed", server:log())
        server:stop()
      end)
    end
  end

  it("the rest is Lua too", function()
    for _, page in ipairs(PAGES) do
      for _, block in ipairs(blocks_of(page)) do
        if block.kind == "lua" then assert(load(block.text, page)) end
      end
    end
  end)
end)
