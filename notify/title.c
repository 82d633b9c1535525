/* title: what ps(1) shows of the custodian. See title.h. */
#include "title.h"

#include <stddef.h>
#include <string.h>

static char *title_at;
static size_t title_room;

void
title_init(int argc, char **argv)
{
	title_at = argv[0];
	/* The kernel has laid the arguments one behind the other (proc(5), cmdline). */
	for (int i = 0; i < argc && argv[i] == title_at + title_room; i++)
		title_room += strlen(argv[i]) + 1;
}

void
title_set(const char *text)
{
	size_t n = strlen(text);

	if (title_room < 2)
		return;
	memset(title_at, 0, title_room);
	memcpy(title_at, text, n < title_room - 1 ? n : title_room - 1);
}
