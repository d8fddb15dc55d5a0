; The Lua half of the framework, inside the binary: one file to copy. It comes without its indentation and its
; comments (see the Makefile). Each text stands between NAME and NAME_end, without a NUL behind it.
%include "abi.inc"

%macro EMBED 2
    global %1:data hidden
    global %1_end:data hidden
    %strcat path "embed/", %2
%1: incbin path
%1_end:
%endmacro

section .rodata
    EMBED ls_app_source, "src/lua/app.lua"
    EMBED ls_check_source, "src/lua/check.lua"
    EMBED ls_routes_source, "src/lua/routes.lua"
    EMBED ls_around_source, "src/lua/around.lua"
    EMBED ls_cookies_source, "src/lua/cookies.lua"
    EMBED ls_session_source, "src/lua/session.lua"
    EMBED ls_forms_source, "src/lua/forms.lua"
    EMBED ls_views_source, "src/lua/views.lua"
    EMBED ls_answers_source, "src/lua/answers.lua"
    EMBED ls_dev_source, "src/lua/dev.lua"
    EMBED ls_auth_source, "src/lua/auth.lua"
    EMBED ls_live_source, "src/lua/live.lua"
    EMBED ls_sockets_source, "src/lua/sockets.lua"
    EMBED ls_channels_source, "src/lua/channels.lua"
    EMBED ls_dial_source, "src/lua/dial.lua"
    EMBED ls_shared_source, "src/lua/shared.lua"
    EMBED ls_schedules_source, "src/lua/schedules.lua"
    EMBED ls_duplex_source, "src/lua/duplex.lua"
    EMBED ls_observe_source, "src/lua/observe.lua"
    EMBED ls_status_source, "src/lua/status.lua"
    EMBED ls_program_source, "src/lua/program.lua"
    EMBED ls_status_html, "src/lua/status.html"
    EMBED ls_status_css, "src/lua/status.css"
    EMBED ls_status_js, "src/lua/status.js"
