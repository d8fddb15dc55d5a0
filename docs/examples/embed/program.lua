#!/usr/bin/env lua5.4
-- A Lua program that lets the web ask what it knows: lua5.4 program.lua [PORT]. It can also stand in scripts/,
-- where it has no arguments, and app:run does nothing.
local app = require "luaserve"

local began, squares = os.date "%H:%M", {}
for n = 1, 1000 do squares[n] = n * n end

app:get("/", function() return "Asked since " .. began .. ": /squares/1 to /squares/1000\n" end)

app:get("/squares/:n[%d]", function(req)
  local square = squares[tonumber(req.params.n)]
  return square and { text = square .. "\n" } or 404
end)

app:run { port = arg and tonumber(arg[1]) or 3000 }
print "That was all."
