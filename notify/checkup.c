/* checkup: check-setup asks its questions in order. See checkup.h. */
#include "checkup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "setup_address.h"
#include "setup_daemon.h"
#include "setup_file.h"
#include "setup_filter.h"
#include "setup_instance.h"
#include "setup_servers.h"
#include "setup_vrrp.h"

#define HOOK "memvip-notify"

struct run {
	struct setup s;
	const char *name;
	struct site *sites;	  /* SITES_MAX of them */
	unsigned n, checked, bad; /* bad: files that could not be used */
};

/* A file that cannot be used is a finding of its own. */
static void
bad_file(const char *line, void *arg)
{
	struct run *r = arg;

	r->bad++;
	finding(&r->s.f, VERDICT_FAILED, "file", "%s", line);
	finding_do(&r->s.f, "mend it; memvip.conf(5) lists the names");
}

static const struct kline *
next_instance(const struct run *r, const struct kline *l)
{
	return kconf_find(l == NULL ? r->s.k.first : l->next, "vrrp_instance");
}

/* Where a hook names a file by itself: that one too, unless -c was given here. */
static void
sites_of_hooks(struct run *r)
{
	for (const struct kline *l = next_instance(r, NULL); l != NULL; l = next_instance(r, l)) {
		struct kvrrp v;
		struct site_options o;
		char path[ORDER_PATH_MAX], err[SITE_ERR_MAX];
		struct site *site = &r->sites[r->n];
		unsigned i;

		kvrrp_read(&v, &r->s.k, l);
		o = (struct site_options){v.notify.argc, v.notify.argv};
		if (r->n == SITES_MAX || !kcommand_is(&v.notify, HOOK) ||
		    site_find(path, &o, v.name, err, sizeof(err)) != 0 ||
		    site_load(site, &o, path, err, sizeof(err)) == -1)
			continue;
		for (i = 0; i < r->n && strcmp(r->sites[i].key, site->key) != 0; i++)
			;
		r->n += i == r->n;
	}
}

/* The instance that leads to the site: by its hook's file, else by its VIP. Returns 1 or 0. */
static int
instance_of(const struct run *r, const struct site *site, struct kvrrp *v)
{
	for (int by_vip = 0; by_vip < 2; by_vip++) {
		for (const struct kline *l = next_instance(r, NULL); l != NULL;
		     l = next_instance(r, l)) {
			struct site_options o;
			char path[ORDER_PATH_MAX], err[SITE_ERR_MAX];
			struct site other;

			kvrrp_read(v, &r->s.k, l);
			if (by_vip && kvrrp_has_vip(v, &site->vip))
				return 1;
			if (by_vip || !kcommand_is(&v->notify, HOOK))
				continue;
			o = (struct site_options){v->notify.argc, v->notify.argv};
			if (site_find(path, &o, v->name, err, sizeof(err)) == 0 &&
			    site_load(&other, &o, path, err, sizeof(err)) == 0 &&
			    strcmp(other.conf, site->conf) == 0)
				return 1;
		}
	}
	return 0;
}

static void
site_check(struct run *r, const struct site *site)
{
	static const enum conf_prog all = (enum conf_prog)(CONF_PROXY | CONF_CHECK | CONF_NOTIFY);
	struct setup_site x = {.site = *site};
	struct setup *s = &r->s;
	struct kvrrp v;

	if (instance_of(r, site, &v))
		x.v = &v;
	if (r->name[0] != '\0' && !site_is_called(site, r->name) &&
	    (x.v == NULL || strcmp(v.name, r->name) != 0))
		return;
	finding_about(&s->f, "%s, by %s", site->vip.text, site->conf);
	conf_init(&x.conf);
	if (conf_file(&x.conf, all, site->conf) == -1)
		bad_file(x.conf.err, r);
	else
		setup_file(s, &x);
	if (x.v != NULL) {
		setup_instance(s, &x);
	} else if (s->k_read) {
		finding(&s->f, VERDICT_FAILED, "instance", "no vrrp_instance in %s has %s",
			s->keepalived_conf, site->ip);
		finding_do(&s->f, "copy it from a sample: see INSTALL, or memvip(7)");
	}
	setup_address(s, &x);
	if (x.v != NULL) {
		setup_vrrp(s, &x);
		setup_filter(s, &x);
	}
	setup_servers(s, &x);
	conf_free(&x.conf);
	r->checked++;
}

/* Was a file named on the command line? Then it is the only one. */
static int
file_is_given(const struct site_options *o)
{
	struct conf conf;
	int given;

	conf_init(&conf);
	given = conf_args(&conf, CONF_NOTIFY, o->argc, o->argv) != -1 && conf.file != NULL;
	conf_free(&conf);
	return given;
}

static void
none_checked(struct run *r)
{
	struct findings *f = &r->s.f;

	if (r->name[0] != '\0')
		finding(f, VERDICT_FAILED, "file",
			"'%s': no such instance, and no file of that name", r->name);
	else
		finding(f, VERDICT_FAILED, "file", "no file in " CONF_DIR_DEFAULT " names a VIP");
	finding_do(f, "copy a sample to " CONF_FILE_DEFAULT ": see INSTALL, or memvip(7)");
}

int
checkup_run(const struct site_options *o, const char *keepalived_conf, const char *name)
{
	static struct run r;
	struct findings *f = &r.s.f;

	r.name = name;
	f->out = stdout;
	if ((r.sites = calloc(SITES_MAX + 1, sizeof(*r.sites))) == NULL)
		fatal("no memory");
	if (geteuid() != 0) {
		finding(f, VERDICT_WARNING, "root", "some things can be seen by root only");
		finding_do(f, "run this as root");
	}
	setup_daemon(&r.s, keepalived_conf);
	r.n = site_all(r.sites, SITES_MAX, o, bad_file, &r);
	if (!file_is_given(o))
		sites_of_hooks(&r);
	for (unsigned i = 0; i < r.n; i++)
		site_check(&r, &r.sites[i]);
	if (r.checked == 0 && (r.name[0] != '\0' || r.bad == 0))
		none_checked(&r);
	free(r.sites);
	kconf_free(&r.s.k);
	finding_sum(f);
	return f->n[VERDICT_FAILED] > 0;
}
