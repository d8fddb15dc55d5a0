# Apache prefork with mod_lua: a process for each client as well, but used again.
#
# Fair: a process for every client of the work is there before the first one comes; each keeps its
# Lua (LuaScope thread) and its compiled scripts; sendfile, no .htaccess, no access log, no module
# that is not needed; requests and idle time of a connection without a bound.
# shellcheck shell=bash disable=SC2034,SC2154 # bench/run.sh sets and reads these
needs='apache2-bin'
can='hello close file echo'

installed() { command -v apache2 > /dev/null && [[ -f /usr/lib/apache2/modules/mod_lua.so ]]; }

serve() {
  local processes=$((clients + 8)) modules=/usr/lib/apache2/modules
  cat > handlers.lua <<'LUA'
function hello(r)
  local name = "World"
  r.content_type = "text/html"
  r:write("<h1>Hello, " .. name .. "!</h1>")
  return apache2.OK
end

function echo(r)
  r.content_type = "application/octet-stream"
  r:write(r:requestbody())
  return apache2.OK
end
LUA
  cat > apache.conf <<CONF
ServerRoot $folder
ServerName localhost
PidFile $folder/apache.pid
DefaultRuntimeDir $folder
ErrorLog $folder/error.log
LogLevel error
LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule lua_module $modules/mod_lua.so
$([[ $(id -u) -ne 0 ]] || echo 'User nobody
Group nogroup')
Listen 127.0.0.1:$port
ListenBacklog 4096
ServerLimit $processes
StartServers $processes
MinSpareServers 1
MaxSpareServers $processes
MaxRequestWorkers $processes
MaxConnectionsPerChild 0
KeepAlive On
KeepAliveTimeout 3600
MaxKeepAliveRequests 0
EnableSendfile On
DocumentRoot $www
<Directory $www>
  AllowOverride None
  Require all granted
</Directory>
LuaScope thread
LuaCodeCache forever
LuaMapHandler ^/hello$ $folder/handlers.lua hello
LuaMapHandler ^/echo$ $folder/handlers.lua echo
CONF
  exec apache2 -f "$folder/apache.conf" -D FOREGROUND
}
