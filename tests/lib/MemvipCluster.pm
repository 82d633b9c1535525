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
use Socket ();
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(cluster_up cluster node vip_nodes port_nodes settles stays holds is_served memcached_of
    node_log log_of masters_entered processes signal_to fault configure configure_memvip other wait_state
    install_sample note_time watch $VIP);

our $VIP = '192.168.58.100:12000';
my %address = (a => '192.168.58.135', b => '192.168.58.132');
my $tool = top() . '/tests/cluster/memvip-cluster';
my $name;
my $fault_at; # when the last fault was made: the times that are told begin there
my %log_from; # node: as much of its log was there when the fault was made

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

# Runs memvip-cluster COMMAND for this cluster: mostly a fault. Its failure ends the test.
sub cluster {
	my (@args) = @_;
	fault() if $args[0] !~ /^(?:status|logs|thaw-.*)$/;
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
	return run('nsenter', '-t', init_of($node), '-n', '--', @cmd)->{out};
}

# The host's pid of a node's first process.
sub init_of {
	my ($node) = @_;
	return (split / /, slurp("/run/memvip-cluster/$name/$node/pid"))[0];
}

# The other one of the two nodes.
sub other { return $_[0] eq 'a' ? 'b' : 'a' }

# The VIP and the port of $VIP, which a test may set to another one.
sub vip_port { return $VIP =~ /^\[?(.*?)\]?:(\d+)$/ }

# Which nodes have the VIP, as text: '', 'a', 'b' or 'ab'.
sub vip_nodes {
	my ($ip) = vip_port();
	return join '', grep { node_net($_, 'ip', '-o', 'addr', 'show', 'to', $ip) =~ /\S/ } sort keys %address;
}

# Does a node route the VIP to itself? Costs next to nothing; says no also where it has the VIP on a
# link that is down, which vip_nodes() sees.
sub takes_vip {
	my ($node) = @_;
	my ($ip) = vip_port();
	my $net = '/proc/' . init_of($node) . '/net';
	return slurp("$net/if_inet6") =~ /^@{[unpack 'H*', Socket::inet_pton(Socket::AF_INET6, $ip)]} /m if $ip =~ /:/;
	return slurp("$net/fib_trie") =~ m{-- \Q$ip\E\n\s+/32 host LOCAL};
}

# Which nodes listen on VIP:port: as proc(5) has it, words of the address in the machine's order.
sub port_nodes {
	my ($ip, $port) = vip_port();
	my ($family, $file) = $ip =~ /:/ ? (Socket::AF_INET6, 'tcp6') : (Socket::AF_INET, 'tcp');
	my $at = sprintf '%s:%04X', join('', map { sprintf '%08X', $_ } unpack 'L*', Socket::inet_pton($family, $ip)), $port;
	return join '', grep { slurp('/proc/' . init_of($_) . "/net/$file") =~ /^ *\d+: $at \S+ 0A /m } sort keys %address;
}

# The host's pids of what runs on a node: keepalived (the main process first), proxy, custodian,
# notify (hooks and custodians), check.
sub processes {
	my ($node, $what) = @_;
	my $net = readlink('/proc/' . init_of($node) . '/ns/net') // return;
	my $exe = $what eq 'keepalived' ? 'keepalived' : $what eq 'check' ? 'memvip-vip-check'
	    : $what eq 'proxy' ? 'memvip-proxy' : 'memvip-notify';
	my @pids;
	for my $pid (sort { $a <=> $b } map { m{(\d+)$} } glob '/proc/[0-9]*') {
		next if (readlink("/proc/$pid/ns/net") // '') ne $net
		    || (readlink("/proc/$pid/exe") // '') !~ m{/\Q$exe\E(?: \(deleted\))?$};
		# Its title is cut short where the command line had no more room.
		next if $what eq 'custodian' && slurp("/proc/$pid/cmdline") !~ /^memvip-notify: /;
		push @pids, $pid;
	}
	return @pids;
}

# A fault is about to be made: times count, and log_of() reads, from here on.
sub fault {
	$fault_at = time;
	$log_from{$_} = length node_log($_) for sort keys %address;
	return;
}

# Sends a signal to such processes of a node, all in one call. Returns how many there were.
sub signal_to {
	my ($signal, $node, @what) = @_;
	my @pids = map { processes($node, $_) } @what;
	fault();
	kill $signal => @pids;
	return scalar @pids;
}

# What a node has logged since the last fault.
sub log_of { return substr(node_log($_[0]), $log_from{$_[0]} // 0) }

# Changes /etc/keepalived/keepalived.conf of a node by sed expressions. The file only.
sub configure {
	my ($node, @seds) = @_;
	edit($node, '/etc/keepalived/keepalived.conf', @seds);
}

# The same with memvip.conf.
sub configure_memvip {
	my ($node, @seds) = @_;
	edit($node, '/etc/memvip/memvip.conf', @seds);
}

sub edit {
	my ($node, $file, @seds) = @_;
	my $ran = node($node, 'sed', '-i', (map { ('-e', $_) } @seds), $file);
	croak("sed @seds: $ran->{err}") if ($ran->{status} // 1) != 0;
}

# Puts a sample of keepalived/ into its place on a node.
sub install_sample {
	my ($node, $sample, $place) = @_;
	my $text = slurp(top() . "/keepalived/$sample");
	$text =~ s{\@LIBEXECDIR\@}{/usr/local/libexec}g;
	$text =~ s{\@SYSCONFDIR\@}{/etc}g;
	$text =~ s{^(global_defs \{\n)}{$1\tvrrp_priority -20\n}m; # see memvip-cluster, node_install
	croak("$sample: no such sample") if $text eq '';
	my $ran = node($node, 'sh', '-c', 'printf %s "$0" >"$1"', $text, $place);
	croak("$place: $ran->{err}") if ($ran->{status} // 1) != 0;
}

# Waits until a process is in that state of proc(5): T, stopped.
sub wait_state {
	my ($pid, $state) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for("process $pid in state $state", sub { slurp("/proc/$pid/stat") =~ /\) $state / });
}

# Tells how long something took, and writes it down for `make soak-custody`.
sub note_time {
	my ($what, $seconds) = @_;
	note(sprintf '%s: %.3f s', $what, $seconds);
	if (defined $ENV{MEMVIP_TIMES} && open my $f, '>>', $ENV{MEMVIP_TIMES}) {
		syswrite $f, sprintf "%.3f\t%s\t%s\n", $seconds, $0 =~ m{([^/]+)\z}, $what;
	}
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
# One test. Returns the seconds that it took, since the fault if one was made.
sub settles {
	my ($node, $what, $seconds) = @_;
	my ($start, $vip, $port) = (time, '?', '?');
	my $since = $fault_at // $start;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $limit = $start + ($seconds // 20);
	while (time < $limit) {
		$port = port_nodes();
		if ($port eq $node && is_served() && ($vip = vip_nodes()) eq $node) {
			my $took = time - $since;
			pass($what);
			note_time($what, $took) if defined $fault_at;
			$fault_at = undef;
			return $took;
		}
		sleep 0.02;
	}
	fail($what);
	$vip = vip_nodes();
	diag("expected: the VIP on '$node' only, VIP:port open on '$node' only, and served");
	diag("came: the VIP on '$vip', VIP:port open on '$port', ", is_served() ? 'served' : 'not served');
	return;
}

# The VIP is on that node now and for some seconds, and never on another. One test.
sub stays {
	my ($node, $what, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $until = time + $seconds;
	my $looked = 0;
	while (time < $until) {
		# A look that costs less than the other one, between two of these.
		if (time - $looked > 0.5 || takes_vip(other($node)) || !takes_vip($node)) {
			my $vip = vip_nodes();
			$looked = time;
			if ($vip ne $node) {
				fail($what);
				diag("expected: the VIP on '$node'; came: on '$vip'");
				return;
			}
		}
		sleep 0.05;
	}
	return pass($what);
}

# Does it hold for so many seconds? One test.
sub holds {
	my ($what, $seconds, $sub) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $until = time + $seconds;
	while (time < $until) {
		return fail($what) if !$sub->();
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
