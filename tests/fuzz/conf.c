/* Intent: any command line and any file is understood or refused with one line that says what is
 * wrong; what was understood is in range. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "conf.h"

#define WORDS_MAX 64

static void
check_refused(const struct conf *c)
{
	MUST(c->err[0] != '\0' && strlen(c->err) < sizeof(c->err));
	MUST(strchr(c->err, '\n') == NULL);
}

static void
check_taken(struct conf *c)
{
	struct addr vip;

	MUST(c->port <= 65535 && c->max_conns >= 1 && c->max_conns <= 1000000);
	MUST(c->connections >= 1 && c->connections <= 256);
	MUST(c->timeout_ms >= 10 && c->connect_timeout_ms >= 10 && c->check_timeout_ms >= 50);
	MUST(c->max_value >= 1024 && c->max_memory >= (8u << 20));
	MUST(c->servers.n <= CONF_SERVERS_MAX && c->backups.n <= CONF_SERVERS_MAX);
	for (unsigned i = 0; i < c->servers.n; i++)
		MUST(c->servers.value[i] != NULL && c->servers.value[i][0] != '\0');
	MUST(conf_vip(c, &vip) == 0);
}

/* Words of the command line end with a newline here; the first NUL ends them. */
static int
read_args(struct conf *c, enum conf_prog prog, char *text)
{
	char *argv[WORDS_MAX + 2] = {fuzz_text("memvip", 6)}, *word;
	int argc = 1, first;

	while (argc <= WORDS_MAX && (word = strsep(&text, "\n")) != NULL)
		argv[argc++] = fuzz_text(word, strlen(word));
	first = conf_args(c, prog, argc, argv);
	MUST(first == -1 || (first >= 1 && first <= argc));
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return first;
}

static int
read_file(struct conf *c, enum conf_prog prog, const uint8_t *p, size_t n)
{
	static int fd = -1;
	static char path[64];

	if (fd == -1) {
		MUST((fd = memfd_create("conf", MFD_CLOEXEC)) != -1);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, p, n, 0) == (ssize_t)n);
	return conf_file(c, prog, path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum conf_prog progs[] = {CONF_PROXY, CONF_CHECK, CONF_NOTIFY};
	enum conf_prog prog;
	struct conf c;
	const uint8_t *nul;
	char *args;

	if (size < 1)
		return 0;
	prog = progs[*data % 3];
	data++;
	size--;
	/* Up to a NUL byte the command line, behind it the file. */
	nul = memchr(data, '\0', size);
	args = fuzz_text(data, nul != NULL ? (size_t)(nul - data) : size);
	conf_init(&c);
	if (read_args(&c, prog, args) == -1)
		check_refused(&c);
	else if (nul != NULL && read_file(&c, prog, nul + 1, size - (size_t)(nul + 1 - data)) == -1)
		check_refused(&c);
	else
		check_taken(&c);
	conf_free(&c);
	free(args);
	return 0;
}
