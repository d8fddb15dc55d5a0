; What `luaserve new` makes a project of, as it is.
; Each text stands between NAME and NAME_end, without a NUL behind it.
%include "abi.inc"

%macro EMBED 2
    global ls_project_%1:data hidden
    global ls_project_%1_end:data hidden
ls_project_%1: incbin %2
ls_project_%1_end:
%endmacro

section .rodata
    EMBED config, "src/server/project/config.lua"
    EMBED script, "src/server/project/hello.lua"
    EMBED page, "src/server/project/index.html"
    EMBED spec, "src/server/project/hello_spec.lua"
    EMBED busted, "src/server/project/busted.lua"
    EMBED ignore, "src/server/project/ignore"
    EMBED readme, "src/server/project/README.md"
