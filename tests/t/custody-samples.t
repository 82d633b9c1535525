# Intent: the samples for unicast peers and for an IPv6 VIP work as they are: the VIP on one node, the
# port with it, when keepalived is stopped and when it is killed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipCluster;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

cluster_up('--idle');
my %role = (a => 'primary', b => 'backup');
my %ipv6 = (a => 'fd58::135', b => 'fd58::132', client => 'fd58::1');

sub start {
	my ($node) = @_;
	cluster('start-keepalived', $node);
	wait_for("$node has a custodian", sub { processes($node, 'custodian') == 1 });
}

sub both_up {
	my ($kind) = @_;
	for my $node ('a', 'b') {
		install_sample($node, "keepalived-$kind-$role{$node}.conf.in", '/etc/keepalived/keepalived.conf');
	}
	start('a');
	settles('a', "$kind: the first node serves");
	start('b');
	stays('a', '... both nodes up, they hear each other', 1.5);
	settles('a', '... and the first one serves');
}

# The owner stopped, then the other one killed.
sub follows {
	my ($kind) = @_;
	is(client($VIP)->ask("set kept 0 0 1\r\n1\r\n"), "STORED\r\n", "$kind: a value");
	signal_to('TERM', 'a', 'keepalived');
	settles('b', "$kind: keepalived stopped: the other node serves, this one does not");
	is(value_of($VIP, 'kept'), '1', '... the value is there');
	wait_for('keepalived has ended', sub { !processes('a', 'keepalived') });
	start('a');
	stays('b', '... started again: nothing moves', 1.5);
	cluster('kill-keepalived', 'b', 'all');
	settles('a', "$kind: keepalived killed, all of it: one node owns the VIP again");
	like(log_of('b'), qr/took the orphaned/, '... the orphan was taken away');
	for my $node ('a', 'b') {
		signal_to('TERM', $node, 'keepalived');
		wait_for("all has ended on $node", sub { !processes($node, 'keepalived') && !processes($node, 'notify') });
	}
}

# No multicast gets through.
for my $node ('a', 'b') {
	my $ran = node($node, 'nft', 'add table ip nomulticast; add chain ip nomulticast in { type filter hook input priority 0; };
	    add rule ip nomulticast in ip daddr 224.0.0.0/4 drop');
	is($ran->{status}, 0, "$node hears no multicast") or diag($ran->{err});
}
both_up('unicast');
follows('unicast');

for my $node (sort keys %ipv6) {
	node($node, 'ip', 'addr', 'add', "$ipv6{$node}/64", 'dev', 'eth0', 'nodad');
	next if !$role{$node};
	node($node, 'memcached', '-d', '-u', 'nobody', '-l', $ipv6{$node}, '-p', 11211, '-U', 0, '-m', 64);
	install_sample($node, 'memvip-ipv6.conf', '/etc/memvip/memvip.conf');
}
$VIP = '[fd58::100]:12000';
both_up('ipv6');
follows('ipv6');
done_testing;
