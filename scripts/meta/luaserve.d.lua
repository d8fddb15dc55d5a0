---@meta luaserve
-- For editors (lua-language-server): what `require "luaserve"` gives. Never run. A spec compares it with the
-- live tables; docs/handlers.md, docs/live.md and docs/shared.md say more.

---@alias luaserve.Duration number|string seconds, or "500ms", "10s", "5m", "1h"
---@alias luaserve.Size integer|string bytes, or "64K", "4M", "1G"

---What a handler returns: HTML; a status; app.next; a table; nothing when it has used `res`.
---@alias luaserve.Answer string|integer|luaserve.Result|luaserve.Next|nil
---@alias luaserve.Handler fun(req: luaserve.Request, res: luaserve.Response): luaserve.Answer
---@alias luaserve.Before fun(req: luaserve.Request, res: luaserve.Response): luaserve.Answer nil: go on
---@alias luaserve.After fun(req: luaserve.Request, res: luaserve.Response)
---@alias luaserve.ErrorHandler fun(req: luaserve.Request, res: luaserve.Response, status: integer, message: string?, detail: string?): luaserve.Answer

---@class luaserve.Next

---@class luaserve.Result
---@field status? integer 200 to 599
---@field headers? table<string, string|number|string[]>
---@field cookies? table<string, string|number|luaserve.CookieValue>
---@field body? string application/octet-stream
---@field text? string text/plain
---@field html? string text/html
---@field json? any application/json
---@field file? string path beneath www, or an absolute one
---@field redirect? string
---@field download? string|boolean name to save it under; true: the file's own

---@class luaserve.RouteOptions
---@field name? string for app.url
---@field wall? luaserve.Duration longest time of a handler
---@field cpu? luaserve.Duration CPU time of a handler
---@field body? luaserve.Size largest body
---@field body_timeout? luaserve.Duration without progress of the body
---@field send_timeout? luaserve.Duration without progress of the answer
---@field live_timeout? luaserve.Duration without a sign of life of a live connection
---@field memory? luaserve.Size Lua heap beside what the scripts loaded

---@class luaserve.SocketOptions: luaserve.RouteOptions
---@field message? luaserve.Size largest message; "1M"
---@field protocols? string|string[] that may be agreed on
---@field origins? string|string[]|(fun(req: luaserve.Request, origin: string?): boolean) pages that may connect; "*": all

---@class luaserve.ScheduleOptions
---@field name? string at most 63 bytes: in the log, and by which it is known over a reload
---@field first? luaserve.Duration when it is called first; after one interval
---@field wall? luaserve.Duration
---@field cpu? luaserve.Duration
---@field memory? luaserve.Size

---@class luaserve.ConnectOptions
---@field timeout? luaserve.Duration "10s"
---@field local_port? integer that it comes from

---@class luaserve.EventsOptions
---@field timeout? luaserve.Duration then "timeout" is a source too

---@class luaserve.EventStreamOptions
---@field retry? luaserve.Duration how long the client waits before it comes back
---@field heartbeat? luaserve.Duration|false "15s": after so long without an event a comment is sent; false: never

---What app.shared and app.channel carry; a table as JSON.
---@alias luaserve.Value string|number|boolean|table

---What `events` listens to.
---@alias luaserve.Source luaserve.Connection|luaserve.WebSocket|luaserve.Subscription

---@class luaserve.StaticOptions
---@field max_age? luaserve.Duration
---@field listing? boolean
---@field index? string

---@class luaserve.CookieOptions
---@field path? string "/"
---@field domain? string
---@field max_age? luaserve.Duration
---@field secure? boolean true for https
---@field http_only? boolean true
---@field same_site? "strict"|"lax"|"none" "lax"

---@class luaserve.CookieValue: luaserve.CookieOptions
---@field value string|number

---The app, a group, or a host: what can be registered in each.
---@class luaserve.Scope
local Scope = {}

---@param pattern string
---@param options luaserve.RouteOptions
---@param handler luaserve.Handler
---@return self
---@overload fun(self, pattern: string, handler: luaserve.Handler): self
function Scope:get(pattern, options, handler) end

---@param pattern string
---@param options luaserve.RouteOptions
---@param handler luaserve.Handler
---@return self
---@overload fun(self, pattern: string, handler: luaserve.Handler): self
function Scope:post(pattern, options, handler) end

---@param pattern string
---@param options luaserve.RouteOptions
---@param handler luaserve.Handler
---@return self
---@overload fun(self, pattern: string, handler: luaserve.Handler): self
function Scope:put(pattern, options, handler) end

---@param pattern string
---@param options luaserve.RouteOptions
---@param handler luaserve.Handler
---@return self
---@overload fun(self, pattern: string, handler: luaserve.Handler): self
function Scope:patch(pattern, options, handler) end

---@param pattern string
---@param options luaserve.RouteOptions
---@param handler luaserve.Handler
---@return self
---@overload fun(self, pattern: string, handler: luaserve.Handler): self
function Scope:delete(pattern, options, handler) end

---@param pattern string
---@param options luaserve.RouteOptions
---@param handler luaserve.Handler
---@return self
---@overload fun(self, pattern: string, handler: luaserve.Handler): self
function Scope:options(pattern, options, handler) end

---All of the six above.
---@param pattern string
---@param options luaserve.RouteOptions
---@param handler luaserve.Handler
---@return self
---@overload fun(self, pattern: string, handler: luaserve.Handler): self
function Scope:any(pattern, options, handler) end

---@param methods string|string[] { "GET", "PURGE" }
---@param pattern string
---@param options luaserve.RouteOptions
---@param handler luaserve.Handler
---@return self
---@overload fun(self, methods: string|string[], pattern: string, handler: luaserve.Handler): self
function Scope:route(methods, pattern, options, handler) end

---A WebSocket: the handler has it until it returns.
---@param pattern string
---@param options luaserve.SocketOptions
---@param handler fun(req: luaserve.Request, ws: luaserve.WebSocket, protocol: string?)
---@return self
---@overload fun(self, pattern: string, handler: fun(req: luaserve.Request, ws: luaserve.WebSocket, protocol: string?)): self
function Scope:ws(pattern, options, handler) end

---Files of a folder (relative to that of config.lua) beneath a prefix.
---@param prefix string
---@param folder string
---@param options? luaserve.StaticOptions
---@return self
function Scope:static(prefix, folder, options) end

---Routes with a prefix, and limits, hooks and error handlers of their own.
---@param prefix string
---@param options luaserve.RouteOptions
---@param fill fun(group: luaserve.Scope)
---@return self
---@overload fun(self, prefix: string, fill: fun(group: luaserve.Scope)): self
function Scope:group(prefix, options, fill) end

---Routes of one host: "api.example.org", "*.example.org".
---@param name string
---@param fill fun(host: luaserve.Scope)
---@return self
function Scope:host(name, fill) end

---@param pattern string
---@param hook luaserve.Before
---@return self
---@overload fun(self, hook: luaserve.Before): self
function Scope:before(pattern, hook) end

---@param pattern string
---@param hook luaserve.After
---@return self
---@overload fun(self, hook: luaserve.After): self
function Scope:after(pattern, hook) end

---@param status integer 400 to 599
---@param handler luaserve.ErrorHandler
---@return self
---@overload fun(self, handler: luaserve.ErrorHandler): self
function Scope:error(status, handler) end

---@class luaserve.App: luaserve.Scope
---@field version string
---@field mode "fork"|"pool" processes.mode of the server
---@field dev boolean whether what is saved is served at once
---@field next luaserve.Next as a result: the next route that matches, then www
local app = {}

---A raw TCP service: whoever connects to the address is the handler's.
---@param address string "127.0.0.1:55555", "[::1]:0", "unix:/path"
---@param options luaserve.RouteOptions
---@param handler fun(conn: luaserve.Connection)
---@return self
---@overload fun(self, address: string, handler: fun(conn: luaserve.Connection)): self
function app:tcp(address, options, handler) end

---Calls a function at intervals, each time in a process of its own, and never two at once.
---@param interval luaserve.Duration at least "100ms"
---@param options luaserve.ScheduleOptions
---@param run fun()
---@return self
---@overload fun(self, interval: luaserve.Duration, run: fun()): self
function app:every(interval, options, run) end

---In a Lua program: serves until the server has stopped. In scripts of the command: nothing.
---@param config? table as in config.lua; scripts are run only if `scripts` is set
function app:run(config) end

---In a Lua program: listens, and serves as long as it calls app:step.
---@param config? table as in config.lua; scripts are run only if `scripts` is set
---@return string[] urls that it listens on
function app:start(config) end

---In a Lua program: does what there is to do, and waits for it as long as that.
---@param timeout? luaserve.Duration nil: as long as it takes
---@return boolean more false: the server has stopped
function app:step(timeout) end

---In a Lua program: a descriptor that can be read whenever app:step has something to do.
---@return integer fd
function app:fd() end

---In a Lua program: stops gracefully; called again, at once.
function app:stop() end

---What a handler returns to send the client elsewhere.
---@param location string
---@param status? integer 300 to 399; 302
---@return luaserve.Result
function app.redirect(location, status) end

---Ends the handler with a status, wherever it stands.
---@param status integer 200 to 599
---@param message? string shown on the page, escaped
function app.abort(status, message) end

---@param text string|number
---@return string # for HTML, in content and in quoted attributes
function app.escape(text) end

---@param time luaserve.Duration
function app.sleep(time) end

---Connects to another server; also app.connect("unix:/path", options).
---@param host string
---@param port integer
---@param options? luaserve.ConnectOptions
---@return luaserve.Connection? conn
---@return string? message where conn is nil
---@return string? code "ECONNREFUSED"
---@overload fun(path: string, options?: luaserve.ConnectOptions): luaserve.Connection?, string?, string?
function app.connect(host, port, options) end

---Values that all processes share. Can be used in handlers.
---@param name string 1 to 255 bytes
---@return luaserve.Dictionary
function app.shared(name) end

---Messages between all processes. Can be used in handlers.
---@param name string 1 to 200 bytes
---@return luaserve.Channel
function app.channel(name) end

---The path of a named route.
---@param name string
---@param params? table<string, string|number>
---@param query? table<string, string|number|boolean|(string|number)[]>
---@return string
function app.url(name, params, query) end

---The text of a template of views/.
---@param name string
---@param values? table
---@return string
function app.render(name, values) end

---@param password string
---@return string # what to keep in its place
function app.hash(password) end

---@param password string
---@param hash string
---@return boolean
function app.verify(password, hash) end

---@param a string
---@param b string
---@return boolean # in a time that does not tell where they differ
function app.equal(a, b) end

---@param n integer bytes, 1 to 1048576
---@param form? "hex"|"base64url"
---@return string
function app.random(n, form) end

---@param options { check: (fun(user: string, password: string, req: luaserve.Request): boolean?), realm: string? }
---@return luaserve.Before # sets req.user
function app.basic_auth(options) end

app.json = {}

app.json.null = nil ---@type any

---@param value any
---@return string
function app.json.encode(value) end

---@param text string
---@return any value
---@return string? message where value is nil
function app.json.decode(text) end

---Marks a table as an array, so that an empty one is [].
---@generic T: table
---@param t T
---@return T
function app.json.array(t) end

app.log = {}

function app.log.debug(...) end

function app.log.info(...) end

function app.log.warn(...) end

function app.log.error(...) end

---@class luaserve.File
---@field filename string without folders, as the client says it
---@field type? string
---@field body string

---@class luaserve.Request
---@field method string
---@field path string decoded
---@field route? string pattern of the route
---@field target string as it came
---@field version string "1.1"
---@field scheme "http"|"https"
---@field host string with its port, as it came
---@field ip string
---@field port integer
---@field id string X-Request-Id
---@field headers table<string, string> by name in any case: the first line
---@field query table<string, string> the first value
---@field params table<string, string> what the pattern captured
---@field cookies table<string, string>
---@field session table of this client's own
---@field [string] any what hooks set
local Request = {}

---@return string
function Request:body() end

---@param options? { soft: boolean } soft: nil, message in place of a 400
---@return any value
---@return string? message
function Request:json(options) end

---@return table<string, string|luaserve.File>
function Request:form() end

---@param name string
---@return (string|luaserve.File)[]
function Request:form_values(name) end

---@return fun(): luaserve.Part?
function Request:parts() end

---@param n integer 1 to 1048576
---@return string? # nil at the end
function Request:read(n) end

---@param name string
---@return string[]
function Request:queries(name) end

---@param name string
---@return string[]
function Request:header_values(name) end

---@class luaserve.Part
---@field name string
---@field filename? string
---@field type? string
local Part = {}

---@return string? # the next piece; nil at the end
function Part:read() end

---@return string # all that is left
function Part:text() end

---@param path string of a new file
---@return integer? bytes
---@return string? message
---@return integer? errno
function Part:save(path) end

---@class luaserve.Response
---@field status? integer
---@field headers table<string, string|number|string[]>
local Response = {}

---@param text string
---@return luaserve.Response
function Response:write(text) end

---@return luaserve.Response
function Response:flush() end

---@param name string
---@param value string|number|nil nil: deletes it
---@param options? luaserve.CookieOptions
function Response:cookie(name, value, options) end

---@param name string
---@param values? table
function Response:render(name, values) end

---@param path string
---@param options? { download: string|boolean|nil, status: integer? }
function Response:file(path, options) end

---Sends a server-sent event, and waits until it is out.
---@param name string?
---@param data string|number|boolean|table
---@param id? string|number
---@return luaserve.Response
function Response:event(name, data, id) end

---Begins a stream of events before the first one.
---@param options? luaserve.EventStreamOptions
---@return luaserve.Response
function Response:event_stream(options) end

---A client of app:tcp, or what app.connect gives.
---@class luaserve.Connection
local Connection = {}

---@param what? integer|"line"|"all" so many bytes, a line, up to the end; nil: what has come
---@param timeout? luaserve.Duration limits.live_timeout
---@return string? text nil at the end
---@return string? message of an error
---@return string? code "ETIMEDOUT"
function Connection:read(what, timeout) end

---@return fun(): string? # lines up to the end
function Connection:lines() end

---Waits until the kernel has it all.
---@param ... string|number
---@return luaserve.Connection? self
---@return string? message where self is nil
---@return string? code
function Connection:write(...) end

---Waits for several sources; ends when the connection does.
---@param ... luaserve.Source|luaserve.EventsOptions
---@return fun(): (luaserve.Source|"timeout"|nil), any, any
function Connection:events(...) end

---Two processes on this client, until both have returned: one only reads, the other one only writes.
---@param reader fun(conn: luaserve.Connection) called in a second process
---@param writer fun(conn: luaserve.Connection) called in this one; what it waits for ends once the reader has
function Connection:duplex(reader, writer) end

---@param how? "read"|"write"|"both" "both"
---@return boolean? done
---@return string? message where done is nil
---@return string? code
function Connection:shutdown(how) end

---A second descriptor of the same connection.
---@return luaserve.Connection? twin
---@return string? message where twin is nil
---@return string? code
function Connection:dup() end

---@return integer? # the descriptor
function Connection:fd() end

---@return string ip
---@return integer port
function Connection:peer() end

function Connection:close() end

---@class luaserve.WebSocket
local WebSocket = {}

---The next message.
---@param timeout? luaserve.Duration
---@return string? message nil when there is none
---@return string? kind "text" or "binary"; or the reason
---@return integer|string|nil code with which the client has closed, or "ETIMEDOUT"
function WebSocket:receive(timeout) end

---@return fun(): string?, string? # messages and their kinds, until the client has closed
function WebSocket:messages() end

---Waits for several sources; ends when the client has closed.
---@param ... luaserve.Source|luaserve.EventsOptions
---@return fun(): (luaserve.Source|"timeout"|nil), any, any
function WebSocket:events(...) end

---Two processes on this client, until both have returned: one only receives, the other one only sends.
---@param reader fun(ws: luaserve.WebSocket) called in a second process
---@param writer fun(ws: luaserve.WebSocket) called in this one; what it waits for ends once the reader has
function WebSocket:duplex(reader, writer) end

---@param message string|number|table a table as JSON
---@param kind? "text"|"binary" "text"
---@return luaserve.WebSocket? self nil, "closed" after close
---@return string? message
function WebSocket:send(message, kind) end

---@param text? string at most 125 bytes
---@return luaserve.WebSocket? self nil, "closed" after close
---@return string? message
function WebSocket:ping(text) end

---@param code? integer 1000
---@param reason? string at most 123 bytes
function WebSocket:close(code, reason) end

---What app.shared gives. Each call is atomic.
---@class luaserve.Dictionary
local Dictionary = {}

---@param key string
---@return luaserve.Value? # a copy; nil: there is none
function Dictionary:get(key) end

---@param key string
---@param value luaserve.Value
---@param ttl? luaserve.Duration how long it stays; for ever
---@return boolean # true
function Dictionary:set(key, value, ttl) end

---Sets what is not there.
---@param key string
---@param value luaserve.Value
---@param ttl? luaserve.Duration
---@return boolean # was it set?
function Dictionary:add(key, value, ttl) end

---Sets what is there.
---@param key string
---@param value luaserve.Value
---@param ttl? luaserve.Duration
---@return boolean # was it set?
function Dictionary:replace(key, value, ttl) end

---@param key string
---@param by? number 1
---@param ttl? luaserve.Duration of what was not there, which is 0
---@return number # the new one
function Dictionary:incr(key, by, ttl) end

---Sets what fn returns; fn runs without a lock, and again when somebody else was faster.
---@param key string
---@param fn fun(value: luaserve.Value?): luaserve.Value? nil: nothing is changed
---@param ttl? luaserve.Duration
---@return luaserve.Value? # what was set
function Dictionary:update(key, fn, ttl) end

---@param key string
---@return boolean # was it there?
function Dictionary:delete(key) end

---How long it stays from now on; nil: for ever.
---@param key string
---@param ttl? luaserve.Duration
---@return boolean # was it there?
function Dictionary:expire(key, ttl) end

---@param key string
---@return number? # seconds that it stays; math.huge: for ever; nil: it is not there
function Dictionary:ttl(key) end

---@param prefix? string
---@return string[] # in no order
function Dictionary:keys(prefix) end

---Removes everything.
function Dictionary:flush() end

---What app.channel gives.
---@class luaserve.Channel
local Channel = {}

---@param value luaserve.Value
---@return integer # to how many subscriptions it goes
function Channel:publish(value) end

---@return luaserve.Subscription # to what is published from now on
function Channel:subscribe() end

---@class luaserve.Subscription
local Subscription = {}

---The next message.
---@param timeout? luaserve.Duration
---@return luaserve.Value? message nil when there is none
---@return integer|string|nil missed how many were, before it; or why there is none
---@return string? code "ETIMEDOUT"
function Subscription:receive(timeout) end

---@return fun(): luaserve.Value?, integer? # messages, and how many were missed before each
function Subscription:messages() end

---Waits for several sources; ends with the subscription.
---@param ... luaserve.Source|luaserve.EventsOptions
---@return fun(): (luaserve.Source|"timeout"|nil), any, any
function Subscription:events(...) end

function Subscription:close() end

return app
