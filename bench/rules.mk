# The benchmark: docs/bench.md.

RESULTS     ?= build/bench/results.md
BENCH_NULLS := build/bench/null build/bench/null_epoll
BENCH_TOOLS := $(BENCH_NULLS) build/bench/wsload
NODE_WS     := ws@8.23.0 bufferutil@4.1.0

.PHONY: bench bench-report bench-smoke scale room

# What `make bench` builds stands in build/bench: lint looks at BUILD, and null.asm may enter the kernel.
build/bench/null: bench/null.asm asm/abi.inc asm/nr.inc
	@mkdir -p $(@D)
	$(call SAY,NASM,$<)$(NASM) $(NFLAGS) -o $@.o $< && ld -z noexecstack -o $@ $@.o

build/bench/null_epoll: bench/null_epoll.c $(BUILD)/libluaserve.a
	@mkdir -p $(@D)
	$(call SAY,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/libluaserve.a

build/bench/scale: bench/scale.c $(BUILD)/libluaserve.a
	@mkdir -p $(@D)
	$(call SAY,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/libluaserve.a

build/bench/wsload build/bench/room: build/bench/%: bench/%.c bench/wsclient.c bench/wsclient.h $(BUILD)/libluaserve.a
	@mkdir -p $(@D)
	$(call SAY,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) $(BUILD)/libluaserve.a $(LDLIBS)

# The WebSocket peer, where Node.js is there. Without it, or without the registry, it is skipped.
build/bench/node_modules/ws/package.json: bench/rules.mk
	@mkdir -p build/bench
	$(call SAY,NPM,$(firstword $(NODE_WS)))if command -v node && command -v npm; then \
	    npm install --silent --no-save --no-audit --no-fund --prefix build/bench $(NODE_WS) || \
	    echo "npm cannot install $(NODE_WS)" >&2; fi > /dev/null
	@touch -c $@

build/bench/parser: bench/parser.c spec/unit/naive_head.h $(BUILD)/libluaserve.a
	@mkdir -p $(@D)
	$(call SAY,CC,$<)$(CC) $(CPPFLAGS) -Ispec/unit $(CFLAGS) -o $@ $< $(BUILD)/libluaserve.a $(LDLIBS)

build/bench/routes: bench/routes.c $(BUILD)/libluaserve.a
	@mkdir -p $(@D)
	$(call SAY,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $< $(BUILD)/libluaserve.a $(LDLIBS)

bench: all $(BENCH_TOOLS) build/bench/node_modules/ws/package.json build/bench/parser build/bench/routes ## the parser, the router; then luaserve beside other servers (docs/bench.md)
	@build/bench/parser
	@build/bench/routes
	@./bench/run.sh ./$(BIN) build/bench $(RESULTS)

bench-report: ## the tables and the plot once more, of what the last `make bench` measured
	@lua5.4 bench/report.lua $(dir $(RESULTS))raw.tsv $(RESULTS) $(RESULTS:.md=.svg)

bench-smoke: all $(BENCH_TOOLS) ## whether the benchmark's servers answer all its works right
	@./bench/run.sh --smoke ./$(BIN) build/bench

scale: all build/bench/scale $(BENCH_NULLS) ## 10,000 clients at once in mode fork, 15,000 in mode pool (docs/bench.md)
	@./bench/scale.sh ./$(BIN) build/bench

room: all build/bench/room ## one room full of WebSocket clients: 2000 in mode pool, 500 in mode fork (docs/bench.md)
	@./bench/room.sh ./$(BIN) build/bench
