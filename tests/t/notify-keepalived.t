# The proxy ends with keepalived, however that went; a VIP that it left behind is taken away, unless another keepalived is there or --keep-vip says no.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use NotifyTest;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time);

node();
my $have_filter = system(top() . '/tests/notify/without-pidfd', 'true') == 0;

for my $prefix ([], $have_filter ? [top() . '/tests/notify/without-pidfd'] : ()) {
	my $how = @$prefix ? 'without pidfds' : 'as it is';
	my $c = custody(name => @$prefix ? 'OLD' : 'NEW', port => @$prefix ? 12001 : 12000, prefix => $prefix);

	NotifyTest::keepalived();
	$c->vip('add');
	$c->hook('MASTER');
	ok($c->serves, "served ($how)");
	my ($custodian) = $c->custodians;

	NotifyTest::keepalived()->kill9;
	$c->wait_closed('keepalived was killed');
	ok($c->vip_here, 'its VIP is still here then: it may come back');
	wait_for('the orphaned VIP is taken away', sub { !$c->vip_here });
	wait_for('the custodian has ended', sub { !$c->custodians });
	is(log_count(qr/\Q$c->{where}\E: no keepalived is left: took the orphaned 10\.7\.7\.7\/32 away/), 1, 'the log says so');
	is($c->status->{well}, JSON::PP::false, 'status: not well');
	like($c->status->{why}, qr/no keepalived runs/, 'and why');

	# Restarted at once, its first hook comes in time.
	NotifyTest::keepalived();
	$c->vip('add');
	$c->hook('MASTER');
	NotifyTest::keepalived()->kill9;
	$c->wait_closed('keepalived was killed again');
	NotifyTest::keepalived();
	$c->hook('BACKUP');
	$c->wait_serving('the VIP is here, and a keepalived');
	sleep 2;
	ok($c->vip_here && $c->serves, 'the new one keeps the VIP');

	# And without any hook.
	my $was = log_count(qr/\Q$c->{where}\E: orphaned -> idle: keepalived is there/);
	NotifyTest::keepalived()->kill9;
	$c->wait_closed('keepalived was killed a third time');
	NotifyTest::keepalived();
	wait_for('the new keepalived was found',
	    sub { log_count(qr/\Q$c->{where}\E: orphaned -> idle: keepalived is there/) > $was });
	$c->wait_serving('no hook was needed');
	NotifyTest::keepalived()->kill9;
	wait_for('that one is watched too', sub { !$c->vip_here });
	wait_for('the custodian has ended', sub { !$c->custodians });

	# --keep-vip
	NotifyTest::keepalived();
	$c->{args} = ['--keep-vip'];
	$c->vip('add');
	$c->hook('MASTER');
	NotifyTest::keepalived()->kill9;
	wait_for('the custodian has ended', sub { !$c->custodians });
	ok(!$c->listening, '--keep-vip: the port is closed');
	ok($c->vip_here, 'and the VIP left');
	is(log_count(qr/\Q$c->{where}\E: no keepalived is left, and .* left there \(--keep-vip\)/), 1, 'the log says so');
	$c->vip('del');

	# A stop of the custodian, by whoever ends all there is in a control group, does not leave the VIP behind.
	$c->{args} = [];
	NotifyTest::keepalived();
	$c->vip('add');
	$c->hook('MASTER');
	NotifyTest::keepalived()->kill9;
	kill TERM => $c->custodians;
	wait_for('the orphaned VIP is taken away all the same', sub { !$c->vip_here });
	wait_for('the custodian has ended', sub { !$c->custodians });
}
fail('system calls could be filtered') if !$have_filter && `uname -m` =~ /x86_64|aarch64/;

done_testing;
