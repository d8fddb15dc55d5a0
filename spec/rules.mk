# What looks at the C: programs that analyse it, and which lines the tests reach.

COVERED := build/coverage

.PHONY: analyse coverage

analyse: ## clang-tidy, cppcheck and gcc -fanalyzer over src: TOOL=clang runs one of them
	@./spec/deps.sh build analyse
	@FLAGS='-std=c11 $(subst ',,$(CPPFLAGS)) -Ispec/unit' ./spec/analyse.sh $(TOOL)

# -O0 would have other paths than what runs; -O1 keeps lines apart.
coverage: ## which lines of C the tests reach: build/coverage/index.html
	@./spec/deps.sh build test coverage
	@./spec/coverage.sh $(COVERED)
