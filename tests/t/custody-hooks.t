# Intent: 200 hooks with random words, many at a time, some killed half-way, while the VIP really
# comes and goes: in the end what runs is what the kernel's table of addresses demands.
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
my $seed = $ENV{MEMVIP_TEST_SEED} // time % 100000 | 0;
srand $seed;
note("MEMVIP_TEST_SEED=$seed");

# Runs on a node: 100 hooks, up to 8 at a time, each tenth killed after a moment. As keepalived
# would start them: stdin, stdout, stderr are /dev/null.
my $storm = <<'EOF';
srand(shift);
open $_->[0], $_->[1], '/dev/null' for [*STDIN, '<'], [*STDOUT, '>'], [*STDERR, '>'];
my %running;
for (1 .. 100) {
	my @cmd = ('memvip-notify', 'INSTANCE', 'memvip', (qw(MASTER BACKUP FAULT STOP))[rand 4], 100);
	my $pid = fork // die;
	exec(@cmd), exit 127 if !$pid;
	$running{$pid} = 1;
	if (rand() < 0.1) {
		select undef, undef, undef, rand 0.006;
		kill KILL => $pid;
	}
	while (keys %running >= 8) { delete $running{wait()} }
	select undef, undef, undef, rand 0.05;
}
delete $running{wait()} while %running;
EOF

# Meanwhile keepalived is stopped where the VIP is, and started again: the VIP moves. At the end both run.
sub round {
	my ($round) = @_;
	fault();
	my @storms;
	for my $node ('a', 'b') {
		my $pid = fork // die "fork: $!\n";
		if (!$pid) {
			my $ran = node($node, $^X, '-e', $storm, int rand 1e6);
			POSIX::_exit(($ran->{status} // 1) != 0);
		}
		push @storms, $pid;
		rand 1; # the next one's seed
	}
	for (1 .. 2) {
		my $owner = substr vip_nodes(), 0, 1;
		$owner = 'a' if $owner eq '';
		signal_to('TERM', $owner, 'keepalived');
		wait_for('keepalived has ended', sub { !processes($owner, 'keepalived') });
		cluster('start-keepalived', $owner);
		wait_for('one node has the VIP', sub { length vip_nodes() == 1 }, 20);
	}
	for my $pid (@storms) {
		waitpid $pid, 0;
		is($?, 0, "round $round: all hooks have ended");
	}
	wait_for('no hook is left', sub { !grep { processes($_, 'notify') > processes($_, 'custodian') } 'a', 'b' });
	wait_for('one node has the VIP', sub { length vip_nodes() == 1 }, 20);
	my $owner = vip_nodes();
	settles($owner, "round $round: one owner, served");
	stays($owner, '... for good', 1);
	for my $node ('a', 'b') {
		is(scalar processes($node, 'proxy'), $node eq $owner ? 1 : 0, "... proxies on $node");
		is(scalar processes($node, 'custodian'), 1, "... one custodian on $node");
		my $ran = node($node, 'memvip-notify', 'sync');
		is($ran->{status}, 0, '... the next one is not held up by a lock') or diag($ran->{out}, $ran->{err});
		cmp_ok($ran->{seconds}, '<', 5, '... and is soon done');
	}
}

round($_) for 1, 2;

# One by one, so that each wrong word is the last one for a while.
my $owner = vip_nodes();
my $proxies = join ' ', processes($owner, 'proxy');
for my $word (qw(BACKUP FAULT STOP)) {
	my $ran = node($owner, 'memvip-notify', 'INSTANCE', 'memvip', $word, 100);
	is($ran->{status}, 0, "the VIP is here, a hook says $word");
	is(join(' ', processes($owner, 'proxy')), $proxies, '... which ends no proxy');
}
is(node(other($owner), 'memvip-notify', 'INSTANCE', 'memvip', 'MASTER', 100)->{status}, 0, 'the VIP is not here, a hook says MASTER');
holds('... which starts no proxy', 0.5, sub { !processes(other($owner), 'proxy') });
settles($owner, '... all is as it was');
done_testing;
