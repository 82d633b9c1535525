/* life: the tie to memvip-notify's custodian. See life.h. */
#include "life.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include "io.h"

static struct io life;
static void (*on_ended)(void);

static void
life_event(struct io *io, enum io_event ev)
{
	if (ev != IO_EOF && ev != IO_ERROR)
		return;
	io_close(io);
	on_ended();
}

static size_t
life_data(struct io *io, const struct io_window *w)
{
	(void)io;
	return w->len; /* nothing is said to us here */
}

static const struct io_ops life_ops = {.event = life_event, .data = life_data};

int
life_start(int fd, void (*ended)(void))
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	on_ended = ended;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	io_setup(&life, &life_ops);
	io_open(&life, fd);
	buf_add_str(io_out(&life), "ready\n");
	io_dirty(&life);
	return 0;
}
