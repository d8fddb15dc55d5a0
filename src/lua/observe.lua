-- What the server says of itself, to observers: the routes `status` and `metrics` of config.lua. They are
-- no routes of the app: its hooks don't stand around them.
local core = ...

local function refuse(key)
  return { status = 403, text = key .. " is for who comes over loopback or a Unix socket, and for the " ..
    "observers that config.lua names; and for nobody who comes through a proxy.\n" }
end

local function serve(key, path, handler)
  core.route { methods = { "GET" }, pattern = path, where = key .. " of config.lua", limits = {},
    handler = function(req, res)
      res.headers["Cache-Control"] = "no-store"
      if not core.is_observer() then return refuse(key) end
      return handler(req, res)
    end }
end

if core.metrics_at ~= "" then
  serve("metrics", core.metrics_at, function(_, res)
    local text, kind = core.metrics()
    res.headers["Content-Type"] = kind
    return { body = text }
  end)
end

if core.status_at ~= "" then
  core.part "status"(core, serve)
  serve("status", core.status_at .. "/trace/:id", function(req)
    local id = req.params.id
    local text = core.trace(id)
    if text then return { text = text } end
    return { status = 404, text = text == false and "No syscalls are recorded: config.lua says trace = false.\n"
      or "Of a request " .. id .. " nothing is recorded, or nothing any more.\n" }
  end)
end
