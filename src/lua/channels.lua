-- app.channel: messages between all processes. What waits stands here.
local core, check, app, check_dot, live = ...

local subscription = core.subscription

--- The channel of that name: publish(value) and subscribe().
function app.channel(name)
  check_dot(name, "channel")
  if type(name) ~= "string" or name == "" or #name > 200 then
    check.fail(1, "app.channel: expected a name of 1 to 200 bytes, found %s", check.described(name))
  end
  return (core.channel(name))
end

local function try(self)
  return core.try_message(self)
end

live.tries[subscription] = try
subscription.events = live.events

local function receive(self, timeout)
  check.colon(self, "subscription:receive")
  return live.receive(core.try_message, self, live.deadline(2, "subscription:receive", timeout, 0))
end

--- The next message, and how many were missed before it (nil: none); nil, "timed out", "ETIMEDOUT" when there
--- is none in time.
subscription.receive = receive

--- for message, missed in room:messages() do … end
function subscription.messages(self)
  check.colon(self, "subscription:messages")
  return function() return receive(self) end
end
