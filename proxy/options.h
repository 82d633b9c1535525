/*
 * options: the configuration as memvip-proxy takes it: command line, file on top, and what the two
 * have to agree on.
 */
#ifndef MEMVIP_OPTIONS_H
#define MEMVIP_OPTIONS_H

#include <stdint.h>

#include "conf.h"

/* Descriptors that --metrics needs at most. */
#define OPTIONS_METRICS_FILES 64

/*
 * Reads the command line and the file that it names into *c, which is initialised here. file: where
 * that one is to be found now, NULL: as it is named. Returns the index of the first operand, or -1 with
 * one line in c->err. (--help, --version and an operand make the file of no interest.)
 */
int options_read(struct conf *c, const char *file, int argc, char **argv);

/*
 * Raises the limit on open files to what c->max_conns clients and n_servers servers need. Returns how
 * many clients there may be: c->max_conns, or fewer where the limit stays too low, which is logged.
 */
uint64_t options_raise_files(const struct conf *c, unsigned n_servers);

#endif
