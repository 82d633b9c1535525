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

# As root: make soak-faults SECONDS=3600 [SEED=n] [PLACEMENT=modulo|ketama] [CLIENTS=n] [...]
soak-faults: all fault-tools
	$(Q)tests/faults/run SECONDS=$(SECONDS) $(foreach knob,SEED PLACEMENT CLIENTS RATE PAIRS KEYS \
	    FAULTS SIDE FAKE SIZES TIMEOUT,$(if $($(knob)),$(knob)='$($(knob))'))
