/* story: what happened lately, key by key, for the reader of a violation. See story.h. */
#include "story.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define EVENTS	 48 /* of each key */
#define NOTES	 64
#define NOTE_MAX 120

struct event {
	const char *op, *answer;
	uint64_t id, begun_us, ended_us;
	unsigned client;
};

struct note {
	uint64_t at_us;
	char text[NOTE_MAX];
};

struct story {
	FILE *out;
	uint64_t start_us;
	unsigned told;
	struct event (*events)[EVENTS]; /* of each key, a ring */
	unsigned *next;			/* of each key: where its next event goes */
	struct note notes[NOTES];
	unsigned next_note;
};

struct story *
story_new(unsigned keys, FILE *out, uint64_t now_us)
{
	struct story *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->events = calloc(keys, sizeof(*s->events))) == NULL ||
	    (s->next = calloc(keys, sizeof(*s->next))) == NULL)
		fatal("memory");
	s->out = out;
	s->start_us = now_us;
	return s;
}

void
story_free(struct story *s)
{
	free(s->events);
	free(s->next);
	free(s);
}

void
story_event(struct story *s, unsigned key, unsigned client, const char *op, uint64_t id,
	    const char *answer, uint64_t begun_us, uint64_t ended_us)
{
	s->events[key][s->next[key]++ % EVENTS] =
	    (struct event){op, answer, id, begun_us, ended_us, client};
}

void
story_note(struct story *s, const char *text, uint64_t now_us)
{
	struct note *n = &s->notes[s->next_note++ % NOTES];

	n->at_us = now_us;
	snprintf(n->text, sizeof(n->text), "%s", text);
}

static double
at_ms(const struct story *s, uint64_t us)
{
	return (double)(us - s->start_us) / 1000.0;
}

/* The notes from *from on that are not later than until_us. */
static void
tell_notes(const struct story *s, unsigned *from, uint64_t until_us)
{
	for (; *from < s->next_note; (*from)++) {
		const struct note *n = &s->notes[*from % NOTES];

		if (n->at_us > until_us)
			return;
		fprintf(s->out, "  %11.3f ms            -- %s\n", at_ms(s, n->at_us), n->text);
	}
}

/* Events are in the order of their ends, as notes are in theirs. */
static void
tell_history(const struct story *s, unsigned key)
{
	unsigned next = s->next[key];
	unsigned i = next > EVENTS ? next - EVENTS : 0;
	unsigned note = s->next_note > NOTES ? s->next_note - NOTES : 0;
	uint64_t first_us = i < next ? s->events[key][i % EVENTS].begun_us : 0;

	/* The fault before all that is left matters, older ones do not. */
	while (note + 4 < s->next_note && s->notes[(note + 4) % NOTES].at_us < first_us)
		note++;
	for (; i < next; i++) {
		const struct event *e = &s->events[key][i % EVENTS];

		tell_notes(s, &note, e->ended_us);
		fprintf(s->out, "  %11.3f +%8.3f ms  client %-3u %-7s %-12s", at_ms(s, e->begun_us),
			(double)(e->ended_us - e->begun_us) / 1000.0, e->client, e->op, e->answer);
		if (e->id != 0)
			fprintf(s->out, " #%llu", (unsigned long long)e->id);
		fputc('\n', s->out);
	}
	tell_notes(s, &note, UINT64_MAX);
}

void
story_tell(struct story *s, unsigned key, const char *fmt, ...)
{
	va_list ap;

	if (++s->told > STORY_LINE_MAX)
		return;
	fprintf(s->out, "VIOLATION, key %u: ", key);
	va_start(ap, fmt);
	vfprintf(s->out, fmt, ap);
	va_end(ap);
	fputc('\n', s->out);
	if (s->told <= STORY_TOLD_MAX)
		tell_history(s, key);
	if (s->told == STORY_LINE_MAX)
		fputs("further violations are only counted\n", s->out);
	fflush(s->out);
}
