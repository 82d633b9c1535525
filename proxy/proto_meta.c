/* proto_meta: what a meta command's line says. See proto_meta.h. */
#include "proto_meta.h"

#include <limits.h>

#include "base64.h"

static const char ERR_FORMAT[] = "CLIENT_ERROR bad command line format";
static const char ERR_MANY[] = "CLIENT_ERROR options flags too long";
static const char ERR_MANY_MG[] = "CLIENT_ERROR options flags are too long";
static const char ERR_FLAG[] = "CLIENT_ERROR invalid flag";
static const char ERR_TWICE[] = "CLIENT_ERROR duplicate flag";
static const char ERR_ANY_FLAG[] = "CLIENT_ERROR invalid or duplicate flag";
static const char ERR_TOKEN[] = "CLIENT_ERROR bad token in command line format";
static const char ERR_BASE64[] = "CLIENT_ERROR error decoding key";
static const char ERR_MODE_LEN[] = "CLIENT_ERROR incorrect length for M token";
static const char ERR_MODE_MS[] = "CLIENT_ERROR invalid mode for ms M token";
static const char ERR_INITIAL[] = "CLIENT_ERROR invalid numeric initial value";
static const char ERR_DELTA[] = "CLIENT_ERROR invalid numeric delta value";
static const char ERR_OPAQUE[] = "CLIENT_ERROR opaque token too long";

/* A flag that is not known here is passed on up to this length. */
#define ODD_MAX 64

/* The state of going through the flags. */
struct flags {
	struct proto_meta *m;
	const char *error;   /* a token is wrong; a flag that is wrong as such comes before it */
	uint8_t seen[128];   /* flags, by their first byte */
	uint8_t unknown;     /* a flag that 1.6.18 does not know was among them */
	uint8_t long_opaque; /* O is too long */
};

int
meta_key_is_text(const char *key, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (key[i] == ' ' || key[i] == '\n' || key[i] == '\0')
			return 0;
	return 1;
}

/* Adds a flag with its token to the text. Returns 0, or -1 when there is no room. */
static int
text_add(struct meta_flags *f, char flag, const char *token, size_t len)
{
	char *at = f->text + f->text_len;

	if (f->text_len + len + 2 > META_TEXT_MAX)
		return -1;
	*at++ = ' ';
	*at++ = flag;
	if (len > 0)
		memcpy(at, token, len);
	f->text_len = (uint8_t)(f->text_len + len + 2);
	return 0;
}

/* T, N, R: a time, see protocol.txt, "Expiration times". */
static int
flag_time(struct flags *fl, char flag, const char *token, size_t len)
{
	char text[12];
	size_t n = 0;
	int32_t v;

	if (proto_int32(token, len, &v) == -1) {
		fl->error = ERR_TOKEN;
		return 0;
	}
	if (v < 0)
		text[n++] = '-';
	n += proto_decimal(text + n, (uint64_t)(v < 0 ? -(int64_t)v : v));
	return text_add(&fl->m->flags, flag, text, n);
}

/* A number of 64 bits; error: what is wrong with one that is none (NULL: the error stays). */
static int
flag_number(struct flags *fl, char flag, const char *token, size_t len, const char *error,
	    uint64_t *out)
{
	char text[20];

	if (proto_uint64(token, len, out) == -1) {
		if (error != NULL)
			fl->error = error;
		else if (fl->error == NULL)
			fl->error = ERR_FORMAT;
		return 0;
	}
	return text_add(&fl->m->flags, flag, text, proto_decimal(text, *out));
}

static int
flag_mode(struct flags *fl, const char *token, size_t len)
{
	if (len != 1) {
		fl->error = ERR_MODE_LEN;
		return 0;
	}
	fl->m->flags.mode = (uint8_t)token[0];
	return text_add(&fl->m->flags, 'M', token, 1);
}

/* Too long, it is an error to the server as well, which may have done the rest before it says so. */
static int
flag_opaque(struct flags *fl, const char *token, size_t len)
{
	if (len >= META_OPAQUE_MAX) {
		fl->long_opaque = 1;
		len = META_OPAQUE_MAX;
	}
	return text_add(&fl->m->flags, 'O', token, len);
}

/* The key is base64. */
static int
flag_base64(struct flags *fl)
{
	struct proto_meta *m = fl->m;
	char key[PROTO_KEY_MAX];
	size_t n = base64_decode(key, m->key, m->key_len);

	if (n == 0)
		fl->error = ERR_BASE64;
	memcpy(m->key, key, n);
	m->key_len = (uint8_t)n;
	return text_add(&m->flags, 'b', NULL, 0);
}

/* Takes one flag. Returns 0, or -1 when it is wrong as such, whatever else is wrong. */
static int
flag_take(struct flags *fl, const char *word, size_t len)
{
	const char *token = word + 1;
	struct meta_flags *f = &fl->m->flags;
	uint64_t unused;
	char flag = word[0];

	if (flag >= 'A' && flag <= 'z')
		f->has |= UINT64_C(1) << (flag - 'A');
	len--;
	switch (flag) {
	case 'b':
		return flag_base64(fl);
	case 'N':
	case 'T':
	case 'R':
		return flag_time(fl, flag, token, len);
	case 'F':
		return flag_number(fl, flag, token, len, NULL, &unused);
	case 'C':
		return flag_number(fl, flag, token, len, ERR_TOKEN, &f->cas);
	case 'J':
		return flag_number(fl, flag, token, len, ERR_INITIAL, &f->initial);
	case 'D':
		return flag_number(fl, flag, token, len, ERR_DELTA, &unused);
	case 'M':
		return flag_mode(fl, token, len);
	case 'O':
		return flag_opaque(fl, token, len);
	case 'P':
	case 'L':
	case 'q':
		return 0;
	case 'l':
	case 'k':
	case 's':
	case 't':
	case 'c':
	case 'f':
	case 'v':
	case 'h':
	case 'u':
	case 'I':
		return text_add(f, flag, NULL, 0);
	case 'E': /* sets a cas id: two servers would come to have the same one for two items */
		return -1;
	default:
		fl->unknown = 1;
		return len > ODD_MAX ? -1 : text_add(f, flag, token, len);
	}
}

/*
 * The flags from word `first` on. Returns NULL or what 1.6.18 says of them, which tells of the last
 * wrong token, but at once of a flag that it has seen before or does not know.
 */
static const char *
flags_take(struct flags *fl, const struct proto_line *l, unsigned first)
{
	for (unsigned i = first; i < l->n; i++) {
		const char *word = l->p + l->w[i].at;
		unsigned char flag = (unsigned char)word[0];

		if (flag >= 127 || fl->seen[flag])
			return fl->unknown ? ERR_FLAG : ERR_TWICE;
		fl->seen[flag] = 1;
		if (flag_take(fl, word, l->w[i].len) == -1)
			return ERR_FLAG;
	}
	return fl->error != NULL && fl->unknown ? ERR_FLAG : fl->error;
}

/* Does 1.6.18 know the mode? */
static int
mode_is_known(const struct meta_flags *f)
{
	const char *modes = f->cmd == META_SET ? "EAPRS" : f->cmd == META_ARITH ? "I+D-" : NULL;

	return f->mode == 0 || modes == NULL || strchr(modes, f->mode) != NULL;
}

/* The flags of mg, md, ma and ms are read; what do they come to? */
static const char *
flags_judge(struct flags *fl)
{
	struct meta_flags *f = &fl->m->flags;
	int known = mode_is_known(f);

	/* Before anything is done; mg and ma find it out when they answer. */
	if (fl->long_opaque && f->cmd == META_DELETE)
		return ERR_OPAQUE;
	if (fl->long_opaque && f->cmd == META_SET)
		return known ? ERR_OPAQUE : ERR_MODE_MS;
	f->odd = fl->unknown || fl->long_opaque || !known;
	return NULL;
}

/* mg, md, ma: <command> <key> <flag>* */
static const char *
meta_plain(struct proto_meta *m, const struct proto_line *l)
{
	struct flags fl = {.m = m};
	const char *error;

	if (l->n == PROTO_WORDS_MAX)
		return m->flags.cmd == META_GET ? ERR_MANY_MG : ERR_MANY;
	if ((error = flags_take(&fl, l, 2)) != NULL)
		return m->flags.cmd == META_GET ? error : ERR_ANY_FLAG;
	return flags_judge(&fl);
}

/* ms <key> <datalen> <flag>*; as long as the length is not read the block is not swallowed. */
static const char *
meta_set(struct proto_meta *m, const struct proto_line *l)
{
	struct flags fl = {.m = m};
	const char *error;
	int32_t bytes;

	if (l->n == 2)
		return ERR_FORMAT;
	if (l->n == PROTO_WORDS_MAX)
		return ERR_MANY;
	if (proto_int32(l->p + l->w[2].at, l->w[2].len, &bytes) == -1 || bytes < 0 ||
	    bytes > INT_MAX - 2)
		return ERR_FORMAT;
	m->flags.body_len = (uint32_t)bytes;
	m->swallow = m->flags.body_len + 2;
	if ((error = flags_take(&fl, l, 3)) != NULL)
		return error;
	return flags_judge(&fl);
}

/* me <key> [b]; nothing else is looked at. */
static const char *
meta_debug(struct proto_meta *m, const struct proto_line *l)
{
	struct flags fl = {.m = m};

	if (l->n < 3 || l->w[2].len != 1 || l->p[l->w[2].at] != 'b')
		return NULL;
	flag_take(&fl, "b", 1);
	return fl.error != NULL ? ERR_FORMAT : NULL;
}

static const char *
meta_line(struct proto_meta *m, const struct proto_line *l)
{
	if (l->n < 2)
		return m->flags.cmd == META_DEBUG ? ERR_FORMAT : "ERROR";
	if (l->w[1].len > PROTO_KEY_MAX)
		return ERR_FORMAT;
	m->key_len = (uint8_t)l->w[1].len;
	memcpy(m->key, l->p + l->w[1].at, m->key_len);
	switch (m->flags.cmd) {
	case META_SET:
		return meta_set(m, l);
	case META_DEBUG:
		return meta_debug(m, l);
	default:
		return meta_plain(m, l);
	}
}

void
proto_meta_parse(const char *p, size_t n, struct proto_meta *m)
{
	struct proto_line l;

	proto_line_text(&l, p, n - 1);
	proto_line_split(&l, PROTO_WORDS_MAX);
	memset(&m->flags, 0, offsetof(struct meta_flags, text));
	m->line_len = (uint32_t)n;
	m->swallow = 0;
	m->key_len = 0;
	m->flags.cmd = (uint8_t)p[l.w[0].at + 1];
	m->error = meta_line(m, &l);
	if (m->error == NULL)
		m->swallow = 0;
}
