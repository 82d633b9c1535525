/* span: a length of time in words. See span.h. */
#include "span.h"

#include <stdio.h>

const char *
span_text(char out[SPAN_MAX], uint64_t ms)
{
	unsigned long long s = ms / 1000;

	if (ms < 1000)
		snprintf(out, SPAN_MAX, "%llu ms", (unsigned long long)ms);
	else if (s < 60)
		snprintf(out, SPAN_MAX, "%llu s", s);
	else if (s < 3600)
		snprintf(out, SPAN_MAX, "%llu min %llu s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, SPAN_MAX, "%llu h %llu min", s / 3600, s / 60 % 60);
	else
		snprintf(out, SPAN_MAX, "%llu d %llu h", s / 86400, s / 3600 % 24);
	return out;
}
