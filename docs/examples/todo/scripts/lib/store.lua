-- What the app keeps: users and their items, in SQLite.
--
-- The database is opened by the process that first needs it, never while the scripts load: a handle
-- that many processes share would corrupt it (sqlite.org/howtocorrupt.html, 2.6).
local driver = require "luasql.sqlite3"

local M = {}

local SCHEMA = {
  "create table if not exists user (name text primary key, hash text not null) without rowid",
  [[create table if not exists item (id integer primary key, user text not null, title text not null,
    done integer not null default 0, note text)]],
  "create index if not exists item_user on item (user, id)",
}

local path = os.getenv "TODO_DATABASE" or "todo.sqlite"
local connection

local function pragma(text)
  local cursor = assert(connection:execute("pragma " .. text))
  if type(cursor) == "userdata" then cursor:close() end
end

local function database()
  if connection then return connection end
  connection = assert(driver.sqlite3():connect(path))
  pragma "busy_timeout = 5000" -- ms that a process waits for another one's write
  pragma "journal_mode = wal"
  for _, statement in ipairs(SCHEMA) do assert(connection:execute(statement)) end
  return connection
end

-- A value as SQL has it. This driver has no parameters.
local function quoted(value)
  if value == nil then return "null" end
  if math.type(value) == "integer" then return tostring(value) end
  return "'" .. database():escape(tostring(value):gsub("\0", "")) .. "'"
end

-- "?" stands for each of the values.
local function execute(statement, ...)
  local values, at = table.pack(...), 0
  statement = statement:gsub("%?", function()
    at = at + 1
    return quoted(values[at])
  end)
  return assert(database():execute(statement))
end

local function rows(statement, ...)
  local cursor, list = execute(statement, ...), {}
  for row in function() return cursor:fetch({}, "a") end do list[#list + 1] = row end
  cursor:close()
  return list
end

--- False when the name is taken.
function M.add_user(name, hash)
  return execute("insert or ignore into user (name, hash) values (?, ?)", name, hash) == 1
end

function M.hash_of(name)
  local user = rows("select hash from user where name = ?", name)[1]
  return user and user.hash
end

function M.items(user)
  return rows("select id, title, done, note from item where user = ? order by id", user)
end

function M.item(user, id)
  return rows("select id, title, done, note from item where user = ? and id = ?", user, id)[1]
end

function M.add_item(user, title, note)
  execute("insert into item (user, title, note) values (?, ?, ?)", user, title, note)
  return math.tointeger(database():getlastautoid())
end

--- False when this user has no such item.
function M.toggle(user, id)
  return execute("update item set done = 1 - done where user = ? and id = ?", user, id) == 1
end

function M.remove(user, id)
  return execute("delete from item where user = ? and id = ?", user, id) == 1
end

return M
