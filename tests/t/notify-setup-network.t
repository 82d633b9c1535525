# Intent: check-setup finds what is wrong with the VIP, the port, VRRP, the firewall and the memcached servers, says each in a line with what to do.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use NotifyTest;
use MemvipTest;
use SetupTest;
use Socket;
use Test::More;

plan(skip_all => "needs $_") for grep { !has_command($_) } qw(keepalived memcached nft);
machine();

my $r = fine('a machine that is set up', 'VIP', '10\.7\.7\.7 is in the subnet of eth0, 10\.7\.7\.1/24$');
like($r->{out}, qr/^  ok +$_/m, "said: $_")
    for 'port        10\.7\.7\.7:12000 is free', 'nonlocal    net\.ipv4\.ip_nonlocal_bind is [01]; memvip does not need it',
    'VRRP        nobody else announces it: this node has the VIP \(listened for 180 ms\)', 'firewall    nothing on this node drops VRRP',
    'memcached   10\.7\.7\.1:11211: version 1\.6\.\d+, 64 MiB, 0 items';

# ---- the VIP ----
my $of_interface = [qr/ keepalived +.*(?:interface|eth)/];
keepalived_conf(sub { s/eth0/eth7/ });
finds('no such interface', 'FAILED', 'VIP', 'instance memvip: there is no interface eth7', 'ip -br addr', more => $of_interface);
sh('ip link add eth9 type veth peer name peer9 && ip addr add 10.7.8.1/24 dev eth9');
keepalived_conf(sub { s/eth0/eth9/ });
finds('an interface that is down', 'FAILED', 'VIP', 'the interface eth9 is down', 'ip link set eth9 up', more => [qr/VRRP/]);
sh('ip link set eth9 up && ip link set peer9 up');
wait_for('eth9 is up', sub { `ip link show eth9` =~ /state UP/ });
keepalived_conf(sub { s/eth0/eth9/ });
finds('a VIP of another subnet', 'FAILED', 'VIP', '10\.7\.7\.7 is in no subnet of eth9: its neighbours', 'an address of that subnet');
keepalived_conf(sub { s/eth0/eth9/; s/^(\tvirtual_ipaddress)/\tunicast_peer {\n\t\t10.7.8.2\n\t}\n$1/m });
finds('... beside unicast it may be meant so', 'warning', 'VIP', '10\.7\.7\.7 is in no subnet of eth9', 'another interface');
sh('ip addr del 10.7.8.1/24 dev eth9');
keepalived_conf(sub { s/eth0/eth9/ });
finds('an interface without an address', 'FAILED', 'VIP', '10\.7\.7\.7 is in no subnet of eth9, which has no address of its kind', 'an address of that subnet');
sh('ip link del eth9');

# ---- the port ----
my $holder = IO::Socket::IP->new(LocalHost => '10.7.7.7', LocalPort => 12000, Listen => 1, ReuseAddr => 1) or die "10.7.7.7:12000: $@";
finds('the port is taken', 'FAILED', 'port', '10\.7\.7\.7:12000 is taken by \S+\[\d+\]', 'end that one, or choose another port');
close $holder;
$holder = IO::Socket::IP->new(LocalHost => '0.0.0.0', LocalPort => 12000, Listen => 1, ReuseAddr => 1) or die "*:12000: $@";
finds('... on every address', 'FAILED', 'port', '10\.7\.7\.7:12000 is taken, as on every address, by', 'listen on an address of its own');
close $holder;
my $proxy = bless {name => 'proxy', cmd => ['/usr/local/sbin/memvip-proxy', '-D', '-c', $CONF], where => '10.7.7.7:12000'}, 'MemvipTest::Process';
$proxy->start->wait_up;
fine('by our proxy', 'port', '10\.7\.7\.7:12000 is held by memvip-proxy\[\d+\]');
$proxy->end;
empty_servers();

# ---- VRRP: packets of another node come in by eth0's other end ----
my ($frames, $mac) = (undef, pack('H*', '00005e00013a'));
socket($frames, 17, Socket::SOCK_RAW(), 0) or die "packet socket: $!"; # AF_PACKET
my ($index) = `ip -o link show dev peer0` =~ /^(\d+):/;

# An advertisement of VRID 58 by default; vip: what it announces.
sub advert {
	my (%a) = (from => '10.7.7.3', vrid => 58, vip => '10.7.7.7', @_);
	my $vrrp = pack 'CCCCnn a4', 0x31, $a{vrid}, 100, 1, 2, 0, inet_aton($a{vip});
	my $ip = pack 'CCnnnCCn a4 a4', 0x45, 0xc0, 20 + length $vrrp, 0, 0, 255, 112, 0, inet_aton($a{from}), inet_aton('224.0.0.18');
	my $sum = unpack '%32n*', $ip;
	$sum = ($sum >> 16) + ($sum & 0xffff) for 1, 2;
	substr $ip, 10, 2, pack 'n', ~$sum & 0xffff;
	my $frame = pack('H*', '01005e000012') . $mac . pack('n', 0x0800) . $ip . $vrrp;
	# struct sockaddr_ll
	send $frames, $frame, 0, pack 'S n l S C C a8', 17, 0x0800, $index, 1, 0, 6, pack('H*', '01005e000012') or die "send: $!";
}

# Has them sent again and again while check-setup listens.
sub while_heard {
	my ($sub, @advert) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		advert(@advert), select undef, undef, undef, 0.01 for 1 .. 3000;
		POSIX::_exit(0);
	}
	$sub->();
	kill KILL => $pid;
	waitpid $pid, 0;
}

while_heard(sub {
	finds('the VIP is here and announced by another', 'FAILED', 'VRRP', '10\.7\.7\.3 announces 10\.7\.7\.7, which is here as well', 'protocol 112');
});
while_heard(sub {
	finds('somebody else uses the VRID', 'FAILED', 'VRRP', '10\.7\.7\.3 uses virtual_router_id 58 too, for 10\.7\.7\.200', 'another virtual_router_id');
}, vip => '10.7.7.200');
while_heard(sub {
	fine('another VRID is no business of ours', 'VRRP', 'nobody else announces it');
}, vrid => 59, vip => '10.7.7.200');
while_heard(sub {
	fine('our own adverts are no others', 'VRRP', 'nobody else announces it');
}, from => '10.7.7.1');
sh('ip addr del 10.7.7.7/32 dev eth0');
while_heard(sub {
	fine('the other node has the VIP', 'VRRP', 'the adverts of 10\.7\.7\.3 are heard: it has the VIP');
});
while_heard(sub {
	keepalived_conf(sub { s/^\t(virtual_ipaddress \{\n)/\tvirtual_ipaddress_excluded {\n\t\t10.7.7.7\n\t}\n\t$1/m; s/10\.7\.7\.7\/32/10.7.7.8\/32/ });
	fine('... also with our VIP left out of the adverts', 'VRRP', 'the adverts of 10\.7\.7\.3 are heard: it has the VIP');
}, vip => '10.7.7.8');
finds('silence, and no VIP here', 'warning', 'VRRP', 'keepalived runs, this node does not have the VIP, and no advert of another was heard in 180 ms', "keepalived's log");
sh('nft -f - <<END
table inet f {
	chain in {
		type filter hook input priority 0; policy accept;
		ip protocol vrrp drop
	}
}
END');
while_heard(sub {
	finds('what the firewall drops is not heard', 'FAILED', 'firewall', 'nftables: VRRP may not come in: chain in: ip protocol vrrp drop', 'let IP protocol 112 through',
	    more => [qr/warning +VRRP +keepalived runs/]);
});
sh('nft flush ruleset');
NotifyTest::keepalived()->end;
finds('nothing is announced before the first start', 'warning', 'keepalived', 'does not run', 'systemctl');
like(check()->{out}, qr/^  ok +VRRP +virtual_router_id 58 is not in use on eth0/m, '... and the VRID is free');
NotifyTest::keepalived();
sh('ip addr add 10.7.7.7/32 dev eth0');

# ---- the firewall, by its rules ----
sub rules {
	my ($in, $out) = @_;
	sh("nft -f - <<END
table inet f {
	chain in {
		type filter hook input priority 0; $in
	}
	chain out {
		type filter hook output priority 0; $out
	}
}
END");
}
my $let = "iif lo accept\nct state established,related accept\ntcp dport { 11211, 12000 } accept\n";
rules("policy drop;\n$let", 'policy accept;');
finds('a firewall that lets no VRRP in', 'warning', 'firewall', 'nftables: VRRP may not come in: chain in: policy drop, and no rule names it', 'protocol 112 through between the nodes');
sh('nft flush ruleset');
rules("policy drop;\n$let ip protocol vrrp accept", 'policy accept;');
fine('... with a rule for it', 'firewall', 'nftables: VRRP may come in: chain in: ip protocol vrrp accept');
sh('nft flush ruleset');
rules("policy accept;", "policy drop;\n$let");
finds('... or out', 'warning', 'firewall', 'nftables: VRRP may not come out: chain out: policy drop', 'protocol 112', more => [qr/memcached/]);
sh('nft flush ruleset');
pretend(nft => 'exit 1');
fine('rules that may not be seen', 'firewall', 'no rules to be seen: nft lists none');
pretend('nft');

# ---- memcached ----
# Another memcached than the one on 10.7.7.2.
sub other {
	my ($name, @args) = @_;
	my $port = free_port('10.7.7.2');
	my $m = memcached(name => $name, ip => '10.7.7.2', port => $port, args => [@args]);
	conf(sub { s/10\.7\.7\.2:11211/10.7.7.2:$port/ });
	return $m;
}

# What a server would answer that is not at hand: lines for each of its questions.
sub lying {
	my ($answer) = @_;
	my $port = free_port('10.7.7.2');
	my $listen = IO::Socket::IP->new(LocalHost => '10.7.7.2', LocalPort => $port, Listen => 5, ReuseAddr => 1) or die "listen: $@";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		while (my $c = $listen->accept) {
			while (my $line = <$c>) {
				$line =~ s/\r\n\z//;
				print $c $answer->{$line} // "ERROR\r\n";
				$c->flush;
			}
		}
		POSIX::_exit(0);
	}
	conf(sub { s/10\.7\.7\.2:11211/10.7.7.2:$port/ });
	return ($pid, "10\\.7\\.7\\.2:$port");
}

for (
    ['-F', 'it refuses flush_all', 'start it without -F'],
    ['-X', 'it does not list its keys', 'start it without -X'],
    ['-C', 'it keeps no cas ids', 'start it without -C'],
) {
	my ($option, $what, $todo) = @$_;
	my $m = other("with$option", $option);
	finds("memcached $option", 'FAILED', 'memcached', "10\\.7\\.7\\.2:@{[$m->port]}: $what", $todo);
	$m->end;
}
my $m = other('with-M', '-M');
finds('memcached -M', 'warning', 'memcached', '\S+: refuses to store when it is full', 'start it without -M');
$m->end;
$m = other('small', '-m', 32);
finds('unequal memory', 'warning', 'memcached', '10\.7\.7\.2:\d+: has 32 MiB, items up to 1024 KiB; 10\.7\.7\.1:11211 has 64 MiB, 1024 KiB', 'the same -m and -I for both');
$m->end;
conf(sub { $_ .= "max-value 4m\n" });
finds('values that are too large', 'warning', 'memcached', '10\.7\.7\.1:11211: takes items up to 1024 KiB, the proxy values up to 4096 KiB', '-I 4096k', more => [qr/10\.7\.7\.2:11211: takes items/]);
client('10.7.7.2:11211')->ask("set mine 0 0 1\r\n1\r\n");
finds("somebody's items", 'warning', 'memcached', '10\.7\.7\.2:11211: holds 1 items that memvip has not put there', 'a memcached of its own');
empty_servers();

# Whose are they?
$proxy = bless {name => 'other-proxy', cmd => ['/usr/local/sbin/memvip-proxy', '-D', '-l', '10.7.7.1', '-p', 13000, '-s', '10.7.7.1', '-b', '10.7.7.2'],
    where => '10.7.7.1:13000'}, 'MemvipTest::Process';
$proxy->start->wait_up;
wait_for('its marker is in both', sub { !grep { !defined value_of("$_:11211", '__memvip_lease__') } '10.7.7.1', '10.7.7.2' });
finds("another proxy's servers", 'FAILED', 'memcached', '10\.7\.7\.1:11211: in use by the proxy named 10\.7\.7\.1:13000 \(this one is 10\.7\.7\.7:12000\)', 'memcached servers of its own',
    more => [qr/10\.7\.7\.2:11211: in use by/]);
conf(sub { $_ .= "name 10.7.7.1:13000\n" });
fine('... of the same name', 'memcached', '10\.7\.7\.1:11211: version');
$proxy->end;
finds('... when it has ended', 'warning', 'memcached', '10\.7\.7\.2:11211: was used by a proxy named 10\.7\.7\.1:13000', 'meant for 10\.7\.7\.7:12000', more => [qr/10\.7\.7\.1:11211: was used/]);
empty_servers();

my $port = free_port('10.7.7.2');
$m = memcached(name => 'everywhere', ip => '0.0.0.0', port => $port);
conf(sub { s/10\.7\.7\.2:11211/10.7.7.2:$port/ });
finds('memcached for everybody', 'warning', 'memcached', "10\\.7\\.7\\.2:$port: listens on every address of its machine", "-l 10\\.7\\.7\\.2, and let only the two nodes");
$m->end;
$m = bless {name => 'no-address', cmd => ['memcached', '-u', 'root', '-p', $port], where => "10.7.7.2:$port"}, 'MemvipTest::Process';
$m->start->wait_up;
conf(sub { s/10\.7\.7\.2:11211/10.7.7.2:$port/ });
finds('... that was told no address', 'warning', 'memcached', "10\\.7\\.7\\.2:$port: listens on every address of its machine", '-l 10\.7\.7\.2');
$m->end;
sh('ip addr add 203.0.113.1/32 dev lo');
$m = memcached(name => 'public', ip => '203.0.113.1', port => $port);
conf(sub { s/10\.7\.7\.2:11211/203.0.113.1:$port/ });
finds('... at a public address', 'warning', 'memcached', "203\\.0\\.113\\.1:$port: listens on a public address", 'let only the two nodes through');
$m->end;
$m = other('udp', '-U', free_port('10.7.7.2'));
finds('memcached with UDP', 'warning', 'memcached', '\S+: answers by UDP, port \d+', 'start it with -U 0');
$m->end;

conf(sub { s/10\.7\.7\.2:11211/10.7.7.2:1/ });
finds('memcached is down, here', 'FAILED', 'memcached', '10\.7\.7\.2:1: Connection refused', 'systemctl enable --now memcached, and let it listen here: -l 10\.7\.7\.2');
$m = memcached(name => 'loopback', ip => '127.0.0.1', port => 11212);
conf(sub { s/10\.7\.7\.2:11211/10.7.7.2:11212/ });
finds('memcached on the loopback alone', 'FAILED', 'memcached', '10\.7\.7\.2:11212: Connection refused', 'it listens on the loopback alone, where the other node cannot reach it: -l 10\.7\.7\.2');
$m->end;
conf(sub { s/10\.7\.7\.2:11211/10.7.7.99/ });
finds('memcached on another node, and nobody answers', 'FAILED', 'memcached', '10\.7\.7\.99:11211: (?:Connection timed out|No route to host)', 'look on that node.*-l.*TCP port 11211');
conf(sub { s/10\.7\.7\.2:11211/127.0.0.1:11211/ });
finds('a server by its loopback', 'FAILED', 'memcached', '127\.0\.0\.1:11211: on the other node that is another server', "by its node's own address");
conf(sub { s/10\.7\.7\.2:11211/no-host.invalid/ });
finds('a name that is not known', 'FAILED', 'memcached', 'no-host\.invalid: host name not found', 'write its IP address', more => [qr/proxy +refuses/]);
conf(sub { $_ .= "server 10.7.7.2:11211\nbackup 10.7.7.1:11211\n" });
$r = fine('each in both lists', 'memcached', '10\.7\.7\.1:11211: version');
is(scalar(() = $r->{out} =~ /^  ok +memcached/mg), 2, '... is asked once');

my ($pid, $at) = lying({version => "VERSION 1.5.22\r\n", stats => "STAT curr_items 0\r\nEND\r\n", 'stats settings' => "STAT inter 10.7.7.2\r\nEND\r\n"});
finds('an old memcached', 'FAILED', 'memcached', "$at: version 1\\.5\\.22: 1\\.6 or newer is needed", 'upgrade it');
kill KILL => $pid; waitpid $pid, 0;
($pid, $at) = lying({version => "CLIENT_ERROR unauthenticated\r\n"});
finds('one that wants a password', 'FAILED', 'memcached', "$at: it wants a password", 'start it without -Y');
kill KILL => $pid; waitpid $pid, 0;
($pid, $at) = lying({version => "VERSION 1.6.9\r\n", stats => "END\r\n", 'stats settings' => "nonsense\r\n"});
finds('one that talks nonsense', 'FAILED', 'memcached', "$at: Protocol error", 'let it listen here');
kill KILL => $pid; waitpid $pid, 0;
($pid, $at) = lying({version => ''});
finds('a silent one', 'FAILED', 'memcached', "$at: Connection timed out", 'let it listen here');
kill KILL => $pid; waitpid $pid, 0;

# ---- IPv6 ----
sh('ip addr add fd77::1/64 dev eth0 nodad && ip addr add fd77::2/64 dev eth0 nodad && ip addr add fd77::7/128 dev eth0 nodad');
memcached(name => "six-$_", ip => "fd77::$_", port => 11211) for 1, 2;
conf(sub { s/10\.7\.7\.7/fd77::7/; s/10\.7\.7\.([12]):11211/[fd77::$1]:11211/g });
keepalived_conf(sub { s/10\.7\.7\.7\/32/fd77::7\/128/ });
$r = fine('IPv6', 'VIP', 'fd77::7 is in the subnet of eth0, fd77::[12]/64');
like($r->{out}, qr/^  ok +VRRP +nobody else announces it/m, '... VRRP');
like($r->{out}, qr/^  ok +memcached +\[fd77::2\]:11211: version/m, '... memcached');
done_testing;
