# FaultVip: one run of the proof by faults on two nodes with real keepalived (tests/cluster). The
# clients talk to the VIP and connect again when a connection breaks, as real ones do. Half of them
# sit behind node a and half behind node b: where both have the VIP, each reaches its own.
#
# Three kinds of faults (vip_faults): the VIP moves; both nodes are MASTER and both reach both
# servers; the nodes are cut off from each other, and each serves its own. After a cut the demands
# are on the history of the half that wins, see halves.h; what the other one has acknowledged
# meanwhile is counted (given_up).
#
# Call cluster_up('--idle') first; the rest runs in the clients' network.
package FaultVip;
use strict;
use warnings;

use Exporter qw(import);
use FaultChance;
use FaultClients;
use MemvipCluster;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = (@FaultClients::EXPORT, qw(vip_run vip_faults));

# Seconds. A node that has failed with the VIP is held down for up to 60, as long as the other one serves
# (vip-check/holddown.h); a proxy that was superseded is started again after a pause.
my $MOVE_LIMIT  = 80;
my $WHOLE_LIMIT = 90;
# All is well for so long before the next fault: a superseded proxy that comes back would be noticed.
my $STEADY    = 1.2;
my $REPAIR_MS = 6000;
my $TIMEOUT_MS = 500; # the proxy's own choice, see memvip.conf(5)

# Where the clients of each side sit.
my %from = (a => '192.168.58.11', b => '192.168.58.12');
my %node_address = (a => '192.168.58.135', b => '192.168.58.132');

# ---- the faults ----

# do: injects and heals again; gets the run and the plan. for: the range of plan->{seconds}.
my %FAULT = (
    # The VIP moves, once: the owner's keepalived ends, dies in part or whole, or is cut off.
    'stop'        => {kind => 'move', do => sub { $_[0]->moved($_[1], 'stop-keepalived') }},
    'kill'        => {kind => 'move', do => sub { $_[0]->moved($_[1], 'kill-keepalived', 'all') }},
    'kill-main'   => {kind => 'move', do => sub { $_[0]->moved($_[1], 'kill-keepalived', 'main') }},
    'unplug'      => {kind => 'move', for => [0, 2], do => \&unplugged},
    # It moves, or comes back to where it was.
    'kill-vrrp'   => {kind => 'move', do => sub { cluster('kill-keepalived', vip_nodes(), 'vrrp') }},
    'proxy-kill'  => {kind => 'move', do => sub { signal_to('KILL', vip_nodes(), 'proxy') }},
    'proxy-stall' => {kind => 'move', for => [0.1, 1], do => \&stalled},
    # Both nodes have the VIP, and both reach both servers.
    'deaf'        => {kind => 'both', for => [3, 8], do => \&deaf},
    'frozen'      => {kind => 'both', for => [0, 2], do => \&frozen},
    # Both nodes have the VIP, and each reaches its own server only.
    'cut'         => {kind => 'cut', for => [2, 6], do => \&parted},
    # One of them reaches nobody, the clients neither.
    'cut-owner'   => {kind => 'cut', for => [2, 6], do => sub { $_[0]->isolated($_[1], vip_nodes()) }},
    'cut-other'   => {kind => 'cut', for => [1, 6], do => sub { $_[0]->isolated($_[1], other(vip_nodes())) }},
);

sub vip_faults {
	my (@kinds) = @_;
	return grep { my $name = $_; grep { $FAULT{$name}{kind} eq $_ } @kinds } sort keys %FAULT;
}

sub one_owner { return length vip_nodes() == 1 }

sub moved {
	my ($run, $plan, $command, @args) = @_;
	my $owner = vip_nodes();
	cluster($command, $owner, @args);
	wait_for('the VIP on the other node', sub { vip_nodes() eq other($owner) }, $MOVE_LIMIT);
	wait_for("the end of keepalived on $owner", sub { !processes($owner, 'keepalived') }, $MOVE_LIMIT);
	cluster('start-keepalived', $owner);
}

# The owner loses its link: one memcached of the two is out of reach as well.
sub unplugged {
	my ($run, $plan) = @_;
	my $owner = vip_nodes();
	cluster('unplug', $owner);
	wait_for('the VIP on the other node', sub { vip_nodes() eq other($owner) }, $MOVE_LIMIT);
	sleep $plan->{seconds};
	cluster('plug', $owner);
}

# The proxy is silent, shorter or longer than the check's patience.
sub stalled {
	my ($run, $plan) = @_;
	my @pids = processes(vip_nodes(), 'proxy');
	kill STOP => @pids;
	sleep $plan->{seconds};
	kill CONT => @pids;
}

# The nodes do not hear each other's VRRP any more, and nothing else is wrong.
sub deaf {
	my ($run, $plan) = @_;
	for my $node ('a', 'b') {
		my $ran = node($node, 'nft', 'add table ip deaf; add chain ip deaf in '
		    . '{ type filter hook input priority 0; }; add rule ip deaf in ip protocol 112 drop');
		die "nft: $ran->{err}" if ($ran->{status} // 1) != 0;
	}
	# One gives way to the other again and again: they need not be seen at the same moment.
	my %served;
	wait_for('both nodes have the VIP', sub { $served{$_} = 1 for split //, port_nodes(); 2 == keys %served }, $MOVE_LIMIT);
	sleep $plan->{seconds};
	node($_, 'nft', 'delete table ip deaf') for 'a', 'b';
}

# A frozen keepalived keeps the VIP, and the other node takes it.
sub frozen {
	my ($run, $plan) = @_;
	my $owner = vip_nodes();
	cluster('freeze-keepalived', $owner);
	wait_for('both nodes have the VIP', sub { vip_nodes() eq 'ab' }, $MOVE_LIMIT);
	sleep $plan->{seconds};
	cluster('thaw-keepalived', $owner);
}

# Says something to the proxy of a node, from that node. Returns the first line.
sub ask_on {
	my ($node, $bytes) = @_;
	my ($ip, $port) = $VIP =~ /^(.*):(\d+)$/;
	my $ran = node($node, 'timeout', 2, 'bash', '-c',
	    'exec 3<>"/dev/tcp/$0/$1"; printf "%b" "$2" >&3; read -r line <&3; echo "$line"', $ip, $port, $bytes);
	return $ran->{out} =~ s/\r?\n\z//r;
}

my $KEY = 'whose-half';

# Node by node, what it wrote while the nodes were apart. Returns the side that this is found on.
sub winner {
	my $half = value_of($VIP, $KEY) // 'neither';
	ok($half =~ /^[ab]$/, 'one half has won') or diag("its mark is: $half");
	return $half;
}

sub parted {
	my ($run, $plan) = @_;
	my $c = $run->{clients};
	$c->say_and_wait('part');
	cluster('cut', 'a', 'b');
	wait_for('both nodes serve', sub {
		2 == grep { ask_on($_, 'version\r\n') =~ /^VERSION/ && port_nodes() eq 'ab' } 'a', 'b';
	}, $MOVE_LIMIT);
	$c->say_and_wait('parted');
	wait_for("the half of $_ is written to", sub { ask_on($_, "set $KEY 0 0 1\\r\\n$_\\r\\n") eq 'STORED' }, 20)
	    for 'a', 'b';
	sleep $plan->{seconds};
	$c->say_and_wait('hold');
	cluster('heal');
	$run->whole or return;
	$run->join_halves(winner());
}

# A node that reaches nobody, its clients neither: there is one history, and it must go on. Until the
# servers are together again nobody begins a connection: where both nodes have had the VIP it may be,
# for a moment, with the one that was away.
sub isolated {
	my ($run, $plan, $node) = @_;
	my $c = $run->{clients};
	cluster('cut', $node);
	wait_for('the other node has the VIP', sub { vip_nodes() =~ other($node) }, $MOVE_LIMIT);
	$c->say_and_wait('leave ' . side_of($node));
	sleep $plan->{seconds};
	$c->say_and_wait('hold');
	cluster('heal');
	$run->whole or return;
	$run->join_halves(other($node));
}

sub side_of { return $_[0] eq 'b' ? 1 : 0 }

sub join_halves {
	my ($run, $winner) = @_;
	$run->{clients}->say_and_wait('joined ' . side_of($winner));
	$run->{won}{$winner}++;
}

# ---- the run ----

# The clients' two addresses, each with its own way to the VIP, and nodes that forward to the one
# that has it.
sub ways {
	my $table = 100;
	for my $node (sort keys %from) {
		$table++;
		for (['ip', 'addr', 'add', "$from{$node}/32", 'dev', 'eth0'],
		    ['ip', 'rule', 'add', 'from', $from{$node}, 'lookup', $table],
		    ['ip', 'route', 'add', '192.168.58.100/32', 'via', $node_address{$node}, 'dev', 'eth0', 'src',
			$from{$node}, 'table', $table]) {
			my $ran = run(@$_);
			die "@$_: $ran->{err}" if ($ran->{status} // 1) != 0;
		}
		for my $set ('ip_forward=1', 'conf.all.send_redirects=0', 'conf.eth0.send_redirects=0',
		    'conf.all.rp_filter=0', 'conf.eth0.rp_filter=0') {
			my $ran = node($node, 'sysctl', '-qw', "net.ipv4.$set");
			die "$set: $ran->{err}" if ($ran->{status} // 1) != 0;
		}
	}
}

# The servers of both nodes, on one port for each pair.
sub servers_of {
	my ($run, $node) = @_;
	return map { "$node_address{$node}:" . (11211 + $_) } 0 .. $run->{opt}{pairs} - 1;
}

# Further memcacheds of the nodes, the configuration, and keepalived.
sub start_nodes {
	my ($run) = @_;
	my $pairs = $run->{opt}{pairs};
	for my $node ('a', 'b') {
		for my $port (map { 11211 + $_ } 1 .. $pairs - 1) {
			my $ran = node($node, 'memcached', '-d', '-u', 'nobody', '-l', $node_address{$node}, '-p', $port, '-U', 0, '-m', 64);
			die "memcached: $ran->{err}" if ($ran->{status} // 1) != 0;
		}
		my @more = map { ("server $node_address{a}:$_", "backup $node_address{b}:$_") } map { 11211 + $_ } 1 .. $pairs - 1;
		push @more, 'ketama' if $run->{opt}{ketama};
		configure_memvip($node, map { "\$a $_" } @more) if @more;
	}
	# The primary first, so that the VIP starts there.
	for my $node ('a', 'b') {
		cluster('start-keepalived', $node);
		wait_for('the VIP', sub { vip_nodes() eq 'a' }, $MOVE_LIMIT);
	}
}

# One owner, which serves, with all servers in use, and so it stays. Returns the seconds that took,
# or undef.
sub whole {
	my ($run) = @_;
	my $start = time;
	my ($since, $last, $stats) = (undef, '', '');
	while (time < $start + $WHOLE_LIMIT) {
		my $now = '';
		my $owner = vip_nodes();
		if (length $owner == 1 && port_nodes() eq $owner) {
			$stats = eval { client($VIP)->ask("stats servers\r\n", 1) } // '';
			my @epochs = $stats =~ /\.epoch (\d+)\r$/mg;
			$now = "$owner @epochs" 
			    if 2 * $run->{opt}{pairs} == (() = $stats =~ /\.state current\r$/mg);
		}
		$since = undef if $now eq '' || $now ne $last;
		$last = $now;
		$since //= time if $now ne '';
		return time - $start if defined $since && time >= $since + $STEADY;
		sleep 0.05;
	}
	diag("not whole after $WHOLE_LIMIT s: the VIP on '", vip_nodes(), "', VIP:port open on '", port_nodes(), "'\n$stats");
	return;
}

sub one_fault {
	my ($run) = @_;
	my $chance = $run->{chance};
	my $c      = $run->{clients};
	my %plan   = (rest => $chance->between(0.3, 1), name => $chance->next_of(@{$run->{opt}{faults}}));
	my $fault  = $FAULT{$plan{name}} // die "$plan{name}: no such fault\n";
	$plan{seconds} = $chance->between(@{$fault->{for} // [0, 0]});
	sleep $plan{rest};
	my $text = sprintf '%s for %.3f s', $plan{name}, $plan{seconds};
	$c->say("note fault: $text, the VIP on " . vip_nodes());
	$c->say_and_wait('tolerate on');
	$fault->{do}->($run, \%plan);
	$c->say("note healed: $plan{name}");
	my $took = $run->whole;
	push @{$run->{order}}, $text;
	$run->{done}{$plan{name}}++;
	return if !defined $took;
	# To whom the connection of before the move leads nobody knows; a retransmission may wait for long.
	$c->say('hurry');
	$c->say('settle');
	$c->say('tolerate off');
	$c->say(sprintf 'note whole after %.2f s, the VIP on %s', $took, vip_nodes());
	return 1;
}

# label, then options: tool (fault_driver's), seconds, or count: how many faults; seed, clients,
# rate, keys, pairs; ketama: the placement; faults (names); driver: further arguments; excuse: see
# FaultClients; progress: tell each minute. Returns the counts.
sub vip_run {
	my ($label, %opt) = @_;
	my $passing = Test::More->builder->is_passing;
	my $opt = {clients => 8, rate => 1000, keys => 50, pairs => 1, seconds => 1e6, count => 1e6, %opt};
	my $run = bless {opt => $opt, chance => FaultChance->new($opt->{seed}), order => []};
	note("$label: SEED=$opt->{seed}");
	$run->start_nodes;
	ways();
	if (!$run->whole) {
		fail("$label: started");
		return {};
	}
	my $start = time;
	my $c = $run->{clients} = FaultClients->new(%$opt, to => $VIP, from => [map { $from{$_} } 'a', 'b'],
	    primary => [$run->servers_of('a')], backup => [$run->servers_of('b')],
	    seconds => ($opt->{seconds} < 1e6 ? $opt->{seconds} * 2 : 0) + 600, compare_ms => $REPAIR_MS);
	$c->wait_going;
	my $whole  = 1;
	my $minute = time + 60;
	while ($whole && time < $start + $opt->{seconds} && @{$run->{order}} < $opt->{count} && $c->alive) {
		$whole = $run->one_fault;
		next if !$opt->{progress} || time < $minute;
		$minute = time + 60;
		diag(sprintf('%s: %d s: ', $label, time - $start), $c->so_far);
	}
	ok($whole, "$label: one owner of the VIP, and all servers in use, after every fault");
	$c->finish($label);
	my $counts = $c->verdict($label, busy => 10 * (time - $start), timeout_ms => $TIMEOUT_MS, excuse => $opt->{excuse} // {});
	note("$label: faults: ", join ', ', map { "$run->{done}{$_} $_" } sort keys %{$run->{done}});
	note("$label: won: ", join ', ', map { "$_ $run->{won}{$_}" } sort keys %{$run->{won}}) if $run->{won};
	if ($passing && !Test::More->builder->is_passing) {
		diag("$label: SEED=$opt->{seed}");
		$c->show_log;
	}
	$c->end;
	return {%$counts, faults => scalar @{$run->{order}}, order => $run->{order}};
}

1;
