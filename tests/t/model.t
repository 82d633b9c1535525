# Intent: the model of the replication holds in every scenario, and each part of the design that is
# taken out of it leads to a violation, which is shown as a trace.
use strict;
use warnings;
use FindBin;
# A minute of one processor, of which there may be very little.
BEGIN { $ENV{MEMVIP_TEST_LIMIT} //= 3600 }
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

# What can be taken out, as tests/model/main.c names it.
my @parts = qw(fence open dirty-delete cancel raise raise-first marker-cas ports set repair-ack
    repair-over dirty-all claim-epoch copy-id token cas-leader cas-hold barrier flush-away flush-copies
    flush-marker);

chdir top();
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
my $made = run({seconds => 900}, 'make', '-s', 'model');
is($made->{status}, 0, 'it builds') or diag($made->{err});
my $model = 'build/tests/model/model';

# Half a minute of one processor, the largest of all.
my $ran = run({seconds => 900}, $model);
my @held = $ran->{out} =~ /^(.+?) +(\d+) states +\d+ steps, depth \d+: holds$/mg;
my ($scenarios, $states) = (@held / 2, 0);
$states += $held[2 * $_ + 1] for 0 .. $scenarios - 1;
is($ran->{status}, 0, 'no violation') or diag($ran->{out}, $ran->{err});
note("$scenarios scenarios, $states states");
cmp_ok($scenarios, '>=', 32, '... in any scenario');
cmp_ok($states, '>', 1_000_000, '... and they are not small ones');

for my $part (@parts) {
	$ran = run({seconds => 900}, $model, '-w', $part);
	is($ran->{status}, 1, "without $part: a violation") or diag($ran->{out}, $ran->{err});
	like($ran->{out}, qr/^ +1 P0 reads [AB]'s marker.*^  VIOLATION: (?!the model)/ms,
	    '... with the way to it');
}

$ran = run($model, '-w', 'nonsense');
is($ran->{status}, 2, 'a part that there is not: usage');
# What this test does not know by name is not tested.
is(join(' ', sort $ran->{err} =~ /^ +(\S+)  +/mg), join(' ', sort @parts), 'every part is taken out');
done_testing;
