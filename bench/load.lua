-- The load generator's script: wrk -s bench/load.lua URL -- [post BYTES | pause MILLISECONDS].
--
-- post   sends a body of so many bytes
-- pause  each client waits between two requests, so long on the average. Evenly spread from 0 to
--        twice as long, lest all clients come at once. wrk waits for whole milliseconds.
--
-- Prints at the end, in one line: "load" requests seconds bytes p50 p99 errors (latencies in µs).
local pause

function init(args)
  if args[1] == "post" then
    wrk.method = "POST"
    wrk.body = ("x"):rep(tonumber(args[2]))
  elseif args[1] == "pause" then
    pause = tonumber(args[2])
    delay = function() return math.floor(math.random() * 2 * pause + 0.5) end
  end
end

function done(summary, latency)
  local errors = 0
  for _, count in pairs(summary.errors) do errors = errors + count end
  io.write(("load\t%d\t%.3f\t%d\t%d\t%d\t%d\n"):format(summary.requests, summary.duration / 1e6,
    summary.bytes, latency:percentile(50), latency:percentile(99), errors))
end
