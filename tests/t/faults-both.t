# Intent: both nodes have the VIP at once and both reach both servers: nothing that either proxy has
# acknowledged is lost, and nothing stale is read through the other one.
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
vip_run('both have the VIP', tool => fault_driver(), seed => fault_seed(), count => 2, faults => [vip_faults('both')]);
done_testing;
