/* fence: is anything of our earlier connections left at a server? See fence.h. */
#include "fence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static int
fence_has(const struct fence *f, const struct addr *a)
{
	for (unsigned i = 0; i < f->n; i++)
		if (strcmp(f->old[i].text, a->text) == 0)
			return 1;
	return 0;
}

static void
fence_add(struct fence *f, const struct addr *a)
{
	if (fence_has(f, a))
		return;
	if (f->n == f->room) {
		f->room = f->room == 0 ? 16 : 2 * f->room;
		f->old = realloc(f->old, f->room * sizeof(*f->old));
		f->listed = realloc(f->listed, f->room);
		if (f->old == NULL || f->listed == NULL)
			fatalx("out of memory: the fence");
	}
	f->listed[f->n] = 0;
	f->old[f->n++] = *a;
}

void
fence_note(struct fence *f, int fd)
{
	struct addr a;

	if (addr_of_socket(&a, fd) == 0)
		fence_add(f, &a);
}

int
fence_names(const struct fence *f, int fd)
{
	struct addr a;

	return f->n > 0 && addr_of_socket(&a, fd) == 0 && fence_has(f, &a);
}

void
fence_note_list(struct fence *f, const char *list)
{
	char one[ADDR_TEXT_MAX];
	const char *why;

	while (*list != '\0') {
		size_t n = strcspn(list, ",");
		if (n < sizeof(one)) {
			struct addr a;
			memcpy(one, list, n);
			one[n] = '\0';
			if (addr_parse(&a, one, 0, ADDR_NUMERIC, &why) == 0)
				fence_add(f, &a);
		}
		list += n + (list[n] == ',');
	}
}

void
fence_list_begin(struct fence *f)
{
	f->seen = 0;
	if (f->n > 0)
		memset(f->listed, 0, f->n);
}

/* "STAT 30:addr tcp:10.0.0.1:40312", v6 as "tcp6:[::1]:40312" */
void
fence_list_line(struct fence *f, const char *line, size_t len)
{
	static const char mark[] = ":addr tcp";
	const char *at = memmem(line, len, mark, sizeof(mark) - 1);
	size_t left;

	if (at == NULL)
		return;
	at += sizeof(mark) - 1;
	left = len - (size_t)(at - line);
	if (left > 0 && *at == '6') {
		at++;
		left--;
	}
	if (left == 0 || *at != ':')
		return;
	at++;
	left--;
	for (unsigned i = 0; i < f->n; i++) {
		size_t n = strlen(f->old[i].text);
		if (left == n && memcmp(at, f->old[i].text, n) == 0) {
			f->seen++;
			f->listed[i] = 1;
			return;
		}
	}
}

int
fence_list_end(struct fence *f)
{
	if (f->seen > 0)
		return 0;
	fence_forget(f);
	return 1;
}

void
fence_knock(struct fence *f, const struct addr *server)
{
	const struct linger reset = {1, 0};
	const int on = 1;

	fence_rest(f);
	for (unsigned i = 0; i < f->n && f->n_knocks < sizeof(f->knocks) / sizeof(f->knocks[0]);
	     i++) {
		int fd;

		if (!f->listed[i])
			continue;
		fd = socket(server->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd == -1)
			return;
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, &f->old[i].u.sa, f->old[i].len) == -1 ||
		    (connect(fd, &server->u.sa, server->len) == -1 && errno != EINPROGRESS)) {
			close(fd);
			continue;
		}
		f->knocks[f->n_knocks++] = fd;
	}
}

int
fence_rest(struct fence *f)
{
	int any = f->n_knocks > 0;

	while (f->n_knocks > 0)
		close(f->knocks[--f->n_knocks]);
	return any;
}

void
fence_forget(struct fence *f)
{
	fence_rest(f);
	free(f->old);
	free(f->listed);
	f->old = NULL;
	f->listed = NULL;
	f->n = f->room = 0;
}
