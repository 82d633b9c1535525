# A proxy that dies is started again, at once and then ever later; one that cannot start is told with its reason, a foreign process that holds the port by name.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use NotifyTest;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

node();
my $c = custody();

$c->vip('add');
$c->hook('MASTER');
my ($proxy) = $c->proxies;
my $was = time;
kill KILL => $proxy;
wait_for('another proxy', sub { my ($now) = $c->proxies; $now && $now != $proxy && $c->serves });
cmp_ok(time - $was, '<', 2, 'soon');
is($c->status->{restarts}, 1, 'status counts it');
like(log_text(), qr/proxy\[$proxy\] was killed by signal 9/, 'the log says what it died of');

# Dies again and again after its start.
$c->vip('del');
$c->hook('BACKUP');
unlink "$c->{dir}/starts";
$c->behave("die 3\n");
$c->vip('add');
wait_for('some starts', sub { $c->starts >= 6 });
my @starts = $c->starts;
my @pause  = map { $starts[$_] - $starts[$_ - 1] } 1 .. $#starts;
cmp_ok($pause[4], '>', $pause[1] + 0.3, 'the pauses grow') or diag("@pause");
# While it lives, for a moment, there is another reason.
ok(wait_for('the reason', sub { $c->status->{why} =~ /the proxy exited 3/ }), 'status: why');
$c->behave();
my $r = $c->notify('sync');
is($r->{status}, 0, 'mended: sync does not wait for the pause') or diag($r->{err});
# It may have met the last one that dies.
ok($c->wait_serving, 'served');

# Cannot start
$c->vip('del');
$c->hook('BACKUP');
$c->behave("exit 1 the moon is full\n");
$c->vip('add');
$r = $c->hook('MASTER', 1);
like($r->{err}, qr/not serving: the proxy exited 1: the moon is full/, 'the hook says why');
like(log_text(), qr/proxy\[\d+\]: the moon is full/, 'the log too');
my $said = log_count(qr/the moon is full/);
wait_for('many starts', sub { $c->starts >= 12 });
cmp_ok(log_count(qr/the moon is full/), '<', $said + 8, 'but not each time');

# A wrong configuration
$c->vip('del');
$c->hook('BACKUP');
like($c->status->{why}, qr/when the VIP was here: the proxy exited 1: the moon is full/, 'without the VIP status still knows why');
$c->notify('sync');
is($c->status->{well}, JSON::PP::true, 'until sync says that it was mended');
unlink "$c->{dir}/starts";
$c->behave("exit 2 memvip.conf:3: nonsense: unknown option\n");
$c->vip('add');
$r = $c->hook('MASTER', 1);
like($r->{err}, qr/memvip\.conf:3: nonsense: unknown option/, 'a wrong configuration is told');
sleep 1.5;
is(scalar($c->starts), 1, 'and not tried again soon');

# Superseded
$c->vip('del');
$c->hook('BACKUP');
unlink "$c->{dir}/starts";
$c->behave("die 75\n");
$c->vip('add');
wait_for('three starts', sub { $c->starts >= 3 });
@starts = $c->starts;
cmp_ok($starts[$_] - $starts[$_ - 1], '>', 0.9, 'superseded: a pause of a second') for 1, 2;
cmp_ok($starts[2] - $starts[1], '<', 3, 'and no longer');
$c->vip('del');
$c->hook('BACKUP');
ok(!$c->listening, 'closed');

# Not there, not executable
$c->behave();
{
	my $d = custody(name => 'NOPROXY', port => 12009);
	$d->{args} = ['--proxy', '/nowhere/memvip-proxy'];
	$c->vip('add');
	$r = $d->hook('MASTER', 1);
	like($r->{err}, qr/not serving: the proxy exited 127: cannot be executed: No such file/, 'no such program');
	is($d->notify('stop')->{status}, 0, 'stop');
}

# A foreign process holds the port.
$c->vip('del');
$c->hook('BACKUP');
my $squatter = bless {
    name => 'squatter',
    cmd  => [$^X, '-e', 'use IO::Socket::IP; $0 = "magent";
	$s = IO::Socket::IP->new(LocalHost => "0.0.0.0", LocalPort => 12000, Listen => 1, ReuseAddr => 1) or die $@; sleep 1000'],
}, 'MemvipTest::Process';
$squatter->start;
wait_for('it listens', sub { MemvipTest::slurp('/proc/net/tcp') =~ /:2EE0 \S+ 0A / });
is($c->hook('BACKUP')->{err}, '', 'on every address, without the VIP: not our affair');
$c->vip('add');
my $pid = $squatter->pid;
$r = $c->hook('MASTER', 1);
like($r->{err}, qr/not serving: 10\.7\.7\.7:12000 is held by magent\[$pid\]/, 'the hook names it');
like(log_text(), qr/10\.7\.7\.7:12000 is held by magent\[$pid\]/, 'the log too');
like($c->status->{why}, qr/held by magent\[$pid\]/, 'status too');
unlink "$c->{dir}/starts";
wait_for('tries, until the pause is 3.2 s', sub { $c->starts >= 5 });
is(log_count(qr/\]: 10\.7\.7\.7:12000 is held by magent\[$pid\]/), 1, 'once');
$squatter->kill9;
$was = time;
$c->wait_serving('the port is free: taken without help');
cmp_ok(time - $was, '<', 2.5, 'at once, not after the pause');

# The same without the VIP: a stale service that is not ours.
$c->vip('del');
$c->wait_closed;
$squatter->{cmd}[2] =~ s/0\.0\.0\.0/127.0.0.1/ and $squatter->{cmd}[2] =~ s/127\.0\.0\.1/10.7.7.7/;
sh('ip addr add 10.7.7.7/32 dev peer0');
$c->notify('stop');
$squatter->start;
wait_for('it listens', sub { $c->listening });
sh('ip addr del 10.7.7.7/32 dev peer0');
$pid = $squatter->pid;
$r = $c->hook('BACKUP', 1);
like($r->{err}, qr/10\.7\.7\.7:12000 is held by magent\[$pid\], without the VIP/, 'a stale port of somebody else is named');
is($c->status->{well}, JSON::PP::false, 'status: not well');

done_testing;
