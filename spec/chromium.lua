-- Headless Chromium, driven over its DevTools protocol with the WebSocket and the client of luaserve.spec: no
-- driver, no packages. Every wait has a deadline.
local http = require "luaserve.client"
local json = require "luaserve.json"
local socket = require "socket"
local websocket = require "luaserve.websocket"

local TIMEOUT = 20   -- seconds for the start, and for each answer
local LIFETIME = 300 -- seconds after which it is killed in any case

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
  return setmetatable({ ws = assert(websocket.open(client, path)), last = 0, happened = {}, asked = {}, faults = {} }, Page)
end

-- What has happened; what the page has asked for; and what it complains of: exceptions, and what else the
-- console calls an error.
local function note(page, event)
  local params = event.params or {}
  page.happened[event.method] = true
  if event.method == "Runtime.exceptionThrown" then
    page.faults[#page.faults + 1] = json.encode(params.exceptionDetails)
  elseif event.method == "Log.entryAdded" and params.entry.level == "error" then
    page.faults[#page.faults + 1] = params.entry.text .. " " .. (params.entry.url or "")
  elseif event.method == "Network.requestWillBeSent" then
    page.asked[#page.asked + 1] = params.request.url
  elseif event.method == "Network.webSocketCreated" then
    page.asked[#page.asked + 1] = params.url
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
  local deadline = socket.gettime() + TIMEOUT
  repeat
    message = receive(self)
    assert(socket.gettime() < deadline, "no answer in time: " .. method .. " " .. json.encode(params or {}))
  until message.id == self.last
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

--- Size in CSS pixels, "light" or "dark", and whether its reader wants nothing to move.
function Page:look(width, height, scheme, still)
  self:call("Emulation.setDeviceMetricsOverride", { width = width, height = height, deviceScaleFactor = 1,
    mobile = width < 600 })
  self:call("Emulation.setEmulatedMedia", { features = { { name = "prefers-color-scheme", value = scheme },
    { name = "prefers-reduced-motion", value = still and "reduce" or "no-preference" } } })
end

-- Of all elements in sight with a text of their own: the one with the smallest contrast.
local CONTRAST = [[(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const light = color => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = e => {
    const color = getComputedStyle(e).backgroundColor;
    return color === "rgba(0, 0, 0, 0)" ? behind(e.parentElement) : color;
  };
  let least = { contrast: Infinity };
  for (const e of document.body.querySelectorAll("*")) {
    const text = [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()) || e.matches("input");
    if (!text || !e.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < least.contrast) least = { contrast, where: e.outerHTML.slice(0, 100) };
  }
  return least;
})()]]

--- The smallest contrast of a text to what is behind it, as WCAG reckons it, and where that is.
function Page:contrast()
  local least = self:eval(CONTRAST)
  return least.contrast, least.where
end

local OPERATED = { button = true, link = true, textbox = true, checkbox = true, combobox = true, radio = true }

--- What assistive technology is told: "role name" of each node that has a name; and a list of the roles of
--- what can be operated and has none.
function Page:accessible()
  local set, nameless = {}, {}
  for _, node in ipairs(self:call "Accessibility.getFullAXTree".nodes) do
    local name, role = node.name and node.name.value or "", node.role and node.role.value
    if not node.ignored and name ~= "" then
      set[role .. " " .. name] = true
    elseif not node.ignored and OPERATED[role] then
      nameless[#nameless + 1] = role
    end
  end
  return set, nameless
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

--- Whether there is one.
function M.installed() return (os.execute "command -v chromium >/dev/null") end

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
  for _, domain in ipairs { "Runtime", "Log", "Page", "Network", "Accessibility" } do page:call(domain .. ".enable") end
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
