# The benchmarks, none of them a test, and their load generator. Included by the Makefile.
#
#   make bench [BENCH='compare fill ...'] [QUICK=1]     one after the other: ten minutes
#   make bench-compare [ROUNDS=5] [MS=700] [ROWS=name,name...] [BASE=another tree]
#                                                                  beside twemproxy and haproxy
#   make bench-memory [IDLE=8000]
#   make bench-fill [ITEMS=1000000] [ROUNDS=3]
#   make bench-custody [ROUNDS=11]                                 how fast the port follows the VIP
#   make bench-instructions [ROWS=...] [TOP=0]                    of an operation (valgrind)
#   make bench-growth [MS=500] [ONLY=connections,keys,...]         as things grow
#   make bench-profile [ROWS=...] [KIND=memvip]                    where the time goes (perf, strace)
#
# Tables on the terminal; CSV and SVG in build/bench.

LOAD_SRC := $(wildcard tests/bench/load/*.c)
LOAD     := $(BUILD)/tests/bench/load/load

.PHONY: bench-tools bench bench-compare bench-memory bench-fill bench-custody bench-instructions \
	bench-growth bench-profile
bench-tools: $(LOAD)

$(LOAD): $(call obj,$(LOAD_SRC)) $(LIB)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ -lm

-include $(patsubst %.o,%.d,$(call obj,$(LOAD_SRC)))

BENCH ?= compare instructions memory growth fill custody
# name=value of those that were given.
bench_knobs = $(foreach knob,QUICK $(1),$(if $($(knob)),$(knob)='$($(knob))'))

bench: | deps-quiet
	$(Q)$(MAKE) --no-print-directory -s all bench-tools
	$(Q)for part in $(BENCH); do $(MAKE) --no-print-directory -s bench-$$part || exit 1; echo; done

bench-compare: all bench-tools
	$(Q)tests/bench/compare $(call bench_knobs,ROUNDS MS ROWS BASE)

bench-memory: all bench-tools
	$(Q)tests/bench/memory $(call bench_knobs,IDLE)

bench-fill: all bench-tools
	$(Q)tests/bench/fill $(call bench_knobs,ITEMS ROUNDS)

bench-custody: all
	$(Q)tests/bench/custody $(or $(ROUNDS),$(if $(QUICK),3))

bench-instructions: all bench-tools
	$(Q)tests/bench/instructions $(call bench_knobs,ROWS TOP OPERATIONS)

bench-growth: all bench-tools
	$(Q)tests/bench/growth $(call bench_knobs,MS ONLY)

bench-profile: all bench-tools
	$(Q)tests/bench/profile $(call bench_knobs,ROWS MS KIND)
