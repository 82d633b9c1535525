# A syslog that hangs (frozen, its queue full) holds up neither hook nor custodian; what was lost is counted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use NotifyTest;
use MemvipTest;
use Test::More;

node();
my $c = custody();

$c->vip('add');
$c->hook('MASTER');
ok($c->serves, 'served');
my $syslog = NotifyTest::syslogd();
$syslog->freeze;
# More lines than any queue of the kernel's holds (net.unix.max_dgram_qlen).
my $queue = slurp('/proc/sys/net/unix/max_dgram_qlen');
for (1 .. $queue / 3 + 5) {
	$c->vip('del');
	$c->wait_closed or last;
	$c->vip('add');
	$c->wait_serving or last;
}
$c->vip('del');
$c->hook('BACKUP');
ok(!$c->listening, 'closed');
my $r = $c->hook('MASTER');
cmp_ok($r->{seconds}, '<', 3, 'a hook returns');

$syslog->thaw;
$c->vip('add');
wait_for('the loss is told', sub { log_count(qr/\d+ lines were lost, syslog did not take them/) });
ok($c->wait_serving, 'served');

# Restarted, it is found again.
$syslog->kill9;
unlink '/dev/log';
$c->vip('del');
$c->wait_closed;
$syslog->start;
wait_for('/dev/log', sub { -S '/dev/log' });
my $was = log_count(qr/proxy\[\d+\] listens/);
$c->vip('add');
ok($c->wait_serving, 'served');
wait_for('it hears again', sub { log_count(qr/proxy\[\d+\] listens/) > $was });

# More of it on a signal, and no more than before on the next.
kill USR1 => $c->custodians;
ok(wait_for('SIGUSR1', sub { log_count(qr/SIGUSR1: saying more/) }), 'the custodian says more');
kill USR1 => $c->custodians;
ok(wait_for('SIGUSR1 again', sub { log_count(qr/SIGUSR1: saying no more/) }), '... and no more');
ok($c->serves, '... and goes on');

done_testing;
