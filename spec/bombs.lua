--- What bombs_spec.lua and soak.sh throw at the server: handlers that do what no handler should,
--- and what their clients, and the log, are told.

---@class Bomb
---@field name string its path is /bomb/name; /part/name sends a part of its answer first
---@field source string the body of the handler
---@field status integer of the answer
---@field cause string a Lua pattern: what the log says behind the incident id
---@field short boolean its budget of time is short: it would not end
---@field killed boolean the connection ends with it

local M = { list = {} }

local function add(status, cause, options, sources)
  for _, bomb in ipairs(sources) do
    M.list[#M.list + 1] = { name = bomb[1], source = bomb[2], status = status, cause = bomb[3] or cause,
      short = options.short, killed = options.killed }
  end
end

-- Lua's hook comes by: an error ends the handler, and the connection lives on.
add(503, "handler over its wall time", { short = true }, {
  { "loop", "while true do end" },
  { "loop-in-coroutine", "coroutine.wrap(function() while true do end end)()" },
  { "loop-in-coroutine-within", [[
    local function nest(n) if n > 0 then coroutine.wrap(nest)(n - 1) end while true do end end
    nest(20)]] },
  { "loop-in-close", "local a <close> = setmetatable({}, { __close = function() while true do end end }) error 'a'" },
  { "loop-in-comparator", "table.sort({ 1, 2, 3 }, function() while true do end end)" },
  { "loop-in-gsub", "return (('x'):rep(100):gsub('x', function() while true do end end))" },
  { "loop-in-tostring", "return ('%s'):format(setmetatable({}, { __tostring = function() while true do end end }))" },
  { "loop-in-result", "return setmetatable({}, { __index = function() while true do end end })" },
  { "loop-of-pcall", "while true do pcall(function() while true do end end) end" },
  { "loop-of-pcall-in-coroutine", [[
    while true do pcall(coroutine.wrap(function() while true do pcall(function() while true do end end) end end)) end]] },
  { "loop-of-garbage", "while true do local s = ('x'):rep(100000) end" },
  { "loop-of-rep", "while true do pcall(string.rep, 'x', 1 << 62) end" },
  { "loop-of-coroutines", "while true do coroutine.resume(coroutine.create(coroutine.yield)) end" },
  { "loop-of-load", "load(function() return ' ' end)" },
  { "concat-without-end", [[
    return table.concat(setmetatable({}, { __index = function() return "" end }), "", 1, 1 << 60)]] },
  { "sort-without-end", [[
    table.sort(setmetatable({}, { __len = function() return 1 << 30 end, __index = rawlen, __newindex = type }))]] },
})

-- It does not: the worker is killed, with what it started. (Lua calls a message handler before it
-- leaves the hook that has raised the error, and no hook comes by within a hook.)
add(503, "handler did not end when interrupted: killed", { short = true, killed = true }, {
  { "loop-in-message-handler", "xpcall(error, function() while true do end end)" },
  { "loop-in-finalizer", "setmetatable({}, { __gc = function() while true do end end }) collectgarbage()" },
  { "loop-in-error-value", "error(setmetatable({}, { __tostring = function() while true do end end }))" },
  { "rep-without-end", "return (''):rep(1 << 62)" },
  { "find-without-end", "return tostring((('a'):rep(50000):find(('.-'):rep(20) .. 'b')))" },
  { "move-without-end", "table.move({}, 1, 1 << 62, 2)" },
  { "sleep-outside", "os.execute 'sleep 1000'" },
  { "stopped", "os.execute 'kill -STOP $PPID'" },
  { "spin", "bombs().spin()" },
})

add(503, "handler over its memory", {}, {
  { "strings", "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end" },
  { "tables", "local t = {} while true do t = { t, {}, {} } end" },
  { "closures", "local f while true do local g = f f = function() return g end end" },
  { "coroutines", [[
    local t = {}
    while true do
      t[#t + 1] = coroutine.create(function() coroutine.yield() end)
      coroutine.resume(t[#t])
    end]] },
  { "files", "local t = {} while true do t[#t + 1] = io.tmpfile() or ('x'):rep(1000) .. #t end" },
  { "rep", "return ('x'):rep(1 << 30)" },
  { "format", "local s = 'x' while true do s = ('%s%s'):format(s, s) end" },
  { "gsub", "local s = 'xxxxxxxxxx' while true do s = s:gsub('x', s) end" },
  { "concat", "local t = {} for i = 1, 100 do t[i] = ('x'):rep(1 << 20) end return table.concat(t)" },
  { "read", "return io.open('/dev/zero'):read 'a'" },
})

add(500, "handler failed", {}, {
  { "recursion", [[
    local function f(a, b, c, d, e, g, h) return 1 + f(a, b, c, d, e, g, h) end
    return f()]], "handler failed\n.*stack overflow" },
  { "recursion-in-gsub", "local function f() return (('x'):gsub('x', f)) end return f()",
    "handler failed\n.*C stack overflow" },
  { "recursion-in-index", [[
    local t = setmetatable({}, {})
    getmetatable(t).__index = function(_, key) return t[key .. "x"] end
    return t.x]], "handler failed\n.*C stack overflow" },
  { "recursion-of-coroutines", "local function f() return coroutine.wrap(f)() end return f()" },
  { "recursion-in-load", "error((select(2, load('x = ' .. ('{'):rep(1000000)))))", "handler failed\n.*C stack overflow" },
  { "files-kept", "local t = {} while true do t[#t + 1] = assert(io.open '/dev/null') end",
    "handler failed\n.*Too many open files" },
})

add(500, "", { killed = true }, {
  { "segv", "bombs().segv()", "worker %d+ died: killed by signal 11 .*answered 500" },
  { "bus", "bombs().bus()", "worker %d+ died: killed by signal 7 .*answered 500" },
  { "abort", "bombs().abort()", "worker %d+ died: killed by signal 6 .*answered 500" },
  { "trap", "bombs().trap()", "worker %d+ died: killed by signal 4 .*answered 500" },
  { "syskill", "bombs().syskill()", "worker %d+ died: killed by signal 31 .*answered 500" },
  { "stack", "bombs().stack()", "worker %d+ died: killed by signal 11 .*answered 500" },
  { "kill", "os.execute 'kill -KILL $PPID' app.sleep(20)", "worker %d+ died: killed by signal 9 .*answered 500" },
  { "exit", "os.exit(3)", "worker %d+ died: os%.exit%(3%).*answered 500" },
})

local function route(bomb)
  local options = bomb.short and "short" or "{}"
  return ([[
    app:get("/bomb/%s", %s, function(req, res) app.log.info "thrown" %s
    end)
    app:get("/part/%s", %s, function(req, res) res:write "part" res:flush() app.log.info "thrown" %s
    end)
  ]]):format(bomb.name, options, bomb.source, bomb.name, options, bomb.source)
end

--- A script with all of them as routes, and with /hello, which answers "hello " and its query's n.
--- They find bombs.so in the folder that the server was started in.
---@param wall string the budget of those that do not end
---@return string
function M.script(wall)
  local parts = { ([[
    local app = require "luaserve"
    package.cpath = "./?.so;" .. package.cpath
    local short = { wall = "%s" }
    local function bombs() return require "bombs" end
    app:get("/hello", function(req) return "hello " .. req.query.n end)
    app:get("/pid", function() return tostring(io.open("/proc/self/stat"):read "n") end)
  ]]):format(wall) }
  for _, bomb in ipairs(M.list) do parts[#parts + 1] = route(bomb) end
  return table.concat(parts)
end

--- The command that makes bombs.so in a folder.
---@param source string the path of bombs.c
---@param folder string
---@return string
function M.compile(source, folder)
  return ("cc -shared -fPIC -O1 -I/usr/include/lua5.4 -o '%s/bombs.so' '%s'"):format(folder, source)
end

return M
