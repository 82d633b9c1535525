/* json: texts and numbers as members of a JSON object (RFC 8259). */
#ifndef MEMVIP_JSON_H
#define MEMVIP_JSON_H

#include <stdint.h>
#include <stdio.h>

/* A string with its quotes. Bytes that may not be UTF-8 are taken for Latin-1. */
void json_text(FILE *out, const char *s);

/* A member and the comma behind it; key needs no escapes. */
void json_pair(FILE *out, const char *key, const char *value);
void json_number(FILE *out, const char *key, uint64_t value);

#endif
