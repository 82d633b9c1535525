# Intent: valgrind sees no error in the proxy, and nothing that is left when it ends, while clients say
# all that there is to say.
use strict;
use warnings;
BEGIN { $ENV{MEMVIP_TEST_LIMIT} //= 600 }
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

plan skip_all => 'needs valgrind' if !has_command('valgrind');
plan skip_all => 'the programs have sanitizers' if sanitized();
chdir top();

my @tests = map { "tests/t/$_.t" } qw(proxy-commands proxy-order memcapable libmemcached proxy-end);
delete $ENV{MEMVIP_TEST_LIMIT};
my $ran = run({seconds => 550}, 'tests/valgrind', @tests);
is($ran->{status}, 0, "@tests") or diag($ran->{out}, $ran->{err});

# And it would see them.
my $leak = spew('leak.c', "#include <stdlib.h>\nint main(void) { char *p = malloc(10); p[0] = 1; return p[0] == 2; }\n");
my $exe = tmpdir() . '/leak';
is(run($ENV{CC} // 'cc', '-g', '-o', $exe, $leak)->{status}, 0, 'a program that leaks');
my $seen = run({seconds => 60}, $^X, "-I$FindBin::Bin/../lib", '-e', <<'PERL', $exe);
BEGIN { $ENV{MEMVIP_VALGRIND} = 1 }
use MemvipTest;
use Test::More;
my $p = bless {name => 'leak', cmd => [shift], under => MemvipTest::under_valgrind()}, 'MemvipTest::Process';
$p->start->wait_end;
pass('ran');
done_testing;
PERL
is($seen->{status}, 99, '... makes a test fail') or diag($seen->{out}, $seen->{err});
done_testing;
