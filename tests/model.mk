# The model of the replication (tests/model): explored by tests/t/model.t. Included by the Makefile.

MODEL_SRC := $(wildcard tests/model/*.c)
MODEL     := $(BUILD)/tests/model/model

.PHONY: model
model: $(MODEL)

$(MODEL): $(call obj,$(MODEL_SRC))
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

-include $(patsubst %.o,%.d,$(call obj,$(MODEL_SRC)))
