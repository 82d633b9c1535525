# Intent: servers that are unlike: one with less memory, which takes smaller items and evicts, and one
# that somebody else empties. Clients see no error, no stale value, and the copies agree in the end.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../faults";
use MemvipTest;
use FaultRun;
use Test::More;

fault_net();
my $tool = fault_driver();
my $seed = fault_seed();
my %own = (tool => $tool, timeout_ms => 300);

# While the primary is out the other one decides what is too large.
for my $side ('primary', 'backup') {
	my $n = fault_run("a backup with less of everything, the $side with faults", %own, seed => $seed++, seconds => 5,
	    faults => [qw(kill freeze-long reset flush)], side => $side, %SMALLER_BACKUP);
	cmp_ok($n->{too_big}, '>', 0, '... values were refused for their size') if $side eq 'primary';
}
for my $side ('primary', 'backup') {
	# A flush takes up to a second to be noticed.
	fault_run("the $side emptied from outside", %own, seed => $seed++, seconds => 4, faults => ['flush'], side => $side);
}
done_testing;
