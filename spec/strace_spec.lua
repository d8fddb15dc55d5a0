-- The textbook, as strace sees it.
local spec = require "luaserve.spec"

local has_strace = os.execute "strace -qq -o /dev/null true 2>/dev/null"

describe("the syscalls", function()
  if not has_strace then
    pending "need strace, and leave to trace"
    return
  end

  it("are those of the textbook, from socket to close", function()
    local trace = os.tmpname()
    local server = spec.start {
      wrap = "strace -f -qq -o " .. trace,
      scripts = { ["app.lua"] = [[
        local app = require "luaserve"
        app:get("/hello", function()
          return { headers = { ["content-type"] = "text/html" }, body = "<h1>Hello, World!</h1>" }
        end)
        app:get("/pid", function() return tostring((io.open "/proc/self/stat"):read "n") end)
      ]] },
    }
    local one, two = server:client(), server:client()
    local first = one:request({ path = "/pid" }).body
    local second = two:request({ path = "/pid" }).body
    assert.not_equal(first, second)
    assert.equal("<h1>Hello, World!</h1>", one:request({ path = "/hello" }).body)
    one:close()
    two:close()
    local third = server:get("/pid").body
    assert.equal(0, server:stop())

    local file = assert(io.open(trace))
    local text = file:read "a"
    file:close()
    os.remove(trace)
    local at = 1
    local function follows(pattern)
      local from, to, capture = text:find(pattern, at)
      assert.truthy(from, "not found, or out of order: " .. pattern)
      at = to
      return capture
    end
    local listener = follows "socket%(AF_INET, SOCK_STREAM[^)]*%)%s+= (%d+)"
    local name = "{sa_family=AF_INET, sin_port=htons%(%d+%), sin_addr=inet_addr%(\"127%.0%.0%.1\"%)}"
    follows("bind%(" .. listener .. ", " .. name .. ", 16%)%s+= 0")
    follows("listen%(" .. listener .. ", 4096%)%s+= 0")
    local client = follows("accept4%(%d+, " .. name .. ", %[[^]]*%], SOCK_CLOEXEC%)%s+= (%d+)")
    follows("clone%(child_stack=NULL, flags=[^)]*CLONE_CHILD_CLEARTID[^)]*SIGCHLD[^)]*%)")
    assert.truthy(text:find(first .. " +writev?%(%d+, \"HTTP/1%.1 200 OK\\r\\n"))
    assert.truthy(text:find(second .. " +writev?%(%d+, \"HTTP/1%.1 200 OK\\r\\n"))
    assert.truthy(text:find(third .. " +shutdown%(%d+, SHUT_WR%)%s+= 0"))
    assert.truthy(text:find("%d+ +close%(" .. client .. "%) += 0"))
    at = 1
    follows("wait4%(%-1, [^\n]*= " .. first .. "\n")
    follows("close%(" .. client .. "%)")
  end)

  it("show the port in network byte order", function()
    local trace = os.tmpname()
    local server = spec.start { wrap = "strace -f -qq -e trace=bind -o " .. trace }
    local port = server.port
    server:stop()
    server = spec.start { config = { port = port }, wrap = "strace -f -qq -e trace=bind -o " .. trace }
    assert.equal(port, server.port)
    server:stop()
    local file = assert(io.open(trace))
    local text = file:read "a"
    file:close()
    os.remove(trace)
    assert.truthy(text:find("sin_port=htons%(" .. port .. "%)"))
  end)
end)
