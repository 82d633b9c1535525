/* boot: the clock and the name of this boot. See boot.h. */
#include "boot.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "file.h"

uint64_t
boot_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

int
boot_id(char id[BOOT_ID_MAX])
{
	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id, BOOT_ID_MAX) == -1) {
		id[0] = '\0';
		return -1;
	}
	id[strcspn(id, "\n")] = '\0';
	return 0;
}
