# The unit tests: one cmocka program for each tests/unit/test_*.c. Included by the Makefile.
#
# A test names the sources that it needs, beside libmemvip.a, in its first lines:
#   /* needs: proxy/proto_req.c proxy/blob.c */

UNIT_SRC  := $(wildcard tests/unit/test_*.c)
UNIT_BIN  := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(UNIT_SRC))
UNIT_DEPS := $(BUILD)/tests/unit/needs.mk

.PHONY: unit-tests
unit-tests: $(UNIT_BIN)

$(BUILD)/tests/unit/%.o: CPPFLAGS_ALL += -I. -Itests/unit -Iproxy -Ivip-check -Inotify
# In a table of samples what is not said is 0.
$(BUILD)/tests/unit/%.o: WARN += -Wno-missing-field-initializers

$(UNIT_BIN): $(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(LIB) -lcmocka -levent_core -lm

# "build/tests/unit/test_x: build/proxy/x.o" for each source named after "needs:".
$(UNIT_DEPS): $(UNIT_SRC) tests/unit.mk
	@mkdir -p $(@D)
	@awk -v build=$(BUILD) 'FNR <= 5 && match($$0, /needs:/) { \
		test = FILENAME; sub(/\.c$$/, "", test); \
		n = split(substr($$0, RSTART + 6), word, /[ \t]+/); \
		for (i = 1; i <= n; i++) if (sub(/\.c$$/, ".o", word[i])) \
			print build "/" test ": " build "/" word[i] \
	}' $(UNIT_SRC) /dev/null >$@

-include $(UNIT_DEPS)
-include $(patsubst %,%.d,$(UNIT_BIN))
