-- conn:duplex and ws:duplex: two processes on one client, one that reads and one that writes.
local core, check = ...

local fail, described = check.fail, check.described

--- Calls reader(self) in a second process, where self can only be read, and writer(self) in this one, where it
--- can only be written to; back when both have ended. Once the reader has, what the writer waits for ends with
--- nil. When one of them fails the connection ends.
local function duplex(self, reader, writer)
  check.colon(self, "duplex")
  local wrong = reader
  if type(reader) == "function" then wrong = writer end
  if type(wrong) ~= "function" then
    fail(1, "duplex: expected a function that reads and one that writes, found %s", described(wrong))
  end
  local _ <close> = core.split(self, reader)
  writer(self)
  core.said_all(self)
  core.await()
end

core.conn.duplex = duplex
core.ws.duplex = duplex
