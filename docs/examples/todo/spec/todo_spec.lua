-- The example, as a browser and as a program see it.
local spec = require "luaserve.spec"

local HERE = debug.getinfo(1, "S").source:match "^@(.*)spec/[^/]*$"

local function token_of(response)
  return response.body:match 'name="token" value="([^"]+)"'
end

describe("the to-do list", function()
  local server

  setup(function()
    server = spec.start {
      config = { secret = ("s"):rep(32), limits = { body = "64K" } },
      scripts = HERE .. "scripts", views = HERE .. "views", www = HERE .. "www",
      env = { TODO_DATABASE = os.tmpname() .. ".sqlite" },
    }
  end)
  teardown(function() server:stop() end)

  -- A browser whose user is logged in.
  local function registered(name)
    local browser = server:browser { follow = true }
    local token = token_of(browser:get "/login")
    local response = browser:post("/register", { form = { name = name, password = "long enough", token = token } })
    assert.equal(200, response.status, response.body)
    return browser, response
  end

  local function submit(browser, path, fields)
    fields.token = token_of(browser:get "/")
    return browser:post(path, { form = fields })
  end

  it("sends who is not logged in to the login page", function()
    assert.equal("/login", server:get("/").headers.location)
    assert.equal("/login", server:post("/items", { form = { title = "x" } }).headers.location)
  end)

  it("keeps a list for each user", function()
    local one, page = registered "one"
    assert.truthy(page.body:find("Nothing to do", 1, true))
    local list = submit(one, "/items", { title = "  <b>buy</b> milk's  " })
    assert.truthy(list.body:find("&lt;b&gt;buy&lt;/b&gt; milk&#39;s", 1, true), list.body)
    local two = registered "two"
    assert.falsy(two:get("/").body:find("milk", 1, true))
    local id = list.body:match "/items/(%d+)/toggle"
    assert.equal(404, submit(two, "/items/" .. id .. "/remove", {}).status)
    assert.truthy(submit(one, "/items/" .. id .. "/toggle", {}).body:find('class="done"', 1, true))
    local removed = submit(one, "/items/" .. id .. "/remove", {})
    assert.truthy(removed.body:find("Removed.", 1, true))
    assert.falsy(removed.body:find("milk", 1, true))
    assert.falsy(one:get("/").body:find("Removed.", 1, true))
  end)

  it("logs in whom it knows, and nobody else", function()
    local browser = registered "three"
    browser:post("/logout", { form = { token = token_of(browser:get "/") } })
    assert.truthy(browser:get("/").body:find("Log in", 1, true))
    local function login(password)
      return browser:post("/login", { form = { name = "three", password = password, token = token_of(browser:get "/login") } })
    end
    local refused = login "wrong"
    assert.equal(422, refused.status)
    assert.truthy(refused.body:find("No user has this name", 1, true))
    assert.truthy(login("long enough").body:find("Log out", 1, true))
  end)

  it("says what is wrong with a registration", function()
    registered "four"
    local browser = server:browser()
    for _, case in ipairs { { "four", "long enough", "is taken" }, { "a b", "long enough", "A name is" },
      { "five", "short", "at least 8" }, { "", "", "A name is" } } do
      local response = browser:post("/register", { form = { name = case[1], password = case[2],
        token = token_of(browser:get "/login") } })
      assert.equal(422, response.status)
      assert.truthy(response.body:find(case[3], 1, true))
    end
  end)

  it("takes no form that another site made", function()
    local browser = registered "six"
    for _, token in ipairs { "", "wrong" } do
      local response = browser:post("/items", { form = { title = "x", token = token } })
      assert.equal(403, response.status)
      assert.truthy(response.body:find("has expired", 1, true))
    end
    assert.equal(403, browser:post("/items", { form = { title = "x" } }).status)
  end)

  it("imports a text file", function()
    local browser = registered "seven"
    local response = browser:post("/items/import", { multipart = {
      token = token_of(browser:get "/"),
      upload = { filename = "list.txt", body = "one\r\n\n  two \nthree" },
    } })
    assert.equal(200, response.status, response.body)
    assert.truthy(response.body:find("3 imported.", 1, true))
    for _, title in ipairs { "one", "two", "three" } do
      assert.truthy(response.body:find("<span>" .. title .. "</span>", 1, true))
    end
  end)

  it("has an API", function()
    registered "eight"
    local auth = { "eight", "long enough" }
    assert.equal(401, server:get("/api/items").status)
    local made = server:post("/api/items", { auth = auth, json = { title = "by program" } })
    assert.equal(201, made.status)
    local item = server:get(made.headers.location, { auth = auth }).json
    assert.same({ id = item.id, title = "by program", done = false }, item)
    assert.same({ item }, server:get("/api/items", { auth = auth }).json)
    assert.same({ status = 404, error = "no such item" }, server:get("/api/items/0", { auth = auth }).json)
    assert.same({ status = 422, error = "title: 1 to 200 characters" },
      server:post("/api/items", { auth = auth, json = { title = 5 } }).json)
  end)

  it("shows its own page where there is nothing", function()
    local response = server:get "/nowhere"
    assert.equal(404, response.status)
    assert.truthy(response.body:find("<h2>Not found</h2>", 1, true))
    assert.equal("text/css; charset=utf-8", server:get("/style.css").headers["content-type"])
  end)
end)
