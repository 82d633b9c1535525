# Intent: a node that is cut off, unplugged, or cut off from its peer only, and a VIP that is taken
# away or added by hand: never more than one proxy a node, and afterwards one owner, serving.
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
is(client($VIP)->ask("set kept 0 0 1\r\n1\r\n"), "STORED\r\n", 'a value');

# After a cut both nodes may have been MASTER. One remains.
# The value is read. Where both nodes had the VIP, each with a memcached of its own, the proxy that stays
# gives way once, when it sees the other's marker, and starts again: bounded, but not at once.
sub kept {
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(wait_for('the value', sub { (eval { value_of($VIP, 'kept') } // '') eq '1' }, 15), $what);
}

sub heals {
	my ($what) = @_;
	cluster('heal');
	wait_for("$what: one owner", sub { length vip_nodes() == 1 }, 20);
	my $owner = vip_nodes();
	# keepalived tells the network again and again who has the VIP (vrrp_garp_master_refresh): else clients
	# that have learnt the other node's way would go on asking there, for 30 s and more.
	settles($owner, "$what: one owner, and clients find it", 12);
	stays($owner, '... for good', 1.5);
	kept('... the value is there');
	# Until its proxy has seen the other's marker it may yet give way.
	ok(wait_for('the proxy uses both memcached', \&uses_both, 15), '... with both memcached');
	return $owner;
}

sub uses_both {
	my $stats = eval { client($VIP)->ask("stats servers\r\n", 1) } // '';
	return 2 == (() = $stats =~ /\.state current\r$/mg);
}

# Cut off with the link up: a does not know, and keeps the VIP on its side of the cut.
cluster('cut', 'a');
wait_for('b takes over', sub { vip_nodes() =~ /b/ && port_nodes() =~ /b/ }, 10);
wait_for('clients are served by b', \&is_served, 10);
kept('the owner cut off: the value is read from the other node');
my $owner = heals('healed');

# Link down: keepalived sees it, and gives the VIP up.
cluster('unplug', $owner);
settles(other($owner), 'the owner unplugged: the VIP and the port are on the other node alone');
cluster('plug', $owner);
settles(other($owner), 'plugged in again: nothing moves');
stays(other($owner), '... for good', 2);
kept('... the value is there');

# The interface itself goes down, and the VIP with it.
$owner = vip_nodes();
fault();
node($owner, 'ip', 'link', 'set', 'eth0', 'down');
settles(other($owner), 'eth0 down on the owner: the other node serves, this one does not');
is(scalar processes($owner, 'proxy'), 0, '... it has no proxy');
node($owner, 'ip', 'link', 'set', 'eth0', 'up');
settles(other($owner), 'up again: nothing moves');
wait_for('keepalived is ready', sub { log_of($owner) =~ /Entering BACKUP STATE/ });

# The two lose each other only: both are MASTER, at most one proxy each.
cluster('cut', 'a', 'b');
wait_for('both are MASTER', sub { vip_nodes() eq 'ab' }, 10);
is(vip_nodes(), 'ab', 'the nodes lose each other: both have the VIP');
wait_for('each serves its VIP', sub { port_nodes() eq 'ab' }, 10);
holds('... at most one proxy each', 2, sub { processes('a', 'proxy') <= 1 && processes('b', 'proxy') <= 1 });
heals('the two see each other again');
my $without = other(vip_nodes());
is(scalar processes($without, 'proxy'), 0, '... the proxy of the other one has ended');

# A VIP that is taken away by hand takes its port with it; keepalived may put it back.
$owner = vip_nodes();
fault();
node($owner, 'ip', 'addr', 'del', '192.168.58.100/32', 'dev', 'eth0');
wait_for('the port is closed there, or the VIP is back', sub { port_nodes() !~ /$owner/ || vip_nodes() =~ /$owner/ }, 10);
wait_for('one owner again', sub { length vip_nodes() == 1 }, 20);
settles(vip_nodes(), 'the VIP removed by hand: in the end one owner, serving');
like(log_of($owner), qr/serving -> ending: the VIP is gone/, '... the custodian has seen it go');

# Added by hand on the node that has not got it: there it is, so there is a proxy; away again, it ends.
$owner = vip_nodes();
my $other = other($owner);
fault();
node($other, 'ip', 'addr', 'add', '192.168.58.100/32', 'dev', 'eth0');
holds('the VIP added by hand on the other node: at most one proxy each', 2,
    sub { processes('a', 'proxy') <= 1 && processes('b', 'proxy') <= 1 });
# The two give way to each other while both have the VIP.
ok(wait_for('the port open there, or the VIP away', sub { port_nodes() =~ /$other/ || vip_nodes() !~ /$other/ }, 10),
    '... it listens there if the VIP is there');
like(log_of($other), qr/idle -> starting: the VIP is here/, '... the custodian has seen it come');
fault();
node($other, 'ip', 'addr', 'del', '192.168.58.100/32', 'dev', 'eth0');
wait_for('one owner again', sub { length vip_nodes() == 1 }, 20);
settles(vip_nodes(), 'taken away again: one owner, serving');
stays(vip_nodes(), '... for good', 2);
done_testing;
