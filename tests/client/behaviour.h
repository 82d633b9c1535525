/* behaviour: what a user of libmemcached may switch on, by name. */
#ifndef CLIENT_BEHAVIOUR_H
#define CLIENT_BEHAVIOUR_H

#include <libmemcached/memcached.h>

/*
 * "name" or "name=value", the name as in MEMCACHED_BEHAVIOR_..., in lower case and with dashes; the
 * value a number, 1 where none is given, or the name of a hash or a distribution. "prefix=text" is
 * the prefix of all keys. Returns what libmemcached says, MEMCACHED_INVALID_ARGUMENTS: no such name.
 */
memcached_return_t behaviour_set(memcached_st *m, const char *word);

#endif
