-- 9. Chat by TCP, with two processes a client: one only reads what the client says, one only writes what the
-- others say. When the client leaves, both end.
local app = require "luaserve"

local chat = app.channel "duplex"

app:tcp("127.0.0.1:3009", function(conn)
  local _, port = conn:peer()
  local name = port .. ": "
  local heard = chat:subscribe() -- before duplex: the writer's
  conn:write("you are ", port, "; whatever you say, all others hear\n")

  local function reader(client)
    for line in client:lines() do chat:publish(name .. line:sub(1, 1000)) end
  end

  local function writer(client)
    for message in heard:messages() do
      if message:sub(1, #name) ~= name then client:write(message, "\n") end
    end
  end

  conn:duplex(reader, writer)
end)
