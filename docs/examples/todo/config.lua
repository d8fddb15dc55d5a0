-- The example's configuration: see ../../../config.lua for every key.
return {
  -- One that is kept outlives the server; without it sessions end with it.
  secret = env.TODO_SECRET,
  limits = { body = "64K" },
}
