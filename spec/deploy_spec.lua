-- What docs/deploy.md says is taken from there and tried: units, proxies, rotation, as far as the programs are here.
local socket = require "socket"
local spec = require "luaserve.spec"

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

-- Debian's nginx, haproxy and logrotate stand where only root looks.
local function find(program)
  return output("PATH=$PATH:/usr/sbin:/sbin command -v " .. program):match "^(/[^\n]+)"
end

-- The test is passed over without it.
local function need(program)
  return find(program) or pending(program .. " is not installed")
end

local function snippets(kind)
  local list = {}
  for text in read "docs/deploy.md":gmatch("```" .. kind .. "\n(.-\n)```") do list[#list + 1] = text end
  assert.is_true(#list > 0, kind)
  return list
end

local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return math.tointeger(port)
end

-- A folder that goes with the test.
local function folder()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkdir -p " .. path))
  return path
end

local scripts = { ["app.lua"] = [[
  local app = require "luaserve"
  local function pid() return io.open("/proc/self/stat"):read "n" end
  app:get("/who", function(req)
    return { json = { ip = req.ip, host = req.host, scheme = req.scheme, pid = pid() } }
  end)
  app:post("/size", function(req) return { text = tostring(#req:body()) } end)
  app:get("/events", function(req, res)
    res:event("first", "1")
    app.channel("go"):subscribe():receive "10s"
    res:event("second", "2")
  end)
  app:get("/go", function() return { text = tostring(app.channel("go"):publish(true)) } end)
  app:ws("/ws", function(req, ws) for message in ws:messages() do ws:send(message .. " " .. req.ip) end end)
]] }

describe("the units for systemd", function()
  it("are understood", function()
    local analyze = need "systemd-analyze"
    local dir = folder()
    for i, text in ipairs(snippets "ini") do
      local name = dir .. "/luaserve." .. (i == 1 and "service" or "socket")
      text = text:gsub("/usr/local/bin/luaserve", "/bin/true"):gsub("User=luaserve", "User=daemon")
      write(name, text)
    end
    local said, fine = output("SYSTEMD_LOG_LEVEL=warning " .. analyze .. " verify " .. dir .. "/luaserve.service " ..
      dir .. "/luaserve.socket")
    os.execute("rm -rf " .. dir)
    assert.is_true(fine, said)
    assert.falsy(said:find("luaserve.*:%d+: "), said)
  end)

  it("allow the syscalls that the server makes", function()
    local analyze = need "systemd-analyze"
    local allowed = {}
    local function allow(name)
      if name:find "^@" then
        for line in output(analyze .. " --no-pager syscall-filter " .. name):gmatch "\n    ([@%w_-]+)" do allow(line) end
      end
      allowed[name] = true
    end
    for name in snippets("ini")[1]:match "SystemCallFilter=([^\n]+)":gmatch "%S+" do allow(name) end
    for name in read "asm/nr.inc":gmatch "NR_([%w_]+) +equ" do assert.is_true(allowed[name], name) end
  end)
end)

-- Starts a proxy that ends with the test: { port, stop }. Its command ends with exec.
local function start_proxy(server, command, dir, port)
  write(dir .. "/start", "echo $$ > " .. dir .. "/pid; exec " .. command .. " > " .. dir .. "/log 2>&1\n")
  assert(os.execute("sh " .. dir .. "/start &"))
  local deadline = socket.gettime() + 10
  local up
  repeat
    up = socket.connect("127.0.0.1", port)
    if not up then socket.select(nil, nil, 0.01) end
  until up or socket.gettime() > deadline
  assert(up, read(dir .. "/log")):close()
  local behind = setmetatable({ port = port }, { __index = server })
  return behind, function()
    os.execute("pid=$(cat " .. dir .. "/pid); kill $pid; timeout 10 tail --pid=$pid -f /dev/null")
    os.execute("rm -rf " .. dir)
  end
end

-- Writes what a proxy is started with, without TLS, once it has taken the same with TLS.
local function write_config(path, config, with_tls, check)
  local dir = path:match "^(.*)/"
  local certificate = ("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=example.org -days 1 -keyout %s/key -out %s/pem && cat %s/key >> %s/pem")
    :format(dir, dir, dir, dir)
  for _, text in ipairs { find "openssl" and output(certificate) and with_tls(dir) or config, config } do
    write(path, text)
    local said, fine = output(check)
    assert.is_true(fine, said)
    assert.falsy(said:lower():find "warn", said)
  end
end

local function nginx(program, server)
  local dir, port = folder(), free_port()
  local site = snippets("nginx")[1]:gsub("server 127.0.0.1:3000", "server 127.0.0.1:" .. server.port)
    :gsub("listen 443", "listen 127.0.0.1:" .. port)
  local paths = {}
  for _, name in ipairs { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" } do
    paths[#paths + 1] = name .. "_temp_path " .. dir .. "/" .. name .. ";"
  end
  local frame = "daemon off; pid " .. dir .. "/nginx.pid; error_log stderr; worker_processes 1;\n" ..
    "events {}\nhttp {\naccess_log off;\n" .. table.concat(paths, "\n") .. "\n%s}\n"
  local command = program .. " -p " .. dir .. " -c nginx.conf"
  write_config(dir .. "/nginx.conf", frame:format((site:gsub(" ssl http2", ""):gsub("ssl_certificate[^\n]+\n", ""))), function()
    return frame:format((site:gsub("/etc/ssl/example.org.%a+", dir .. "/pem")))
  end, command .. " -t")
  return start_proxy(server, command, dir, port)
end

local function haproxy(program, server)
  local dir, port = folder(), free_port()
  local config = snippets("haproxy")[1]:gsub("one 127.0.0.1:3000", "one 127.0.0.1:" .. server.port)
    :gsub("bind :443", "bind 127.0.0.1:" .. port)
  write_config(dir .. "/haproxy.cfg", (config:gsub(" ssl crt [^\n]+", "")), function()
    return (config:gsub("/etc/haproxy/example.org.pem", dir .. "/pem"))
  end, program .. " -c -f " .. dir .. "/haproxy.cfg")
  return start_proxy(server, program .. " -f " .. dir .. "/haproxy.cfg", dir, port)
end

for name, start in pairs { nginx = nginx, haproxy = haproxy } do
  describe("behind " .. name, function()
    local server, behind, stop
    setup(function()
      local program = find(name)
      if not program then return end
      server = spec.start { scripts = scripts, config = { trusted_proxies = { "127.0.0.1" } } }
      behind, stop = start(program, server)
    end)
    teardown(function()
      if stop then stop() end
      if server then server:stop() end
    end)

    -- As from another machine: 127.0.0.1 is the proxy's own address, and trusted.
    local function ask(path, options)
      return output(("curl -s -m 10 --interface 127.0.0.2 %s http://127.0.0.1:%d%s"):format(options or "", behind.port, path))
    end

    it("the client's address and what it asked for come through, and what it makes up does not", function()
      need(name)
      local host = "127.0.0.1:" .. behind.port
      local made_up = '-H "Forwarded: for=8.8.8.8;host=evil;proto=https" -H "X-Forwarded-For: 9.9.9.9" ' ..
        '-H "X-Forwarded-Host: evil" -H "X-Forwarded-Proto: https"'
      for _, options in ipairs { "", made_up } do
        local answer = ask("/who", options)
        assert.truthy(answer:find('"ip":"127.0.0.2"', 1, true), answer)
        assert.truthy(answer:find('"host":"' .. host .. '"', 1, true), answer)
        assert.truthy(answer:find('"scheme":"http"', 1, true), answer)
      end
    end)

    it("no two clients share a process", function()
      need(name)
      if spec.mode == "pool" then return end
      local one, other = behind:client(), behind:client()
      local pids = { one:get("/who").json.pid, other:get("/who").json.pid }
      one:close()
      other:close()
      assert.not_equal(pids[1], pids[2])
    end)

    it("a body of 512 KB comes through", function()
      need(name)
      assert.equal("524288", behind:post("/size", ("x"):rep(524288)).body)
    end)

    it("an event comes when it is sent", function()
      need(name)
      local client = behind:client { timeout = 10 }
      client:send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
      repeat local line = client:receive "*l" until line == "event: first"
      repeat until server:get("/go").body == "1" -- it waits for this, and so the second is not out
      repeat local line = client:receive "*l" until line == "event: second"
      client:close()
    end)

    it("WebSockets work", function()
      need(name)
      local ws = assert(behind:ws("/ws", { headers = { Origin = "http://localhost" } })) -- it says so in Host
      ws:send "hello"
      assert.truthy((ws:receive()):find "^hello 127")
      assert.equal(1000, (ws:close()))
    end)
  end)
end

describe("what rotates logs", function()
  it("makes the server open the file anew", function()
    local logrotate = need "logrotate"
    local dir = folder()
    local server = spec.start { scripts = scripts, config = { log = { file = dir .. "/luaserve.log" } } }
    write(dir .. "/conf", (snippets("logrotate")[1]:gsub("/var/log/luaserve", dir)
      :gsub("systemctl kill [^\n]+ luaserve\n", "kill -USR1 " .. server.pid .. "\n")))
    local said, fine = output(("cd %s && chmod 644 conf && echo before >> luaserve.log && %s -f -s %s/state conf"):format(dir, logrotate, dir))
    assert.is_true(fine, said)
    local deadline, log = socket.gettime() + 10
    repeat
      log = io.open(dir .. "/luaserve.log")
      if not log then socket.select(nil, nil, 0.01) end
    until log or socket.gettime() > deadline
    assert(log, "no new log"):close()
    assert.truthy(read(dir .. "/luaserve.log.1"):find "before")
    server:stop()
    os.execute("rm -rf " .. dir)
  end)
end)
