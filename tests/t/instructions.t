# Intent: an operation costs the proxy no more instructions than it did when that was looked at last:
# three hundredths above the figure in tests/bench/instructions.landed at most.
use strict;
use warnings;
BEGIN { $ENV{MEMVIP_TEST_LIMIT} //= 600 }
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../bench";
use BenchCount;
use BenchRows;
use BenchRun;
use MemvipTest;
use Test::More;

use constant {TRIES => 3, FIRST => 2000, OPERATIONS => 5000, MOST => 1.03};

plan skip_all => 'needs valgrind' if !has_command('valgrind');
plan skip_all => 'the programs have sanitizers' if sanitized();
chdir top();
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
plan skip_all => 'other flags than the Makefile\'s' if grep { defined $ENV{$_} } qw(CFLAGS CPPFLAGS LDFLAGS LTO);
plan skip_all => 'the landed figure is one with ' . landed_with() . ', not with ' . toolchain() if landed_with() ne toolchain();
my $made = run({seconds => 200}, 'make', '-s', 'bench-tools');
is($made->{status}, 0, 'the load is built') or diag($made->{err});

# Is so much no more than was landed, but for what one run differs from the next?
sub holds {
	my ($figure, $landed) = @_;
	return $figure <= $landed * MOST;
}

my $landed = landed_figure('mixed');
my @servers = two_servers();
my ($row) = bench_rows('instructions', 'mixed');
my $proxy = start_proxy('memvip', @servers);
BenchRun::measure_once($proxy, {}, @$_) for prepare_args($row);
$proxy->end;

# What comes together by chance differs from run to run: the least of some.
my @figures;
do {
	push @figures, count_of_one('memvip', $row->{load}, FIRST, OPERATIONS, @servers)->{''};
} while (!holds($figures[-1], $landed) && @figures < TRIES);
my $said = join(', ', map { sprintf '%.0f', $_ } @figures) . " for an operation, $landed landed";
ok(holds($figures[-1], $landed), "no more instructions than were landed ($row->{what})")
    or diag("$said: make bench-instructions ROWS=mixed TOP=40 says where they are, $BenchCount::LANDED is the figure");
note($said);
diag("$said: less by far; $BenchCount::LANDED may be lowered") if $figures[-1] < $landed / MOST;
ok($figures[-1] > $landed / 4, '... and it is the proxy that was counted') or diag($said);
ok(!holds($landed * 1.04, $landed), '... of which four hundredths more would be seen');
done_testing;
