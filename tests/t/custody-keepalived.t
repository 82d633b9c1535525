# Intent: however keepalived goes on the node that serves, or comes back, the VIP is on exactly one
# node, exactly that node listens on its port, and clients are served again.
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
client($VIP)->ask("set kept 0 0 1\r\n1\r\n");

# keepalived is gone on the owner, which $how did: the other node takes over.
sub moves {
	my ($what, @how) = @_;
	my $owner = vip_nodes();
	my $c = client($VIP);
	# Not "stop-keepalived", which waits for its end.
	$how[0] eq 'stop-keepalived' ? signal_to('TERM', $owner, 'keepalived') : cluster($how[0], $owner, @how[1 .. $#how]);
	settles(other($owner), "$what: the other node serves, this one does not");
	like($c->closed(5), qr/./, '... an old connection has ended');
	is(value_of($VIP, 'kept'), '1', '... the values are there');
	# Else it would end all the same, when the other node's has taken its servers over: later.
	like(log_of($owner), qr/serving -> ending: (?:the VIP|keepalived) is gone/, '... its proxy was ended by its custodian');
	return $owner;
}

sub back {
	my ($node) = @_;
	wait_for("keepalived has ended on $node", sub { !processes($node, 'keepalived') });
	cluster('start-keepalived', $node);
	stays(other($node), "keepalived started again on $node: nothing moves", 1);
	settles(other($node), '... served');
}

back(moves('keepalived stopped', 'stop-keepalived'));
back(moves('keepalived stopped on the other node', 'stop-keepalived'));

my $gone = moves('the main process killed alone', 'kill-keepalived', 'main');
wait_for('keepalived has ended there', sub { node($gone, 'memvip-vip-check', 'keepalived')->{status} == 1 });
back($gone);

# The VRRP child alone: it is respawned; where the VIP ends up is keepalived's matter.
my $owner = vip_nodes();
my $masters = masters_entered();
cluster('kill-keepalived', $owner, 'vrrp');
wait_for('keepalived has noticed', sub { masters_entered() > $masters }, 10);
wait_for('one node has the VIP', sub { length vip_nodes() == 1 }, 10);
sleep 1;
settles(vip_nodes(), 'the VRRP child killed alone: one owner, served');

# Stopped and started again at once.
$owner = vip_nodes();
cluster('stop-keepalived', $owner);
cluster('start-keepalived', $owner);
settles(other($owner), 'stopped and started again at once: the other node serves');

# Reloaded, unchanged and changed: nothing moves, no client notices.
$owner = vip_nodes();
for my $change ('', 's/rise 2/rise 3/') {
	node($owner, 'sed', '-i', $change, '/etc/keepalived/keepalived.conf');
	my $w = watch();
	cluster('reload-keepalived', $owner);
	stays($owner, 'reloaded' . ($change ? ', changed' : '') . ': the VIP stays', 2);
	my $saw = $w->end;
	is_deeply($saw->{wrong}, [], '... no client sees an error');
	is($saw->{connects}, 1, '... nor loses its connection');
	settles($owner, '... and all is as before');
}

is(value_of($VIP, 'kept'), '1', 'after all that the value is still there');
for my $node ('a', 'b') {
	my $ran = node($node, 'memvip-notify', 'status');
	is($ran->{status}, 0, "memvip-notify status: all is well on $node") or diag($ran->{out}, $ran->{err});
}
done_testing;
