/* Intent: a marker that anybody may have written is read within its bounds, and what is written is
 * read back as it was. */
/* needs: proxy/marker.c */
#include "fuzz.h"
#include "marker.h"

static void
check_names(const struct marker *m, const char *text, size_t size)
{
	static const char *const asked[] = {"", ",", "a:1", "10.0.0.1:11211"};
	char name[MARKER_NAME_MAX];
	size_t len;

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		marker_names(m, asked[i]);
	if (m->current_len == 0)
		return;
	MUST(m->current >= text && m->current + m->current_len <= text + size);
	/* The first name is among the names. */
	for (len = 0; len < m->current_len && m->current[len] != ','; len++)
		;
	if (len > 0 && len < sizeof(name) && memchr(m->current, '\0', len) == NULL) {
		memcpy(name, m->current, len);
		name[len] = '\0';
		MUST(marker_names(m, name));
	}
}

static void
check_written(const struct marker *m)
{
	char *out = malloc(MARKER_TEXT_MAX);
	struct marker back;
	size_t n;

	if (out == NULL)
		abort();
	n = marker_write(out, m);
	MUST(n < MARKER_TEXT_MAX && strlen(out) == n);
	if (n < MARKER_TEXT_MAX - 1) { /* else it was cut */
		MUST(marker_read(&back, out, n) == 0);
		MUST(strcmp(back.owner, m->owner) == 0 && strcmp(back.self, m->self) == 0);
		MUST(back.epoch == m->epoch && back.session == m->session);
		MUST(back.clean == m->clean);
		if (memchr(m->current, '\0', m->current_len) == NULL)
			MUST(back.current_len == m->current_len &&
			     memcmp(back.current, m->current, m->current_len) == 0);
	}
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	struct marker m;

	marker_is_key(text, size);
	if (marker_read(&m, text, size) == 0) {
		MUST(strlen(m.owner) < MARKER_NAME_MAX && strlen(m.self) < MARKER_NAME_MAX);
		check_names(&m, text, size);
		if (m.owner[0] != '\0' && m.self[0] != '\0')
			check_written(&m);
	}
	free(text);
	return 0;
}
