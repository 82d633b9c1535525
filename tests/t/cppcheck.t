# Intent: cppcheck finds nothing in the programs.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

plan skip_all => 'needs cppcheck' if !has_command('cppcheck');
chdir top();
# It reads no system headers by itself; the macros of this one it has to know.
my ($queue) = run('sh', '-c', 'echo "#include <sys/queue.h>" | ${CC:-cc} -E -')->{out} =~ m{"(/[^"]*/sys/queue\.h)"};
my $ran = run({seconds => 200}, 'cppcheck', '--quiet', '--error-exitcode=1', '--inline-suppr',
    '--enable=warning,performance,portability', '--std=c11', '--suppress=missingInclude', '--suppress=normalCheckLevelMaxBranches',
    '--library=tests/cppcheck.cfg', (defined $queue ? "--include=$queue" : ()),
    '-D_GNU_SOURCE', '-DVERSION="0"', '-DSYSCONFDIR="/etc"', '-DRUNDIR="/run"', '-DSBINDIR="/sbin"',
    '-Ilib', qw(lib proxy vip-check notify));
is($ran->{status}, 0, 'nothing found') or diag($ran->{err}, $ran->{out});

# And it would find something.
my $bad = spew('bad.c', "int f(int n)\n{\n\tint a[4] = {0};\n\treturn a[4] + n;\n}\n");
isnt(run('cppcheck', '--quiet', '--error-exitcode=1', $bad)->{status}, 0, 'a wrong index is found');
done_testing;
