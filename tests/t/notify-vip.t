# The port follows the VIP without any hook: added or taken away by hand, on one interface or two, IPv4 and IPv6; a proxy that will not go is killed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use NotifyTest;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time);

node();

for my $c (custody(), custody(name => 'VI_6', ip => 'fd77::7', port => 12006)) {
	$c->hook('BACKUP');
	$c->vip('add');
	$c->wait_serving('the VIP was added by hand');
	my ($proxy) = $c->proxies;

	sh("ip addr add 10.7.7.99/32 dev eth0 && ip addr del 10.7.7.99/32 dev eth0");
	$c->vip('add', 'peer0');
	$c->vip('del', 'eth0');
	is($c->notify('sync')->{status}, 0, 'sync');
	is_deeply([$c->proxies], [$proxy], 'it has moved to another interface: the same proxy');

	my $was = time;
	$c->vip('del', 'peer0');
	$c->wait_closed('the VIP was taken away by hand');
	cmp_ok(time - $was, '<', 2, 'and soon');
	wait_for('the proxy has ended', sub { !$c->proxies });

	$c->behave("deaf\n");
	$c->vip('add');
	$c->wait_serving;
	$c->vip('del');
	$c->hook('BACKUP');
	ok(!$c->listening, 'a proxy that is deaf to SIGTERM is gone when the hook returns');
	is(log_count(qr/\Q$c->{where}\E: proxy\[\d+\] has not ended in time: killed/), 1, 'it was killed, and the log says so');

	$c->behave();
	$c->vip('add');
	$c->wait_serving;
	my ($frozen) = $c->proxies;
	kill STOP => $frozen;
	$c->vip('del');
	$c->wait_closed('a frozen proxy');
	wait_for('it has ended', sub { !$c->proxies });

	# The kernel drops a link's IPv6 addresses when it goes down, IPv4 stay: keepalived's business.
	$c->vip('add');
	$c->wait_serving;
	if ($c->{ip} =~ /:/) {
		sh('ip link set eth0 down');
		$c->wait_closed('the link is down, and the VIP with it');
		sh('ip link set eth0 up');
		$c->vip('add');
		$c->wait_serving('and up again');
	}
	sh("ip link add third type veth peer name fourth");
	$c->vip('add', 'third');
	$c->vip('del', 'eth0');
	sh("ip link del third");
	$c->wait_closed('the interface is no more');
}

done_testing;
