# The custodian killed, frozen, told to end or bereft of its run directory: never a proxy without custody, and the next hook puts things right.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use File::Path qw(remove_tree);
use NotifyTest;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time);

node();
my $c = custody();

sub state_of { return MemvipTest::slurp("/proc/$_[0]/stat") =~ /\) (\w) / ? $1 : '' }

sub start {
	$c->behave();
	$c->vip('add') if !$c->vip_here;
	$c->hook('MASTER');
	ok($c->serves, 'served');
	return ($c->custodians, $c->proxies);
}

my ($custodian, $proxy) = start();
is($c->pid_of('custodian'), $custodian, 'the state file knows the custodian');
is($c->pid_of('proxy'), $proxy, 'and the proxy');
kill KILL => $custodian;
$c->wait_closed('the custodian was killed');
wait_for('the proxy has ended', sub { !$c->proxies });
is($c->status->{well}, JSON::PP::false, 'status: not well');
like($c->status->{why}, qr/no custodian lives/, 'and why');

# The proxy that does not notice is ended by the next hook.
($custodian, $proxy) = start();
kill STOP => $proxy;
kill KILL => $custodian;
$c->vip('del');
$c->hook('FAULT');
ok(!$c->listening, 'frozen proxy, dead custodian: the next hook closes the port');
is_deeply([$c->proxies], [], 'the proxy is gone');

# SIGTERM
($custodian, $proxy) = start();
kill TERM => $custodian;
$c->wait_closed('the custodian was told to end');
wait_for('both have ended', sub { !$c->custodians && !$c->proxies });

# The whole group at once, as systemd does.
($custodian, $proxy) = start();
kill TERM => $proxy, $custodian;
wait_for('both have ended', sub { !$c->custodians && !$c->proxies });
ok(!$c->listening, 'closed');

# Frozen
for my $state (qw(MASTER FAULT)) {
	($custodian, $proxy) = start();
	kill STOP => $custodian;
	wait_for('it is frozen', sub { state_of($custodian) eq 'T' });
	like($c->status->{why}, qr/custodian is frozen/, 'status knows it');
	$c->vip('del') if $state eq 'FAULT';
	my $r = $c->hook($state);
	cmp_ok($r->{seconds}, '<', 2.5, 'the hook does not wait long');
	ok(!(grep { $_ == $custodian } $c->custodians), "$state: the frozen custodian is gone");
	ok(!(grep { $_ == $proxy } $c->proxies), 'and its proxy');
	is($c->listening ? 1 : 0, $state eq 'MASTER' ? 1 : 0, 'and the port is as it should be');
}

# Both frozen, and sync instead of a hook.
($custodian, $proxy) = start();
kill STOP => $custodian, $proxy;
wait_for('they are frozen', sub { state_of($custodian) eq 'T' && state_of($proxy) eq 'T' });
is($c->notify('sync')->{status}, 0, 'sync');
my @now = ($c->custodians, $c->proxies);
ok(!(grep { $_ == $custodian || $_ == $proxy } @now), 'both were replaced');
ok($c->serves, 'served');

# Somebody tidies up.
($custodian, $proxy) = ($c->custodians, $c->proxies);
remove_tree($c->{run_dir});
$c->hook('MASTER');
is(scalar($c->custodians), 1, 'run directory removed: one custodian');
is(scalar($c->proxies), 1, 'one proxy');
ok($c->serves, 'served');
unlink glob "$c->{run_dir}/custody-*.lock";
$c->hook('MASTER');
is(scalar($c->custodians), 1, 'lock removed: one custodian');
is(scalar($c->proxies), 1, 'one proxy');
unlink glob "$c->{run_dir}/custody-*.sock";
is($c->notify('status')->{status}, 0, 'socket removed: status is still well');

# What the custodian is not: a child of the hook, of its group or session, with its descriptors.
my ($now) = $c->custodians;
my @stat = MemvipTest::slurp("/proc/$now/stat") =~ /\) \w (\d+) (\d+) (\d+)/;
is($stat[0], 1, "an orphan, init's");
isnt($stat[1], getpgrp, 'a process group of its own');
isnt($stat[2], $now, 'not the leader of its session');
is(readlink("/proc/$now/fd/$_"), '/dev/null', "descriptor $_") for 0 .. 2;
is(readlink("/proc/$now/cwd"), '/', 'working directory');
my ($p) = $c->proxies;
is_deeply([sort map { readlink("/proc/$p/fd/$_") =~ s/\[.*//r } 0 .. 3],
    ['/dev/null', '/dev/null', 'pipe:', 'socket:'], "the proxy's descriptors");

done_testing;
