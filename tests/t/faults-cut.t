# Intent: the nodes are cut off from each other, both serve, and the cut heals: of the history of the
# half that wins nothing is lost, nothing stale is read, and both copies are the same again.
#
# tests/faults/run KIND=vip does the same for as long as one likes. MEMVIP_FAULTS_SEED repeats.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../faults";
use MemvipCluster;
use MemvipTest;
use FaultVip;
use Test::More;

cluster_up('--idle');
my $n = vip_run('cut off from each other', tool => fault_driver(), seed => fault_seed(), count => 1, faults => ['cut']);
is($n->{parted}, 1, 'there were two halves');
cmp_ok($n->{given_up}, '>', 0, '... and what the other one has acknowledged is counted');
done_testing;
