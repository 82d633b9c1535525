/* tally: counts and complaints. See tally.h. */
#include "tally.h"

#include <stdarg.h>
#include <stdio.h>

#define TOLD_MAX 10

struct tally tally;

void
tally_complain(const char *fmt, ...)
{
	static unsigned told;
	va_list ap;

	if (told++ >= TOLD_MAX)
		return;
	fputs("load: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs(told == TOLD_MAX ? "; no more is told\n" : "\n", stderr);
}
