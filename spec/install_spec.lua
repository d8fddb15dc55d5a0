-- What `make install` puts where, what runs from there, and the manual.
local socket = require "socket"
local spec = require "luaserve.spec"

local root = spec.path "."
local built = os.getenv "LUASERVE" or "./luaserve"
local work -- a folder for all of it

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function output(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1"))
  local text = pipe:read "a"
  return text, pipe:close()
end

local function run(command)
  local text, fine = output(command)
  assert.is_true(fine, text)
  return text
end

local function need(program)
  return os.execute("command -v " .. program .. " > /dev/null") or pending(program .. " is not installed")
end

-- With the program that is there, whatever `make` would build; and not as a part of the make that runs the specs.
local function make(arguments)
  return run(("umask 077; env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -o all BIN='%s' %s"):format(built, arguments))
end

-- A program that counts which lines are reached writes that beside the sources.
local function counts() return read(built):find(".gcda", 1, true) and pending "it counts lines" end

local function lines(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = line end
  table.sort(list)
  return list
end

-- "644 share/man/man1/luaserve.1" for each file below a folder.
local function tree(folder) return lines(run("cd " .. folder .. " && find . -type f -printf '%m %P\\n'")) end

local function folders(folder) return lines(run("cd " .. folder .. " && find . -mindepth 1 -type d -printf '%m %P\\n'")) end

local function expected()
  local list = {
    "755 bin/luaserve",
    "644 include/luaserve.h",
    "644 lib/libluaserve.a",
    "644 lib/libluaserve.so.0",
    "644 lib/lua/5.4/luaserve.so",
    "644 lib/pkgconfig/luaserve.pc",
    "644 lib/systemd/system/luaserve.service",
    "644 lib/systemd/system/luaserve.socket",
    "644 share/luaserve/meta/luaserve.d.lua",
    "644 share/man/man1/luaserve.1",
    "644 share/man/man3/luaserve.h.3",
    "644 share/man/man5/config.lua.5",
    "644 share/doc/luaserve/LICENSE",
    "644 share/doc/luaserve/README.md",
    "644 share/doc/luaserve/config.lua",
  }
  for _, path in ipairs(lines(run "cd src/lua/luaserve && ls *.lua")) do
    list[#list + 1] = "644 share/lua/5.4/luaserve/" .. path
  end
  for _, path in ipairs(lines(run "find docs -name '*.md' -o -name bench.svg -o -path '*/examples/*' -name '*.[lhcj]*'")) do
    list[#list + 1] = "644 share/doc/luaserve/" .. path
  end
  table.sort(list)
  return list
end

setup(function()
  work = run "mktemp -d -t luaserve-install-XXXXXX":gsub("\n", "")
  make("install prefix=" .. work .. "/prefix")
end)

teardown(function() os.execute("rm -rf " .. work) end)

describe("make install", function()
  it("puts each file where it belongs, whatever the umask", function()
    make(("install DESTDIR='%s/a stage' prefix=/usr"):format(work))
    assert.same(expected(), tree("'" .. work .. "/a stage/usr'"))
    for _, folder in ipairs(folders("'" .. work .. "/a stage'")) do assert.equal("755", folder:match "^%d+", folder) end
  end)

  it("refuses a prefix that units and pkg-config could not name", function()
    for _, prefix in ipairs { "relative", "/tmp/with blanks" } do
      local said, good = output("env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -o all install prefix='" .. prefix .. "' BIN='" .. built .. "'")
      assert.is_nil(good)
      assert.truthy(said:find "the prefix is an absolute path" or said:find "no blanks in the prefix", said)
    end
  end)

  it("leaves the names of functions in the program, and no path of the sources", function()
    if counts() then return end
    local binary = work .. "/prefix/bin/luaserve"
    assert.falsy(read(binary):find(root:gsub("/%.$", "") .. "/", 1, true))
    assert.truthy(run("nm " .. binary):find " t ls_%l+")
  end)

  it("says in the unit where it all is", function()
    local unit = read(work .. "/prefix/lib/systemd/system/luaserve.service")
    assert.truthy(unit:find("\nExecStart=" .. work .. "/prefix/bin/luaserve /etc/luaserve/config.lua\n", 1, true))
    assert.falsy(unit:find "@%l+@")
  end)

  it("has units that systemd understands, and that say what the page about them says", function()
    local dir = work .. "/prefix/lib/systemd/system/"
    local function settings(text)
      local list = {}
      for line in text:match "%[Service%]\n(.-)\n%[":gmatch "%u%a+=[^\n]*" do
        if not line:find "^ExecStart=" and not line:find "^DynamicUser=" and not line:find "^RuntimeDirectory=" then
          list[#list + 1] = line
        end
      end
      table.sort(list)
      return list
    end
    assert.same(settings(read "docs/deploy.md":match "```ini\n(.-)```"), settings(read(dir .. "luaserve.service")))
    if not need "systemd-analyze" then return end
    local said = run("SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no " .. dir .. "luaserve.service " .. dir .. "luaserve.socket")
    assert.falsy(said:find "luaserve.*:%d+: ", said)
  end)

  it("is undone by make uninstall, which leaves what is not its own", function()
    local stage = work .. "/undone"
    make("install DESTDIR=" .. stage .. " prefix=/opt/x")
    for _, path in ipairs { "bin/other", "share/man/man1/other.1", "share/lua/5.4/luaserve/mine.lua" } do
      write(stage .. "/opt/x/" .. path, "")
    end
    local said = make("uninstall DESTDIR=" .. stage .. " prefix=/opt/x")
    assert.same({ "644 bin/other", "644 share/lua/5.4/luaserve/mine.lua", "644 share/man/man1/other.1" }, tree(stage .. "/opt/x"))
    assert.truthy(said:find("share/lua/5.4/luaserve is not empty", 1, true))
    local left = table.concat(folders(stage .. "/opt/x"), "\n") .. "\n"
    for _, own in ipairs { "share/doc/luaserve", "share/luaserve" } do assert.falsy(left:find(own, 1, true), own) end
    for _, shared in ipairs { "bin", "lib/systemd/system", "share/doc", "share/man/man3" } do
      assert.truthy(left:find(" " .. shared .. "\n", 1, true), shared)
    end
    assert.equal("", make("uninstall DESTDIR=" .. stage .. " prefix=/opt/x"):gsub("left: [^\n]*\n", "")) -- once more
  end)
end)

describe("make dist", function()
  it("packs the same bytes each time, also from what was unpacked", function()
    run("./install/dist.sh 0.0.0 " .. work .. "/one.tar.gz; ./install/dist.sh 0.0.0 " .. work .. "/two.tar.gz")
    run(("cd %s && tar -xzf one.tar.gz && cd luaserve-0.0.0 && mkdir build && touch luaserve build/x a.o && " ..
      "./install/dist.sh 0.0.0 ../three.tar.gz"):format(work))
    run(("cd %s && cmp one.tar.gz two.tar.gz && cmp one.tar.gz three.tar.gz"):format(work))
    local list = run("tar -tzvf " .. work .. "/one.tar.gz")
    assert.truthy(list:find "luaserve%-0%.0%.0/src/main%.c")
    for line in list:gmatch "[^\n]+" do assert.truthy(line:find "^[d-]rw.r.[x-]r.[x-] 0/0 ", line) end
  end)
end)

-- A project ----------------------------------------------------------------------------------------

-- In an empty environment, with the installed program first on PATH, beside nothing of the sources.
local function installed(command)
  return ("cd %s/elsewhere && env -i HOME=/ PATH=%s/prefix/bin:/usr/local/bin:/usr/bin:/bin sh -c '%s'"):format(work, work, command)
end

describe("luaserve new", function()
  setup(function()
    run("mkdir " .. work .. "/elsewhere")
    run(installed "luaserve new app")
  end)

  it("makes a project whose spec passes", function()
    local said = run(installed "cd app && busted")
    assert.truthy(said:find("3 successes / 0 failures / 0 errors / 0 pending", 1, true), said)
  end)

  it("makes a project that serves", function()
    local pipe = assert(io.popen(installed "cd app && echo $$ && PORT=0 exec luaserve 2>&1"))
    local pid = pipe:read "n"
    local port = assert(pipe:read "L" and pipe:read("L"):match "^luaserve %S+ listening on http://127%.0%.0%.1:(%d+)")
    local bodies = {}
    for _, path in ipairs { "/", "/hello/you" } do
      local client = assert(socket.connect("127.0.0.1", port))
      client:settimeout(5)
      client:send("GET " .. path .. " HTTP/1.0\r\n\r\n")
      bodies[path] = assert(client:receive "*a"):match "\r\n\r\n(.*)"
      client:close()
    end
    run("kill " .. pid)
    pipe:close()
    assert.truthy(bodies["/"]:find "It works")
    assert.equal("Hello, you!", bodies["/hello/you"])
  end)

  it("makes one that needs nothing from where luaserve was built", function()
    if counts() or not need "strace" then return end
    run(installed "cd app && strace -f -e trace=%file -E ASAN_OPTIONS=detect_leaks=0 -o ../trace luaserve check")
    local trace = read(work .. "/elsewhere/trace")
    assert.truthy(trace:find("hello.lua", 1, true))
    assert.falsy(trace:find(root:gsub("/%.$", "") .. "/", 1, true), trace)
  end)

  it("makes what luacheck finds nothing in", function()
    if not need "luacheck" then return end
    run(installed "cd app && luacheck -q --no-config --std lua54+busted --read-globals env -- config.lua .busted scripts spec")
  end)

  it("fills an empty folder, and the one it is started in", function()
    run(installed "mkdir empty && luaserve new empty && mkdir here && cd here && luaserve new . && cmp config.lua ../empty/config.lua")
  end)

  it("refuses to touch what is there, and says why", function()
    for command, why in pairs {
      ["luaserve new app"] = "app: Directory not empty",
      ["luaserve new app/"] = "app/: Directory not empty",
      ["luaserve new app/config.lua"] = "app/config.lua: Not a directory",
      ["luaserve new no/app"] = "no/app: No such file or directory",
      ["luaserve new /proc/app"] = "/proc/app: ",
    } do
      local before = tree(work .. "/elsewhere")
      local said, fine, _, code = output(installed(command))
      assert.is_nil(fine)
      assert.equal(73, code)
      assert.truthy(said:find("luaserve: " .. why, 1, true), said)
      assert.same(before, tree(work .. "/elsewhere"))
    end
  end)

  it("wants one folder and no options", function()
    for command, why in pairs {
      ["luaserve new"] = "new wants a folder",
      ["luaserve new a b"] = "new wants one folder, found also b",
      ["luaserve new --dev a"] = "new takes no setting, found dev",
    } do
      local said, _, _, code = output(installed(command))
      assert.equal(64, code)
      assert.truthy(said:find("luaserve: " .. why, 1, true), said)
    end
  end)
end)

-- The manual ---------------------------------------------------------------------------------------

describe("the manual", function()
  local function page(name) return work .. "/prefix/share/man/man" .. name:match "%d$" .. "/" .. name end

  -- As it is read: without bold, hyphens and justification.
  local function text_of(name)
    return run(("MANWIDTH=200 MANOPT='--no-hyphenation --no-justification' LC_ALL=C.UTF-8 man -l %s | col -bx"):format(page(name)))
  end

  local PAGES = { "luaserve.1", "luaserve.h.3", "config.lua.5" }

  it("renders without warnings", function()
    if not need "man" then return end
    for _, name in ipairs(PAGES) do
      assert.equal("", run("LC_ALL=C.UTF-8 man --warnings -l " .. page(name) .. " 2>&1 > /dev/null"))
    end
  end)

  it("is sound to mandoc", function()
    if not need "mandoc" then return end
    for _, name in ipairs(PAGES) do run("mandoc -Tlint -Wwarning " .. page(name)) end
  end)

  it("luaserve(1) says what --help says: tasks, options, exit statuses", function()
    if not need "man" then return end
    local help, manual = run(built .. " --help"), text_of "luaserve.1"
    local function words(text, pattern)
      local seen, list = {}, {}
      for word in text:gmatch(pattern) do
        if not seen[word] then list[#list + 1] = word end
        seen[word] = true
      end
      table.sort(list)
      return list
    end
    assert.same(words(help, "%-%-[%l-]+"), words(manual:match "SYNOPSIS.-\nSIGNALS", "%-%-[%l-]+"))
    local tasks = manual:match "do:\n(.-)\n +The options"
    assert.same(words(help, "\n  (%l+)   "), words("\n" .. tasks, "\n     (%l+)%f[^%l]"))
    assert.same(words(help:match "Exit status.*", "%d+"), words(manual:match "EXIT STATUS(.-)EXAMPLES", "\n +(%d+) "))
  end)

  it("config.lua(5) tells of every key", function()
    if not need "man" then return end
    local manual = text_of "config.lua.5"
    local count = 0
    for name, takes in run(built .. " config"):gmatch "%f[^\n%z]([%l_.]+)[^\n]*\n    ([^\n]+)\n" do
      local first = takes:match "^%S+ %S+"
      assert.truthy(manual:find("\n     " .. name:gsub("%p", "%%%0") .. "%s+" .. first:gsub("%p", "%%%0")), name)
      count = count + 1
    end
    assert.is_true(count > 50)
    assert.truthy(manual:find("!#$%&'*+-.^_`|~", 1, true)) -- session.cookie; the only one of these
    assert.falsy(manual:find "%]%(" or manual:find "%*%*" or manual:find "[^_]`")
  end)

  it("luaserve.h(3) has every function with what is said of it", function()
    if not need "man" then return end
    local manual, header = text_of "luaserve.h.3", read "src/luaserve.h"
    local count = 0
    for name in header:gmatch "LUASERVE_API[^;]-%f[%w](luaserve_[%w_]+)%(" do
      assert.truthy(manual:find("\n   [%w_, ]*" .. name .. "%f[^%w_]"), name)
      assert.truthy(manual:find("\n +[^\n]-%f[%w_]" .. name .. "%("), name)
      count = count + 1
    end
    assert.is_true(count > 15)
    for name in header:gmatch "\n    (LUASERVE_[%u_]+) = " do assert.truthy(manual:find(name, 1, true), name) end
    assert.truthy(manual:find("half-closed, and what still comes is handed on", 1, true))
  end)
end)
