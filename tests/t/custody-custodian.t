# Intent: a custodian that is killed or frozen leaves no proxy behind it: the port closes, the other
# node serves, and the next hook puts a new custodian in its place. Idle it costs nothing.
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

# One custodian each, one proxy where the VIP is. The check's hold-down is no matter of this test.
sub well {
	my ($why) = @_;
	my $owner = vip_nodes();
	node($_, 'rm', '-f', '/run/memvip/check-192.168.58.100_12000.hold') for 'a', 'b';
	for my $node ('a', 'b') {
		wait_for("$node has a custodian", sub { processes($node, 'custodian') == 1 });
		is(scalar processes($node, 'custodian'), 1, "$why: one custodian on $node");
		is(scalar processes($node, 'proxy'), $node eq $owner ? 1 : 0, "... proxies on $node");
	}
}

# ---- killed ----
my ($proxy) = processes('a', 'proxy');
isnt((slurp("/proc/$proxy/status") =~ /^Uid:\s+(\d+)/m)[0], 0, 'the proxy is an ordinary user (-u)');
signal_to('KILL', 'a', 'custodian');
my $start = time;
wait_for('its proxy ends', sub { !processes('a', 'proxy') });
note_time('the custodian killed: the proxy has ended', time - $start);
is(scalar processes('a', 'proxy'), 0, 'the custodian killed: its proxy has ended');
unlike(port_nodes(), qr/a/, '... the port is closed');
settles('b', 'the other node serves');
well('the custodian killed');

# Where the VIP is not, that is no reason to move anything.
signal_to('KILL', 'a', 'custodian');
stays('b', 'the custodian killed on the other node: nothing moves', 2);
is(scalar processes('a', 'proxy'), 0, '... nothing is started there');
cluster('stop-keepalived', 'b');
settles('a', '... and when it is needed it serves');
cluster('start-keepalived', 'b');
well('needed');

# ---- frozen: the check finds out ----
my ($frozen) = processes('a', 'custodian');
($proxy) = processes('a', 'proxy');
signal_to('STOP', 'a', 'custodian');
wait_state($frozen, 'T');
settles('b', 'the custodian frozen: the other node serves');
like(log_of('a'), qr/memvip-vip-check\[\d+\]: service: no: .*custodian\[\d+\] is frozen/, '... the check has told why');
ok(!(grep { $_ == $frozen } processes('a', 'custodian')), '... the frozen one is gone');
ok(!(grep { $_ == $proxy } processes('a', 'proxy')), '... and its proxy');
well('the custodian frozen');

# ---- frozen: the hook finds out, before any check does ----
($frozen) = processes('b', 'custodian');
($proxy) = processes('b', 'proxy');
signal_to('STOP', 'b', 'custodian');
wait_state($frozen, 'T');
signal_to('TERM', 'b', 'keepalived');
settles('a', 'the custodian frozen, keepalived stopped: the other node serves');
ok(!(grep { $_ == $frozen } processes('b', 'custodian')), '... the hook has ended the frozen one');
ok(!(grep { $_ == $proxy } processes('b', 'proxy')), '... and its proxy');
wait_for('keepalived has ended', sub { !processes('b', 'keepalived') });
cluster('start-keepalived', 'b');
settles('a', '... started again: nothing moves');
well('started again');

# ---- idle ----
my $serves_since = time;
SKIP: {
	skip 'sanitizers need memory of their own', 4 if sanitized();
	for my $node ('a', 'b') {
		my ($pid) = processes($node, 'custodian');
		my $kb = 0;
		$kb += $_ for slurp("/proc/$pid/smaps_rollup") =~ /^Private_\w+:\s+(\d+) kB/mg;
		cmp_ok($kb, '<', 2048, "the custodian of $node holds $kb kB of private memory");
		cmp_ok($kb, '>', 0, '... which was measured');
	}
}
SKIP: {
	skip 'needs strace', 4 if !has_command('strace');
	# A proxy that has served for 10 s is trusted, then no timer is left.
	my $left = $serves_since + 10.5 - time;
	sleep $left if $left > 0;
	my @custodians = map { processes($_, 'custodian') } 'a', 'b';
	run({seconds => 60}, 'timeout', '-s', 'INT', 10, 'strace', '-q', '-ff', '-o', tmpdir() . '/idle',
	    map { ('-p', $_) } @custodians);
	for my $pid (@custodians) {
		ok(-e tmpdir() . "/idle.$pid", "strace looks at custodian $pid for 10 s");
		my @calls = slurp(tmpdir() . "/idle.$pid") =~ /^\w+\(.*/mg;
		# The one in which it was found.
		shift @calls if @calls && $calls[0] =~ /^(?:restart_syscall|poll)\(/;
		is_deeply(\@calls, [], '... which makes no system call');
	}
}
done_testing;
