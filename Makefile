# memvip: three small programs for one virtual address in front of two memcached servers.
#
#   make            build proxy/memvip-proxy, vip-check/memvip-vip-check, notify/memvip-notify
#   make demo       as root: two nodes in network namespaces, the outage played and told: a live view on
#                   a terminal (FAST=1: with no time to read), else plain lines
#   make check      as root: every test
#   make bench      as root: what it costs beside other proxies; memory, filling, failover (tests/bench.mk)
#   make demo-up / demo-down, fuzz SECONDS=60, valgrind, soak-custody ROUNDS=20, soak-faults SECONDS=600
#   make install, uninstall, clean, deps
#   make deb        a package for Debian and Ubuntu, in build/
#
# Knobs: CC CFLAGS PREFIX DESTDIR SYSCONFDIR RUNDIR SANITIZE=address,undefined LTO= WERROR=1 V=1

CC         ?= cc
CFLAGS     ?= -O2 -g
PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/memvip
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc
RUNDIR     ?= /run
DESTDIR    ?=
SANITIZE   ?=
SECONDS    ?= 60

VERSION := 0.1.0
comma   := ,
BUILD   := build$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

CPPFLAGS_ALL = -D_GNU_SOURCE -Ilib -DVERSION='"$(VERSION)"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
	-DRUNDIR='"$(RUNDIR)"' -DSBINDIR='"$(SBINDIR)"' $(CPPFLAGS)
WARN = -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla $(if $(WERROR),-Werror)
# The sanitizer's own check for null makes gcc 12 believe in a null pointer.
WARN += $(if $(SANITIZE),-Wno-unknown-warning-option -Wno-stringop-overread)
# _FORTIFY_SOURCE needs optimisation and hides errors from the sanitizers.
FORTIFY = $(if $(SANITIZE)$(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
CFLAGS_ALL = -std=c11 $(WARN) -fPIE -fstack-protector-strong -fno-strict-aliasing -MMD -MP \
	$(FORTIFY) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer) $(CFLAGS)
# The proxy's files are compiled as one where the compiler can (gcc from 10 on, which says so); LTO= (nothing)
# for not. The objects can be linked without as well: tests use them.
LTO ?= $(if $(SANITIZE)$(filter -O0,$(CFLAGS)),,$(if $(findstring LTO compression,$(shell $(CC) -v 2>&1)),1))
LTO := $(LTO)
LTO_COMPILE := $(if $(LTO),-flto -ffat-lto-objects)
LTO_LINK    := $(if $(LTO),-flto=auto)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)

LIB_SRC    := $(wildcard lib/*.c)
PROXY_SRC  := $(wildcard proxy/*.c)
CHECK_SRC  := $(wildcard vip-check/*.c)
NOTIFY_SRC := $(wildcard notify/*.c)
obj         = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB        := $(BUILD)/libmemvip.a
# With SANITIZE the programs go below build/, so that both kinds can stand side by side.
BIN        := $(if $(SANITIZE),$(BUILD),.)
PROGS      := $(BIN)/proxy/memvip-proxy $(BIN)/vip-check/memvip-vip-check $(BIN)/notify/memvip-notify

.PHONY: all
all: $(PROGS)

$(BUILD)/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

$(call obj,$(PROXY_SRC)): CFLAGS_ALL += -fno-plt $(LTO_COMPILE)

$(LIB): $(call obj,$(LIB_SRC))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BIN)/proxy/memvip-proxy: $(call obj,$(PROXY_SRC)) $(LIB)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(if $(LTO),$(CFLAGS_ALL) -fno-plt $(LTO_LINK)) $(LDFLAGS_ALL) -o $@ $^ -levent_extra -levent_core

$(BIN)/vip-check/memvip-vip-check: $(call obj,$(CHECK_SRC)) $(LIB)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

$(BIN)/notify/memvip-notify: $(call obj,$(NOTIFY_SRC)) $(LIB)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

-include $(patsubst %.o,%.d,$(call obj,$(LIB_SRC) $(PROXY_SRC) $(CHECK_SRC) $(NOTIFY_SRC)))

include tests/unit.mk
include tests/model.mk
include tests/faults.mk
include tests/bench.mk
include tests/fuzz.mk

# ---- tests ----

.PHONY: deps check demo demo-up demo-down
# Everything that building and testing needs, installed (Debian, Ubuntu) or named.
deps:
	$(Q)tests/deps

check:
	$(Q)tests/run

demo: | deps-demo
	$(Q)$(MAKE) --no-print-directory -s all
	$(Q)tests/cluster/demo

demo-up: | deps-demo
	$(Q)$(MAKE) --no-print-directory -s all
	$(Q)tests/cluster/demo up

demo-down:
	$(Q)tests/cluster/demo down

# Every custody scenario, ROUNDS times in a row: most of an hour.
.PHONY: soak-custody
soak-custody: | deps-quiet
	$(Q)$(MAKE) --no-print-directory -s all
	$(Q)ROUNDS='$(or $(ROUNDS),20)' tests/soak-custody

# The proxy's protocol tests under valgrind: no error, and nothing left at the end.
# Built without free lists, so that each use of what was given back is seen.
EXACT := build/exact
EXACT_FLAGS := -DKEEP_BYTES=0 -DPIECES_KEEP=0 -DKEEP_MAX=0
.PHONY: valgrind exact
valgrind: | deps-quiet
	$(Q)tests/valgrind

exact:
	$(Q)$(MAKE) --no-print-directory BUILD=$(EXACT) BIN=$(EXACT) SANITIZE= \
	    CPPFLAGS='$(CPPFLAGS) $(EXACT_FLAGS)' all

.PHONY: deps-quiet deps-demo
deps-quiet:
	$(Q)tests/deps

deps-demo:
	$(Q)tests/deps --demo

# ---- installation ----

HOOKDIR  := $(LIBEXECDIR)/keepalived
INSTALL  ?= install
# Paths in samples and man pages.
FILL = sed -e 's|@SBINDIR@|$(SBINDIR)|g' -e 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' \
	-e 's|@HOOKDIR@|$(HOOKDIR)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' \
	-e 's|@RUNDIR@|$(RUNDIR)|g' -e 's|@DOCDIR@|$(DOCDIR)|g'
MAN8 := proxy/memvip-proxy.8 vip-check/memvip-vip-check.8 notify/memvip-notify.8
MAN5 := keepalived/memvip.conf.5
MAN7 := doc/memvip.7
UNIT := packaging/systemd/memvip-proxy@.service
SAMPLES := $(patsubst %.in,%,$(wildcard keepalived/*.conf.in))
CONFS := $(wildcard keepalived/*.conf) packaging/prometheus/prometheus.yml packaging/prometheus/memvip.rules.yml

.PHONY: install uninstall
install: all
	$(Q)$(INSTALL) -d $(addprefix $(DESTDIR),$(SBINDIR) $(HOOKDIR) $(addprefix $(MANDIR)/man,5 7 8) \
	    $(DOCDIR)/examples $(UNITDIR) $(SYSCONFDIR)/memvip $(SYSCONFDIR)/memvip/proxy)
	$(call say,INSTALL,$(DESTDIR)$(SBINDIR)/memvip-proxy)
	$(Q)$(INSTALL) -m 755 $(BIN)/proxy/memvip-proxy $(DESTDIR)$(SBINDIR)/
	$(call say,INSTALL,$(DESTDIR)$(HOOKDIR)/memvip-vip-check)
	$(Q)$(INSTALL) -m 755 $(BIN)/vip-check/memvip-vip-check $(DESTDIR)$(HOOKDIR)/
	$(call say,INSTALL,$(DESTDIR)$(HOOKDIR)/memvip-notify)
	$(Q)$(INSTALL) -m 755 $(BIN)/notify/memvip-notify $(DESTDIR)$(HOOKDIR)/
	$(call say,INSTALL,man pages and samples)
	$(Q)for page in $(MAN5) $(MAN7) $(MAN8); do \
		$(FILL) $$page >$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit 1; done
	$(Q)$(FILL) $(UNIT).in >$(DESTDIR)$(UNITDIR)/$(notdir $(UNIT))
	$(Q)for sample in $(SAMPLES); do \
		$(FILL) $$sample.in >$(DESTDIR)$(DOCDIR)/examples/$${sample##*/} || exit 1; done
	$(Q)$(INSTALL) -m 644 $(CONFS) $(DESTDIR)$(DOCDIR)/examples/
	$(Q)$(INSTALL) -m 644 README.md INSTALL LICENSE $(DESTDIR)$(DOCDIR)/
	@# An administrator's file is never touched.
	$(Q)[ -e $(DESTDIR)$(SYSCONFDIR)/memvip/memvip.conf ] || \
		$(INSTALL) -m 644 keepalived/memvip.conf $(DESTDIR)$(SYSCONFDIR)/memvip/memvip.conf

# Leaves $(SYSCONFDIR)/memvip, which is the administrator's.
uninstall:
	$(call say,REMOVE,$(DESTDIR)$(PREFIX))
	$(Q)rm -f $(DESTDIR)$(SBINDIR)/memvip-proxy $(DESTDIR)$(HOOKDIR)/memvip-vip-check \
	    $(DESTDIR)$(HOOKDIR)/memvip-notify \
	    $(addprefix $(DESTDIR)$(MANDIR)/man8/,$(notdir $(MAN8))) \
	    $(addprefix $(DESTDIR)$(MANDIR)/man7/,$(notdir $(MAN7))) \
	    $(addprefix $(DESTDIR)$(MANDIR)/man5/,$(notdir $(MAN5))) \
	    $(DESTDIR)$(UNITDIR)/$(notdir $(UNIT))
	$(Q)rm -rf $(DESTDIR)$(DOCDIR)

# A package for Debian and Ubuntu: needs debhelper (apt-get build-dep ./packaging). The sources are
# copied, so that nothing of another build gets into it.
DEB_TREE := build/deb/memvip-$(VERSION)
.PHONY: deb
deb:
	$(Q)[ '$(VERSION)' = "$$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)" ] || \
		{ echo 'make deb: packaging/debian/changelog is not about version $(VERSION)' >&2; exit 1; }
	$(Q)rm -rf build/deb && mkdir -p $(DEB_TREE)
	$(Q)tar -cf - Makefile README.md INSTALL LICENSE lib proxy vip-check notify keepalived doc \
		packaging tests | tar -xf - -C $(DEB_TREE)
	$(Q)mv $(DEB_TREE)/packaging/debian $(DEB_TREE)/debian
	$(Q)cd $(DEB_TREE) && rm -f proxy/memvip-proxy vip-check/memvip-vip-check notify/memvip-notify && \
		env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS dpkg-buildpackage -b -us -uc \
		    $(if $(V),,>../build.log 2>&1) || { $(if $(V),,cat ../build.log;) exit 1; }
	$(Q)mv build/deb/*.deb build/deb/*.changes build/deb/*.buildinfo build/
	$(call say,DEB,build/memvip_$(VERSION)_*.deb)

.PHONY: clean
clean:
	$(call say,CLEAN,build)
	$(Q)rm -rf build proxy/memvip-proxy vip-check/memvip-vip-check notify/memvip-notify
