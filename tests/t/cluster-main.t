# Intent: the main job. What is written through the VIP is in both memcached servers, outlives
# either of them, and goes on being served when keepalived is stopped on the node that serves.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipCluster;
use MemvipTest;
use Test::More;

cluster_up();
settles('a', 'both nodes up: the VIP and the port are on the primary');

my $c = client($VIP);
is($c->ask("set city 0 0 5\r\nParis\r\n"), "STORED\r\n", 'a value is stored through the VIP');
is(value_of(memcached_of($_), 'city'), 'Paris', "... and is in the memcached of $_") for qw(a b);

cluster('kill-memcached', 'a');
is($c->ask("get city\r\n"), "VALUE city 0 5\r\nParis\r\nEND\r\n",
    'the primary memcached killed: the value is read, on the same connection');
is($c->ask("set river 0 0 5\r\nSeine\r\n"), "STORED\r\n", '... and values are written');
is($c->ask("delete city\r\n"), "DELETED\r\n", '... and deleted');

cluster('stop-keepalived', 'a');
settles('b', 'keepalived stopped on a: closed there, served by b');
like($c->closed(5), qr/./, 'the connection to a has ended, it does not hang');
is(value_of($VIP, 'river'), 'Seine', 'the value is read through the VIP on b');
is(value_of($VIP, 'city'), undef, 'what was deleted is deleted there too');

cluster('start-memcached', 'a');
cluster('start-keepalived', 'a');
is(value_of($VIP, 'river'), 'Seine', 'the primary memcached is back, and empty: no miss for the client');
wait_for('writes reach both again', sub {
	client($VIP)->ask("set back 0 0 3\r\nyes\r\n") eq "STORED\r\n"
	    && !grep { (value_of(memcached_of($_), 'back') // '') ne 'yes' } qw(a b);
}, 20);
is(value_of(memcached_of($_), 'back'), 'yes', "everything back: a write is in the memcached of $_") for qw(a b);
is(value_of($VIP, 'river'), 'Seine', '... and the old value is still read');
stays('b', 'the VIP stays where it is: both nodes are healthy', 3);
settles('b', '... and the port with it');

cluster('stop-keepalived', 'b');
settles('a', 'and the same the other way round');
is(value_of($VIP, 'river'), 'Seine', 'the value is read through the VIP on a');
done_testing;
