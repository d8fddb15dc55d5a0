-- The library of the specs stands beside the command: PREFIX/bin/luaserve, PREFIX/share/lua/5.4/luaserve.
local pipe = assert(io.popen "command -v luaserve")
local prefix = pipe:read "*a":match "^(.*)/bin/luaserve"
pipe:close()

return {
  default = {
    lua = "lua5.4",
    lpath = prefix and prefix .. "/share/lua/5.4/?.lua" or "",
  },
}
