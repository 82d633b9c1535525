# Intent: a memcached that answers late, in part or with something else is no more to the clients than
# one that dies, in the follower's place and in the leader's: no error, no stale value, no loss.
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
# It is a slow one.
my %fake = (tool => $tool, seconds => 6, timeout_ms => 300, faults => [fault_names('fake')], rate => 300, clients => 4);

fault_run('half answers of the follower', %fake, seed => $seed, fake => 'backup');
fault_run('half answers of the leader', %fake, seed => $seed + 1, fake => 'primary');
done_testing;
