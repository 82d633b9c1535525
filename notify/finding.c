/* finding: what check-setup has found. See finding.h. */
#include "finding.h"

#include <stdarg.h>

#define TEXT_MAX 2048

static const char *const names[] = {
    [VERDICT_OK] = "ok", [VERDICT_WARNING] = "warning", [VERDICT_FAILED] = "FAILED"};

/* Some of the text came from files, programs and servers: it must stay one line of this screen. */
static void
print_text(FILE *out, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++)
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
	fprintf(out, "%s\n", text);
}

void
finding_about(struct findings *f, const char *fmt, ...)
{
	va_list ap;

	if (f->n[VERDICT_OK] + f->n[VERDICT_WARNING] + f->n[VERDICT_FAILED] > 0)
		fputc('\n', f->out);
	va_start(ap, fmt);
	print_text(f->out, fmt, ap);
	va_end(ap);
}

void
finding(struct findings *f, enum verdict v, const char *subject, const char *fmt, ...)
{
	va_list ap;

	f->n[v]++;
	fprintf(f->out, "  %-8s %-11s ", names[v], subject);
	va_start(ap, fmt);
	print_text(f->out, fmt, ap);
	va_end(ap);
}

void
finding_do(struct findings *f, const char *fmt, ...)
{
	va_list ap;

	fprintf(f->out, "  %-8s %-11s ", "", "do:");
	va_start(ap, fmt);
	print_text(f->out, fmt, ap);
	va_end(ap);
}

static const char *
plural(unsigned n)
{
	return n == 1 ? "" : "s";
}

void
finding_sum(struct findings *f)
{
	unsigned bad = f->n[VERDICT_FAILED], warned = f->n[VERDICT_WARNING];

	fputc('\n', f->out);
	if (bad > 0)
		fprintf(f->out, "%u failed, %u warning%s: this node will not work as it should\n",
			bad, warned, plural(warned));
	else if (warned > 0)
		fprintf(f->out, "nothing failed, %u warning%s\n", warned, plural(warned));
	else
		fprintf(f->out, "all is well\n");
}
