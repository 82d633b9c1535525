# Intent: the VIP moves between the nodes while clients that share keys write: nothing that was
# acknowledged is lost, nothing stale is read, however the owner goes.
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
vip_run('the VIP moves', tool => fault_driver(), seed => fault_seed(), count => 4, faults => [vip_faults('move')]);
done_testing;
