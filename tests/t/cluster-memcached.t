# Intent: a memcached that is killed, frozen or cut off is no more than a short wait for the
# client: no error, no broken connection, no old value, and no move of the VIP.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipCluster;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

cluster_up();
settles('a', 'both nodes up');

# Does something while a client reads and writes, and looks at what the client saw.
sub unnoticed {
	my ($what, $longest, $do) = @_;
	my $w = watch();
	sleep 0.3;
	$do->();
	sleep 1.5;
	my $saw = $w->end;
	is_deeply($saw->{wrong}, [], "$what: no error, no wrong value");
	is($saw->{connects}, 1, '... on one connection');
	cmp_ok($saw->{longest}, '<', $longest, sprintf '... and no wait above %s s (it was %.3f)', $longest, $saw->{longest});
	cmp_ok($saw->{ops}, '>', 20, "... in $saw->{ops} reads and writes");
}

# Both hold the same again, as the proxy says.
sub both_in_use {
	my ($why) = @_;
	my $stats;
	wait_for("both servers are in use ($why)", sub {
		# A proxy that was superseded while the nodes were cut off is started again after a pause.
		$stats = eval { client($VIP)->ask("stats servers\r\n") } // 'not served';
		return 2 == (() = $stats =~ /\.state current\r$/mg);
	}, 30) or diag($stats);
}

both_in_use('at first');
for my $node ('b', 'a') {
	unnoticed("memcached of $node killed", 3, sub { cluster('kill-memcached', $node) });
	unnoticed("memcached of $node started again", 3, sub { cluster('start-memcached', $node) });
	both_in_use("$node was killed");
}
for my $node ('b', 'a') {
	is(client($VIP)->ask("set frozen 0 0 1\r\n1\r\n"), "STORED\r\n", "memcached of $node about to freeze: a value");
	unnoticed("memcached of $node frozen", 4, sub { cluster('freeze-memcached', $node) });
	is(client($VIP)->ask("set frozen 0 0 1\r\n2\r\n"), "STORED\r\n", '... replaced meanwhile');
	unnoticed("memcached of $node thawed", 3, sub { cluster('thaw-memcached', $node) });
	is(value_of($VIP, 'frozen'), '2', '... the new value is read');
	both_in_use("$node was frozen");
	is(value_of($VIP, 'frozen'), '2', '... also when it is back');
}

# Node b, without the VIP, loses the network: for the proxy on a that is a memcached that is silent.
unnoticed('node b cut off', 4, sub { cluster('cut', 'b') });
cluster('heal');
wait_for('one owner of the VIP again', sub { length vip_nodes() == 1 }, 20);
settles(vip_nodes(), 'healed: one owner, served');
both_in_use('b was cut off');

my $masters = masters_entered();
my $owner = vip_nodes();
cluster('kill-memcached', $_) for qw(a b);
my $start = time;
my $answer = client($VIP)->ask("set x 0 0 1\r\n1\r\n");
like($answer, qr/^SERVER_ERROR /, 'both dead: a write is an error');
like(client($VIP)->ask("get x\r\n"), qr/^SERVER_ERROR /, '... and so is a read');
cmp_ok(time - $start, '<', 3, '... at once');
stays($owner, '... and the VIP stays where it is', 6);
is(masters_entered(), $masters, '... nobody has become MASTER');
cluster('start-memcached', $_) for qw(a b);
wait_for('served again', sub { client($VIP)->ask("set x 0 0 1\r\n1\r\n") eq "STORED\r\n" }, 20);
is(value_of($VIP, 'x'), '1', 'both back: served again');
done_testing;
