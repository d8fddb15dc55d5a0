--- Specs over HTTP: starts the real server on a port of its own, talks to it, and ends it.
---
--- Runs in any Lua (5.1 – 5.4) that has LuaSocket. Many servers may run side by side. Every wait
--- has a deadline, and no process is ended that was not started here.
---
---     local spec = require "luaserve.spec"
---     local server = spec.start { scripts = { ["a.lua"] = "…" } }
---     assert(server:get("/").status == 200)
---     server:stop()
local blame = require "luaserve.blame"
local browser = require "luaserve.browser"
local http = require "luaserve.client"
local requests = require "luaserve.request"
local socket = require "socket"
local traces = require "luaserve.trace"
local websocket = require "luaserve.websocket"

local M = {}

local TIMEOUT = 5    -- seconds that a read may take, unless the call says otherwise
local START = 20     -- seconds until the ready line
local STOP = 15      -- seconds for an orderly end (more than limits.drain_timeout by default)
local LIFETIME = 300 -- seconds after which a server that was forgotten is killed

-- Files and processes --------------------------------------------------------------------------

local function quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

local function capture(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function succeeded(command)
  local first = os.execute(command)
  return first == true or first == 0
end

local function write(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

-- Calls `condition` until it gives something, which is returned; nil after `timeout` seconds.
local function eventually(timeout, condition)
  local deadline = socket.gettime() + timeout
  repeat
    local result = condition()
    if result then return result end
    socket.select(nil, nil, 0.005)
  until socket.gettime() > deadline
  return nil
end

local function write_tree(folder, files)
  succeeded("mkdir -p " .. quote(folder))
  for name, bytes in pairs(files) do
    local inner = name:match "^(.*)/[^/]*$"
    if inner then succeeded("mkdir -p " .. quote(folder .. "/" .. inner)) end
    write(folder .. "/" .. name, bytes)
  end
end

local function serialize(value)
  if type(value) == "string" then return (string.format("%q", value):gsub("\r", "\\r")) end
  if value ~= value then return "0/0" end
  if value == math.huge or value == -math.huge then return value > 0 and "1/0" or "-1/0" end
  if type(value) == "number" and value % 1 ~= 0 then return string.format("%.17g", value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for key, item in pairs(value) do
    parts[#parts + 1] = "[" .. serialize(key) .. "]=" .. serialize(item)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local root = capture "pwd":gsub("\n", "")

--- The absolute path of something that is named from the folder in which the specs run.
---@param path string
---@return string
function M.path(path)
  return path:sub(1, 1) == "/" and path or root .. "/" .. path
end

-- The configuration and the command line of one run ----------------------------------------------

local function config_of(options)
  local config = {}
  for key, value in pairs(type(options.config) == "table" and options.config or {}) do
    config[key] = value
  end
  if not config.listen then
    config.host = config.host or "127.0.0.1"
    config.port = config.port or 0
  end
  return config
end

-- Makes the folder of one run: that folder, and the path of its config file.
local function lay_out(options)
  local dir = capture "mktemp -d -t luaserve-spec-XXXXXX":gsub("\n", "")
  local config = config_of(options)
  for _, key in ipairs { "scripts", "www", "views" } do
    local given = options[key]
    if type(given) == "table" then
      write_tree(dir .. "/" .. key, given)
    elseif type(given) == "string" then
      config[key] = M.path(given)
    end
  end
  if type(options.config) == "string" then return dir, M.path(options.config) end
  write(dir .. "/config.lua", "return " .. serialize(config) .. "\n")
  return dir, dir .. "/config.lua"
end

-- A config file of the user's own: its port may be taken, and its folders may be replaced.
local function overrides(options)
  local words = {}
  if type(options.config) ~= "string" then return words end
  local file = "\n" .. read(M.path(options.config))
  local given = table.concat(options.arguments or {}, " ")
  if not file:find "\n%s*listen%s*=" and not file:find "[{,]%s*listen%s*=" then
    if not given:find("--port", 1, true) then words[#words + 1] = "--port=0" end
    if not given:find("--host", 1, true) then words[#words + 1] = "--host=127.0.0.1" end
  end
  for _, key in ipairs { "scripts", "www", "views" } do
    local folder = options[key]
    if folder then
      words[#words + 1] = "--set=" .. key .. "=" .. (type(folder) == "table" and key or M.path(folder))
    end
  end
  return words
end

-- The one that was asked for, the one of the folder in which the specs run, or an installed one.
local function binary_of(options)
  local asked = options.binary or os.getenv "LUASERVE"
  if asked then return M.path(asked) end
  if succeeded("test -x " .. quote(M.path "luaserve")) then return M.path "luaserve" end
  local installed = capture "command -v luaserve":match "[^\n]+"
  return installed or blame.raise "no luaserve here or on PATH: set LUASERVE to where it is"
end

--- The processes.mode of servers whose configuration names none: the environment's LUASERVE_MODE, or
--- "fork". The same specs can so be run against both.
M.mode = os.getenv "LUASERVE_MODE" or "fork"

local function config_says_mode(options)
  local config = options.config
  if type(config) == "string" then return not os.getenv "LUASERVE_MODE" end
  return config and type(config.processes) == "table" and config.processes.mode ~= nil
end

local function command_of(options, dir, config)
  local words = { "cd", quote(dir), "&&", "exec", "env" }
  local function add(word) words[#words + 1] = quote(word) end
  for name, value in pairs(options.env or {}) do add(name .. "=" .. value) end
  if options.wrap then words[#words + 1] = options.wrap end
  add(binary_of(options))
  local arguments = options.arguments or {}
  local alone = arguments[1] == "--help" or arguments[1] == "--version"
  if not alone then
    add(config)
    for _, word in ipairs(overrides(options)) do add(word) end
    if not config_says_mode(options) then add("--set=processes.mode=" .. M.mode) end
  end
  for _, word in ipairs(arguments) do add(word) end
  return table.concat(words, " ") .. " >" .. quote(dir .. "/stdout") .. " 2>" .. quote(dir .. "/stderr")
end

-- Servers ----------------------------------------------------------------------------------------

---@class luaserve.spec.Server
---@field pid integer
---@field host string
---@field port integer
---@field ready string its first line
---@field dir string the folder that holds its files
local Server = {}
Server.__index = Server

--- A connection that stays open.
---@param options? table { timeout = seconds }
---@return luaserve.spec.Client
function Server:client(options)
  return http.connect(self.host, self.port, options and options.timeout or TIMEOUT)
end

--- One request on a connection of its own.
---@param request table
---  method ("GET"), path; query (a table); headers (values are texts, or lists for several lines),
---  cookies, auth ({ user, password }); timeout (seconds, 5);
---  one of body (text), json (any value), form, multipart (tables of names and values), chunks
---  (a list of texts, sent in pieces)
---@return luaserve.spec.Response
function Server:request(request)
  requests.check("server:request", request)
  local client = self:client { timeout = request.timeout or TIMEOUT }
  local response = client:request(request, "close")
  client:close()
  return response
end

-- server:get(path[, options]) and so on.
requests.add_methods(Server, "server")

--- Something that keeps cookies from one request to the next.
---@param options? table { follow = false: whether it follows redirects }
---@return luaserve.spec.Browser
function Server:browser(options) return (browser.new(self, options)) end

--- Opens a WebSocket: send(text[, kind]), receive() → text, kind; close(). nil and the response when the
--- server refuses.
---@param path string
---@param options? table { headers = { … }, protocols = { … }, timeout = seconds }
---@return luaserve.spec.WebSocket|nil, luaserve.spec.Response|nil
function Server:ws(path, options)
  return websocket.open(self:client { timeout = options and options.timeout }, path, options)
end

--- Sends bytes, and returns all that comes back until the server closes.
---@param bytes string
---@param options? table { timeout = seconds, half_close = false: do not say that this was all }
---@return string
function Server:raw(bytes, options)
  options = options or {}
  local client = self:client { timeout = options.timeout }
  client:send(bytes)
  if options.half_close ~= false then client:shutdown() end
  local answer = client:receive "*a"
  client:close()
  return answer
end

--- The syscalls of a request, by its X-Request-Id: a list of { line, at, name, args, result, error, took },
--- with :since() (the request began), :names() ("read write") and .text. Needs config = { trace = true,
--- status = "/status" }. nil and the answer when the server has none to show.
---@param id string
---@return luaserve.spec.Trace|nil, luaserve.spec.Response|nil
function Server:trace(id)
  local response
  local trace = eventually(TIMEOUT, function()
    response = self:get("/status/trace/" .. id)
    if response.status ~= 200 then return "none" end
    local found = traces.read(response.body)
    return found:settled() and found or nil
  end)
  if trace == "none" then return nil, response end
  return trace or traces.read(response.body)
end

local function matching_line(text, pattern)
  for line in text:gmatch "[^\n]+" do
    if line:find(pattern) then return line end
  end
  return nil
end

--- What the server has written to standard error; with a Lua pattern, waits for the first line
--- that matches and returns it (nil after `timeout` seconds).
---@param pattern? string
---@param timeout? number
---@return string|nil
function Server:log(pattern, timeout)
  local function text() return self.err or read(self.dir .. "/stderr") end
  if not pattern then return text() end
  return eventually(self.err and 0 or timeout or TIMEOUT, function()
    return matching_line(text(), pattern)
  end)
end

--- Sends a signal, by its name without SIG. Does nothing once the server has ended.
---@param name string
---@return boolean
function Server:signal(name)
  return self:alive() and succeeded("kill -" .. name .. " " .. self.pid .. " 2>/dev/null")
end

--- Whether it still runs.
---@return boolean
function Server:alive()
  local state = self.pipe and read("/proc/" .. self.pid .. "/stat"):match "^.*%) (%a)"
  return state ~= nil and state ~= "Z" and state ~= "X"
end

-- The workers of a server that has to be killed would live on.
local function kill(server)
  local pids = capture("pgrep -P " .. server.pid):gsub("\n", " ")
  succeeded("kill -KILL " .. server.pid .. " " .. pids .. " 2>/dev/null")
end

local function finish(server)
  server.code = tonumber(read(server.dir .. "/code"))
  server.pipe:close()
  server.pipe = nil
  server.out, server.err = read(server.dir .. "/stdout"), read(server.dir .. "/stderr")
  succeeded("chmod -R u+rwX " .. quote(server.dir) .. "; rm -rf " .. quote(server.dir))
end

--- Waits until the server has ended by itself; after `timeout` seconds (15) it is killed.
---@param timeout? number
---@return integer # its exit code; 128 and the signal when one ended it
function Server:wait(timeout)
  if not self.pipe then return self.code end
  local function ended() return read(self.dir .. "/code"):find "\n" end
  if not eventually(timeout or STOP, ended) then
    kill(self)
    eventually(STOP, ended)
  end
  finish(self)
  return self.code
end

--- Ends the server with SIGTERM, and with SIGKILL when that does not help. May be called again.
---@return integer # its exit code
function Server:stop()
  self:signal "TERM"
  return self:wait()
end

--- What the server has written to standard output.
---@return string
function Server:output() return self.out or read(self.dir .. "/stdout") end

-- A server that nobody stopped ends when it is collected, or with the Lua state. In Lua 5.1 tables
-- have no finalizer, a proxy has. It must be younger than the pipe, whose own would wait.
function Server:__gc()
  pcall(self.stop, self)
end

local function guard(server)
  local newproxy = rawget(_G, "newproxy")
  if not newproxy then return end
  server.guard = newproxy(true)
  getmetatable(server.guard).__gc = function() pcall(server.stop, server) end
end

-- The outer shell writes down how it ended: Lua 5.1 does not tell the exit code of a pipe.
local function start_process(options)
  binary_of(options) -- without one, nothing is laid out
  local dir, config = lay_out(options)
  local inner = "echo $$; " .. command_of(options, dir, config)
  local pipe = assert(io.popen("exec 2>/dev/null; timeout -s KILL " .. (options.lifetime or LIFETIME) ..
    " sh -c " .. quote(inner) .. "; echo $? >" .. quote(dir .. "/code")))
  local server = setmetatable({ dir = dir, pipe = pipe }, Server)
  server.pid = tonumber(pipe:read "*l")
  guard(server)
  return server
end

-- With a wrapper such as strace, the server is the wrapper's child; unless that has become it.
local function find_wrapped(server, options)
  local binary = capture("readlink -f " .. quote(binary_of(options)))
  if not options.wrap or capture("readlink /proc/" .. server.pid .. "/exe") == binary then return end
  local child = capture("pgrep -P " .. server.pid .. " | head -1"):match "%d+"
  server.pid = tonumber(child) or server.pid
end

local function ready_line(server)
  return eventually(START, function()
    return matching_line(server:output(), "^luaserve %S+ listening on ") or
      (read(server.dir .. "/code") ~= "" and "ended")
  end)
end

local OPTIONS = { config = "table|string", scripts = "table|string", www = "table|string",
  views = "table|string", env = "table", arguments = "table", wrap = "string", binary = "string", lifetime = "number" }

local function checked(what, options)
  blame.check(what, options or {}, OPTIONS, "settings of config.lua stand in config = { … }")
  return options or {}
end

--- Starts a server and waits until it is ready.
---@param options? table
---  config: a table of config.lua (host 127.0.0.1 and port 0 unless it says otherwise), or the path
---  of a file (on 127.0.0.1 and a free port unless it says listen);
---  scripts, www, views: a table of file names and contents, or the path of a folder;
---  env, arguments, wrap ("strace -f …"), binary (else the environment's LUASERVE, ./luaserve, or
---  luaserve on PATH), lifetime (seconds after which it is killed in any case, 300)
---@return luaserve.spec.Server
function M.start(options)
  options = checked("spec.start", options)
  local server = start_process(options)
  local line = ready_line(server)
  if not line or line == "ended" then
    local code = server:wait(0)
    blame.raise("the server did not start (exit code " .. tostring(code) .. "): " .. server.err)
  end
  server.ready = line
  local host, port = line:match "http://%[?([^%s%]]*)%]?:(%d+)"
  server.host = host == "0.0.0.0" and "127.0.0.1" or host == "::" and "::1" or host
  server.port = tonumber(port)
  find_wrapped(server, options)
  return server
end

--- Runs a server that is expected to end by itself (after 15 seconds it is killed).
---@param options? table as for start
---@return integer code, string out, string err
function M.run(options)
  local server = start_process(checked("spec.run", options))
  local code = server:wait()
  return code, server.out, server.err
end

return M
