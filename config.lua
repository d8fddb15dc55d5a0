-- config.lua: what luaserve does. `./luaserve config.lua` reads it; without one the defaults hold.
--
-- The file returns one table. Each line that is commented out shows a key with its default: take
-- away the dashes to change it. `luaserve check` says what is wrong in it, and then in the scripts,
-- and listens on nothing. On the command line, `--set limits.wall=5s` sets any key for one run.
--
-- Durations  a number of seconds (2.5), or "500ms", "10s", "5m", "1h"
-- Sizes      a number of bytes, or "64K", "1M", "4G" (powers of 1024)
-- Paths      relative ones start from the folder of this file
--
-- This is Lua, without what could read files or run programs: string, table, math, utf8 and the
-- basic functions are there, and `env`, the environment: `port = tonumber(env.PORT or "3000")`.

return {
  -- Where to listen. host is a numeric address: "127.0.0.1" for this machine alone, "0.0.0.0" for
  -- every IPv4 interface, "::" for every IPv6 one. port is 0 to 65535; 0 takes any free one, and
  -- the first line of output says which. Ports below 1024 need the privilege to bind them.
  -- DANGER: "0.0.0.0" can be reached by whoever reaches this machine.
  host = "0.0.0.0",
  port = 3000,

  -- Or instead of host and port: up to 16 addresses. IPv6 stands in brackets. A Unix socket that
  -- a dead server left behind is replaced. Default: none; host and port hold.
  -- listen = { "0.0.0.0:80", "[::]:80", "unix:/run/luaserve.sock" },

  -- Connections that may wait to be accepted, 1 to 65535. The kernel cuts it to
  -- /proc/sys/net/core/somaxconn.
  -- backlog = 4096,

  -- Folder of the files to serve. Nothing outside of it is served, whatever a link says. One that
  -- is named here must exist; without the key a missing www/ merely means that there are no files.
  -- www = "www",

  -- Folder of the scripts: each *.lua in it runs once, in the order of the names, and adds routes.
  -- Modules stand in lib/ below it. Must exist when named, as www.
  -- scripts = "scripts",

  -- Folder of the templates, *.html and others, for res:render. They are compiled at the start. Must
  -- exist when named, as www.
  -- views = "views",

  -- The file that is served for a folder.
  -- index = "index.html",

  -- true: a folder without an index shows what is in it, as a page or as JSON (Accept).
  -- listing = false,

  -- Media types by extension, lower case and without the point, beside those that are known.
  -- mime = { glb = "model/gltf-binary" },

  -- How long clients may keep a file without asking again, "0s" (nothing is said of it, and they
  -- ask) to 10 years, "87600h": sent as Cache-Control: max-age. What changes under the same name
  -- is not seen for so long.
  -- max_age = "0s",

  -- true: text files of 256 bytes and more are compressed (gzip) while they are sent, which costs
  -- CPU for each request. Better: put app.js.br and app.js.gz beside app.js. They are sent in its
  -- place to who accepts them, with or without this key, unless they are older than it.
  -- compress = false,

  -- true: error pages show the message, the traceback and the lines of source.
  -- DANGER: they show them to every client. For development only.
  -- dev = false,

  -- What signs the cookies of sessions (req.session): 32 bytes or more that nobody else knows, for
  -- example from `openssl rand -hex 32`. A list: the first one signs, all are believed, so that a new
  -- one can come before the old one. Default: none; each start makes one up, and its sessions end with it.
  -- DANGER: who knows it can be anybody. Better env.SECRET than a file that is shared.
  -- secret = env.SECRET,

  -- Sessions: the name of their cookie, and how long they last after they last changed, "1s" to 10
  -- years, "87600h".
  session = {
    -- cookie = "session",
    -- max_age = "168h",
  },

  -- Who may say for whom it asks (Forwarded, X-Forwarded-For, -Proto, -Host): up to 16 addresses or
  -- networks, or "unix" for all that come by a Unix socket. Then req.ip, req.scheme and req.host are
  -- the client's. Default: nobody.
  -- DANGER: whoever is in it can pretend to be any client.
  -- trusted_proxies = { "127.0.0.1", "10.0.0.0/8" },

  -- What the server says of itself: a live page of its clients at `status` (/clients beneath it is
  -- JSON), counters for Prometheus at `metrics`; false: none. They answer loopback and Unix sockets alone,
  -- and the addresses and networks that observers lists ("10.0.0.0/8"), and nobody who comes through a
  -- proxy that says so, or that trusted_proxies names.
  -- DANGER: what a proxy on this machine passes on without a field of its own looks like a request from
  -- this machine.
  status = "/status",
  metrics = "/metrics",
  -- observers = {},

  -- Records the syscalls of each request, for the page of its id under `status` and for
  -- `luaserve trace ID`. It takes up to 24 KB for each client.
  trace = true,

  -- Whom the server becomes once it listens, before any script runs: names or numbers. "-": it stays
  -- who started it. Without a group, the user's. It has no other groups then, and what it opens later
  -- (log, scripts, www, all of it at a reload) must be open to that user.
  -- user = "-",
  -- group = "-",

  -- A file that holds the process id while the server runs; written before it becomes `user`.
  -- pidfile = "-",

  processes = {
    -- "fork": every client has a process of its own, so none can hurt another. "pool": a few processes
    -- serve all, as event-driven servers do (docs/pool.md says what is gained and given up).
    -- mode = "fork",

    -- Processes in mode "pool", 1 to 16; 0: one for each core.
    -- workers = 0,

    -- Clients served at once, 1 to 100000: in mode "fork" each is a process, about 200 KB and whatever
    -- its handlers use. Think of max_clients times limits.memory.
    -- max_clients = 1024,

    -- When there are as many, a client that waits between two requests is closed for a new one.
    -- Where none does, new ones wait that long, "0s" to "24h": then they get 503 and Retry-After.
    -- queue_timeout = "1s",

    -- Clients of one address at once, 0 to 100000 (IPv6: of one /64): more of them get 503, unless one
    -- of its idle ones can be closed. 0: as many as come. Behind a proxy all have its address.
    -- per_address = 0,

    -- true: a worker that crashes may leave its memory, with all its client sent, in a file, as the
    -- machine's core_pattern says.
    -- core_dumps = false,
  },

  -- What one client may take. Too small refuses honest clients, too big lets a hostile one have it.
  limits = {
    -- Bytes of the request line, "16" to "1M": longer ones are answered 414.
    -- request_line = "8K",

    -- Bytes ("64" to "1M") and fields (1 to 1000) of a request's header section: 431.
    -- headers = "32K",
    -- header_count = 100,

    -- Bytes of a request's body, 0 to "1T": 413. A body that a handler asks for as a whole stands
    -- in the memory of its process.
    -- body = "1M",

    -- All that follows is "10ms" to "24h", but for drain_timeout, which may be 0.

    -- For a whole request head to come in, however steadily it drips: 408.
    -- head_timeout = "10s",

    -- Without progress of a request's body: 408.
    -- body_timeout = "30s",

    -- Between two requests of a client, and before its first: closed without a word.
    -- idle_timeout = "15s",

    -- Without progress of a response that the client takes too slowly: the connection is cut.
    -- send_timeout = "30s",

    -- Without a sign of life on a live connection: a WebSocket is closed (its client has been pinged
    -- before), and reading from a raw one (app:tcp, app.connect) gives up.
    -- live_timeout = "5m",

    -- Bytes a second that a body, or a response, takes at least, "0" to "1G", beside a time that it
    -- has anyway, "10ms" to "24h": n bytes may take min_rate_after + n / min_rate. A slower body is
    -- answered 408, a slower response cut. 0: as slow as body_timeout and send_timeout let it be.
    -- min_rate = "1K",
    -- min_rate_after = "10s",

    -- For a handler to begin its answer, whether it computes or waits; waiting for the request's
    -- body does not count. Then it is interrupted, and after a grace killed: 503.
    -- wall = "30s",

    -- CPU time of a handler, its C functions included, programs that it starts not; for one that
    -- streams, from one write or sleep to the next. Then as above: 503. It is looked at now and then:
    -- an eighth may be used on top.
    -- cpu = "10s",

    -- For all scripts to load, at the start and at a reload (SIGHUP): then that has failed. At the start a single
    -- call that does not return (a pipe that nobody writes to) is waited for.
    -- load = "10s",

    -- For requests in flight to end once the server was told to stop (SIGTERM, SIGINT).
    -- drain_timeout = "10s",

    -- Bytes of Lua memory that a client may add to what the scripts loaded, "64K" to "1T": 503.
    -- What C modules allocate does not count.
    -- memory = "64M",

    -- Bytes of data that the process of a client may have in all, C modules included, and each
    -- program that it starts, up to "1T": then they get no more (RLIMIT_DATA). 0: no bound.
    -- process_memory = "1G",

    -- Files and sockets that the process of a client may have open at once, and each program that it
    -- starts, 16 to 1000000.
    -- descriptors = 1024,

    -- Requests on one connection, 1 to 1000000000: then it is closed and the client connects
    -- anew, to a fresh process.
    -- requests_per_client = 100000,
  },

  -- Values that all processes share (app.shared).
  shared = {
    -- Bytes of all dictionaries together, "64K" to "64G", in 16 parts ("1M" and more) or parts of 64K.
    -- When a part is full, what was used longest ago in it goes. A value has an eighth of a part at
    -- most: 128K of "16M". Memory is taken as it is used, and a reload changes nothing of it.
    -- size = "16M",
  },

  -- Messages between all processes (app.channel).
  channels = {
    -- Bytes of its newest messages, "4K" to "64M", that each channel keeps for subscribers who are slow:
    -- who is further behind misses the oldest, and is told how many. A message has a quarter of it at
    -- most. Memory is taken as it is used, and a reload changes nothing of it.
    -- queue = "256K",
  },

  -- What handlers may not ask the kernel for, each in its worker; scripts may it while they load. What is
  -- forbidden fails: nil, message, 1 (EPERM). docs/isolation.md says what it does not cover.
  sandbox = {
    -- false: starts no process and no program (os.execute, io.popen).
    -- processes = true,

    -- false: opens no socket, connects to nobody.
    -- connect = true,

    -- "write": all that the user may; "read": opens files to read alone, and changes none; "none": opens
    -- none. (www is served all the same.)
    -- files = "write",
  },

  log = {
    -- "debug", "info", "warn", "error" or "off": what is less grave is not written.
    -- level = "info",

    -- The file that lines are appended to; "-" is standard error. Its folder must exist.
    -- file = "-",

    -- A line for every request: false, "combined" (as Apache and nginx write it) or "json" (with the route,
    -- the request's id, and how long it took), appended to access_file; "-" is standard output. Both
    -- files are opened anew at SIGUSR1.
    -- access = false,
    -- access_file = "-",
  },
}
