# busybox httpd: files alone, a process for each connection.
#
# It has no settings of speed, and closes after each answer: what the load generator takes for
# keep-alive is a connection each here.
# shellcheck shell=bash disable=SC2034,SC2154 # bench/run.sh sets and reads these
needs='busybox'
can='file'

installed() { command -v busybox > /dev/null && busybox --list | grep -qx httpd; }

serve() { exec busybox httpd -f -p "127.0.0.1:$port" -h "$www"; }
