# checks: what the clients in python share, the lines that their test reads.
import sys

count = 0
failed = 0


def check(what, got, want):
    global count, failed
    count += 1
    print('%sok %d - %s' % ('' if got == want else 'not ', count, what))
    if got != want:
        failed += 1
        print('# expected %.200r, got %.200r' % (want, got))


def done():
    print('1..%d' % count)
    sys.exit(failed != 0)
