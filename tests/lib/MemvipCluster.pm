# MemvipCluster: for tests on two nodes with real keepalived and memcached (tests/cluster). The
# test runs in the client's network, so MemvipTest's client() reaches the VIP; the nodes are a
# (192.168.58.135, the primary) and b (192.168.58.132).
#
# When the test ends, however it does, its cluster goes with it; when it fails, what the nodes have
# logged is shown first.
package MemvipCluster;
use strict;
use warnings;

use Carp qw(croak);
use Exporter qw(import);
use Fcntl qw(F_SETFD);
use MemvipTest;
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(cluster_up cluster node vip_nodes port_nodes settles stays is_served memcached_of
    node_log masters_entered watch $VIP);

our $VIP = '192.168.58.100:12000';
my %address = (a => '192.168.58.135', b => '192.168.58.132');
my $tool = top() . '/tests/cluster/memvip-cluster';
my $name;

# Builds a cluster for this test and runs the rest of it there. Call it first. The words go to
# "memvip-cluster up" (--idle: keepalived is not started).
sub cluster_up {
	my (@how) = @_;
	if (defined $ENV{MEMVIP_TEST_CLUSTER}) {
		$name = delete $ENV{MEMVIP_TEST_CLUSTER};
		return;
	}
	plan(skip_all => 'needs root') if $> != 0;
	plan(skip_all => "needs $_")
	    for grep { !has_command($_) } qw(unshare nsenter ip nft ss keepalived memcached);
	$name = "t$$";
	POSIX::_exit(supervise(@how));
}

# The process that holds the cluster's life: when it dies, even by SIGKILL, the nodes see the end
# of this pipe.
sub supervise {
	my (@how) = @_;
	alarm 0;
	pipe(my $theirs, my $life) or die "pipe: $!\n";
	fcntl($theirs, F_SETFD, 0);
	{
		local $ENV{MEMVIP_CLUSTER_LIFE_FD} = fileno $theirs;
		system($tool, 'up', @how, $name) == 0 or return 1;
	}
	close $theirs;
	my ($client) = split / /, slurp("/run/memvip-cluster/$name/client/pid");
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		$ENV{MEMVIP_TEST_CLUSTER} = $name;
		exec 'nsenter', '-t', $client, '-n', '--', $^X, '-I' . top() . '/tests/lib', $0, @ARGV
		    or POSIX::_exit(127);
	}
	$SIG{$_} = sub { kill TERM => $pid } for qw(INT TERM HUP);
	1 while waitpid($pid, 0) == -1 && $!{EINTR};
	my $status = $?;
	if ($status) {
		print STDERR map { "# $_" } qx($tool -n $name status 2>&1), qx($tool -n $name logs a b 2>&1);
	}
	system($tool, 'down', $name) == 0 or $status ||= 1;
	return $status & 127 ? 1 : $status >> 8;
}

# Runs memvip-cluster COMMAND for this cluster. Its failure ends the test.
sub cluster {
	my (@args) = @_;
	my $ran = run({seconds => 60}, $tool, '-n', $name, @args);
	croak("memvip-cluster @args: $ran->{out}$ran->{err}") if ($ran->{status} // 1) != 0;
	return $ran->{out};
}

# Runs a command on a node. Returns what MemvipTest's run() does.
sub node {
	my ($node, @cmd) = @_;
	return run({seconds => 30}, $tool, '-n', $name, 'exec', $node, @cmd);
}

sub node_net {
	my ($node, @cmd) = @_;
	my ($pid) = split / /, slurp("/run/memvip-cluster/$name/$node/pid");
	return run('nsenter', '-t', $pid, '-n', '--', @cmd)->{out};
}

# Which nodes have the VIP, as text: '', 'a', 'b' or 'ab'.
sub vip_nodes {
	my ($ip) = $VIP =~ /^(.*):/;
	return join '', grep { node_net($_, 'ip', '-o', 'addr', 'show', 'to', $ip) =~ /\S/ } sort keys %address;
}

# Which nodes listen on VIP:port.
sub port_nodes {
	my ($ip, $port) = $VIP =~ /^(.*):(.*)/;
	return join '', grep { node_net($_, 'ss', '-Hltn', "src $ip and sport = :$port") =~ /\S/ } sort keys %address;
}

# Does a new connection to the VIP get an answer?
sub is_served {
	my $c = eval {
		local $MemvipTest::PATIENCE = 0.5;
		client($VIP);
	} or return 0;
	return $c->ask("version\r\n", 1) =~ /^VERSION /;
}

# Waits until the VIP is on exactly that node, exactly that node listens, and clients are served.
# One test. Returns the seconds that it took.
sub settles {
	my ($node, $what, $seconds) = @_;
	my ($start, $vip, $port) = (time, '?', '?');
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $limit = $start + ($seconds // 20);
	while (time < $limit) {
		($vip, $port) = (vip_nodes(), port_nodes());
		if ($vip eq $node && $port eq $node && is_served()) {
			my $took = time - $start;
			pass(sprintf '%s (%.2f s)', $what, $took);
			return $took;
		}
		sleep 0.02;
	}
	fail($what);
	diag("expected: the VIP on '$node' only, VIP:port open on '$node' only, and served");
	diag("came: the VIP on '$vip', VIP:port open on '$port', ", is_served() ? 'served' : 'not served');
	return;
}

# The VIP is on that node now and for some seconds, and never on another. One test.
sub stays {
	my ($node, $what, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $until = time + $seconds;
	while (time < $until) {
		my $vip = vip_nodes();
		if ($vip ne $node) {
			fail($what);
			diag("expected: the VIP on '$node'; came: on '$vip'");
			return;
		}
		sleep 0.05;
	}
	return pass($what);
}

# Where a node's memcached answers, for client() and value_of().
sub memcached_of { return "$address{$_[0]}:11211" }

sub node_log { return slurp("/run/memvip-cluster/$name/$_[0]/log") }

# How often both nodes together have become MASTER so far.
sub masters_entered {
	my $n = 0;
	$n += () = node_log($_) =~ /Entering MASTER STATE/g for sort keys %address;
	return $n;
}

# A client that goes on reading and writing through the VIP, a pair every few milliseconds.
sub watch { return MemvipCluster::Watch->new }

package MemvipCluster::Watch;
use MemvipTest;
use Time::HiRes qw(time sleep);

# Starts it. It sets its own key to a rising number and reads it back.
sub new {
	my ($class) = @_;
	pipe(my $results, my $write) or die "pipe: $!\n";
	pipe(my $stopped, my $stop) or die "pipe: $!\n";
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		close $_ for $results, $stop;
		print $write join("\n", watcher($stopped)), "\n";
		close $write;
		POSIX::_exit(0);
	}
	close $_ for $write, $stopped;
	return bless {pid => $pid, results => $results, stop => $stop, from => time}, $class;
}

sub watcher {
	my ($stopped) = @_;
	my ($n, $connects, $longest, @wrong, $c) = (0, 0, 0);
	my $key = "watch-$$";
	my ($begun, $good, $last_try) = (time, time, 0);
	my $rin = '';
	vec($rin, fileno $stopped, 1) = 1;
	# A test that hangs is ended from outside; this is for one that is gone.
	while (time - $begun < 120 && !select(my $r = $rin, undef, undef, 0.004)) {
		my $why;
		if (!$c) {
			$c = eval {
				local $MemvipTest::PATIENCE = 0.3;
				client($MemvipCluster::VIP);
			} or next;
			$connects++;
		}
		$n++;
		my $set = $c->ask(sprintf("set %s 0 0 %d\r\n%d\r\n", $key, length $n, $n), 5);
		my $got = $set eq "STORED\r\n" ? $c->ask("get $key\r\n", 5) : '';
		if ($set ne "STORED\r\n") {
			$why = "set $n: " . ($set =~ s/\r\n//r || $c->{eof} && 'connection lost' || 'silence');
		} elsif ($got ne sprintf "VALUE %s 0 %d\r\n%d\r\nEND\r\n", $key, length $n, $n) {
			$why = "get of $n: " . ($got =~ s/\r\n/ /gr || $c->{eof} && 'connection lost' || 'silence');
		}
		if (defined $why) {
			push @wrong, $why if @wrong < 20;
			if ($c->{eof} || $why =~ /silence/) {
				$c->close;
				$c = undef;
			}
			next;
		}
		$longest = time - $good if time - $good > $longest;
		$good = time;
	}
	my $tail = time - $good;
	$longest = $tail if $tail > $longest;
	return ($n, $connects, $longest, @wrong);
}

# Ends it. Returns {ops, connects, longest (seconds without a good pair), wrong (texts)}.
sub end {
	my ($w) = @_;
	close $w->{stop};
	my ($ops, $connects, $longest, @wrong) = split /\n/, do { local $/; readline($w->{results}) // '' };
	waitpid $w->{pid}, 0;
	return {ops => $ops // 0, connects => $connects // 0, longest => $longest // 0, wrong => \@wrong};
}

1;
