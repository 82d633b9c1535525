# Intent: clients that share keys see no error, no broken connection and no stale value, whatever
# happens to one memcached; and none that is stale when the proxy dies. tests/faults/run does the
# same for as long as one likes.
#
# What is demanded of which run: @COUNTS in tests/faults/FaultRun.pm. MEMVIP_FAULTS_SEED repeats.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../faults";
use MemvipTest;
use FaultRun;
use Test::More;

fault_net();
my $tool = fault_driver();
my $seed = $ENV{MEMVIP_FAULTS_SEED} // int rand 1e9;
# What is emptied from outside is not noticed before there are markers.
my @memcached = grep { $_ ne 'flush' } fault_names('server');
# Each with an order of its own.
sub own { return (tool => $tool, seed => $seed++, seconds => 3, timeout_ms => 300) }

fault_run('the primary', own(), faults => \@memcached, side => 'primary');
fault_run('the backup', own(), faults => \@memcached, side => 'backup');
fault_run('either', own(), faults => \@memcached);
fault_run('the proxy', own(), faults => [fault_names('proxy')]);
# A fake memcached is a slow one.
fault_run('half answers', own(), faults => [fault_names('fake')], fake => 'primary', rate => 300, clients => 4);
done_testing;
