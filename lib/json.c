/* json: texts and numbers as members of a JSON object. See json.h. */
#include "json.h"

#include <inttypes.h>

void
json_text(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '"' || ch == '\\')
			fprintf(out, "\\%c", ch);
		else if (ch < ' ' || ch >= 0x7f)
			fprintf(out, "\\u%04x", ch);
		else
			fputc(ch, out);
	}
	fputc('"', out);
}

void
json_pair(FILE *out, const char *key, const char *value)
{
	fprintf(out, "\"%s\":", key);
	json_text(out, value);
	fputc(',', out);
}

void
json_number(FILE *out, const char *key, uint64_t value)
{
	fprintf(out, "\"%s\":%" PRIu64 ",", key, value);
}
