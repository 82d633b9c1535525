# Intent: a node that is broken for good, and two dead memcached servers, do not make the VIP fly to
# and fro: at most three times in a minute a node becomes MASTER, with preemption and without.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipCluster;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

use constant {WATCHED => 60, MOVES => 3};

my %scenario = (
    # By preference the VIP would go back to a as soon as a looks healthy. Its proxy cannot start.
    broken => sub {
	node('a', 'sh', '-c', 'printf "#!/bin/sh\nexit 1\n" >/usr/local/sbin/broken;
	    chmod 755 /usr/local/sbin/broken; mv -f /usr/local/sbin/broken /usr/local/sbin/memvip-proxy');
	cluster('kill-proxy', 'a');
	settles('b', 'a proxy that cannot start: the VIP moves');
    },
    dead => sub {
	cluster('kill-memcached', $_) for 'a', 'b';
    });

# One of them, in a cluster of its own.
sub scenario {
	my ($what, $preempt) = @_;
	cluster_up('--idle');
	if ($preempt eq 'preempt') {
		configure($_, '/nopreempt/d') for 'a', 'b';
	}
	cluster('start-keepalived', 'a');
	settles('a', 'the preferred node serves');
	cluster('start-keepalived', 'b');
	wait_for('b has a custodian', sub { processes('b', 'custodian') == 1 });
	settles('a', 'both nodes up');
	my ($masters, $start) = (masters_entered(), time);
	$scenario{$what}->();
	sleep 0.5 while time - $start < WATCHED && masters_entered() - $masters <= MOVES;
	my $moves = masters_entered() - $masters;
	cmp_ok($moves, '<=', MOVES, "in a minute, $moves times somebody has become MASTER");
	note("moves in a minute: $what, $preempt: $moves");
	wait_for('one owner', sub { length vip_nodes() == 1 && port_nodes() eq vip_nodes() }, 15);
	is(port_nodes(), vip_nodes(), 'one node has the VIP, and listens');
	if ($what eq 'broken') {
		settles('b', 'the healthy node has the VIP');
	} else {
		cluster('start-memcached', $_) for 'a', 'b';
		settles(vip_nodes(), 'the memcached servers are back: served');
		wait_for('values are stored', sub { client($VIP)->ask("set a 0 0 1\r\n1\r\n") eq "STORED\r\n" }, 20);
		is(value_of($VIP, 'a'), '1', '... and values are stored');
	}
	done_testing;
	exit !Test::More->builder->is_passing;
}

if (@ARGV) {
	scenario(@ARGV);
}

# All at the same time: they mostly wait.
plan(skip_all => 'needs root') if $> != 0;
plan(skip_all => "needs $_")
    for grep { !has_command($_) } qw(unshare nsenter ip nft ss keepalived memcached);
my %running;
for my $what (sort keys %scenario) {
	for my $preempt ('preempt', 'nopreempt') {
		my $log = tmpdir() . "/$what-$preempt";
		my $pid = fork // die "fork: $!\n";
		if (!$pid) {
			open STDOUT, '>', $log;
			open STDERR, '>&', \*STDOUT;
			exec $^X, $0, $what, $preempt or POSIX::_exit(127);
		}
		$running{$pid} = ["$what, $preempt", $log];
	}
}
# A test that is ended ends what it has started.
$SIG{$_} = sub { kill TERM => keys %running; die "stopped by a signal\n" } for qw(INT TERM HUP);
$SIG{ALRM} = sub { kill TERM => keys %running; die "not done in time\n" };
while (%running) {
	my $pid = waitpid -1, 0;
	my $r = delete $running{$pid} or next;
	my $status = $?;
	is($status, 0, $r->[0]) or diag(slurp($r->[1]));
	note($_) for slurp($r->[1]) =~ /^#? ?(.*moves in a minute.*)$/mg;
}
done_testing;
