-- Templates: what the tags give, how they are escaped, layouts and partials, and whose line an error
-- names.
local spec = require "luaserve.spec"

local SCRIPT = [[
  local app = require "luaserve"
  app:any("/render/*name", function(req, res)
    local values = req.method == "POST" and req:json() or { name = "<&>", list = { "a", "b" }, f = print }
    res:render(req.params.name, values)
  end)
  app:get("/text", function() return { text = app.render("plain.txt", { name = "<x>" }) } end)
  app:get("/typed", function(req, res)
    res.headers["content-type"] = "text/x-mine"
    res.status = 201
    res:render("plain.txt", { name = 1 })
  end)
  app:get("/yield", function(req, res)
    res:render("call.html", { call = function() app.sleep "5ms" return "slept" end })
  end)
  app:get("/none", function(req, res) res:render "none.html" end)
  app:get("/values", function(req, res) res:render("plain.txt", 5) end)
  app:get("/global", function(req, res)
    res:render("global.html", {})
    return { text = tostring(made_here) }
  end)
]]

local VIEWS = {
  ["text.html"] = "<p><%= name %></p><%- name %><%# nothing\nat all %>|<%% x %>|<%= 1.5 %><%= true %>",
  ["attribute.html"] = "<a title=\"<%= name %>\" alt='<%= name %>'><%= name %></a>",
  ["loop.html"] = "<% for _, item in ipairs(list) do -%>\n<li><%= item %></li>\n<% end -%>\nend\n",
  ["plain.txt"] = "Hello <%= name %>",
  ["data.svg"] = "<svg><%= name %></svg>",
  ["script.html"] = "<script>let x = <%- json { s = '</script>' } %>;</script><%= name %>",
  ["page.html"] = "<% layout('base.html', { title = 'T<' }) %><% block('side', function() %><i><%= name %></i><% end) %>body <%= name %>",
  ["base.html"] = "<title><%= title %></title><%= content %>|<%- blocks.side or '' %>|<%- blocks.none or 'none' %>",
  ["outer.html"] = "<% layout 'middle.html' %>inner",
  ["middle.html"] = "<% layout('base.html', { title = 'M' }) %>[<%- content %>]",
  ["list.html"] = "<% for _, item in ipairs(list) do %><%- include('part/item.html', { item = item }) %><% end %>",
  ["part/item.html"] = "(<%= item %> <%= name %>)",
  ["nil.html"] = "one\ntwo\n<%= user_name %>\n",
  ["nilraw.html"] = "<%- nothing %>",
  ["function.html"] = "<%= f %>",
  ["index.html"] = "\n\n<%= no.thing %>",
  ["deep.html"] = "\n<%- include 'part/broken.html' %>",
  ["part/broken.html"] = "a\nb <% error 'here' %>",
  ["loop-self.html"] = "<% layout 'loop-self.html' %>",
  ["no-partial.html"] = "<%- include 'nowhere.html' %>",
  ["call.html"] = "<%= call() %>",
  ["global.html"] = "<% made_here = 1 %><%= made_here %>",
  ["many.html"] = ("<%= 1 %>x\n"):rep(3000),
  ["bytes.txt"] = "\0\r\n]]\255 \\n",
  [".hidden.html"] = "<% not compiled",
}

describe("templates", function()
  local server
  setup(function() server = spec.start { scripts = { ["app.lua"] = SCRIPT }, views = VIEWS } end)
  teardown(function() server:stop() end)

  local function body(name, values)
    local response = values and server:post("/render/" .. name, { json = values }) or server:get("/render/" .. name)
    return response.body, response
  end

  local shown = {
    ["text.html"] = "<p>&lt;&amp;&gt;</p><&>|<% x %>|1.5true",
    ["attribute.html"] = "<a title=\"&lt;&amp;&gt;\" alt='&lt;&amp;&gt;'>&lt;&amp;&gt;</a>",
    ["loop.html"] = "<li>a</li>\n<li>b</li>\nend\n",
    ["plain.txt"] = "Hello <&>",
    ["data.svg"] = "<svg>&lt;&amp;&gt;</svg>",
    ["script.html"] = "<script>let x = {\"s\":\"\\u003c/script\\u003e\"};</script>&lt;&amp;&gt;",
    ["page.html"] = "<title>T&lt;</title>body &lt;&amp;&gt;|<i>&lt;&amp;&gt;</i>|none",
    ["outer.html"] = "<title>M</title>[inner]||none",
    ["list.html"] = "(a &lt;&amp;&gt;)(b &lt;&amp;&gt;)",
    ["many.html"] = ("1x\n"):rep(3000),
    ["bytes.txt"] = "\0\r\n]]\255 \\n",
  }
  for name, expected in pairs(shown) do
    it("give their text: " .. name, function() assert.are.equal(expected, (body(name))) end)
  end

  it("say what they are by their names", function()
    local function type_of(name) return select(2, body(name)).headers["content-type"] end
    assert.are.equal("text/html; charset=utf-8", type_of "text.html")
    assert.are.equal("text/plain; charset=utf-8", type_of "plain.txt")
    assert.are.equal("image/svg+xml", type_of "data.svg")
    local typed = server:get "/typed"
    assert.are.equal("text/x-mine", typed.headers["content-type"])
    assert.are.equal(201, typed.status)
  end)

  it("give a text without an answer", function()
    assert.are.equal("Hello <x>", server:get("/text").body)
  end)

  it("may call what waits", function()
    assert.are.equal("slept", server:get("/yield").body)
  end)

  it("keep their variables to themselves", function()
    assert.are.equal("nil", server:get("/global").body)
  end)

  local errors = {
    ["nil.html"] = 'views/nil.html:3: nil in <%= user_name %>',
    ["nilraw.html"] = "views/nilraw.html:1: nil in <%",
    ["function.html"] = "views/function.html:1: a function in <%= f %>",
    ["index.html"] = "views/index.html:3: attempt to index a nil value (global 'no')",
    ["deep.html"] = "views/part/broken.html:2: here",
    ["loop-self.html"] = "templates within templates, more than 32 deep",
    ["no-partial.html"] = 'there is no template "nowhere.html" (known: ',
  }
  for name, message in pairs(errors) do
    it("name their own line: " .. name, function()
      assert.are.equal(500, select(2, body(name)).status)
      assert.truthy(server:log(message:gsub("%p", "%%%0")), message)
    end)
  end

  it("that are not there, or get no values, are the caller's fault", function()
    assert.are.equal(500, server:get("/none").status)
    assert.truthy(server:log 'scripts/app.lua:%d+: render: there is no template "none.html"')
    assert.are.equal(500, server:get("/values").status)
    assert.truthy(server:log "scripts/app.lua:%d+: render: expected a table of values, found 5")
  end)
end)

describe("a template that does not compile", function()
  local faults = {
    ["a\n<% if %>"] = "views/x.html:2:",
    ["a\n\n<%= name"] = "views/x.html:3: <% is never closed with %>",
    ["<%= %>"] = "views/x.html:1: there is no expression in <%= %>",
    ["<% for i = 1, 2 do %>"] = "views/x.html:1: 'end' expected",
    ["<a href=<%= x %>>"] = "views/x.html:1: <%= x %> is the value of an attribute without quotes: put it in quotes",
    ["<a href=/<%= x %>>"] = "<%= x %> stands in the value of an attribute without quotes",
    ["<a <%= x %>>"] = "<%= x %> stands in a tag, outside of a quoted value",
    ["<<%= x %>>"] = "<%= x %> stands in a tag",
    ["<script>\nlet x = '<%= x %>'"] = "views/x.html:2: <%= x %> stands in <script>, where escaping for HTML is wrong: use <%- json(value) %>",
    ["<STYLE a='>'><%= x %>"] = "<%= x %> stands in <style>",
  }
  for text, message in pairs(faults) do
    it("ends the start: " .. text:gsub("\n", " "), function()
      local code, _, err = spec.run { scripts = { ["app.lua"] = SCRIPT }, views = { ["x.html"] = text } }
      assert.are.equal(78, code)
      assert.truthy(err:find(message, 1, true), err)
    end)
  end

  local sound = { "<!-- <%= 1 %> -->", "<p>a < b <%= 1 %></p>", "<br/><%= 1 %>", "<script src='x'></script><%= 1 %>",
    "<a b = \"<%= 1 %>\"><%= 1 %>", "<a <%- 'b' %>>", "<scripted><%= 1 %>", "<style>a{}</style><%= 1 %>",
    "<a b=c><%= 1 %>", "<input value='<' ><%= 1 %>", "<%= '%' %>", "<!doctype html><%= 1 %>" }
  for _, text in ipairs(sound) do
    it("is not one: " .. text, function()
      local server = spec.start { scripts = { ["app.lua"] = SCRIPT }, views = { ["x.html"] = text } }
      server:stop()
    end)
  end

  it("leaves the old ones in place at a reload", function()
    local server = spec.start { scripts = { ["app.lua"] = SCRIPT }, views = { ["x.html"] = "old" } }
    assert.are.equal("old", server:get("/render/x.html").body)
    local file = assert(io.open(server.dir .. "/views/x.html", "w"))
    file:write "<% if %>"
    file:close()
    server:signal "HUP"
    assert.truthy(server:log "views/x.html:1:")
    assert.are.equal("old", server:get("/render/x.html").body)
    file = assert(io.open(server.dir .. "/views/x.html", "w"))
    file:write "new"
    file:close()
    server:signal "HUP"
    assert.truthy(server:log "reloaded: generation")
    assert.are.equal("new", server:get("/render/x.html").body)
    server:stop()
  end)
end)
