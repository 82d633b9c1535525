# The fuzzers: one libFuzzer program for each tests/fuzz/NAME.c that has an entry, with ASan and
# UBSan. Included by the Makefile. They need clang; nothing else does.
#
# A fuzzer names the sources that it needs, beside lib/, in its first lines, as unit tests do:
#   /* needs: proxy/proto_req.c proxy/wire.c */

FUZZ_CC    ?= $(firstword $(shell command -v clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14))
FUZZ_BUILD := build/fuzz
FUZZ_SRC   := $(shell grep -l LLVMFuzzerTestOneInput tests/fuzz/*.c)
FUZZERS    := $(patsubst tests/fuzz/%.c,%,$(FUZZ_SRC))
FUZZ_BIN   := $(addprefix $(FUZZ_BUILD)/,$(FUZZERS))
FUZZ_DEPS  := $(FUZZ_BUILD)/needs.mk
fuzz_obj    = $(patsubst %.c,$(FUZZ_BUILD)/obj/%.o,$(1))
# Nothing is kept for reuse: the sanitizer is to see each use after the end of a life.
FUZZ_FLAGS  = -std=c11 $(WARN) -Itests/fuzz -Iproxy -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing -MMD -MP \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-DKEEP_BYTES=0 -DPIECES_KEEP=0 -DKEEP_MAX=0

.PHONY: fuzz fuzzers fuzz-names fuzz-cc
# make fuzz [SECONDS=60] [ONLY='request reply']
fuzz:
	$(Q)tests/fuzz/run SECONDS=$(SECONDS) ONLY='$(ONLY)'

fuzzers: $(FUZZ_BIN)

fuzz-names:
	@echo $(FUZZERS)

fuzz-cc:
	@echo $(FUZZ_CC)

$(FUZZ_BUILD)/obj/%.o: %.c Makefile tests/fuzz.mk
	$(call say,FUZZ_CC,$<)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CPPFLAGS_ALL) $(FUZZ_FLAGS) -c -o $@ $<

# What of lib/ a fuzzer includes as source is not wanted twice.
$(filter-out %/proxy,$(FUZZ_BIN)): $(FUZZ_BUILD)/%: $(FUZZ_BUILD)/obj/tests/fuzz/%.o $(call fuzz_obj,$(LIB_SRC))
	$(call say,LINK,$@)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ \
	    $(filter-out $(if $(filter %/netlink,$@),%/lib/vip.o),$(filter %.o,$^)) -levent_core

# The whole proxy lives in one process with its clients, its servers and its time: what it would ask
# of the system it asks of tests/fuzz/net.c and clock.c, and its static memory is in two sections
# that tests/fuzz/still.c can put back.
FUZZ_WHOLE := $(patsubst %.c,$(FUZZ_BUILD)/whole/%.o,$(filter-out proxy/main.c proxy/listener.c \
	proxy/life.c proxy/metrics.c proxy/reload.c proxy/timer.c,$(PROXY_SRC)) $(filter-out lib/log.c,$(LIB_SRC)))
FUZZ_WORLD := $(call fuzz_obj,$(addprefix tests/fuzz/,proxy.c clock.c memd.c net.c quiet.c still.c user.c))
FUZZ_CALLS := socket bind connect getsockopt getsockname clock_gettime time getrandom

$(FUZZ_BUILD)/whole/%.o: $(FUZZ_BUILD)/obj/%.o
	@mkdir -p $(@D)
	$(Q)objcopy --rename-section .data=still_data --rename-section .bss=still_bss \
	    $(foreach call,$(FUZZ_CALLS),--redefine-sym $(call)=fuzz_$(call)) $< $@

.SECONDARY: $(patsubst %.c,$(FUZZ_BUILD)/obj/%.o,$(PROXY_SRC) $(LIB_SRC))

$(FUZZ_BUILD)/proxy: $(FUZZ_WORLD) $(FUZZ_WHOLE)
	$(call say,LINK,$@)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -levent_core

# "build/fuzz/x: build/fuzz/obj/proxy/y.o" for each source named after "needs:".
$(FUZZ_DEPS): $(FUZZ_SRC) tests/fuzz.mk
	@mkdir -p $(@D)
	@awk -v build=$(FUZZ_BUILD) 'FNR <= 5 && match($$0, /needs:/) { \
		name = FILENAME; sub(/.*\//, "", name); sub(/\.c$$/, "", name); \
		n = split(substr($$0, RSTART + 6), word, /[ \t]+/); \
		for (i = 1; i <= n; i++) if (sub(/\.c$$/, ".o", word[i])) \
			print build "/" name ": " build "/obj/" word[i] \
	}' $(FUZZ_SRC) /dev/null >$@

-include $(FUZZ_DEPS)
-include $(wildcard $(FUZZ_BUILD)/obj/*/*.d $(FUZZ_BUILD)/obj/*/*/*.d)
