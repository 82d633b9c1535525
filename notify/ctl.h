/*
 * ctl: the control socket, by which a hook asks the custodian. A packet each way, three at most:
 *
 *     hook                           custodian
 *      | ---- connects -------------> |
 *      | <--- "heard" --------------- |  at once: it is not frozen
 *      | ---- the order ------------> |
 *      | <--- "ok TEXT", "bad TEXT" - |  when things have settled
 *
 * A connection closed before the last one: the custodian is ending, ask the next.
 */
#ifndef MEMVIP_CTL_H
#define MEMVIP_CTL_H

#include <stddef.h>
#include <sys/types.h>

#define CTL_ANSWER_MAX 320

/*
 * Binds and listens at the custody's name in the run directory, in place of a dead custodian's.
 * Returns a descriptor (close-on-exec, non-blocking), or -1 with errno set.
 */
int ctl_listen(int dir, const char *key);
void ctl_remove(int dir, const char *key); /* its name; before the lock is let go */

/* Takes a connection and says "heard". Returns a descriptor (as above), or -1 with errno set. */
int ctl_accept(int listen_fd);

/*
 * Takes the packet that has come, ended with a NUL. Returns its length, 0 when the other side has
 * closed, or -1 with errno set (EAGAIN: none yet, EMSGSIZE).
 */
ssize_t ctl_recv(int fd, char *buf, size_t size);
int ctl_send(int fd, const char *text); /* Returns 0, or -1 with errno set. Never blocks. */

/*
 * The hook's side. Returns a descriptor, or -1 with errno set: ENOENT, ECONNREFUSED when nobody
 * listens, EAGAIN when too many wait already.
 */
int ctl_connect(int dir, const char *key);

/* Who listens at the other end. Returns a pid, or 0 when that cannot be said. */
pid_t ctl_peer(int fd);

/*
 * Waits for a packet. Returns as ctl_recv() does, or -1 with errno ETIMEDOUT.
 */
ssize_t ctl_wait(int fd, char *buf, size_t size, int timeout_ms);

#endif
