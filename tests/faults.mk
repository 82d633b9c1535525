# The proof by faults: tests/faults/history, and the soak. Included by the Makefile.

HISTORY_SRC := $(wildcard tests/faults/*.c)
HISTORY     := $(BUILD)/tests/faults/history

.PHONY: fault-tools soak-faults
fault-tools: $(HISTORY)

$(HISTORY): $(call obj,$(HISTORY_SRC)) $(LIB)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

-include $(patsubst %.o,%.d,$(call obj,$(HISTORY_SRC)))

# As root: make soak-faults SECONDS=3600 [SEED=n] [KEEP=DIR]. One kind alone: tests/faults/run.
soak-faults: all fault-tools
	$(Q)tests/faults/soak SECONDS=$(SECONDS) $(foreach knob,SEED KEEP,$(if $($(knob)),$(knob)='$($(knob))'))
