/* item: keys and values. See item.h. */
#include "item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static struct items items;
static char *text;			/* the values are slices of it */
static char key_template[ITEM_KEY_MAX]; /* the key of number 0 */
static char answer_line[ITEM_KEY_MAX + 40], set_line[ITEM_KEY_MAX + 40];
static size_t answer_len, set_len;

/* splitmix64: the same text in every process, so that one may read what another one wrote. */
static uint64_t
next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

void
items_setup(const struct items *the_items)
{
	size_t span = the_items->keys < ITEM_SPAN ? the_items->keys : ITEM_SPAN;
	size_t words = (the_items->value_size + span) / sizeof(uint64_t) + 1;
	size_t prefix = strlen(the_items->prefix);
	uint64_t state = 1, word;

	items = *the_items;
	text = malloc(words * sizeof(word));
	if (text == NULL)
		fatal("memory for values of %zu bytes", items.value_size);
	for (size_t i = 0; i < words; i++) {
		word = next(&state);
		memcpy(text + i * sizeof(word), &word, sizeof(word));
	}
	memset(key_template, '0', sizeof(key_template));
	memcpy(key_template, items.prefix, prefix);
	answer_len = (size_t)snprintf(answer_line, sizeof(answer_line), "VALUE %.*s 0 %zu\r\n",
				      (int)items.key_size, key_template, items.value_size);
	set_len = (size_t)snprintf(set_line, sizeof(set_line), "set %.*s 0 0 %zu\r\n",
				   (int)items.key_size, key_template, items.value_size);
}

/* Writes the number over the last ITEM_DIGITS bytes of the key at p. */
static void
number(char *p, unsigned n)
{
	p += items.key_size;
	for (unsigned i = 0; i < ITEM_DIGITS; i++, n /= 10)
		*--p = (char)('0' + n % 10);
}

char *
item_key(char *out, unsigned n)
{
	memcpy(out, key_template, items.key_size);
	number(out, n);
	return out + items.key_size;
}

const char *
item_value(unsigned n)
{
	return text + n % ITEM_SPAN;
}

const char *
item_answer(unsigned n, size_t *len)
{
	number(answer_line + sizeof("VALUE ") - 1, n);
	*len = answer_len;
	return answer_line;
}

const char *
item_set(unsigned n, size_t *len)
{
	number(set_line + sizeof("set ") - 1, n);
	*len = set_len;
	return set_line;
}
