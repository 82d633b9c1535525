/*
 * still: the proxy's static memory as it is before the first run, put back before each run, so that
 * an input does the same whatever ran before it. tests/fuzz.mk gathers it in two sections.
 */
#ifndef MEMVIP_TEST_FUZZ_STILL_H
#define MEMVIP_TEST_FUZZ_STILL_H

/* The first call takes the picture, each later one puts it back. */
void still_restore(void);

#endif
