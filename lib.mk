# The library for programs around a server: docs/embed.md.
#
# Both forms leave lua_* to the program's liblua5.4, and show luaserve_* alone. The static one holds jansson
# and nettle; the shared one nettle (Debian's static jansson is not made for shared objects).

ABI        := 0
LIB        := $(BUILD)/lib
prefix     ?= /usr/local
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
luacdir    ?= $(libdir)/lua/5.4
comma      := ,
MAP        := src/luaserve.map

.PHONY: lib install-lib uninstall-lib

install: install-lib
uninstall: uninstall-lib

lib: $(LIB)/libluaserve.a $(LIB)/libluaserve.so.$(ABI) $(LIB)/luaserve.so ## the library for C programs, and the module for Lua's

# One object, in which all but the public names is local.
$(LIB)/libluaserve.a: $(OBJ)
	@mkdir -p $(@D) && rm -f $@
	$(call SAY,AR,$@)ld -r -o $(@D)/luaserve.o $(OBJ) $$($(CC) -print-file-name=libjansson.a) \
	    $$($(CC) -print-file-name=libnettle.a) && \
	    objcopy --wildcard --keep-global-symbol='luaserve_*' $(@D)/luaserve.o && \
	    ar rcs $@ $(@D)/luaserve.o && rm $(@D)/luaserve.o

$(LIB)/libluaserve.so.$(ABI): $(OBJ) $(MAP)
	@mkdir -p $(@D)
	$(call SAY,LINK,$@)$(CC) -shared -Wl,-soname,$(@F) -Wl,--version-script=$(MAP) \
	    $(filter-out -Wl$(comma)-E,$(LDFLAGS)) -o $@ $(OBJ) -l:libnettle.a -ljansson -lm

# For `require "luaserve"` in plain lua5.4. It shows one name.
# Who has put an allocator above ours may call it when Lua has closed its libraries: it stays (nodelete).
$(LIB)/luaserve.so: $(BUILD)/module.o $(filter-out $(BUILD)/lua/states.o,$(OBJ)) src/module.map
	@mkdir -p $(@D)
	$(call SAY,LINK,$@)$(CC) -shared -Wl,-z,nodelete -Wl,--version-script=src/module.map \
	    $(filter-out -Wl$(comma)-E,$(LDFLAGS)) -o $@ $(filter %.o,$^) -l:libnettle.a -ljansson -lm

-include $(BUILD)/module.d

define PC
prefix=$(prefix)
libdir=$(libdir)
includedir=$(includedir)

Name: luaserve
Description: A web server that gives every client a process of its own
Version: $(VERSION)
Requires: lua5.4
Libs: -L$${libdir} -lluaserve
Libs.private: -lm
Cflags: -I$${includedir}
endef
export PC

install-lib: lib ## header, libraries and luaserve.pc below DESTDIR and prefix (/usr/local)
	@case '$(libdir)' in *[[:space:]]*) echo "install-lib: no blanks in the prefix: $(libdir)" >&2; exit 64 ;; /*) ;; \
	    *) echo "install-lib: the prefix is an absolute path, not $(libdir)" >&2; exit 64 ;; esac
	umask 022 && install -d "$(DESTDIR)$(includedir)" "$(DESTDIR)$(libdir)/pkgconfig" "$(DESTDIR)$(luacdir)" && \
	    install -m 644 src/luaserve.h "$(DESTDIR)$(includedir)" && \
	    install -m 644 $(LIB)/libluaserve.a $(LIB)/libluaserve.so.$(ABI) "$(DESTDIR)$(libdir)" && \
	    install -m 644 $(LIB)/luaserve.so "$(DESTDIR)$(luacdir)" && \
	    ln -sf libluaserve.so.$(ABI) "$(DESTDIR)$(libdir)/libluaserve.so" && \
	    echo "$$PC" > "$(DESTDIR)$(libdir)/pkgconfig/luaserve.pc"

uninstall-lib:
	rm -f "$(DESTDIR)$(includedir)/luaserve.h" "$(DESTDIR)$(libdir)/libluaserve.a" \
	    "$(DESTDIR)$(libdir)/libluaserve.so" "$(DESTDIR)$(libdir)/libluaserve.so.$(ABI)" \
	    "$(DESTDIR)$(libdir)/pkgconfig/luaserve.pc" "$(DESTDIR)$(luacdir)/luaserve.so"
