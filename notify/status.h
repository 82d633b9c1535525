/* status: a report in words, for a person or a script. */
#ifndef MEMVIP_STATUS_H
#define MEMVIP_STATUS_H

#include <stdio.h>

#include "report.h"

void status_print(const struct report *r, FILE *out);

/* One JSON object, without a newline (RFC 8259). */
void status_json(const struct report *r, FILE *out);

#endif
