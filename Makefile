# luaserve: `make run` serves, `make test` tests; `make help` lists the rest.

ifeq ($(origin CC),default)
CC      := gcc
endif
NASM    ?= nasm
BUILD   ?= build/release
BIN     ?= luaserve
CASES   ?=
SECONDS ?= 600
TARGETS ?=
MINUTES ?= 30
V       ?= # V=1: show the commands

SAY      = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2);)

VERSION := 0.1.0
OPT     ?= -O2 -g
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Werror
LUA_INC := $(shell pkg-config --cflags lua5.4 2>/dev/null || echo -I/usr/include/lua5.4)
CPPFLAGS += -Isrc $(LUA_INC) -D_GNU_SOURCE -DLUASERVE_VERSION='"$(VERSION)"'
CFLAGS  += -std=c11 $(OPT) $(WARN) -fPIC -fvisibility=hidden -fstack-protector-strong \
           -ffunction-sections -fdata-sections \
           $(or $(SAN),-fno-asynchronous-unwind-tables) # -g has what debuggers want
NFLAGS  := -f elf64 -g -F dwarf -w+all -w+error -Iasm/ -I$(BUILD)/
LDFLAGS += -Wl,-E -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack -Wl,--gc-sections -Wl,--as-needed $(SAN)
LDLIBS  := -l:liblua5.4.a -l:libjansson.a -l:libnettle.a -lm

LAYERS  := base os http exchange lua server
SRC     := $(foreach l,$(LAYERS),$(wildcard src/$l/*.c))
ASM     := $(wildcard asm/*.asm)
LUA     := $(wildcard src/lua/*.lua src/lua/status.*)
OBJ     := $(SRC:src/%.c=$(BUILD)/%.o) $(ASM:asm/%.asm=$(BUILD)/asm/%.o)
FUZZ    := $(filter-out replay,$(patsubst spec/fuzz/%.c,%,$(wildcard spec/fuzz/*.c)))
UNIT    := $(patsubst spec/unit/%_test.c,$(BUILD)/unit/%_test,$(wildcard spec/unit/*_test.c)) \
           $(FUZZ:%=$(BUILD)/unit/fuzz_%_test)
C_FILES := $(shell find src spec bench -name '*.[ch]' 2>/dev/null)

.PHONY: all help deps run dev test unit spec lint format layers asan fuzz clean valgrind check-all

all: $(BIN)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/ -/'

$(BIN): $(BUILD)/main.o $(BUILD)/libluaserve.a
	$(call SAY,LINK,$@)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libluaserve.a: $(OBJ)
	@rm -f $@
	$(call SAY,AR,$@)ar rcs $@ $^

$(BUILD)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(call SAY,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/asm/%.o: asm/%.asm asm/abi.inc asm/nr.inc Makefile
	@mkdir -p $(@D)
	$(call SAY,NASM,$<)$(NASM) $(NFLAGS) -MD $(@:.o=.d) -o $@ $<

$(BUILD)/asm/embed.o: $(LUA:%=$(BUILD)/embed/%)

$(BUILD)/embed/%: % Makefile # the lines stay what they are, for what errors say of them
	@mkdir -p $(@D)
	@sed -E 's/^ +//; s/^(--|\/\/) .*//' $< > $@

$(BUILD)/unit/%_test: spec/unit/%_test.c $(BUILD)/libluaserve.a
	@mkdir -p $(@D)
	$(call SAY,CC,$<)$(CC) $(CPPFLAGS) -Ispec/unit $(filter-out -Wmissing-prototypes,$(CFLAGS)) -MMD -MP $(LDFLAGS) \
	    -o $@ $< $(BUILD)/libluaserve.a $(LDLIBS) -lpthread

$(BUILD)/unit/allocation_test: LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

# A fuzz target without libFuzzer, over its corpus.
$(BUILD)/unit/fuzz_%_test: spec/fuzz/%.c spec/fuzz/replay.c $(BUILD)/libluaserve.a $(wildcard spec/fuzz/*.h)
	@mkdir -p $(@D)
	$(call SAY,CC,$<)$(CC) $(CPPFLAGS) -Ispec/unit -DTARGET='"$*"' $(CFLAGS) -MMD -MP $(LDFLAGS) \
	    -o $@ $(wordlist 1,2,$^) $(BUILD)/libluaserve.a $(LDLIBS)

-include $(OBJ:.o=.d) $(BUILD)/main.d $(UNIT:=.d)

deps: ## install what the build and the tests need (Debian; says what and why)
	@./spec/deps.sh

run: ## install what is missing, build, serve config.lua
dev: ## the same while you write: for this machine alone, serves at once what was saved, shows errors
dev: DEV := --host 127.0.0.1 --dev
run dev:
	@./spec/deps.sh build
	@$(MAKE) --no-print-directory all
	@./spec/deps.sh docs && $(MAKE) --no-print-directory pages || echo "without the guide at /docs/"
	./$(BIN) config.lua $(DEV) $(if $(PORT),--port $(PORT))

test: ## install what is missing, build, run every test
	@./spec/deps.sh build test
	@./spec/deps.sh page || echo "without a browser: its specs are skipped"
	@$(MAKE) --no-print-directory all unit-build
	@./spec/run.sh $(BUILD) ./$(BIN)

.PHONY: unit-build
unit-build: $(UNIT)

unit: unit-build ## the C tests alone
	@./spec/run.sh --unit $(BUILD)

spec: all ## the specs over HTTP alone
	@./spec/run.sh --spec ./$(BIN)

valgrind: unit-build ## the C tests under valgrind
	@VALGRIND=1 ./spec/run.sh --unit $(BUILD)

fuzz: ## every fuzz target for SECONDS (600 each): TARGETS="head uri", KEEP=1 keeps new inputs
	@./spec/deps.sh build fuzz
	@./spec/fuzz.sh build/fuzz $(SECONDS) $(TARGETS)

asan: ## everything under AddressSanitizer and UBSan (a build of its own)
	@SPEC_SECONDS=3600 \
	    ASAN_OPTIONS=handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigill=0:detect_stack_use_after_return=0 \
	    $(MAKE) --no-print-directory test BUILD=build/asan BIN=build/asan/luaserve \
	    OPT='-O1 -g -fno-omit-frame-pointer' SAN='-fsanitize=address,undefined -fno-sanitize-recover=all'

lint: all layers ## what the source and the binary must look like
	@./spec/lint.sh $(BIN) $(BUILD)

layers: ## no file includes upwards (design: base os http exchange lua server)
	@./spec/layers.sh $(CC) $(LAYERS)

format: ## clang-format over all C
	clang-format -i $(C_FILES)

include lib.mk bench/rules.mk docs/make/rules.mk install/rules.mk spec/rules.mk

check-all: ## all of it, for hours: CI, sanitizers, valgrind, long fuzzing, attacks, soak
	@ALL=1 CASES="$(CASES)" ./.ci/run

clean:
	rm -rf build luaserve
