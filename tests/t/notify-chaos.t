# 200 hooks with random words, many at a time and some killed half-way, while the VIP comes and goes: in the end what runs is what the kernel's table demands.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use NotifyTest;
use MemvipTest;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(time sleep);

node();
my $c    = custody();
my $seed = $ENV{MEMVIP_TEST_SEED} // time % 100000 | 0;
srand $seed;
note("MEMVIP_TEST_SEED=$seed");

my @states = qw(MASTER BACKUP FAULT STOP);
my (%running, $most);

sub reap {
	for my $pid (keys %running) {
		delete $running{$pid} if waitpid($pid, WNOHANG) == $pid;
	}
}

for my $round (1 .. 4) {
	my $here = 0;
	for my $n (1 .. 50) {
		my @cmd = $c->command('INSTANCE', 'VI_1', $states[rand @states], 100);
		my $pid = fork // die "fork: $!\n";
		if (!$pid) {
			open STDOUT, '>', '/dev/null';
			open STDERR, '>&', \*STDOUT;
			exec @cmd or POSIX::_exit(127);
		}
		$running{$pid} = 1;
		if (rand() < 0.1) {
			sleep rand 0.006;
			kill KILL => $pid;
		}
		if (rand() < 0.3) {
			$c->vip($here ? 'del' : 'add');
			$here = !$here;
		}
		if (rand() < 0.05) {
			kill KILL => ($c->custodians)[0] // ();
		}
		my @now = $c->proxies;
		$most = @now if @now > ($most // 0);
		reap();
		wait_for('some hooks have ended', sub { reap(); keys %running < 16 }, 20);
	}
	# In half of the rounds the last word is true, in the others nothing more is said.
	$c->vip($here ? 'del' : 'add') if $here != $round % 2;
	wait_for('all hooks have ended', sub { reap(); !%running }, 30);
	my $want = $round % 2;
	# A custodian that was killed last is missed until the next hook.
	$c->notify('sync') if $round > 2 || !$c->custodians;
	wait_for($want ? 'served, the VIP is here' : 'closed, the VIP is not here',
	    sub { $want ? $c->serves : !$c->listening && !$c->proxies });
	is(scalar($c->proxies), $want, "round $round: as many proxies as there should be");
	is(scalar($c->custodians), 1, 'one custodian');
	is($c->vip_here ? 1 : 0, $want, 'the VIP is where it was put');
	is($c->status->{phase}, $want ? 'serving' : 'idle', 'and status agrees');
	$c->vip('del') if $c->vip_here;
}
cmp_ok($most, '<=', 2, 'never more than a proxy and one that ends');

done_testing;
