# Installing: docs/install.md says what goes where. What installs more (a library) says
# `install: install-lib` and `uninstall: uninstall-lib` in rules of its own.

prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
includedir ?= $(prefix)/include
datadir    ?= $(prefix)/share
luadir     ?= $(datadir)/lua/5.4
docdir     ?= $(datadir)/doc/luaserve
mandir     ?= $(datadir)/man
unitdir    ?= $(prefix)/lib/systemd/system
sysconfdir ?= /etc
INSTALL    ?= install
STRIP      ?= strip -g # the names of functions stay, for reports of crashes; STRIP=: keeps all

MAN        := build/man
RELEASED   := November 29, 2026
PLACE       = BIN='$(BIN)' MAN='$(MAN)' DESTDIR='$(DESTDIR)' bindir='$(bindir)' includedir='$(includedir)' \
    luadir='$(luadir)' datadir='$(datadir)' docdir='$(docdir)' mandir='$(mandir)' unitdir='$(unitdir)' \
    sysconfdir='$(sysconfdir)' INSTALL='$(INSTALL)' STRIP='$(strip $(STRIP))' ./install/place.sh

.PHONY: install uninstall dist dist-check man

man: $(MAN)/luaserve.1 $(MAN)/luaserve.h.3 $(MAN)/config.lua.5 ## the manual pages, in build/man

$(MAN)/luaserve.1: install/man/luaserve.1 Makefile
	@mkdir -p $(@D)
	$(call SAY,MAN,$@)sed 's|@VERSION@|$(VERSION)|; s|@RELEASED@|$(RELEASED)|' $< > $@

$(MAN)/luaserve.h.3: src/luaserve.h install/man/header.awk install/man/mdoc.awk Makefile
	@mkdir -p $(@D)
	$(call SAY,MAN,$@)awk -v version=$(VERSION) -v date="$(RELEASED)" -f install/man/mdoc.awk -f install/man/header.awk $< > $@

$(MAN)/config.lua.5: docs/configuration.md install/man/configuration.awk install/man/mdoc.awk Makefile
	@mkdir -p $(@D)
	$(call SAY,MAN,$@)awk -v version=$(VERSION) -v date="$(RELEASED)" -f install/man/mdoc.awk -f install/man/configuration.awk $< > $@

install: all man ## into $(prefix), below DESTDIR: the command, header, spec library, manuals, units, docs
	@$(PLACE) put

uninstall: ## takes away what `make install` with the same variables has put there, and nothing else
	@$(PLACE) remove

dist: ## the sources as build/luaserve-VERSION.tar.gz
	@./install/dist.sh $(VERSION) build/luaserve-$(VERSION).tar.gz

dist-check: dist ## whether that tarball builds and installs by itself
	@./spec/dist.sh build/luaserve-$(VERSION).tar.gz
