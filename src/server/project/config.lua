-- What this server does. All keys and their defaults: man 5 config.lua, or `luaserve config`.
-- `luaserve check` says what is wrong in this file and in scripts/.
return {
  host = "127.0.0.1", -- this machine alone; "0.0.0.0": whoever reaches it
  port = tonumber(env.PORT or "3000"),

  -- What one client may take.
  limits = {
    body = "1M",    -- of a request
    wall = "30s",   -- for an answer to begin
    memory = "64M", -- of Lua
  },

  log = { access = "combined" },

  -- What it says of itself, to this machine alone.
  -- status = "/status",   -- a page of who is there
  -- metrics = "/metrics", -- for Prometheus
  -- trace = true,         -- the syscalls of each request: luaserve trace ID
}
