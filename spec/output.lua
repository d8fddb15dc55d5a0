-- busted's plain output, which tells of a failure when it happens as well as at the end: a suite that is
-- ended for its time still says what it has found.
return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.plainTerminal"(options)

  local function tell(element, _, message)
    io.write("\n", handler.getFullName(element), "\n", tostring(message), "\n")
    io.flush()
    return nil, true
  end

  for _, what in ipairs { "failure", "error" } do busted.subscribe({ what }, tell) end
  return handler
end
