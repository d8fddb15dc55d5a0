-- The steps of the lecture, as somebody with nc sees them.
local spec = require "luaserve.spec"
local socket = require "socket"

local example = dofile(debug.getinfo(1, "S").source:match "^@(.*/)" .. "example.lua")

local has_strace = os.execute "strace -qq -o /dev/null true 2>/dev/null"

describe("step 1, a descriptor", function()
  it("is a number, another one for each socket of a process", function()
    local accept, port = example.start "04_accept.lua"
    local server, own = example.start("01_descriptor.lua", { ["3004"] = tostring(port) })
    local theirs, made = example.talk(own):match "^your connection is descriptor (%d+)\na socket made now is descriptor (%d+)\n$"
    assert.truthy(theirs)
    assert.not_equal(theirs, made)
    assert.truthy(accept:log "new connection from 127.0.0.1:")
    server:stop()
    accept:stop()
  end)
end)

describe("step 2, halves of a connection,", function()
  local server, port
  setup(function() server, port = example.start "02_halves.lua" end)
  teardown(function() server:stop() end)

  -- Asks for that, and says something once it is done: what the client still hears.
  local function shut_down(how)
    local conn = example.connect(port)
    local one, two = conn:receive "*l":match "^descriptors (%d+) and (%d+): shut down"
    assert.truthy(one)
    assert.not_equal(one, two)
    conn:send(how .. "\n")
    return conn
  end

  it("has two descriptors, and stays open when one of them is closed", function()
    local conn = shut_down "read"
    assert.equal("you still hear me", conn:receive "*l")
    conn:close()
    assert.truthy(server:log "shut down read %- writing: well %- heard since:")
  end)

  it("ends in the server's direction, and goes on in the client's", function()
    local conn = shut_down "write"
    assert.equal("", example.rest(conn))
    conn:send "the other half"
    conn:close()
    assert.truthy(server:log "shut down write %- writing: EPIPE %- heard since: the other half")
  end)

  it("ends in both", function()
    local conn = shut_down "both"
    assert.equal("", example.rest(conn))
    conn:close()
    assert.truthy(server:log "shut down both %- writing: EPIPE %- heard since:")
  end)

  it("is left alone when the answer is another one", function()
    local conn = shut_down "neither"
    assert.equal("", example.rest(conn))
    conn:close()
    assert.is_nil(server:log():find("shut down neither", 1, true))
    assert.is_nil(server:log():find("handler failed", 1, true))
  end)

  it("asks the kernel for dup, shutdown and close", function()
    if not has_strace then return pending "needs strace, and leave to trace" end
    local made = io.popen "mktemp -d"
    local folder = made:read "l"
    made:close()
    local traced, own = example.start("02_halves.lua", nil, {
      wrap = "strace -ff -qq -e trace=dup,shutdown,close -o " .. folder .. "/trace",
      env = { ASAN_OPTIONS = "detect_leaks=0" },
    })
    example.talk(own, "write\n")
    assert.truthy(traced:log "shut down write")
    traced:stop()
    local all = io.popen("cat " .. folder .. "/trace.*")
    local text = all:read "a"
    all:close()
    os.execute("rm -rf '" .. folder .. "'")
    local conn, twin, rest = text:match "dup%((%d+)%)%s+= (%d+)\n(.*)$"
    assert.truthy(conn, text)
    local done = rest:match("^shutdown%(" .. conn .. ", SHUT_WR%)%s+= 0\n(.*)$")
    assert.truthy(done, rest)
    assert.truthy(done:find("^close%(" .. twin .. "%)%s+= 0\n"), done)
  end)
end)

describe("step 3, bind,", function()
  it("gives the socket its address, once", function()
    local server, port = example.start "03_bind.lua"
    assert.equal("bound\n", (example.talk(port)))
    local taken = example.script("03_bind.lua"):gsub("127%.0%.0%.1:0", "127.0.0.1:" .. port)
    local code, _, err = spec.run { scripts = { ["03_bind.lua"] = taken } }
    assert.equal(69, code)
    assert.truthy(err:find("03_bind.lua:5: cannot bind 127.0.0.1:" .. port .. ": the address is in use", 1, true), err)
    server:stop()
  end)

  it("says so when the address is not ours", function()
    local foreign = example.script("03_bind.lua"):gsub("127%.0%.0%.1:0", "192.0.2.1:3003") -- for documentation alone
    local code, _, err = spec.run { scripts = { ["03_bind.lua"] = foreign } }
    assert.equal(69, code)
    assert.truthy(err:find("cannot bind 192.0.2.1:3003: ", 1, true), err)
  end)
end)

describe("step 4, accept,", function()
  it("tells each client its port, and the log both", function()
    local server, port = example.start "04_accept.lua"
    local answer, from = example.talk(port)
    assert.equal(("new connection from 127.0.0.1 port %d\n"):format(from), answer)
    assert.truthy(server:log(("new connection from 127.0.0.1:%d to 127.0.0.1:%d: worker %%d+"):format(from, port)))
    server:stop()
  end)
end)

describe("step 5, a client with a port of its own,", function()
  local echo, server, port, from

  setup(function()
    from = example.free_port()
    echo, port = example.start "06_echo.lua"
    server = example.start("05_client.lua", { ["3006"] = tostring(port), ["local_port = 3050"] = "local_port = " .. from })
  end)
  teardown(function()
    server:stop()
    echo:stop()
  end)

  local function ask()
    local response = server:get "/client"
    return { response.status, response.body }
  end

  it("is told when the port is taken", function()
    local holder = assert(socket.bind("127.0.0.1", from))
    assert.same({ 502, "EADDRINUSE: the local port is in use\n" }, ask())
    holder:close()
  end)

  it("is told when there is such a pair of ports already", function()
    local first = assert(socket.tcp4()) -- has a descriptor at once, for the options
    first:setoption("reuseaddr", true)
    first:setoption("linger", { on = true, timeout = 0 }) -- and leaves nothing behind
    assert(first:bind("127.0.0.1", from))
    assert(first:connect("127.0.0.1", port))
    local answer = ask()
    first:close()
    assert.equal(502, answer[1])
    assert.truthy(answer[2]:find "^EADDRNOTAVAIL: ", answer[2])
  end)

  it("comes from that port", function()
    assert.same({ 200, "hello from port 3050\n" }, ask())
    assert.truthy(echo:log("new connection from 127.0.0.1:" .. from .. " to 127.0.0.1:" .. port .. ": worker %d+$"))
  end)
end)

describe("step 6, echo,", function()
  it("gives back what it is told", function()
    local server, port = example.start "06_echo.lua"
    assert.equal("one\n\ntwo, without an end\n", (example.talk(port, "one\n\ntwo, without an end")))
    server:stop()
  end)
end)

describe("step 7, a process a client,", function()
  local server, port
  setup(function()
    server, port = example.start("07_processes.lua", nil, { config = { processes = { mode = spec.mode, workers = 1 } } })
  end)
  teardown(function() server:stop() end)

  local function say(conn, text)
    conn:send(text .. "\n")
    local pid, line, heard = conn:receive "*l":match "^process (%d+), line (%d+): (.*)$"
    assert.equal(text, heard)
    return pid, tonumber(line)
  end

  it("lets nobody wait for a client that says nothing, or half a line", function()
    local silent, half, third = example.connect(port), example.connect(port), example.connect(port)
    half:send "I am not"
    say(third, "but I am")
    half:send " done\n"
    assert.truthy(half:receive "*l":find ": I am not done$")
    silent:close()
    half:close()
    third:close()
  end)

  it("keeps the variables of one client from the others, or shares them in mode pool", function()
    local one, two = example.connect(port), example.connect(port)
    local first, start = say(one, "a")
    local again, nextline = say(one, "b")
    local other, theirs = say(two, "c")
    assert.same({ first, start + 1 }, { again, nextline })
    if spec.mode == "fork" then
      assert.not_equal(first, other)
      assert.equal(1, theirs)
    else
      assert.same({ first, start + 2 }, { other, theirs })
    end
    one:close()
    two:close()
  end)
end)

-- Step 8, a client from the keyboard, is `luaserve connect`, which has specs of its own.

describe("step 9, duplex,", function()
  local server, port
  setup(function() server, port = example.start "09_duplex.lua" end)
  teardown(function() server:stop() end)

  local function join()
    local conn = example.connect(port)
    local _, port_of_its = conn:getsockname()
    local from = conn:receive "*l":match "^you are (%d+);"
    assert.equal(tostring(port_of_its), from)
    return conn, from
  end

  it("brings each what the others say, with their ports", function()
    local one, first = join()
    local two, second = join()
    local three = join()
    one:send "hello\n"
    assert.equal(first .. ": hello", two:receive "*l")
    assert.equal(first .. ": hello", three:receive "*l")
    two:send "good day\n"
    assert.equal(second .. ": good day", one:receive "*l") -- and not what it has said itself
    assert.equal(second .. ": good day", three:receive "*l")
    one:shutdown "send"
    assert.equal("", example.rest(one)) -- both of its processes have ended
    three:send "still here\n"
    assert.truthy(two:receive "*l":find ": still here$")
    for _, conn in ipairs { one, two, three } do conn:close() end
  end)
end)
