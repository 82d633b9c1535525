# Intent: two VRRP instances with a proxy and two memcached servers each on one pair of nodes, from
# the samples: each node is MASTER of one, and what happens to one is nothing to the other.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use MemvipCluster;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

cluster_up('--idle');
my %address = (a => '192.168.58.135', b => '192.168.58.132');
my %role    = (a => 'primary', b => 'backup');
my @vip     = (undef, '192.168.58.100:12000', '192.168.58.101:12000');
for my $node ('a', 'b') {
	node($node, 'rm', '-f', '/etc/memvip/memvip.conf');
	node($node, 'memcached', '-d', '-u', 'nobody', '-l', $address{$node}, '-p', 11212, '-U', 0, '-m', 64);
	install_sample($node, "keepalived-two-$role{$node}.conf.in", '/etc/keepalived/keepalived.conf');
	install_sample($node, "memvip_$_.conf", "/etc/memvip/memvip_$_.conf") for 1, 2;
	configure($node, 's/preempt_delay 60/preempt_delay 2/');
	cluster('start-keepalived', $node);
}

# What settles() looks at, for one of the two instances.
sub one_settles {
	my ($n, $node, $what, $seconds) = @_;
	local $MemvipCluster::VIP = $vip[$n];
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return settles($node, $what, $seconds);
}

sub status {
	my ($node) = @_;
	my $ran = node($node, 'memvip-notify', 'status', '--json');
	my $all = eval { decode_json($ran->{out}) } // [];
	return {map { ($_->{name} => $_) } @$all};
}

# Both VIPs where they were wanted, each with its own custodian and proxy.
sub stands {
	my ($why, @node) = @_;
	one_settles($_, $node[$_ - 1], "$why: memvip_$_") for 1, 2;
	for my $node ('a', 'b') {
		is(scalar processes($node, 'proxy'), scalar(grep { $_ eq $node } @node), "... proxies on $node");
	}
}

stands('both nodes up, each is MASTER of one', 'a', 'b');
is(scalar processes($_, 'custodian'), 2, "... two custodians on $_") for 'a', 'b';
my $s = status('a');
is_deeply([sort keys %$s], ['memvip_1', 'memvip_2'], 'status has both, by name');
is_deeply([map { $s->{$_}{phase} } 'memvip_1', 'memvip_2'], ['serving', 'idle'], '... one serves here, the other is idle');
is_deeply([map { $s->{$_}{file} } 'memvip_1', 'memvip_2'], ['/etc/memvip/memvip_1.conf', '/etc/memvip/memvip_2.conf'],
    '... each with its own file');
is(node('a', 'memvip-notify', 'status')->{status}, 0, '... all is well') or diag(node('a', 'memvip-notify', 'status')->{out});

# Their values are their own.
is(client($vip[$_])->ask("set who 0 0 1\r\n$_\r\n"), "STORED\r\n", "a value by memvip_$_") for 1, 2;
is(value_of($vip[$_], 'who'), $_, "... and read by memvip_$_") for 1, 2;

# One proxy dies: the other one is not touched.
my ($other) = processes('b', 'proxy');
{
	local $MemvipCluster::VIP = $vip[2];
	my $w = watch();
	signal_to('KILL', 'a', 'proxy');
	one_settles(1, 'a', 'the proxy of memvip_1 killed: it serves again');
	is_deeply($w->end->{wrong}, [], '... clients of memvip_2 see nothing of it');
}
is_deeply([processes('b', 'proxy')], [$other], '... nor does its proxy');

# One custodian is stopped by hand: the other one is not.
my $ran = node('a', 'memvip-notify', 'stop', 'memvip_2');
is($ran->{status}, 0, 'memvip_2 stopped by hand where it is idle') or diag($ran->{err});
is(scalar processes('a', 'custodian'), 1, '... one custodian is left there');
one_settles(1, 'a', '... memvip_1 serves on');
is(node('a', 'memvip-notify', 'sync')->{status}, 0, 'sync');
is(scalar processes('a', 'custodian'), 2, '... both are there again') or diag(node('a', 'memvip-notify', 'status')->{out});

# One node goes: the other one serves both, and gives one back.
signal_to('TERM', 'a', 'keepalived');
stands('keepalived stopped on a: b serves both', 'b', 'b');
is(value_of($vip[$_], 'who'), $_, "... the value of memvip_$_ is there") for 1, 2;
wait_for('keepalived has ended', sub { !processes('a', 'keepalived') });
cluster('start-keepalived', 'a');
stands('started again: each has its own', 'a', 'b');

# A fault of one VIP's service moves that VIP only.
{
	my ($proxy) = processes('a', 'proxy');
	fault();
	kill STOP => $proxy;
	one_settles(1, 'b', 'the proxy of memvip_1 frozen: its VIP moves');
	one_settles(2, 'b', '... the other one stays');
}

# Killed with all processes on the node that has both: both orphans go.
cluster('kill-keepalived', 'b', 'all');
stands('keepalived killed on b, all of it: a serves both', 'a', 'a');
is(() = log_of('b') =~ /took the orphaned 192\.168\.58\.10[01]\/32 away/g, 2, '... both orphans were taken away');
done_testing;
