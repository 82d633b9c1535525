# Intent: a node whose proxy does not serve loses the VIP, whatever is wrong with the proxy, and
# the VIP does not fly to and fro: not even when its first owner is preferred and broken for good.
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

# The pids, on the node, of its proxies.
sub proxies {
	my ($node) = @_;
	return node($node, 'sh', '-c', 'for p in /proc/[0-9]*; do case $(readlink $p/exe) in
	    */memvip-proxy*) echo ${p#/proc/};; esac; done')->{out};
}

my $masters = masters_entered();
my $was = proxies('a');
my $start = time;
cluster('kill-proxy', 'a');
wait_for('another proxy serves', sub { proxies('a') =~ /\d/ && proxies('a') ne $was && is_served() });
my $took = time - $start;
cmp_ok($took, '<', 5, sprintf 'the proxy killed: another one serves (%.2f s)', $took);
is(masters_entered(), $masters, '... and the VIP has not moved');

$was = proxies('a');
my $c = client($VIP);
cluster('freeze-proxy', 'a');
settles('b', 'the proxy frozen: the VIP moves');
like(node_log('a'), qr/memvip-vip-check\[\d+\]: service: no: .*: silent/, '... the check has told why');
wait_for('the frozen proxy is ended', sub { proxies('a') eq '' });
is(proxies('a'), '', '... and the frozen proxy has been ended');
like($c->closed(10), qr/./, '... so has the connection to it');
is(value_of($VIP, 'kept'), '1', '... the value is read from the other node');
like(node('a', 'memvip-vip-check', '-v')->{out}, qr/^(?:no: held down|no: failed with the VIP, and the other)/,
    '... where it failed the check holds the node down');
stays('b', '... the VIP stays', 5);

# By preference the VIP would go back to a as soon as a looks healthy. Its proxy cannot start.
for my $node ('a', 'b') {
	node($node, 'rm', '-f', '/run/memvip/check-192.168.58.100_12000.hold');
	node($node, 'sed', '-i', '/nopreempt/d', '/etc/keepalived/keepalived.conf');
	cluster('reload-keepalived', $node);
}
settles('a', 'with preemption, and no failure remembered: back to the preferred node', 30);
$masters = masters_entered();
node('a', 'sh', '-c', 'printf "#!/bin/sh\nexit 1\n" >/usr/local/sbin/broken; chmod 755 /usr/local/sbin/broken;
    mv -f /usr/local/sbin/broken /usr/local/sbin/memvip-proxy');
cluster('kill-proxy', 'a');
settles('b', 'a proxy that cannot start: the VIP moves');
my $broken = time;
sleep 1 while time - $broken < 60 && masters_entered() - $masters <= 3;
cmp_ok(masters_entered() - $masters, '<=', 3, 'in a minute, at most three times somebody has become MASTER');
wait_for('it settles', sub { vip_nodes() eq 'b' && is_served() }, 15);
is(vip_nodes(), 'b', '... and the healthy node has the VIP');
done_testing;
