# The hook: what keepalived says is a hint; whether the VIP is here decides, and the port is closed when the hook returns.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use NotifyTest;
use MemvipTest;
use Test::More;

node();
my $c = custody();

$c->hook('BACKUP');
ok(!$c->listening, 'BACKUP without the VIP: nobody listens');
is(scalar($c->custodians), 1, 'a custodian waits for the VIP');

$c->vip('add');
$c->hook('MASTER');
ok($c->serves, 'MASTER: served when the hook returns');
my ($proxy) = $c->proxies;
like(slurp("$c->{dir}/starts"), qr/-D -c \Q$c->{conf}\E --life-fd \d+$/, 'started as the proxy expects');

$c->hook('MASTER') for 1 .. 3;
is_deeply([$c->proxies], [$proxy], 'MASTER again: the same proxy');
is(scalar($c->starts), 1, 'started once');

$c->hook('BACKUP');
$c->hook('FAULT');
$c->hook('STOP');
is_deeply([$c->proxies], [$proxy], 'late words of leaving, but the VIP is here: the same proxy');

for my $state (qw(BACKUP FAULT STOP)) {
	$c->vip('del');
	$c->hook($state);
	ok(!$c->listening, "$state without the VIP: closed when the hook returns");
	is(scalar($c->proxies), 0, 'the proxy has ended');
	$c->hook('MASTER');
	ok(!$c->listening, 'a late MASTER without the VIP starts nothing');
	$c->vip('add');
	$c->hook('MASTER');
	ok($c->serves, 'MASTER: served again');
}

$c->vip('del');
$c->hook('DELETED');
ok(!$c->listening, 'DELETED: closed');
wait_for('the custodian has ended', sub { !$c->custodians });

# No custodian, and keepalived on its way out: nobody is needed.
$c->hook('STOP');
is(scalar($c->custodians), 0, 'STOP starts no custodian');

# keepalived must live for the proxy to run, whatever a hook that was run by hand says.
$c->vip('add');
NotifyTest::keepalived()->kill9;
my $r = $c->hook('MASTER', 1);
like($r->{err}, qr/not serving: 10\.7\.7\.7 is here, but no keepalived runs/, 'MASTER without keepalived: told');
ok(!$c->listening, 'not served');
is(scalar($c->custodians), 0, 'and no custodian');

done_testing;
