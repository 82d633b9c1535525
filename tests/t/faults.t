# Intent: clients that share keys see no error, no broken connection, no stale value and no loss,
# whatever happens to one memcached; and none that is stale when the proxy dies. tests/faults/run does
# the same for as long as one likes.
#
# What is demanded: @COUNTS in tests/faults/FaultClients.pm. MEMVIP_FAULTS_SEED repeats.
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
my @memcached = fault_names('server');
# Each with an order of its own.
sub own { return (tool => $tool, seed => $seed++, seconds => 3, timeout_ms => 300) }

fault_run('the primary', own(), faults => \@memcached, side => 'primary');
fault_run('the backup', own(), faults => \@memcached, side => 'backup');
my %either = (own(), faults => \@memcached, pairs => 2, ketama => 1);
my $ran = fault_run('either of two pairs, ketama', %either);
fault_run('the proxy', own(), faults => [fault_names('proxy')]);

my $n = @{$ran->{order}};
is_deeply([fault_order($n, %either)], $ran->{order}, "the seed gives the order of the $n faults, and how long each lasts");
isnt(join('; ', fault_order(5, %either, seed => $seed)), join('; ', fault_order(5, %either)), '... another seed another one');
done_testing;
