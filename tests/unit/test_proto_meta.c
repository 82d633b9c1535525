/* Intent: a meta command's line is read as memcached 1.6.18 reads it, and never past its end. */
/* needs: proxy/proto_meta.c proxy/base64.c */
#include "cm.h"

#include "base64.h"
#include "guard.h"
#include "proto_meta.h"

#define K50  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define K250 K50 K50 K50 K50 K50
_Static_assert(sizeof(K250) - 1 == PROTO_KEY_MAX, "a key of the greatest length");

#define O31 "0123456789012345678901234567890"

static const char FORMAT[] = "CLIENT_ERROR bad command line format";
static const char FLAG[] = "CLIENT_ERROR invalid flag";
static const char TWICE[] = "CLIENT_ERROR duplicate flag";
static const char EITHER[] = "CLIENT_ERROR invalid or duplicate flag";
static const char TOKEN[] = "CLIENT_ERROR bad token in command line format";
static const char OPAQUE[] = "CLIENT_ERROR opaque token too long";

/* What a line means; text: what a server is to see of its flags. */
static const struct sample {
	const char *line, *key, *text;
	uint32_t body_len;
	uint64_t cas, initial;
	char mode;
	int odd;
} samples[] = {
    {"mg k\r\n", "k", ""},
    {"mg k\n", "k", ""},
    {" mg  k  v \r\n", "k", " v"},
    {"mg k c f h k l s t u v\r\n", "k", " c f h k l s t u v"},
    {"mg k vxyz tt\r\n", "k", " v t"},
    {"mg " K250 " v\r\n", K250, " v"},
    {"mg k O" O31 " q\r\n", "k", " O" O31},
    {"mg k O\r\n", "k", " O"},
    {"mg k Lpath/x P1 v\r\n", "k", " v"},
    {"mg k N30 R+5 T-1\r\n", "k", " N30 R5 T-1"},
    {"mg k T4294967297\r\n", "k", " T1"},
    {"mg k T2147483648\r\n", "k", " T-2147483648"},
    {"mg k T\t7\r\n", "k", " T7"},
    {"mg k T7\tx\r\n", "k", " T7"},
    {"mg k T00007\r\n", "k", " T7"},
    {"mg Zm9v b v k\r\n", "foo", " b v k"},
    {"mg Zm9v k b\r\n", "foo", " k b"},
    {"mg Z-m.9v b\r\n", "foo", " b"},
    {"mg IA== b\r\n", " ", " b"},
    {"mg k I MI C5 D6 J7 F8\r\n", "k", " I MI C5 D6 J7 F8", .cas = 5, .initial = 7, .mode = 'I'},
    {"mg k O" O31 "x\r\n", "k", " O" O31 "x", .odd = 1},
    {"mg k O" O31 "xyz\r\n", "k", " O" O31 "x", .odd = 1},
    {"mg k x\r\n", "k", " x", .odd = 1},
    {"mg k v Yfoo 9\r\n", "k", " v Yfoo 9", .odd = 1},
    {"mg k \r\r\n", "k", " \r", .odd = 1},
    {"ms k 5\r\n", "k", "", 5},
    {"ms k 0 T0 F0 c k Oabc q I\r\n", "k", " T0 F0 c k Oabc I", 0},
    {"ms k 4294967301\r\n", "k", "", 5},
    {"ms k 2147483645\r\n", "k", "", 2147483645},
    {"ms k +2 ME F4294967296 C18446744073709551615\r\n", "k",
     " ME F4294967296 C18446744073709551615", 2, .cas = UINT64_MAX, .mode = 'E'},
    {"ms k 2 MA\r\n", "k", " MA", 2, .mode = 'A'},
    {"ms k 2 Me\r\n", "k", " Me", 2, .mode = 'e', .odd = 1},
    {"ms k 2 S5\r\n", "k", " S5", 2, .odd = 1},
    {"ms k 2 F-18446744073709551615\r\n", "k", " F1", 2},
    {"md k\r\n", "k", ""},
    {"md k I T30 q k\r\n", "k", " I T30 k"},
    {"md k C7 x\r\n", "k", " C7 x", .cas = 7, .odd = 1},
    {"ma k\r\n", "k", ""},
    {"ma k N0 J13 D5 MD t c v\r\n", "k", " N0 J13 D5 MD t c v", .initial = 13, .mode = 'D'},
    {"ma k M+\r\n", "k", " M+", .mode = '+'},
    {"ma k Mi\r\n", "k", " Mi", .mode = 'i', .odd = 1},
    {"ma k O" O31 "x\r\n", "k", " O" O31 "x", .odd = 1},
    {"me k\r\n", "k", ""},
    {"me k v v E\r\n", "k", ""},
    {"me k bx\r\n", "k", ""},
    {"me Zm9v b\r\n", "foo", " b"},
    {"me Zm9v b b v\r\n", "foo", " b"},
    {"me Zm9v v b\r\n", "Zm9v", ""},
    /* the most that 1.6.18 takes */
    {"mg k c f h k l s t u v O1 N1 R1 T1 I J1 F1 D1\r\n", "k",
     " c f h k l s t u v O1 N1 R1 T1 I J1 F1 D1", .initial = 1},
};

/* Lines that get an answer at once; swallow: bytes behind the line that go with it. */
static const struct {
	const char *line, *error;
	uint32_t swallow;
} errors[] = {
    {"mg\r\n", "ERROR"},
    {"ms\r\n", "ERROR"},
    {"md \r\n", "ERROR"},
    {"ma\r\n", "ERROR"},
    {"me\r\n", FORMAT},
    {"mg k" K250 "\r\n", FORMAT},
    {"ms k" K250 " 2\r\n", FORMAT},
    {"md k" K250 "\r\n", FORMAT},
    {"ma k" K250 "\r\n", FORMAT},
    {"me k" K250 "\r\n", FORMAT},
    {"mg k v v\r\n", TWICE},
    {"mg k q v q\r\n", TWICE},
    {"mg k \x7f\r\n", TWICE},
    {"mg k \xc3\xa4\r\n", TWICE},
    {"mg k x x\r\n", FLAG},
    {"mg k x v v\r\n", FLAG},
    {"mg k v v x\r\n", TWICE},
    {"mg k T x\r\n", FLAG},
    {"mg k x T\r\n", FLAG},
    {"mg k E5\r\n", FLAG},
    {"mg k T Tx\r\n", TWICE},
    {"mg k T\r\n", TOKEN},
    {"mg k Tx\r\n", TOKEN},
    {"mg k T1x\r\n", TOKEN},
    {"mg k T9223372036854775808\r\n", TOKEN},
    {"mg k N R C\r\n", TOKEN},
    {"mg k C-1\r\n", TOKEN},
    {"mg k C18446744073709551616\r\n", TOKEN},
    {"mg k C18446744073709551615\t-\r\n", TOKEN},
    {"mg k F\r\n", FORMAT},
    {"mg k T Fx\r\n", TOKEN},
    {"mg k Fx T\r\n", TOKEN},
    {"mg k J\r\n", "CLIENT_ERROR invalid numeric initial value"},
    {"mg k D\r\n", "CLIENT_ERROR invalid numeric delta value"},
    {"mg k D T J\r\n", "CLIENT_ERROR invalid numeric initial value"},
    {"mg k M\r\n", "CLIENT_ERROR incorrect length for M token"},
    {"mg k Mxx\r\n", "CLIENT_ERROR incorrect length for M token"},
    {"mg k b\r\n", "CLIENT_ERROR error decoding key"},
    {"mg ==== b\r\n", "CLIENT_ERROR error decoding key"},
    {"mg Zm9v= b\r\n", "CLIENT_ERROR error decoding key"},
    {"mg k v f s t c k l h u q O1 N1 R1 T1 I J1 F1 D1\r\n",
     "CLIENT_ERROR options flags are too long"},
    {"md k v f s t c k l h u q O1 N1 R1 T1 I J1 F1 D1\r\n", "CLIENT_ERROR options flags too long"},
    {"ma k v v v v v v v v v v v v v v v v v v v v v v v v v\r\n",
     "CLIENT_ERROR options flags too long"},
    {"ms k 2 v f s t c k l h u q O1 N1 R1 T1 I J1 F1\r\n", "CLIENT_ERROR options flags too long"},
    {"ms k\r\n", FORMAT},
    {"ms k x\r\n", FORMAT},
    {"ms k -1\r\n", FORMAT},
    {"ms k 2147483646\r\n", FORMAT},
    {"ms k S5\r\n", FORMAT},
    {"ms k v 5\r\n", FORMAT},
    {"ms k 5 v v\r\n", TWICE, 7},
    {"ms k 5 E7\r\n", FLAG, 7},
    {"ms k 5 x v v\r\n", FLAG, 7},
    {"ms k 5 F\r\n", FORMAT, 7},
    {"ms k 5 T\r\n", TOKEN, 7},
    {"ms k 5 b\r\n", "CLIENT_ERROR error decoding key", 7},
    {"ms k 5 M\r\n", "CLIENT_ERROR incorrect length for M token", 7},
    {"ms k 5 O" O31 "x\r\n", OPAQUE, 7},
    {"ms k 5 O" O31 "x Mx\r\n", "CLIENT_ERROR invalid mode for ms M token", 7},
    {"md k v v\r\n", EITHER},
    {"md k E5\r\n", EITHER},
    {"md k T\r\n", EITHER},
    {"md k b\r\n", EITHER},
    {"md k O" O31 "x\r\n", OPAQUE},
    {"ma k v v\r\n", EITHER},
    {"ma k E5\r\n", EITHER},
    {"ma k D-1\r\n", EITHER},
    {"me k b\r\n", FORMAT},
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
parse_guarded(const char *line, struct proto_meta *m)
{
	struct guard g;
	size_t n = strlen(line);

	memset(m, 0xa5, sizeof(*m));
	guard_init(&g, n);
	proto_meta_parse(guard_place(&g, line, n), n, m);
	guard_free(&g);
	assert_int_equal(m->line_len, n);
}

static void
test_commands(void **state)
{
	struct proto_meta m;

	(void)state;
	for (size_t i = 0; i < N(samples); i++) {
		const struct sample *s = &samples[i];

		parse_guarded(s->line, &m);
		if (m.error != NULL)
			fail_msg("%s: %s", s->line, m.error);
		if (m.flags.text_len != strlen(s->text) ||
		    memcmp(m.flags.text, s->text, m.flags.text_len) != 0)
			fail_msg("%s: '%.*s', expected '%s'", s->line, m.flags.text_len,
				 m.flags.text, s->text);
		assert_int_equal(m.key_len, strlen(s->key));
		assert_memory_equal(m.key, s->key, m.key_len);
		assert_int_equal(m.flags.body_len, s->body_len);
		assert_int_equal(m.flags.cas, s->cas);
		assert_int_equal(m.flags.initial, s->initial);
		assert_int_equal(m.flags.mode, s->mode);
		assert_int_equal(m.flags.odd, s->odd);
		assert_int_equal(m.swallow, 0);
	}
}

static void
test_errors(void **state)
{
	struct proto_meta m;

	(void)state;
	for (size_t i = 0; i < N(errors); i++) {
		parse_guarded(errors[i].line, &m);
		if (m.error == NULL || strcmp(m.error, errors[i].error) != 0)
			fail_msg("%s: %s, expected %s", errors[i].line, m.error, errors[i].error);
		assert_int_equal(m.swallow, errors[i].swallow);
	}
}

static void
test_which_flags_are_there(void **state)
{
	struct proto_meta m;

	(void)state;
	parse_guarded("mg k v q Oz T5\r\n", &m);
	assert_int_equal(m.flags.cmd, META_GET);
	for (int c = 1; c < 128; c++)
		assert_int_equal(meta_has(&m.flags, (char)c), strchr("vqOT", c) != NULL);
	parse_guarded("ma k z A ~ 0\r\n", &m);
	assert_int_equal(m.flags.cmd, META_ARITH);
	for (int c = 1; c < 128; c++)
		assert_int_equal(meta_has(&m.flags, (char)c), strchr("zA", c) != NULL);
}

/* Flags that no one knows are passed on, but a line stays a line of bounded length. */
static void
test_unknown_flags_have_a_bound(void **state)
{
	struct proto_meta m;
	char line[4096];
	size_t n;

	(void)state;
	for (unsigned len = 60; len <= 70; len++) {
		n = (size_t)snprintf(line, sizeof(line), "mg k x%0*d\r\n", (int)len, 0);
		proto_meta_parse(line, n, &m);
		assert_int_equal(m.error == NULL, len <= 64);
	}
	for (unsigned flags = 1; flags <= 16; flags++) {
		n = (size_t)snprintf(line, sizeof(line), "mg k");
		for (unsigned i = 0; i < flags; i++)
			n += (size_t)snprintf(line + n, sizeof(line) - n, " %c%060d", '!' + i, 0);
		n += (size_t)snprintf(line + n, sizeof(line) - n, "\r\n");
		proto_meta_parse(line, n, &m);
		assert_int_equal(m.error == NULL, flags <= 4);
	}
}

static void
test_keys_as_text(void **state)
{
	(void)state;
	assert_int_equal(meta_key_is_text("key", 3), 1);
	assert_int_equal(meta_key_is_text("k\te\ry\x01\xff", 7), 1);
	assert_int_equal(meta_key_is_text("k y", 3), 0);
	assert_int_equal(meta_key_is_text("k\ny", 3), 0);
	assert_int_equal(meta_key_is_text("k\0y", 3), 0);
}

static void
test_base64(void **state)
{
	static const struct {
		const char *text, *bytes;
	} good[] = {{"Zg==", "f"},
		    {"Zm8=", "fo"},
		    {"Zm9v", "foo"},
		    {"Zm9vYg==", "foob"},
		    {"+/+/", "\xfb\xff\xbf"},
		    {"Zm9\tv", "foo"},
		    {"Zg==Zg==", "f"},
		    {"=AAA", "\0"},
		    {"Z===", NULL},
		    {"====", NULL},
		    {"Zm9", NULL},
		    {"-", NULL},
		    {"", NULL}};
	char out[256], back[256], text[256];
	uint64_t seed = 7;

	(void)state;
	for (size_t i = 0; i < N(good); i++) {
		size_t n = base64_decode(out, good[i].text, strlen(good[i].text));

		if (good[i].bytes == NULL) {
			assert_int_equal(n, 0);
		} else if (good[i].bytes[0] != '\0') {
			assert_int_equal(n, strlen(good[i].bytes));
			assert_memory_equal(out, good[i].bytes, n);
		} else {
			assert_int_equal(n, 2); /* as memcached has it */
		}
	}
	for (size_t n = 1; n <= 187; n++) {
		size_t len;

		for (size_t i = 0; i < n; i++)
			out[i] = (char)guard_random(&seed);
		len = base64_encode(text, out, n);
		assert_int_equal(len, BASE64_LEN(n));
		assert_int_equal(base64_decode(back, text, len), n);
		assert_memory_equal(back, out, n);
	}
}

/* Whatever the bytes, what a server would be sent is a line of its own, and bounded. */
static void
test_random_bytes(void **state)
{
	static const char *const words[] = {"v",   "k",	 "q",	"b",	"O",  "T",    "T30",
					    "N-1", "C5", "x",	"E",	"M",  "MA",   "Mq",
					    "5",   "\r", "\t",	"\x80", "=",  "Zm9v", "Y ",
					    "S5",  "I",	 "F1x", "Oabc", "J7", "D8"};
	uint64_t seed = 42;
	struct guard g;

	(void)state;
	guard_init(&g, 4096);
	for (int round = 0; round < 200000; round++) {
		char bytes[4096];
		size_t n = 0;
		struct proto_meta m;

		bytes[n++] = 'm';
		bytes[n++] = "gsdae"[guard_random(&seed) % 5];
		bytes[n++] = ' ';
		for (uint64_t k = guard_random(&seed) % 24; k > 0; k--) {
			const char *w = words[guard_random(&seed) % N(words)];
			memcpy(bytes + n, w, strlen(w));
			n += strlen(w);
			if (guard_random(&seed) % 4 != 0)
				bytes[n++] = ' ';
		}
		bytes[n++] = '\n';
		proto_meta_parse(guard_place(&g, bytes, n), n, &m);
		assert_int_equal(m.line_len, n);
		if (m.error != NULL)
			continue;
		assert_in_range(m.key_len, 1, PROTO_KEY_MAX);
		assert_true(m.flags.text_len <= META_TEXT_MAX);
		assert_null(memchr(m.flags.text, '\n', m.flags.text_len));
		assert_null(memchr(m.flags.text, '\0', m.flags.text_len));
		for (size_t i = 0; i + 1 < m.flags.text_len; i++)
			assert_false(m.flags.text[i] == ' ' && m.flags.text[i + 1] == 'q');
	}
	guard_free(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_commands),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_which_flags_are_there),
	    cmocka_unit_test(test_unknown_flags_have_a_bound),
	    cmocka_unit_test(test_keys_as_text),
	    cmocka_unit_test(test_base64),
	    cmocka_unit_test(test_random_bytes),
	};

	return RUN(tests);
}
