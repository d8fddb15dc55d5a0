-- luaserve connect: what is typed goes to the peer, what comes from the peer is shown.
local spec = require "luaserve.spec"
local socket = require "socket"

local LIFETIME = 20 -- seconds after which a client is killed, and its spec fails
local binary = spec.path(os.getenv "LUASERVE" or "luaserve")
local limit = "timeout --foreground -s KILL " .. LIFETIME

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

describe("luaserve connect", function()
  local dir, count = nil, 0

  setup(function()
    local pipe = io.popen "mktemp -d -t luaserve-connect-XXXXXX"
    dir = pipe:read "l"
    pipe:close()
  end)
  teardown(function() os.execute("rm -rf " .. dir) end)

  -- A client under way: `command` has %s where luaserve stands, and its input is client.input, a pipe; or
  -- what `redirect` says. wait() returns its exit status, output and errors.
  local function start(command, redirect)
    count = count + 1
    local at = dir .. "/" .. count
    if not redirect then assert(os.execute("mkfifo " .. at .. ".in")) end
    local client = {}
    local line = ("{ %s; } %s >%s.out 2>%s.err; echo $?"):format(command:format(limit .. " " .. binary), redirect or "<" .. at .. ".in",
      at, at)
    local pipe = assert(io.popen("exec 2>/dev/null; " .. line))
    if not redirect then
      client.input = assert(io.open(at .. ".in", "w"))
      client.input:setvbuf "no"
    end
    function client.wait_with_open_input() -- it is to end by itself
      local code = tonumber(pipe:read "a")
      pipe:close()
      if client.input then client.input:close() end
      return code, read(at .. ".out"), read(at .. ".err")
    end
    function client.wait()
      if client.input then client.input:close() end
      client.input = nil
      return client.wait_with_open_input()
    end
    return client
  end

  local function run(words, redirect) return start("%s connect " .. words, redirect or "</dev/null").wait() end

  local function listen()
    local listener = assert(socket.bind("127.0.0.1", 0))
    listener:settimeout(LIFETIME)
    return listener, select(2, listener:getsockname())
  end

  -- The other end of a client that connects now.
  local function accept(listener)
    local peer = assert(listener:accept())
    peer:settimeout(LIFETIME)
    return peer
  end

  -- A port that nobody has.
  local function free_port()
    local listener, port = listen()
    listener:close()
    return port
  end

  describe("to services of luaserve", function()
    local server, ports, path = nil, {}, nil

    setup(function()
      path = dir .. "/socket"
      server = spec.start { config = { listen = { "127.0.0.1:0", "unix:" .. path } }, scripts = { ["a.lua"] = [[
        local app = require "luaserve"
        app:get("/", function() return "hello" end)
        app:tcp("127.0.0.1:0", function(conn)
          for line in conn:lines() do conn:write("<", line, ">\n") end
          conn:write("that was all\n")
        end)
        app:tcp("127.0.0.1:0", function(conn)
          local ip, port = conn:peer()
          conn:write(ip, " ", port)
        end)
      ]] } }
      for port in server.ready:gmatch "tcp://127%.0%.0%.1:(%d+)" do ports[#ports + 1] = port end
    end)
    teardown(function() server:stop() end)

    it("sends its input, says that this was all, and shows what comes until the peer ends", function()
      write(dir .. "/lines", "one\ntwo\nthree")
      assert.same({ 0, "<one>\n<two>\n<three>\nthat was all\n", "" },
        { run("127.0.0.1:" .. ports[1], "<" .. dir .. "/lines") })
      assert.same({ 0, "<one>\n<two>\n<three>\nthat was all\n", "" },
        { start("cat " .. dir .. "/lines | %s connect localhost:" .. ports[1], "").wait() })
    end)

    it("connects from a port of its own", function()
      local from = free_port()
      assert.same({ 0, "127.0.0.1 " .. from, "" }, { run(("127.0.0.1:%s --local-port %d"):format(ports[2], from)) })
      from = free_port()
      assert.same({ 0, "127.0.0.1 " .. from, "" }, { run(("--local-port=%d 127.0.0.1:%s"):format(from, ports[2])) })
    end)

    it("connects to a Unix socket", function()
      write(dir .. "/request", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      local code, out, err = run("unix:" .. path, "<" .. dir .. "/request")
      assert.same({ 0, "" }, { code, err })
      assert.truthy(out:find "^HTTP/1%.1 200 .*\r\n\r\nhello$")
    end)

    it("takes an input that is empty, or closed", function()
      assert.same({ 0, "that was all\n", "" }, { run("127.0.0.1:" .. ports[1], "</dev/null") })
      assert.same({ 0, "that was all\n", "" }, { run("127.0.0.1:" .. ports[1], "<&-") })
    end)

    it("says who is connected, and ends with ^C, at a terminal", function()
      if not os.execute "command -v script >/dev/null" then return pending "script(1) is not installed" end
      local listener, port = listen()
      local client = start(("script -qec 'env --default-signal=INT %%s connect 127.0.0.1:%d' /dev/null"):format(port))
      local peer = accept(listener)
      local _, from = peer:getpeername()
      client.input:write "hello\n"
      assert.equal("hello", peer:receive "*l")
      peer:send "good day\n"
      client.input:write "\003"
      assert.same({ nil, "closed", "" }, { peer:receive "*a" })
      local code, out = client.wait()
      assert.equal(130, code)
      assert.truthy(out:find(("luaserve: connected to 127.0.0.1:%d from 127.0.0.1:%d "):format(port, from), 1, true), out)
      peer:close()
      listener:close()
    end)
  end)

  it("ends with the peer at a terminal", function()
    if not os.execute "command -v script >/dev/null" then return pending "script(1) is not installed" end
    local listener, port = listen()
    local client = start(("script -qec '%%s connect 127.0.0.1:%d' /dev/null"):format(port))
    local peer = accept(listener)
    client.input:write "hello\n"
    assert.equal("hello", peer:receive "*l")
    peer:send "good bye\n"
    peer:close()
    listener:close()
    local code, out = client.wait_with_open_input()
    assert.equal(0, code)
    assert.truthy(out:find("good bye", 1, true), out)
  end)

  it("connects to IPv6", function()
    local listener = assert(socket.tcp6())
    if not listener:bind("::1", 0) then
      listener:close()
      return pending "no IPv6 here"
    end
    listener:listen()
    listener:settimeout(LIFETIME)
    local client = start(("%%s connect '[::1]:%d'"):format(select(2, listener:getsockname())))
    local peer = accept(listener)
    client.input:write "six\n"
    assert.equal("six", peer:receive "*l")
    peer:close()
    listener:close()
    assert.same({ 0, "", "" }, { client.wait() })
  end)

  it("shows each thing as it comes, and the input need not have ended", function()
    local listener, port = listen()
    local client = start("%s connect 127.0.0.1:" .. port .. " | { read line; echo \"$line\" >&2; cat; }")
    local peer = accept(listener)
    peer:send "first\n"
    client.input:write "typed\n"
    assert.equal("typed", peer:receive "*l")
    peer:send "second\n"
    client.input:close()
    client.input = nil
    assert.equal("closed", select(2, peer:receive "*l"))
    peer:send "after the end of input\n"
    peer:close()
    listener:close()
    assert.same({ 0, "second\nafter the end of input\n", "first\n" }, { client.wait() })
  end)

  it("ends its output when the peer ends first, and sends on until the input ends", function()
    local listener, port = listen()
    assert(os.execute(("mkfifo %s/out %s/told"):format(dir, dir)))
    local client = start(("{ cat %s/out; echo ended >%s/told; } & %s sh -c 'exec %s connect 127.0.0.1:%d >%s/out'; " ..
      "echo $? >&2; wait"):format(dir, dir, limit, binary, port, dir)) -- so that nobody else holds the pipe
    local peer = accept(listener)
    peer:send "good bye"
    peer:shutdown "send"
    assert.equal("ended\n", read(dir .. "/told"))
    client.input:write "later\n"
    assert.equal("later", peer:receive "*l")
    client.input:write "last\n"
    client.input:close()
    client.input = nil
    assert.equal("last\n", peer:receive "*a")
    peer:close()
    listener:close()
    assert.same({ 0, "good bye", "0\n" }, { client.wait() })
  end)

  it("says so when a peer that has closed is sent more", function()
    local listener, port = listen()
    local client = start("%s connect 127.0.0.1:" .. port)
    local peer = accept(listener)
    peer:close()
    listener:close()
    client.input:write "too late\n"
    assert.same({ 74, "", ("luaserve: 127.0.0.1:%d: the peer has closed and takes no more input\n"):format(port) },
      { client.wait_with_open_input() })
  end)

  it("ends with a peer that closes a Unix socket, without waiting for input", function()
    local listener = require "socket.unix".stream()
    assert(listener:bind(dir .. "/peer"))
    assert(listener:listen())
    listener:settimeout(LIFETIME)
    local client = start("%s connect unix:" .. dir .. "/peer")
    local peer = accept(listener)
    peer:send "good bye"
    peer:close()
    listener:close()
    assert.same({ 0, "good bye", "" }, { client.wait_with_open_input() })
  end)

  it("still sends all input that is there when the peer has ended", function()
    local listener, port = listen()
    local bytes = ("0123456789abcdef"):rep(1 << 16)
    write(dir .. "/file", bytes)
    local client = start("%s connect 127.0.0.1:" .. port, "<" .. dir .. "/file")
    local peer = accept(listener)
    peer:shutdown "send"
    assert.is_true(peer:receive "*a" == bytes)
    peer:close()
    listener:close()
    assert.same({ 0, "", "" }, { client.wait() })
  end)

  -- Big transfers --------------------------------------------------------------------------------

  local SIZE = 20000000

  local function much(seed)
    local parts = {}
    for i = 1, SIZE // 20 do parts[i] = ("%s%018d\n"):format(seed, i * 7919) end
    return table.concat(parts)
  end

  -- Sends all of `out` and receives until the end, both at once.
  local function exchange(peer, out)
    local parts, at, ended = {}, 1, false
    local deadline = socket.gettime() + LIFETIME
    peer:settimeout(0)
    while not (ended and at > #out) and socket.gettime() < deadline do
      local readable, writable = socket.select({ not ended and peer or nil }, { at <= #out and peer or nil }, 1)
      if #writable > 0 then
        local sent, _, partial = peer:send(out, at)
        at = math.tointeger(sent or partial) + 1
        if at > #out then peer:shutdown "send" end
      end
      if #readable > 0 then
        local all, message, partial = peer:receive(1 << 18)
        parts[#parts + 1] = all or partial
        ended = message == "closed"
      end
    end
    return table.concat(parts)
  end

  it("carries 20 MB each way at once", function()
    local up, down = much "u", much "d"
    write(dir .. "/up", up)
    for _, command in ipairs { "%s connect 127.0.0.1:%d", "cat " .. dir .. "/up | %s connect 127.0.0.1:%d | cat" } do
      local listener, port = listen()
      local client = start((command:gsub("%%d", port)), "<" .. dir .. "/up")
      local peer = accept(listener)
      assert.is_true(exchange(peer, down) == up)
      local code, out, err = client.wait()
      assert.same({ 0, "" }, { code, err })
      assert.is_true(out == down)
      peer:close()
      listener:close()
    end
  end)

  it("takes no more from the peer than its output takes, and sends on meanwhile", function()
    local listener, port = listen()
    local up, down = much "u", ("x"):rep(1 << 20)
    write(dir .. "/up", up)
    assert(os.execute("mkfifo " .. dir .. "/slow"))
    local client = start("%s connect 127.0.0.1:" .. port .. " | { timeout 20 sh -c 'read go' <>" .. dir .. "/slow; wc -c; }", "<" .. dir .. "/up")
    local peer = accept(listener)
    local sent = 0
    peer:settimeout(0)
    repeat -- as much as goes into the kernel's buffers
      local all, _, partial = peer:send(down)
      sent = sent + math.tointeger(all or partial)
      local _, writable = socket.select(nil, { peer }, 0.2)
    until #writable == 0 or sent > 100e6
    assert.is_true(sent < 100e6)
    peer:settimeout(LIFETIME)
    assert.is_true(peer:receive "*a" == up)
    write(dir .. "/slow", "go\n")
    peer:close()
    listener:close()
    assert.same({ 0, sent .. "\n", "" }, { client.wait() })
  end)

  -- What goes wrong ------------------------------------------------------------------------------

  it("says that the peer has reset the connection", function()
    local listener, port = listen()
    local client = start("%s connect localhost:" .. port)
    local peer = accept(listener)
    client.input:write "hello\n"
    assert.equal("hello", peer:receive "*l")
    peer:send "almost"
    peer:setoption("linger", { on = true, timeout = 0 })
    peer:close()
    listener:close()
    local code, _, err = client.wait_with_open_input()
    assert.same({ 74, ("luaserve: localhost:%d: connection reset by the peer\n"):format(port) }, { code, err })
  end)

  it("shows what a peer has said that closes before it has all input", function()
    local listener, port = listen()
    local client = start("%s connect 127.0.0.1:" .. port, "</dev/zero")
    local peer = accept(listener)
    peer:receive(100)
    peer:send "too much"
    peer:shutdown "send"
    local readable = socket.select({ peer }, nil, LIFETIME)
    assert.equal(1, #readable)
    peer:close()
    listener:close()
    local code, out, err = client.wait()
    assert.same({ 74, "too much" }, { code, out })
    assert.truthy(err:find(("^luaserve: 127%%.0%%.0%%.1:%d: [^\n]+\n$"):format(port)), err) -- either word for it
  end)

  it("ends when nobody reads its output, though the peer is silent", function()
    local listener, port = listen()
    local client = start("{ %s connect 127.0.0.1:" .. port .. "; echo $? >&2; } | head -1")
    local peer = accept(listener)
    peer:send "one line\n"
    assert.same({ nil, "closed", "" }, { peer:receive "*a" })
    peer:close()
    listener:close()
    assert.same({ 0, "one line\n", "luaserve: nobody reads the output any more\n74\n" }, { client.wait() })
  end)

  it("says that its input cannot be read, its output not be written", function()
    local listener, port = listen()
    assert.same({ 74, "", "luaserve: cannot read the input: Is a directory\n" }, { run("127.0.0.1:" .. port, "</") })
    local client = start("sh -c '%s connect 127.0.0.1:" .. port .. " >/dev/full'")
    accept(listener):close()
    local peer = accept(listener)
    peer:send "hello"
    assert.same({ 74, "", "luaserve: cannot write the output: No space left on device\n" }, { client.wait_with_open_input() })
    peer:close()
    listener:close()
  end)

  it("exits 69 and says why when it cannot connect", function()
    local port = free_port()
    local refused = ("luaserve: cannot connect to %s:%d%s: connection refused (nobody listens there)\n")
    assert.same({ 69, "", refused:format("127.0.0.1", port, "") }, { run("127.0.0.1:" .. port) })
    assert.same({ 69, "", refused:format("localhost", port, "") }, { run("localhost:" .. port) })
    assert.same({ 69, "", ("luaserve: cannot connect to unix:%s/none: there is no such address\n"):format(dir) },
      { run("unix:" .. dir .. "/none") })
  end)

  it("is not its own peer when its port is the one that it wants", function()
    local port = free_port()
    assert.same({ 69, "", ("luaserve: cannot connect to 127.0.0.1:%d from port %d: connection refused " ..
      "(nobody listens there)\n"):format(port, port) }, { run(("127.0.0.1:%d --local-port %d"):format(port, port)) })
  end)

  it("says that the local port is in use, or was until now", function()
    local listener, port = listen()
    local other, taken = listen()
    local in_use = "luaserve: cannot connect to 127.0.0.1:%d from port %d: the local port is in use, or lingers from " ..
      "an earlier connection (TIME_WAIT: a minute)\n"
    local words = "127.0.0.1:%d --local-port %d"
    assert.same({ 69, "", in_use:format(port, taken) }, { run(words:format(port, taken)) })
    other:close()

    local earlier = assert(socket.tcp()) -- without SO_REUSEADDR, and the first to end: TIME_WAIT is on its side
    assert(earlier:bind("127.0.0.1", 0))
    local _, lingers = earlier:getsockname()
    assert(earlier:connect("127.0.0.1", port))
    local peer = accept(listener)
    earlier:close()
    assert.equal("closed", select(2, peer:receive(1)))
    peer:close()
    assert.same({ 69, "", in_use:format(port, lingers) }, { run(words:format(port, lingers)) })

    local client = start("%s connect " .. words:format(port, taken))
    peer = accept(listener)
    assert.same({ 69, "", in_use:format(port, taken) }, { run(words:format(port, taken)) })
    peer:close()
    listener:close()
    assert.same({ 0, "", "" }, { client.wait() })
  end)

  it("exits 68 when there is no such host", function()
    assert.same({ 68, "", "luaserve: cannot connect to no.such.invalid:80: there is no host of that name\n" },
      { run "no.such.invalid:80" })
  end)

  it("exits 64 when it is called wrongly", function()
    for words, message in pairs {
      [""] = "connect wants HOST:PORT",
      ["127.0.0.1 80"] = "connect wants one HOST:PORT, found also 80",
      ["127.0.0.1"] = 'expected HOST:PORT, [IPV6]:PORT or unix:/path, found "127.0.0.1"',
      ["127.0.0.1:0"] = 'expected HOST:PORT, [IPV6]:PORT or unix:/path, found "127.0.0.1:0"',
      ["127.0.0.1:65536"] = 'expected HOST:PORT, [IPV6]:PORT or unix:/path, found "127.0.0.1:65536"',
      [":80"] = 'expected HOST:PORT, [IPV6]:PORT or unix:/path, found ":80"',
      ["unix:"] = 'expected HOST:PORT, [IPV6]:PORT or unix:/path, found "unix:"',
      ["unix:/" .. ("x"):rep(107)] = "unix:/" .. ("x"):rep(107) .. ": the path has more than 107 bytes",
      ["unix:/x --local-port 1"] = "unix:/x: a Unix socket has no ports",
      ["127.0.0.1:1 --local-port"] = "a value is missing behind --local-port",
      ["127.0.0.1:1 --local-port 0"] = "--local-port wants a port from 1 to 65535, found 0",
      ["127.0.0.1:1 --local-port 65536"] = "--local-port wants a port from 1 to 65535, found 65536",
      ["127.0.0.1:1 --local-port=1x"] = "--local-port wants a port from 1 to 65535, found 1x",
      ["127.0.0.1:1 --port 1"] = "connect takes no setting, found port",
    } do
      local code, out, err = run(words)
      assert.same({ 64, "", "luaserve: " .. message }, { code, out, err:match "^[^\n]*" })
    end
    for command, message in pairs {
      ["%s a.lua connect x:1"] = "connect takes no config file, found a.lua",
      ["%s check --local-port 1"] = "--local-port belongs to connect",
    } do
      local code, _, err = start(command, "</dev/null").wait()
      assert.same({ 64, "luaserve: " .. message }, { code, err:match "^[^\n]*" })
    end
  end)
end)
