# nginx with its Lua module (LuaJIT).
#
# Fair: a worker a core at one listener, as the other servers have (with a listener each, reuseport,
# it was slower: 0.75 to 1 times the rate); the code is compiled once (lua_code_cache is on unless
# said otherwise); answers carry a length, as those of the other servers, and are not chunked; bodies
# stay in memory; open files are kept, sent by sendfile in full segments; no access log.
# shellcheck shell=bash disable=SC2034,SC2154 # bench/run.sh sets and reads these
needs='nginx-light libnginx-mod-http-lua'
can='hello close file echo'

installed() {
  command -v nginx > /dev/null && [[ -f /usr/lib/nginx/modules/ngx_http_lua_module.so ]]
}

serve() {
  cat > nginx.conf <<CONF
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
daemon off;
worker_processes 2;
worker_rlimit_nofile 8192;
pid $folder/nginx.pid;
error_log $folder/error.log error;

events {
  worker_connections 4096;
  use epoll;
}

http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=1000 inactive=1h;
  open_file_cache_valid 1h;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_max_body_size 1m;
  client_body_buffer_size 256k;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;

  server {
    listen 127.0.0.1:$port backlog=4096;
    root $www;
    default_type application/octet-stream;

    location = /hello {
      default_type text/html;
      content_by_lua_block {
        local name = "World"
        local body = "<h1>Hello, " .. name .. "!</h1>"
        ngx.header.content_length = #body
        ngx.print(body)
      }
    }

    location = /echo {
      content_by_lua_block {
        ngx.req.read_body()
        local body = ngx.req.get_body_data()
        ngx.header.content_length = #body
        ngx.print(body)
      }
    }
  }
}
CONF
  exec nginx -e "$folder/error.log" -p "$folder" -c "$folder/nginx.conf"
}
