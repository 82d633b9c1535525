/* kconf: keepalived's configuration as a tree of lines. See kconf.h. */
#include "kconf.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KCONF_SIZE_MAX	(4u << 20) /* bytes, of all files and what is made of them */
#define KCONF_LINE_MAX	4096	   /* a line, definitions applied */
#define KCONF_WORDS_MAX 256	   /* of a line */
#define KCONF_DEPTH_MAX 32	   /* of blocks; of includes */
#define KCONF_SUBST_MAX 64	   /* definitions applied to one line */

struct kpart {
	struct kpart *next;
	max_align_t room[];
};

struct kvar {
	struct kvar *next;
	const char *name, *value;
};

/* Where the parser is in the tree: the blocks that are open, and the last line of each. */
struct kplace {
	struct kline **tail; /* where the next line of the block is hung */
	struct kline *last;  /* its last line, NULL: none yet */
};

struct kreader {
	struct kconf *k;
	const char *id;
	size_t size;
	struct kplace place[KCONF_DEPTH_MAX];
	unsigned depth;
	/* The file that is being read. */
	const char *file;
	unsigned line, includes;
	int in_definition; /* of several lines */
};

static int read_file(struct kreader *r, const char *path);

static int kfail(struct kreader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int
kfail(struct kreader *r, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(r->k->err, sizeof(r->k->err), "%.200s:%u: %s", r->file, r->line, text);
	return -1;
}

/* Memory that lives as long as the tree. NULL, with the error told, when there is too much of it. */
static void *
part(struct kreader *r, size_t size)
{
	struct kpart *p = NULL;

	if (r->size + size <= KCONF_SIZE_MAX)
		p = malloc(sizeof(*p) + size);
	if (p == NULL) {
		kfail(r, "the configuration is too large to be read here");
		return NULL;
	}
	r->size += size;
	p->next = r->k->parts;
	r->k->parts = p;
	return p->room;
}

static char *
part_text(struct kreader *r, const char *text, size_t n)
{
	char *p = part(r, n + 1);

	if (p != NULL) {
		memcpy(p, text, n);
		p[n] = '\0';
	}
	return p;
}

/* ---- definitions ---- */

static size_t
name_length(const char *p)
{
	return strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
}

static int
define(struct kreader *r, const char *name, size_t name_n, const char *value)
{
	struct kvar *v = part(r, sizeof(*v));
	size_t n = strlen(value);

	while (n > 0 && strchr(" \t\r\n", value[n - 1]) != NULL)
		n--;
	if (v == NULL || (v->name = part_text(r, name, name_n)) == NULL ||
	    (v->value = part_text(r, value, n)) == NULL)
		return -1;
	v->next = r->k->vars;
	r->k->vars = v;
	return 0;
}

/* The directory of the file that is being read, as ${_PWD} has it. */
static const char *
directory(const struct kreader *r, char *buf, size_t size)
{
	const char *slash = strrchr(r->file, '/');

	if (slash == NULL)
		return ".";
	snprintf(buf, size, "%.*s", slash == r->file ? 1 : (int)(slash - r->file), r->file);
	return buf;
}

static const char *
value_of(const struct kreader *r, const char *name, size_t n, char *buf, size_t size)
{
	static const struct {
		const char *name, *value;
	} fixed[] = {{"_HASH", "#"}, {"_BANG", "!"}};

	for (const struct kvar *v = r->k->vars; v != NULL; v = v->next)
		if (strlen(v->name) == n && memcmp(v->name, name, n) == 0)
			return v->value;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strlen(fixed[i].name) == n && memcmp(fixed[i].name, name, n) == 0)
			return fixed[i].value;
	if (n == 4 && memcmp(name, "_PWD", n) == 0)
		return directory(r, buf, size);
	if (n == 9 && memcmp(name, "_INSTANCE", n) == 0)
		return r->id;
	return NULL;
}

/* Replaces "${NAME}", and "$NAME" before a blank or the end, until none is left that is defined. */
static int
substitute(struct kreader *r, char line[KCONF_LINE_MAX])
{
	char buf[KCONF_LINE_MAX], dir[512];
	char *at = line;

	for (unsigned i = 0; (at = strchr(at, '$')) != NULL;) {
		int braces = at[1] == '{';
		const char *name = at + 1 + braces, *end, *value;
		size_t n = name_length(name);

		end = name + n;
		if (n == 0 || (braces ? *end != '}' : strchr(" \t\r\n", *end) == NULL) ||
		    (value = value_of(r, name, n, dir, sizeof(dir))) == NULL) {
			at++;
			continue;
		}
		if (i++ == KCONF_SUBST_MAX)
			return kfail(r, "definitions that lead to each other");
		if (snprintf(buf, sizeof(buf), "%.*s%s%s", (int)(at - line), line, value,
			     end + braces) >= (int)sizeof(buf))
			return kfail(r, "line too long");
		memcpy(line, buf, sizeof(buf));
	}
	return 0;
}

/* ---- words and blocks ---- */

static int
line_add(struct kreader *r, char **word, unsigned n)
{
	struct kplace *p = &r->place[r->depth];
	struct kline *l = part(r, sizeof(*l));

	if (l == NULL || (l->word = part(r, n * sizeof(*word))) == NULL)
		return -1;
	l->next = l->block = NULL;
	l->file = r->file;
	l->line = r->line;
	l->n = n;
	memcpy(l->word, word, n * sizeof(*word));
	*p->tail = p->last = l;
	p->tail = &l->next;
	return 0;
}

static int
block_open(struct kreader *r)
{
	struct kplace *p = &r->place[r->depth];
	struct kline **tail;

	if (p->last == NULL)
		return kfail(r, "'{' without a name before it");
	if (r->depth + 1 == KCONF_DEPTH_MAX)
		return kfail(r, "too many blocks in each other");
	for (tail = &p->last->block; *tail != NULL; tail = &(*tail)->next)
		;
	r->place[++r->depth] = (struct kplace){tail, NULL};
	return 0;
}

static int
block_close(struct kreader *r)
{
	if (r->depth == 0)
		return kfail(r, "'}' without a '{'");
	r->depth--;
	return 0;
}

/*
 * Cuts the next word off *at into out: blanks end it, quotes are taken away and what they hold is kept.
 * A brace outside quotes is a word of its own, *brace then. Returns 1, or 0 at the end or a comment.
 */
static int
word_next(const char **at, char out[KCONF_LINE_MAX], int *brace)
{
	const char *p = *at + strspn(*at, " \t\r\n");
	char quote = '\0';
	size_t n = 0;

	*brace = 0;
	if (*p == '\0' || *p == '#' || *p == '!')
		return 0;
	if (*p == '{' || *p == '}') {
		*brace = 1;
		out[n++] = *p++;
	} else {
		for (; *p != '\0'; p++) {
			if (*p == '\\' && p[1] != '\0') {
				out[n++] = *++p;
			} else if (quote != '\0') {
				if (*p == quote)
					quote = '\0';
				else
					out[n++] = *p;
			} else if (*p == '"' || *p == '\'') {
				quote = *p;
			} else if (strchr(" \t\r\n{}#!", *p) != NULL) {
				break;
			} else {
				out[n++] = *p;
			}
		}
	}
	out[n] = '\0';
	*at = p;
	return 1;
}

static int
words(struct kreader *r, const char *line)
{
	char *word[KCONF_WORDS_MAX], text[KCONF_LINE_MAX];
	unsigned n = 0;
	int brace;

	while (word_next(&line, text, &brace)) {
		if (!brace) {
			if (n == KCONF_WORDS_MAX)
				return kfail(r, "more than %d words", KCONF_WORDS_MAX);
			if ((word[n++] = part_text(r, text, strlen(text))) == NULL)
				return -1;
			continue;
		}
		if (n > 0 && line_add(r, word, n) == -1)
			return -1;
		n = 0;
		if ((text[0] == '{' ? block_open(r) : block_close(r)) == -1)
			return -1;
	}
	return n > 0 ? line_add(r, word, n) : 0;
}

/* ---- lines and files ---- */

/* "include FILE" and its variants: is this one? Then *pattern is its file. */
static int
is_include(const char *p, char pattern[KCONF_LINE_MAX])
{
	size_t n;
	int brace;

	if (strncmp(p, "include", 7) != 0)
		return 0;
	n = 7 + strspn(p + 7, "rmwba");
	if (p[n] != ' ' && p[n] != '\t')
		return 0;
	/* A brace is the pattern's own here. */
	p += n + strspn(p + n, " \t");
	if (*p == '"' || *p == '\'')
		return word_next(&p, pattern, &brace);
	snprintf(pattern, KCONF_LINE_MAX, "%.*s", (int)strcspn(p, " \t\r\n#!"), p);
	return pattern[0] != '\0';
}

static int
include(struct kreader *r, const char *pattern)
{
	char whole[2 * KCONF_LINE_MAX], dir[512];
	glob_t found;
	int rc = 0;

	if (++r->includes == KCONF_DEPTH_MAX)
		return kfail(r, "include: too many files in each other");
	if (pattern[0] == '/')
		snprintf(whole, sizeof(whole), "%s", pattern);
	else
		snprintf(whole, sizeof(whole), "%s/%s", directory(r, dir, sizeof(dir)), pattern);
	switch (glob(whole, GLOB_BRACE, NULL, &found)) {
	case 0:
		for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
			rc = read_file(r, found.gl_pathv[i]);
		globfree(&found);
		break;
	case GLOB_NOMATCH: /* as keepalived has it, no error */
		break;
	default:
		rc = kfail(r, "include %s: cannot be looked for", whole);
	}
	r->includes--;
	return rc;
}

static void
beyond(struct kreader *r, const char *what)
{
	if (r->k->beyond == NULL)
		r->k->beyond = what;
}

/* "$NAME=value": returns 1 when it was one, 0, or -1. */
static int
definition(struct kreader *r, const char *p)
{
	size_t n;
	const char *end;

	if (*p != '$' || (n = name_length(p + 1)) == 0 || p[1 + n] != '=')
		return 0;
	end = p + strcspn(p, "\r\n");
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (end[-1] == '\\') {
		beyond(r, "a definition of several lines");
		r->in_definition = 1;
		return 1;
	}
	return define(r, p + 1, n, p + 2 + n) == -1 ? -1 : 1;
}

static int
one_line(struct kreader *r, char line[KCONF_LINE_MAX])
{
	char pattern[KCONF_LINE_MAX];
	const char *p = line + strspn(line, " \t");
	int rc;

	if (r->in_definition) {
		const char *end = line + strlen(line);

		while (end > line && strchr(" \t\r\n", end[-1]) != NULL)
			end--;
		r->in_definition = end > line && end[-1] == '\\';
		return 0;
	}
	if (is_include(p, pattern))
		return include(r, pattern);
	if (*p == '@') {
		int not = p[1] == '^';
		size_t n = strcspn(p + 1 + not, " \t\r\n");
		int same = strlen(r->id) == n && strncmp(r->id, p + 1 + not, n) == 0;

		if (same == not )
			return 0;
		p += 1 + not +n;
		p += strspn(p, " \t");
	}
	if ((rc = definition(r, p)) != 0)
		return rc == 1 ? 0 : -1;
	if (*p == '~') {
		beyond(r, strncmp(p, "~LST", 4) == 0 ? "~LST" : "~SEQ");
		return 0;
	}
	if (substitute(r, line) == -1)
		return -1;
	/* What was before p is the same as it was. */
	return words(r, p);
}

static int
read_file(struct kreader *r, const char *path)
{
	char line[KCONF_LINE_MAX];
	const char *file_was = r->file;
	unsigned line_was = r->line;
	FILE *f = fopen(path, "re");
	int rc = 0;

	if (f == NULL) {
		if (file_was == NULL)
			snprintf(r->k->err, sizeof(r->k->err), "%.400s: %s", path, strerror(errno));
		else
			kfail(r, "%.200s: %s", path, strerror(errno));
		return -1;
	}
	r->file = path;
	r->line = 0;
	if ((r->file = part_text(r, path, strlen(path))) == NULL)
		rc = -1;
	r->k->files++;
	while (rc == 0 && fgets(line, sizeof(line), f) != NULL) {
		r->line++;
		if (strchr(line, '\n') == NULL && !feof(f))
			rc = kfail(r, "line too long, or a NUL byte");
		else
			rc = one_line(r, line);
	}
	if (rc == 0 && ferror(f))
		rc = kfail(r, "%s", strerror(errno));
	fclose(f);
	r->file = file_was;
	r->line = line_was;
	return rc;
}

int
kconf_read(struct kconf *k, const char *path, const char *id)
{
	struct kreader r;

	memset(k, 0, sizeof(*k));
	memset(&r, 0, sizeof(r));
	r.k = k;
	r.id = id;
	r.place[0].tail = &k->first;
	if (read_file(&r, path) == -1)
		return -1;
	if (r.depth > 0) {
		snprintf(k->err, sizeof(k->err), "%.400s: a '{' without its '}'", path);
		return -1;
	}
	return 0;
}

void
kconf_free(struct kconf *k)
{
	struct kpart *next;

	for (struct kpart *p = k->parts; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	memset(k, 0, sizeof(*k));
}

const struct kline *
kconf_find(const struct kline *l, const char *name)
{
	while (l != NULL && strcmp(l->word[0], name) != 0)
		l = l->next;
	return l;
}

const char *
kline_word(const struct kline *l, unsigned i)
{
	return i < l->n ? l->word[i] : "";
}
