/* still: static memory as it was. See still.h. */
#include "still.h"

#include "fuzz.h"

/* The linker's names for the bounds of the sections still_data and still_bss. */
extern char __start_still_data[], __stop_still_data[], __start_still_bss[], __stop_still_bss[];

static char *data_copy, *bss_copy;

/* The gaps between variables are the sanitizer's: copied with the rest, without its looking. */
__attribute__((no_sanitize("address", "coverage"), noinline)) static void
copy(char *to, const char *from, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		*(volatile uint64_t *)(void *)(to + i) =
		    *(const uint64_t *)(const void *)(from + i);
	for (; i < n; i++)
		((volatile char *)to)[i] = from[i];
}

static char *
picture(const char *from, const char *end)
{
	char *to = malloc((size_t)(end - from));

	if (to == NULL)
		abort();
	copy(to, from, (size_t)(end - from));
	return to;
}

void
still_restore(void)
{
	if (data_copy == NULL) {
		data_copy = picture(__start_still_data, __stop_still_data);
		bss_copy = picture(__start_still_bss, __stop_still_bss);
		return;
	}
	copy(__start_still_data, data_copy, (size_t)(__stop_still_data - __start_still_data));
	copy(__start_still_bss, bss_copy, (size_t)(__stop_still_bss - __start_still_bss));
}
