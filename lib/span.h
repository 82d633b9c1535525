/* span: a length of time in words, for the log. */
#ifndef MEMVIP_SPAN_H
#define MEMVIP_SPAN_H

#include <stdint.h>

#define SPAN_MAX 32

/* Writes "250 ms", "12 s", "7 min 3 s", "3 h 2 min" or "4 d 5 h" to out and returns it. */
const char *span_text(char out[SPAN_MAX], uint64_t ms);

#endif
