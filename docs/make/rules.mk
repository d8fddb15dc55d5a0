# The guide: docs/*.md, and what is made of it.

.PHONY: docs pages

docs: all ## docs/configuration.md and docs/bench.svg, and all of docs/ as HTML in build/docs, for /docs/
	@./spec/deps.sh docs
	@mkdir -p build
	@./$(BIN) config | lua5.4 docs/make/configuration.lua config.lua > build/configuration.md
	@lua5.4 docs/make/goals.lua docs/bench.md > build/bench.svg
	@mv build/configuration.md build/bench.svg docs
	@$(MAKE) --no-print-directory pages

pages:
	$(call SAY,DOCS,build/docs)lua5.4 docs/make/pages.lua build/docs
