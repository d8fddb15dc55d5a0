-- The library as programs get it: installed below a prefix, found by pkg-config, around a server of theirs.
local http = require "socket.http"

local function capture(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  local good = pipe:close()
  return text, good
end

local function have(tool)
  return select(2, capture("command -v " .. tool)) == true
end

local compilers = have "cc" and have "pkg-config" and have "make" and have "nm"
local prefix = capture "mktemp -d":match "%S+"
local flags = os.getenv "SAN" or "" -- what the library was built with, programs need too

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local function compiled(command)
  local output, good = capture(command .. " 2>&1")
  assert.is_true(good, output)
  return output
end

local installed
local function install()
  if not installed then compiled("make -s install-lib prefix=" .. prefix) end
  installed = true
end

local environment = "PKG_CONFIG_PATH=" .. prefix .. "/lib/pkgconfig LD_LIBRARY_PATH=" .. prefix .. "/lib "

local ways = {
  shared = "$(pkg-config --libs luaserve)",
  static = prefix .. "/lib/libluaserve.a $(pkg-config --libs lua5.4) -lm",
}

local function build(name, way)
  install()
  compiled(("%s sh -c 'cc -Wall -Wextra -Werror %s -o %s/%s $(pkg-config --cflags luaserve) docs/examples/embed/%s.c %s'")
    :format(environment, flags, prefix, name, name, ways[way]))
end

-- A program, which a deadline ends in any case; its pid is the first line.
local function start(name, input)
  local pipe = assert(io.popen(("%s exec timeout -s KILL 60 sh -c 'echo $$; exec %s/%s 0 <%s' 2>/dev/null")
    :format(environment, prefix, name, input or "/dev/null")))
  return pipe
end

describe("the library", function()
  if not compilers then
    pending "needs cc, make, nm and pkg-config"
    return
  end

  teardown(function() os.execute("rm -rf " .. prefix) end)

  it("has a header that stands alone in C11 and in C++17", function()
    local all = "-Wall -Wextra -pedantic -Werror -fsyntax-only"
    compiled("cc -std=c11 " .. all .. " -x c src/luaserve.h")
    if have "c++" then compiled("c++ -std=c++17 " .. all .. " -x c++ src/luaserve.h") end
  end)

  it("shows its own functions and nothing else", function()
    install()
    local names = {}
    for name in capture("nm -D --defined-only " .. prefix .. "/lib/libluaserve.so"):gmatch " %a ([%w_.]+)" do
      assert.truthy(name:find "^luaserve_", name)
      names[name] = true
    end
    for name in capture("nm -g --defined-only " .. prefix .. "/lib/libluaserve.a"):gmatch " %a ([%w_.]+)" do
      assert.truthy(name:find "^luaserve_" or flags ~= "", name)
    end
    for name in read "src/luaserve.h":gsub("/%*.-%*/", ""):gmatch "(luaserve_[%w_]+)%s*%(" do
      if name ~= "luaserve_handler" then assert.truthy(names[name], name .. " is declared, and not there") end
    end
    local undefined = capture("nm -D --undefined-only " .. prefix .. "/lib/libluaserve.so")
    assert.truthy(undefined:find "lua_newstate") -- the program's Lua is used
    assert.truthy(capture("readelf -d " .. prefix .. "/lib/libluaserve.so"):find("[libluaserve.so.0]", 1, true))
  end)

  for way in pairs(ways) do
    it("serves a route in C, linked with the " .. way .. " one", function()
      build("hello", way)
      local pipe = start "hello"
      local pid, url = pipe:read "l", pipe:read "l"
      assert.truthy(url and url:find "^http://", url)
      local port = url:match ":(%d+)$"
      assert.equal("Hello world", (http.request("http://127.0.0.1:" .. port .. "/")))
      assert.equal(404, select(2, http.request("http://127.0.0.1:" .. port .. "/other")))
      os.execute("kill " .. pid)
      pipe:read "a"
      assert.is_true(pipe:close())
    end)
  end

  it("serves beside what a program does in a loop of its own", function()
    build("loop", "shared")
    local fifo = prefix .. "/input"
    assert.is_true(os.execute("mkfifo " .. fifo))
    local pipe = start("loop", fifo)
    local input = assert(io.open(fifo, "w"))
    assert(pipe:read "l")
    local url = pipe:read "l"
    assert.equal("0\n", (http.request(url .. "/")))
    input:write "one\ntwo\n"
    input:flush()
    assert.equal("line 1", pipe:read "l")
    assert.equal("line 2", pipe:read "l")
    assert.equal("2\n", (http.request(url .. "/")))
    input:close() -- its end
    assert.equal("", pipe:read "a")
    assert.is_true(pipe:close())
  end)
end)
