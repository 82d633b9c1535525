# Intent: a foreign process (an old magent, say) that holds VIP:port is named with its pid, the node
# does not keep the VIP, and when that process goes the proxy takes the port without help.
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

# It listens on b. Returns its pid, as the node knows it.
my $magent = '$0 = "magent"; use IO::Socket::INET; use Socket; socket($l, AF_INET, SOCK_STREAM, 0); '
    . 'setsockopt($l, SOL_SOCKET, SO_REUSEADDR, 1); setsockopt($l, 0, 15, 1); ' # IP_FREEBIND
    . 'bind($l, pack_sockaddr_in(12000, inet_aton(shift))) && listen($l, 9) or die "$!"; '
    . 'if (!fork) { open STDOUT, ">/dev/null"; open STDERR, ">/dev/null"; '
    . 'while (accept($c, $l)) { syswrite $c, "ERROR\r\n"; close $c } }';

sub foreign {
	my ($ip) = @_;
	my $ran = node('b', 'setsid', $^X, '-e', $magent, $ip);
	is($ran->{status}, 0, "a process holds $ip:12000 on b") or diag($ran->{err});
	my ($pid) = map { /pid=(\d+)/ } grep { /"magent"/ }
	    split /\n/, node('b', 'ss', '-Hltnp', 'sport = :12000')->{out} =~ s/"perl"/"magent"/gr;
	return $pid // 0;
}

# Kills it, at once: no helper of the node has to start first.
sub end_foreign {
	my ($pid) = @_;
	my ($keepalived) = processes('b', 'keepalived');
	my $net = readlink "/proc/$keepalived/ns/net";
	my @found = grep { (readlink("/proc/$_/ns/net") // '') eq $net && slurp("/proc/$_/status") =~ /^NSpid:.*\s$pid$/m }
	    map { m{(\d+)$} } glob '/proc/[0-9]*';
	fault();
	is(kill(KILL => @found), 1, 'the foreign process is ended');
}

# ---- on every address: the VIP comes, the proxy cannot listen ----
my $pid = foreign('0.0.0.0');
stays('a', 'where the VIP is not, it does no harm', 3);
cluster('stop-keepalived', 'a');
wait_for('b has the VIP', sub { vip_nodes() eq 'b' });
wait_for('the hook names it', sub { log_of('b') =~ /192\.168\.58\.100:12000 is held by \w+\[$pid\]/ });
like(log_of('b'), qr/memvip-notify\[\d+\]: .*is held by (?:magent|perl)\[$pid\]/, 'the log names it with its pid');
wait_for('the check fails', sub { log_of('b') =~ /memvip-vip-check\[\d+\]: service: no: the VIP is here, but no memvip-proxy/ });
like(log_of('b'), qr/service: no: the VIP is here, but no memvip-proxy answers/, 'the check fails on the node that has the VIP');
cluster('start-keepalived', 'a');
settles('a', 'the healthy node serves');

# It goes while b has the VIP, and nobody else could serve.
node('b', 'rm', '-f', '/run/memvip/check-192.168.58.100_12000.hold');
wait_for('b is healthy', sub { log_of('b') =~ /Entering BACKUP STATE|VRRP_Script\(memvip\) succeeded/ || node('b', 'memvip-vip-check')->{status} == 0 });
cluster('stop-keepalived', 'a');
wait_for('b has the VIP and cannot serve', sub { vip_nodes() eq 'b' && log_of('b') =~ /is held by \w+\[$pid\]/ }, 30);
unlike(log_of('b'), qr/proxy\[\d+\] listens/, 'its proxy does not listen');
my $masters = masters_entered();
end_foreign($pid);
settles('b', 'the foreign process gone: the proxy takes the port');
SKIP: {
	skip 'this machine was too slow: the check had failed twice', 1 if log_of('b') =~ /Entering FAULT STATE/;
	is(masters_entered(), $masters, '... by itself, not because the VIP came anew');
}
like(log_of('b'), qr/proxy\[\d+\] listens/, '... as the log says');
cluster('start-keepalived', 'a');
settles('b', 'nothing moves any more');

# ---- on the VIP itself, where the VIP is not: a stale port of somebody else ----
cluster('stop-keepalived', 'b');
settles('a', 'the VIP on the other node');
$pid = foreign('192.168.58.100');
cluster('start-keepalived', 'b');
wait_for('the check fails', sub { log_of('b') =~ /service: no: .*\[$pid\] still listens on 192\.168\.58\.100:12000/ });
like(log_of('b'), qr/service: no: the VIP is not here, but (?:magent|perl)\[$pid\] still listens/, 'a port that is held without the VIP: the check names who');
is(node('b', 'memvip-vip-check')->{status}, 1, '... and the node may not have the VIP');
end_foreign($pid);
wait_for('b is healthy again', sub { node('b', 'memvip-vip-check')->{status} == 0 });
settles('a', 'it has gone: one owner, served');
wait_for('keepalived has noticed', sub { log_of('b') =~ /Entering BACKUP STATE/ }, 15);
cluster('stop-keepalived', 'a');
settles('b', '... and b may serve again');
done_testing;
