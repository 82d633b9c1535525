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
# Which one, when there are several: the one whose hook it is; but a late hook of one that is being
# replaced does not displace the new one.
{
	my $c    = custody(name => 'TWO', port => 12002);
	my $perl = tmpdir() . '/bin/keepalived';
	mkdir tmpdir() . '/bin';
	sh("cp $^X $perl");
	# Runs a hook for each line that it is told.
	my $speaker = sub {
		my ($name) = @_;
		pipe my $out, my $in or die;
		my $pid = fork // die;
		if (!$pid) {
			open STDIN, '<&', $out;
			close $in;
			exec $perl, '-e', 'while (<STDIN>) { chomp; system "/bin/sh", "-c", $_ } sleep 1000';
		}
		close $out;
		$in->autoflush(1);
		wait_for("$name is executed", sub { (readlink("/proc/$pid/exe") // '') eq $perl });
		return {pid => $pid, in => $in};
	};
	my $say = sub {
		my ($who, $state) = @_;
		my $done = tmpdir() . '/said';
		unlink $done;
		# By way of a shell, as a wrapper script would be.
		print { $who->{in} } join(' ', map { "'$_'" } $c->command('INSTANCE', 'TWO', $state, 1)), "; touch $done\n";
		wait_for('the hook has ended', sub { -e $done });
	};
	my $end = sub {
		my ($who) = @_;
		kill KILL => $who->{pid};
		waitpid $who->{pid}, 0;
	};
	my $old = $speaker->('the old one');
	$c->vip('add');
	$say->($old, 'MASTER');
	ok($c->serves, 'served');
	is($c->pid_of('keepalived'), $old->{pid}, "the hook's ancestor is watched");
	my $sleeper = NotifyTest::keepalived();
	is($c->notify('sync')->{status}, 0, 'sync by hand, with two keepalived');
	is($c->pid_of('keepalived'), $old->{pid}, 'changes nothing');
	sleep 0.05; # a clock tick: younger by /proc
	my $new = $speaker->('the new one');
	$say->($new, 'BACKUP');
	is($c->pid_of('keepalived'), $new->{pid}, 'a newer one takes its place');
	$say->($old, 'STOP');
	is($c->pid_of('keepalived'), $new->{pid}, 'a late word of the old one does not');
	my ($proxy) = $c->proxies;
	$end->($old);
	$sleeper->kill9;
	$c->hook('BACKUP');
	is_deeply([$c->proxies], [$proxy], 'the others end: the same proxy');
	$end->($new);
	$c->wait_closed('that one ends');
	wait_for('no VIP is left behind', sub { !$c->vip_here });
}
fail('system calls could be filtered') if !$have_filter && `uname -m` =~ /x86_64|aarch64/;

done_testing;
