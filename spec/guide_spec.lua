-- The guide as the demo serves it at /docs/.
local spec = require "luaserve.spec"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local function has_renderer() return os.execute "command -v cmark-gfm > /dev/null" end

-- The repository, as far as it matters here: the demo's script beside the folder that `make docs` fills.
local root = os.tmpname()
os.remove(root)

local function start()
  return spec.start { config = { scripts = root .. "/scripts", www = root .. "/www" } }
end

-- "/docs/a/b.html" and "../c.html" as "/docs/c.html".
local function resolve(from, target)
  if target == "" then return from end
  local parts = {}
  for part in ((from:match "^(.*/)") .. target):gmatch "[^/]+" do
    if part == ".." then parts[#parts] = nil elseif part ~= "." then parts[#parts + 1] = part end
  end
  local last = target:match "[^/]*$"
  return "/" .. table.concat(parts, "/") .. ((last == "" or last == "." or last == "..") and "/" or "")
end

-- Asks for a page and for all that it leads to: path → body. Says what leads nowhere.
local function walk(server, first)
  local client, bodies, faults = server:client(), {}, {}
  local function visit(path, from)
    if bodies[path] then return end
    local response = client:get(path)
    bodies[path] = response.body
    if response.status ~= 200 then faults[#faults + 1] = from .. " leads to " .. path .. ": " .. response.status end
    if not response.headers["content-type"]:find "^text/html" then return end
    for target in response.body:gmatch '%f[%w][hs]r[ec]f?="([^"]*)"' do
      if not target:find "^%a+:" then visit(resolve(path, target:match "^[^#]*"), path) end
    end
  end
  visit(first, "the test")
  client:close()
  return bodies, faults
end

describe("the guide", function()
  setup(function()
    assert(os.execute(("mkdir -p %s/scripts %s/www && cp scripts/docs.lua %s/scripts"):format(root, root, root)))
  end)
  teardown(function() os.execute("rm -rf " .. root) end)

  it("says how it is made where it is not", function()
    os.execute("rm -rf " .. root .. "/build")
    local server = start()
    for _, path in ipairs { "/docs", "/docs/", "/docs/live.html" } do
      local response = server:get(path)
      assert.equal(404, response.status)
      assert.truthy(response.body:find("make docs", 1, true))
    end
    server:stop()
  end)

  it("is served whole, and no link in it leads nowhere", function()
    if not has_renderer() then return pending "cmark-gfm is not installed" end
    assert(os.execute("lua5.4 docs/make/pages.lua " .. root .. "/build/docs"))
    local server = start()
    local browser = server:browser { follow = true }
    assert.equal(200, browser:get("/docs").status)
    local bodies, faults = walk(server, "/docs/")
    assert.same({}, faults)
    for page in io.popen "cd docs && ls *.md examples/*/README.md":lines() do
      local path = "/docs/" .. page:gsub("README%.md$", ""):gsub("%.md$", ".html")
      assert.truthy(bodies[path], path)
    end
    for path, body in pairs(bodies) do
      for target in body:gmatch 'href="([^"]*#[^"]*)"' do
        local other, id = resolve(path, target:match "^[^#]*"), target:match "#(.*)"
        assert.truthy(bodies[other]:find('id="' .. id .. '"', 1, true), path .. ": " .. target)
      end
    end
    assert.equal(0, server:stop())
  end)

  it("shows sources as text, and asks for nothing from elsewhere", function()
    if not has_renderer() then return pending "cmark-gfm is not installed" end
    local server = start()
    local source = server:get "/docs/examples/sockets/scripts/06_echo.lua.txt"
    assert.equal("text/plain; charset=utf-8", source.headers["content-type"])
    assert.equal(read "docs/examples/sockets/scripts/06_echo.lua", source.body)
    local page = server:get("/docs/live.html").body
    assert.falsy(page:find "<script")
    assert.falsy(page:find '<link[^>]*href="%a+:' or page:find '<img[^>]*src="%a+:')
    server:stop()
  end)
end)
