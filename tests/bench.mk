# The benchmarks' load generator: tests/bench/load. Included by the Makefile.

LOAD_SRC := $(wildcard tests/bench/load/*.c)
LOAD     := $(BUILD)/tests/bench/load/load

.PHONY: bench-tools
bench-tools: $(LOAD)

$(LOAD): $(call obj,$(LOAD_SRC)) $(LIB)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ -lm

-include $(patsubst %.o,%.d,$(call obj,$(LOAD_SRC)))
