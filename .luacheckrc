std = "lua54"
cache = false
max_line_length = 170
files["spec"] = { std = "lua54+busted" }
files["src/lua/luaserve"] = { std = "min" } -- runs in Lua 5.1 to 5.4
files["bench/load.lua"] = { globals = { "wrk", "init", "done", "delay" } } -- runs in wrk
files["docs/examples"] = { std = "lua54+busted" }
files["docs/examples/*/config.lua"] = { read_globals = { "env" } }
files["src/server/project"] = { std = "lua54+busted", read_globals = { "env" } }
files["scripts/meta"] = { unused = false }
