/*
 * story: what happened lately, key by key, for the reader of a violation. Bounded: the latest
 * operations of each key, and the latest notes.
 */
#ifndef MEMVIP_FAULTS_STORY_H
#define MEMVIP_FAULTS_STORY_H

#include <stdint.h>
#include <stdio.h>

#define STORY_TOLD_MAX 5 /* violations told whole; further ones are one line, then only counted */
#define STORY_LINE_MAX 20

struct story;

/* Never NULL. out is kept. */
struct story *story_new(unsigned keys, FILE *out, uint64_t now_us);
void story_free(struct story *s);

/* An operation has ended. op, answer: constant texts. id: of the write, or of the value; 0: none. */
void story_event(struct story *s, unsigned key, unsigned client, const char *op, uint64_t id,
		 const char *answer, uint64_t begun_us, uint64_t ended_us);
/* Something that concerns all keys, such as a fault. */
void story_note(struct story *s, const char *text, uint64_t now_us);

/* Tells a violation, with what happened to the key before it. */
void story_tell(struct story *s, unsigned key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
