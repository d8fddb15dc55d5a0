-- app:run and what goes with it: the server of a Lua program, whose own functions are the handlers. In the
-- scripts of a server app:run does nothing, so that a program can be one of them.
local core, check, app = ...

local fail, described = check.fail, check.described
local program = core.program

local DEPTH = 8 -- of tables in the configuration; it has three

local function check_colon(self, name)
  if self ~= app then fail(2, "call app:%s(...) with a colon", name) end
end

-- The configuration as the text of a config file. What no config file could hold is written as a function,
-- which is of no use in one either, and is told by name.
local function written(value, depth)
  local kind = type(value)
  if kind == "string" or kind == "number" then return (("%q"):format(value):gsub("\\\n", "\\n")) end
  if kind == "boolean" then return tostring(value) end
  if kind ~= "table" or depth > DEPTH then return "function() end" end
  local parts = {}
  for i = 1, #value do parts[i] = written(value[i], depth + 1) end
  for name, field in next, value do
    if math.type(name) ~= "integer" or name < 1 or name > #value then
      local text = type(name) == "table" and "{}" or written(name, depth)
      parts[#parts + 1] = "[" .. text .. "] = " .. written(field, depth + 1)
    end
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function configuration(config, name)
  if config == nil then return nil end
  if type(config) ~= "table" then
    fail(2, "app:%s: expected a table such as { port = 3000 }, found %s", name, described(config))
  end
  return "return " .. written(config, 1)
end

-- Errors name the caller of the method.
local function call(name, ...)
  local result, why = program[name](...)
  local prefix = "app:" .. (name == "listen" and "run" or name) .. ": "
  if why then error(why:sub(1, #prefix) == prefix and why or prefix .. why, 3) end
  return result -- to who calls this without a tail call, by which a level would be lost
end

local started -- by app:start

--- Serves as the command does, and is back when the server has stopped.
function app.run(self, config)
  check_colon(self, "run")
  local text = configuration(config, "run")
  if not program then return end
  if started then
    if text then fail(1, "app:run: app:start had the configuration") end
    repeat until not call("step", -1)
    return
  end
  local urls = call("listen", text)
  io.stdout:write("luaserve ", core.version, " listening on ", table.concat(urls, " "), "\n")
  io.stdout:flush()
  call "run"
end

local function only_in_programs(name)
  if not program then fail(2, "app:%s is for programs of their own, which the server is a part of", name) end
end

--- Listens and serves as long as step is called. The URLs that it listens on.
function app.start(self, config)
  check_colon(self, "start")
  local text = configuration(config, "start")
  only_in_programs "start"
  started = call("start", text)
  return started
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
