/*
 * life: the tie to memvip-notify's custodian: one end of a socket pair. We say on it that we
 * listen; its end-of-file says that the custodian is gone, or wants us gone.
 */
#ifndef MEMVIP_LIFE_H
#define MEMVIP_LIFE_H

/*
 * Says "ready\n" on fd and watches it; ended is called once at its end-of-file or error. Also asks
 * for SIGTERM when the parent dies (prctl(2), PR_SET_PDEATHSIG): after privileges were dropped,
 * since setuid clears that. Returns 0, or -1 with errno set when fd is no open descriptor.
 */
int life_start(int fd, void (*ended)(void));

#endif
