/*
 * marker: what a server keeps for us: who owns it, in which epoch it was written to last, by which
 * process, and which servers were current then. Three items, refused to clients: the marker and the
 * ports, which stay, and the lease, which the owner renews and which lapses by itself.
 *
 *   __memvip__        memvip 1 NAME EPOCH SESSION open|clean PLACEMENT swept|sweeping SELF CURRENT,…
 *   __memvip_ports__  memvip 1 SESSION ADDRESS,ADDRESS,…      (our ends of the connections)
 *   __memvip_lease__  memvip 1 SESSION
 */
#ifndef MEMVIP_MARKER_H
#define MEMVIP_MARKER_H

#include <stddef.h>
#include <stdint.h>

#define MARKER_KEY	"__memvip__"
#define LEASE_KEY	"__memvip_lease__"
#define PORTS_KEY	"__memvip_ports__"
#define MARKER_NAME_MAX 128
#define MARKER_TEXT_MAX 16384

struct marker {
	char owner[MARKER_NAME_MAX];
	uint64_t epoch;
	uint64_t session;
	uint8_t clean;
	/*
	 * Which keys belong to which server: a fingerprint of the lists. Sweeping: keys of other
	 * lists may be there, which are not kept up to date.
	 */
	uint64_t placement;
	uint8_t sweeping;
	char self[MARKER_NAME_MAX]; /* the server's name in our lists */
	const char *current;	    /* names, joined by commas; into the text that was parsed */
	size_t current_len;
};

/* Writes the marker's text to out (MARKER_TEXT_MAX bytes); returns its length. */
size_t marker_write(char *out, const struct marker *m);

/* Reads n bytes at p. Returns 0, or -1 when this is no marker of ours; *m refers into p. */
int marker_read(struct marker *m, const char *p, size_t n);

/* Is the name among the current ones? */
int marker_names(const struct marker *m, const char *name);

int marker_is_key_too(const char *key, size_t len);

/* Is the key one of ours? Clients may not touch it. */
static inline int
marker_is_key(const char *key, size_t len)
{
	return len > 0 && key[0] == '_' && marker_is_key_too(key, len);
}

#endif
