-- A list of things to do for each user: sessions, forms, templates, an upload, JSON, error pages.
local app = require "luaserve"
local store = require "store"

-- Pages see who is logged in, the token that their forms send back, and a message shown once.
local function page(req, res, name, values)
  values = values or {}
  values.user = req.session.user
  values.token = req.session.token
  values.flash, req.session.flash = req.session.flash, nil
  res:render(name, values)
end

local function flash(req, text, path)
  req.session.flash = text
  return app.redirect(path, 303)
end

-- Forms of other sites do not know the token.
local function check_token(req)
  local token = req.session.token
  if not token or not app.equal(token, req:form().token or "") then
    app.abort(403, "This form has expired. Go back, reload the page and send it again.")
  end
end

app:before(function(req)
  if not req.session.token then req.session.token = app.random(16, "base64url") end
end)

app:error(404, function(req, res) page(req, res, "error.html", { title = "Not found", message = req.path }) end)
app:error(403, function(req, res, _, message) page(req, res, "error.html", { title = "Refused", message = message }) end)

app:get("/", { name = "home" }, function(req, res)
  if not req.session.user then return app.redirect(app.url "login") end
  page(req, res, "list.html", { items = store.items(req.session.user) })
end)

-- Who you are ------------------------------------------------------------------------------------

app:get("/login", { name = "login" }, function(req, res) page(req, res, "login.html", { name = "" }) end)

local function enter(req, name)
  req.session = { user = name, token = app.random(16, "base64url") }
  return app.redirect("/", 303)
end

app:post("/login", function(req, res)
  check_token(req)
  local form = req:form()
  local name, password = form.name or "", form.password or ""
  local hash = store.hash_of(name)
  if hash and app.verify(password, hash) then return enter(req, name) end
  res.status = 422
  page(req, res, "login.html", { name = name, fault = "No user has this name and password." })
end)

app:post("/register", function(req, res)
  check_token(req)
  local form = req:form()
  local name, password = form.name or "", form.password or ""
  local fault = not name:find "^[%w_-]+$" and "A name is letters, digits, - and _."
    or #name > 40 and "A name has at most 40 characters."
    or #password < 8 and "A password has at least 8 characters."
    or #password > 200 and "A password has at most 200 characters."
    or not store.add_user(name, app.hash(password)) and "This name is taken."
  if not fault then return enter(req, name) end
  res.status = 422
  page(req, res, "login.html", { name = name, fault = fault })
end)

app:post("/logout", function(req)
  check_token(req)
  req.session = nil
  return app.redirect("/login", 303)
end)

-- What is to do ----------------------------------------------------------------------------------

local function id_of(req) return math.tointeger(tonumber(req.params.id)) or app.abort(404) end

app:group("/items", function(items)
  items:before(function(req)
    if not req.session.user then return app.redirect("/login", 303) end
  end)

  items:post("", function(req)
    check_token(req)
    local title = (req:form().title or ""):match "^%s*(.-)%s*$"
    if title == "" or #title > 200 then return flash(req, "A title has 1 to 200 characters.", "/") end
    store.add_item(req.session.user, title)
    return app.redirect("/", 303)
  end)

  items:post("/:id[%d]/toggle", function(req)
    check_token(req)
    if not store.toggle(req.session.user, id_of(req)) then app.abort(404) end
    return app.redirect("/", 303)
  end)

  items:post("/:id[%d]/remove", function(req)
    check_token(req)
    if not store.remove(req.session.user, id_of(req)) then app.abort(404) end
    return flash(req, "Removed.", "/")
  end)

  -- A text file with a title in each line, up to 1 MB, read as it comes. The token stands before it.
  items:post("/import", { name = "import", body = "1M" }, function(req)
    local trusted, count, rest = false, 0, ""
    local function add(line)
      local title = line:match "^%s*(.-)%s*$"
      if title ~= "" and #title <= 200 and utf8.len(title) then
        store.add_item(req.session.user, title)
        count = count + 1
      end
    end
    for part in req:parts() do
      if part.name == "token" then
        trusted = app.equal(part:text(), req.session.token)
      elseif part.name == "upload" and trusted then
        for piece in part.read, part do
          rest = (rest .. piece):gsub("([^\n]*)\n", function(line) add(line) return "" end)
          if #rest > 4096 then app.abort(400, "This is no list of titles.") end
        end
        add(rest)
      end
    end
    if not trusted then app.abort(403, "This form has expired. Go back, reload the page and send it again.") end
    return flash(req, count .. " imported.", "/")
  end)
end)

-- The same for programs, with name and password in every request ---------------------------------

app:group("/api", function(api)
  api:before(app.basic_auth { realm = "todo", check = function(name, password)
    local hash = store.hash_of(name)
    return hash ~= nil and app.verify(password, hash)
  end })
  api:error(function(_, _, status, message) return { json = { status = status, error = message } } end)

  local function shown(item) return { id = item.id, title = item.title, done = item.done == 1 } end

  api:get("/items", function(req)
    local list = app.json.array {}
    for i, item in ipairs(store.items(req.user)) do list[i] = shown(item) end
    return { json = list }
  end)
  api:get("/items/:id[%d]", { name = "api item" }, function(req)
    local item = store.item(req.user, id_of(req)) or app.abort(404, "no such item")
    return { json = shown(item) }
  end)
  api:post("/items", function(req)
    local given = req:json()
    local title = type(given) == "table" and given.title
    if type(title) ~= "string" or title == "" or #title > 200 then app.abort(422, "title: 1 to 200 characters") end
    local id = store.add_item(req.user, title)
    return { status = 201, headers = { Location = app.url("api item", { id = id }) },
      json = shown(store.item(req.user, id)) }
  end)
end)
