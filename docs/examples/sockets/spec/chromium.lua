-- Headless Chromium, driven over its DevTools protocol with the WebSocket and the client of luaserve.spec: no
-- driver, no packages. Every wait has a deadline.
local http = require "luaserve.client"
local json = require "luaserve.json"
local socket = require "socket"
local websocket = require "luaserve.websocket"

local TIMEOUT = 20   -- seconds for the start, and for each answer
local LIFETIME = 120 -- seconds after which it is killed in any case

-- It runs as root where the specs do, and asks nobody but our server for anything.
local FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking " ..
  "--disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-port=0"

local function contents(path)
  local file = io.open(path)
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

-- Pages --------------------------------------------------------------------------------------------------------

local Page = {}
Page.__index = Page

local function open(port, path)
  local client = http.connect("127.0.0.1", port, TIMEOUT)
  return setmetatable({ ws = assert(websocket.open(client, path)), last = 0, happened = {}, faults = {} }, Page)
end

-- What has happened; and what the page complains of: exceptions, and what else the console calls an error.
local function note(page, event)
  local entry = event.params and event.params.entry
  page.happened[event.method] = true
  if event.method == "Runtime.exceptionThrown" then
    page.faults[#page.faults + 1] = json.encode(event.params.exceptionDetails)
  elseif event.method == "Log.entryAdded" and entry.level == "error" then
    page.faults[#page.faults + 1] = entry.text
  end
end

local function receive(page)
  local message = json.decode(assert(page.ws:receive(), "Chromium has gone"))
  if message.method then note(page, message) end
  return message
end

--- One command of the protocol, and its result.
function Page:call(method, params)
  self.last = self.last + 1
  self.ws:send(json.encode { id = self.last, method = method, params = params or { _ = 0 } })
  local message
  repeat message = receive(self) until message.id == self.last
  return assert(message.result, message.error and message.error.message)
end

function Page:visit(url)
  self.happened["Page.loadEventFired"] = nil
  self:call("Page.navigate", { url = url })
  while not self.happened["Page.loadEventFired"] do receive(self) end
end

--- The value of an expression; waits for it when it is a promise.
function Page:eval(expression)
  local answer = self:call("Runtime.evaluate", { expression = expression, awaitPromise = true, returnByValue = true })
  assert(not answer.exceptionDetails, expression .. "\n" .. json.encode(answer))
  return answer.result.value
end

--- Waits until a condition holds, looking whenever the page changes: its value.
function Page:wait(condition)
  return self:eval(([[new Promise(resolve => {
    const look = () => { const value = (%s); if (value) { observer.disconnect(); resolve(value); } };
    const observer = new MutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    look();
  })]]):format(condition))
end

--- Types into what has the focus, as a keyboard does.
function Page:type(text) self:call("Input.insertText", { text = text }) end

local KEYS = { Enter = { 13, "\r" }, Tab = { 9 } }

function Page:press(key)
  local code, text = table.unpack(KEYS[key])
  for _, kind in ipairs { "keyDown", "keyUp" } do
    self:call("Input.dispatchKeyEvent", { type = kind, key = key, code = key, windowsVirtualKeyCode = code,
      text = kind == "keyDown" and text or nil })
  end
end

--- Size in CSS pixels, and "light" or "dark".
function Page:look(width, height, scheme)
  self:call("Emulation.setDeviceMetricsOverride", { width = width, height = height, deviceScaleFactor = 1,
    mobile = width < 600 })
  self:call("Emulation.setEmulatedMedia", { features = { { name = "prefers-color-scheme", value = scheme } } })
end

--- What assistive technology is told: "role name" of each node that has a name.
function Page:accessible()
  local set = {}
  for _, node in ipairs(self:call "Accessibility.getFullAXTree".nodes) do
    local name = node.name and node.name.value or ""
    if not node.ignored and name ~= "" then set[node.role.value .. " " .. name] = true end
  end
  return set
end

--- Leaves the page, as if its tab were closed.
function Page:close()
  if not self.closed then self.browser:call("Target.closeTarget", { targetId = self.target }) end
  self.closed = true
end

-- The browser --------------------------------------------------------------------------------------------------

local Browser = {}
Browser.__index = Browser

local M = {}

local function wait_for_port(profile)
  local deadline = socket.gettime() + TIMEOUT
  repeat
    local port, path = (contents(profile .. "/DevToolsActivePort") or ""):match "^(%d+)\n(%S+)"
    if port then return tonumber(port), path end
    socket.select(nil, nil, 0.02)
  until socket.gettime() > deadline
  error("Chromium did not start: " .. (contents(profile .. "/log") or ""))
end

function M.start()
  local made = assert(io.popen "mktemp -d")
  local profile = made:read "l"
  made:close()
  local process = assert(io.popen(("exec timeout -s KILL %d chromium %s --user-data-dir=%s about:blank >%s/log 2>&1")
    :format(LIFETIME, FLAGS, profile, profile)))
  local self = setmetatable({ profile = profile, process = process }, Browser)
  local path
  self.port, path = wait_for_port(profile)
  self.control = open(self.port, path)
  return self
end

--- A new page in a window of its own, since one that is hidden is not drawn, and one without the focus takes no
--- keys.
function Browser:page(url)
  local target = self.control:call("Target.createTarget", { url = "about:blank", newWindow = true }).targetId
  local page = open(self.port, "/devtools/page/" .. target)
  page.browser, page.target = self.control, target
  for _, domain in ipairs { "Runtime", "Log", "Page", "Accessibility" } do page:call(domain .. ".enable") end
  page:call("Emulation.setFocusEmulationEnabled", { enabled = true })
  page:visit(url)
  return page
end

function Browser:stop()
  pcall(self.control.call, self.control, "Browser.close")
  self.process:close() -- waits until it has ended
  os.execute("rm -rf '" .. self.profile .. "'")
end

return M
