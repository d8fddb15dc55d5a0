# What tests from outside, programs that analyse the C, and which lines the tests reach.

COVERED := build/coverage

.PHONY: conformance clients slow soak kills analyse coverage

conformance: all ## cases from public suites, of HTTP and WebSockets: make conformance CASES=dir (ALL=1: all sizes)
	@./spec/conformance.sh ./$(BIN) "$(CASES)"

clients: all ## curl, wget, Python, Node and Chromium against the server, as far as they are installed
	@./spec/clients.sh ./$(BIN)

slow: all ## slowhttptest's attacks, with an innocent client beside them
	@./spec/slow.sh ./$(BIN)

soak: all ## a mixed load, bombs, kills, reloads for MINUTES (20), then: nothing left, nothing grown
	@./spec/soak.sh ./$(BIN) $(MINUTES)

kills: all ## kill -9 of random workers for SECONDS under load of shared dictionaries and channels
	@./spec/kills.sh ./$(BIN) $(SECONDS)

analyse: ## clang-tidy, cppcheck and gcc -fanalyzer over src: TOOL=clang runs one of them
	@./spec/deps.sh build analyse
	@FLAGS='-std=c11 $(subst ',,$(CPPFLAGS)) -Ispec/unit' ./spec/analyse.sh $(TOOL)

coverage: ## which lines of C the tests reach: build/coverage/index.html
	@./spec/deps.sh build test coverage
	@./spec/coverage.sh $(COVERED)
