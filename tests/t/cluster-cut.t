# Intent: a node that is cut off, unplugged, or cut off from its peer only never makes a client see
# two services for longer than the cut, and after it there is one owner, serving.
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
sub heals {
	my ($what) = @_;
	cluster('heal');
	wait_for("$what: one owner", sub { length vip_nodes() == 1 }, 20);
	my $owner = vip_nodes();
	settles($owner, "$what: one owner, and it serves");
	stays($owner, '... for good', 2);
	is(value_of($VIP, 'kept'), '1', '... the value is there');
	return $owner;
}

# Cut off with the link up: a does not know, and keeps the VIP on its side of the cut.
cluster('cut', 'a');
wait_for('b takes over', sub { vip_nodes() =~ /b/ && port_nodes() =~ /b/ }, 10);
wait_for('clients are served by b', \&is_served, 10);
is(value_of($VIP, 'kept'), '1', 'the owner cut off: the value is read from the other node');
my $owner = heals('healed');
my %other = (a => 'b', b => 'a');

# Link down: keepalived sees it, and gives the VIP up.
cluster('unplug', $owner);
settles($other{$owner}, 'the owner unplugged: the VIP and the port are on the other node alone');
cluster('plug', $owner);
settles($other{$owner}, 'plugged in again: nothing moves');
stays($other{$owner}, '... for good', 2);
is(value_of($VIP, 'kept'), '1', '... the value is there');

# The two lose each other only: both are MASTER, at most one proxy each.
cluster('cut', 'a', 'b');
wait_for('both are MASTER', sub { vip_nodes() eq 'ab' }, 10);
is(vip_nodes(), 'ab', 'the nodes lose each other: both have the VIP');
wait_for('each serves its VIP', sub { port_nodes() eq 'ab' }, 10);
for my $node ('a', 'b') {
	my $n = () = node($node, 'sh', '-c', 'for p in /proc/[0-9]*; do readlink $p/exe; done')->{out}
	    =~ m{/memvip-proxy$}mg;
	is($n, 1, "... $node runs one proxy");
}
heals('the two see each other again');

# A VIP that is taken away by hand takes its port with it; keepalived may put it back.
$owner = vip_nodes();
node($owner, 'ip', 'addr', 'del', '192.168.58.100/32', 'dev', 'eth0');
wait_for('the port is closed there, or the VIP is back', sub { port_nodes() !~ /$owner/ || vip_nodes() =~ /$owner/ }, 10);
wait_for('one owner again', sub { length vip_nodes() == 1 }, 20);
settles(vip_nodes(), 'the VIP removed by hand: in the end one owner, serving');
done_testing;
