-- What the documentation claims is where it says.
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
    for _, page in ipairs { "README.md", "docs/files.md", "docs/handlers.md", "docs/internals.md", "docs/isolation.md",
      "docs/bench.md", "docs/pool.md", "docs/service.md", "docs/testing.md" } do
      local folder = page:match "^(.*/)" or ""
      for target in read(page):gmatch "%]%(([%w_./-]+)%)" do assert.truthy(io.open(folder .. target), page .. ": " .. target) end
    end
  end)
end)
