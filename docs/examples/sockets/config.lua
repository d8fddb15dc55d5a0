-- The examples' configuration: see ../../../config.lua for every key.
return {
  host = "127.0.0.1", -- the examples are for this machine alone
  index = "chat.html",
}
