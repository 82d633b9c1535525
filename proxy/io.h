/*
 * io: one connection: descriptor, events, input window, output queue. Nothing is written while
 * callbacks run: output collects until the end of the turn of the loop, then each connection
 * is written once (io_turn()). A closed io stays valid until then too, so a callback may close
 * whatever it likes, itself included.
 */
#ifndef MEMVIP_IO_H
#define MEMVIP_IO_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "addr.h"
#include "blob.h"
#include "buf.h"
#include "ready.h"

/* What one read(2) takes at most where nothing is held back from before. */
#define IO_READ_MAX 65536u

enum io_event {
	IO_CONNECTED, /* io_connect() has succeeded */
	IO_WROTE,     /* the kernel took some output, or there was none after io_dirty() */
	IO_EOF,	      /* the peer sends no more; reading has stopped */
	IO_ERROR      /* the connection is of no more use; errno says why */
};

/* The bytes that are there, from the first that was not consumed. */
struct io_window {
	const char *p;
	size_t len;
	struct blob
	    *blob; /* what p lies in (take a reference to keep it), or NULL: it will not stay */
};

struct io;
struct io_ops {
	void (*event)(struct io *io, enum io_event ev);
	/*
	 * Bytes have come. Returns how many were consumed; the rest is shown again when more comes,
	 * or after io_resume(). io_need() asks for a window of a certain size.
	 */
	size_t (*data)(struct io *io, const struct io_window *w);
	/*
	 * What one read(2) takes at most where nothing is held back from before; 0: IO_READ_MAX. May
	 * be changed at any time.
	 */
	size_t read_max;
	/* The end of a closed io, at the end of the turn: its memory may go. May be NULL. */
	void (*gone)(struct io *io);
};

struct io {
	const struct io_ops *ops;
	int fd; /* -1: closed, or never opened */
	uint8_t connecting;
	uint8_t paused;	 /* input is not looked at */
	uint8_t dirty;	 /* on the list of what to write this turn */
	uint8_t blocked; /* the kernel took no more: waiting until it is writable */
	uint8_t resumed; /* on the list of what to deliver again this turn */
	uint8_t dead;	 /* on the list of what to let go */
	uint8_t eof;	 /* the peer has ended its side */
	uint8_t deaf;	 /* the kernel does not watch it: IO_ERROR is due */
	struct ready ready;
	struct blob *in; /* bytes not consumed, in->len of them; NULL: none */
	size_t need;	 /* the window that was asked for */
	struct buf out;
	uint64_t bytes_out; /* written so far */
	STAILQ_ENTRY(io) dirty_link, resume_link, dead_link;
};

/* Before anything else, once. The base is used by reference. */
void io_init(struct event_base *base);
/* The end of it, before the base goes. */
void io_end(void);

/* Prepares *io (zeroed by its owner or used before and gone). */
void io_setup(struct io *io, const struct io_ops *ops);

/* Takes over a connected descriptor (non-blocking, close-on-exec); reading starts. */
void io_open(struct io *io, int fd);

/*
 * Begins to connect; IO_CONNECTED or IO_ERROR follows, never from inside this call.
 * user_timeout_ms: TCP_USER_TIMEOUT. The socket has SO_LINGER 0: closing resets the connection, so
 * that nothing that is still queued is delivered later. Returns 0, or -1 with errno set.
 */
int io_connect(struct io *io, const struct addr *to, unsigned user_timeout_ms);

/* Another user_timeout_ms for a connection that is open, or being made. */
void io_patience(struct io *io, unsigned user_timeout_ms);

/* The output queue; whoever adds to it calls io_dirty(). */
static inline struct buf *
io_out(struct io *io)
{
	return &io->out;
}
void io_dirty(struct io *io);

/* In a data callback: the next window should hold at least n bytes (0: whatever comes). */
static inline void
io_need(struct io *io, size_t n)
{
	io->need = n;
}

/* Stops reading; nothing is delivered until io_resume(). */
void io_pause(struct io *io);
/* Goes on reading; bytes that are held are delivered again before the turn ends. */
void io_resume(struct io *io);

/* Closes at once; output that was not written is lost. */
void io_close(struct io *io);

static inline int
io_is_open(const struct io *io)
{
	return io->fd != -1;
}

/* Memory that input is held back in, in bytes. */
static inline size_t
io_held(const struct io *io)
{
	return io->in != NULL ? io->in->cap : 0;
}

/*
 * The end of one turn of the loop: delivers to what was resumed, writes what is dirty, again until
 * nothing is left, then lets the dead go.
 */
void io_turn(void);

/*
 * After a turn: what has come meanwhile is delivered at once, for a while (ready_look()). Returns 1 when the
 * turn is to be ended again, 0 when libevent is to be asked.
 */
static inline int
io_look(void)
{
	return ready_look();
}

#endif
