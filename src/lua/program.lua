-- app:run and what goes with it: the server of a Lua program, whose own functions are the handlers. In the
-- scripts of a server app:run does nothing, so that a program can be one of them.
local core, check, app = ...

local fail, described = check.fail, check.described
local program = core.program

local function check_colon(self, name)
  if self ~= app then fail(2, "call app:%s(...) with a colon", name) end
end

-- The configuration as a text -------------------------------------------------------------------------

local DEPTH, MOST = 8, 10000 -- of tables in each other, and values in all; a configuration has three, and less

local function refuse(why) error({ why }) end

local written

local function write_table(t, state, depth)
  if getmetatable(t) ~= nil then refuse "the configuration is made of plain tables: one has a metatable" end
  if depth > DEPTH or state.open[t] then refuse "the configuration has tables in each other without end" end
  state.open[t] = true
  local parts = {}
  for name, value in next, t do
    local text = type(name) == "table" and "{}" or written(name, state, depth)
    parts[#parts + 1] = "[" .. text .. "] = " .. written(value, state, depth + 1)
  end
  state.open[t] = nil
  return "{" .. table.concat(parts, ", ") .. "}"
end

-- What no config file could hold is written as a function: that is of no use in one either, and is told by name.
function written(value, state, depth)
  local kind = type(value)
  state.count = state.count + 1
  if state.count > MOST then refuse "the configuration has too many values" end
  if kind == "string" or kind == "number" then return (("%q"):format(value):gsub("\\\n", "\\n")) end
  if kind == "boolean" then return tostring(value) end
  return kind == "table" and write_table(value, state, depth) or "function() end"
end

local function configuration(config, name)
  if config == nil then return nil end
  if type(config) ~= "table" then
    fail(2, "app:%s: expected a table such as { port = 3000 }, found %s", name, described(config))
  end
  local good, text = pcall(written, config, { open = {}, count = 0 }, 1)
  if not good then fail(2, "app:%s: %s", name, type(text) == "table" and text[1] or text) end
  return "return " .. text
end

-- Calls ---------------------------------------------------------------------------------------------

-- The place in the program that has called the method, or where that is not known any more (a tail call), the
-- nearest one that is.
local function place()
  local level, info = 4, debug.getinfo(4, "Sl")
  while info and info.currentline <= 0 do
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  return info and info.short_src .. ":" .. info.currentline .. ": " or ""
end

local function call(name, ...)
  local result, why = program[name](...)
  local prefix = "app:" .. name .. ": "
  if why then
    why = why:gsub("^luaserve_%w+: ", "")
    error(place() .. (why:sub(1, #prefix) == prefix and "" or prefix) .. why, 0)
  end
  return result -- to who calls this without a tail call, by which a level would be lost
end

local function only_in_programs(name)
  if not program then fail(2, "app:%s is for programs of their own, which the server is a part of", name) end
end

local started -- by app:start

--- Serves as the command does, and is back when the server has stopped.
function app.run(self, config)
  check_colon(self, "run")
  local text = configuration(config, "run")
  if not program then return end
  if not started then
    call("run", text)
    return
  end
  if text then fail(1, "app:run: app:start had the configuration") end
  repeat until not call("step", -1)
end

--- Listens and serves as long as step is called. The URLs that it listens on.
function app.start(self, config)
  check_colon(self, "start")
  local text = configuration(config, "start")
  only_in_programs "start"
  local urls = call("start", text)
  started = true
  return urls
end

--- Does what there is to do, having waited for it as long as that (seconds, or "500ms"; nil: for ever). False:
--- the server has stopped.
function app.step(self, timeout)
  check_colon(self, "step")
  local us = timeout ~= nil and check.duration(timeout)
  if timeout ~= nil and not us then
    fail(1, 'app:step: expected seconds or a duration such as "500ms", found %s', described(timeout))
  end
  only_in_programs "step"
  local more = call("step", us and (us + 999) // 1000 or -1)
  return more
end

--- One descriptor, which is readable whenever step has something to do.
function app.fd(self)
  check_colon(self, "fd")
  only_in_programs "fd"
  local fd = call "fd"
  return fd
end

--- Gracefully; when it is called again, at once.
function app.stop(self)
  check_colon(self, "stop")
  only_in_programs "stop"
  call "stop"
end
