-- Which process this is. Asked anew each time: what loads the scripts is the server, what runs their
-- handlers is a worker.
return function()
  local stat <close> = assert(io.open "/proc/self/stat")
  return stat:read "n"
end
