/* title: what ps(1) shows of the custodian, which was forked off a hook and has its words. */
#ifndef MEMVIP_TITLE_H
#define MEMVIP_TITLE_H

/* Remembers where main()'s arguments lie. They must not be used after title_set(). */
void title_init(int argc, char **argv);

/* Writes text over them, as much of it as there is room for. */
void title_set(const char *text);

#endif
