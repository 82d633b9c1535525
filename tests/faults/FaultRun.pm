# FaultRun: one run of the proof by faults on one proxy. Starts two memcached (or more), a proxy over
# them and the clients (FaultClients); injects one fault after the other, the next one only when all
# servers are in use again; and asserts on the counts.
#
# Needs a network namespace of its own (fault_net). What a fault is, and who must notice: %FAULT.
# For runs on two nodes with keepalived see FaultVip.
package FaultRun;
use strict;
use warnings;

use Exporter qw(import);
use FaultChance;
use FaultClients;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = (@FaultClients::EXPORT, qw(fault_net fault_run fault_names fault_order %SMALLER_BACKUP));

# For fault_run(): a backup that takes smaller items and has less memory than the primary.
our %SMALLER_BACKUP = (
    memcached => {backup => ['-m', 8, '-I', '32k', '-o', 'slab_chunk_max=16384']},
    driver    => ['--big', 3, '--big-size', 49152, '--ballast', 5],
    excuse    => {map { $_ => 'the small server evicts, and refuses what the large one takes' }
	qw(lost one_sided missed)},
);

# Seconds. A server that backs off is tried again after 5 s at the latest.
my $WHOLE_LIMIT = 30;
# What the proxy has not noticed of a healed fault by then it need not notice: without this the
# states of before the fault could be taken for those after it.
my $NOTICE = 0.3;
# How long copies may part after the last write: expiry, and repairs that are under way.
my $REPAIR_MS = 4000;

# ---- the faults ----

# on: what it is done to. do: injects and heals again; gets the run, the server (or the proxy) and
# the plan. for: the range of plan->{seconds}; in timeouts of the proxy with timeouts => 1. n: the
# range of a rule's number.
my %FAULT = (
    'kill'         => {on => 'server', do => sub { $_[1]->kill9; $_[1]->start->wait_up }},
    'kill-later'   => {on => 'server', for => [0.2, 2],
	do => sub { $_[1]->kill9; sleep $_[2]{seconds}; $_[1]->start->wait_up }},
    'freeze-short' => {on => 'server', for => [0.02, 0.7], timeouts => 1, do => \&frozen},
    'freeze-long'  => {on => 'server', for => [1.2, 4], timeouts => 1, do => \&frozen},
    'cut-short'    => {on => 'server', for => [0.02, 0.7], timeouts => 1, do => sub { filtered(@_, 'drop') }},
    'cut-long'     => {on => 'server', for => [1.2, 6], timeouts => 1, do => sub { filtered(@_, 'drop') }},
    'reset'        => {on => 'server', for => [0.05, 1], timeouts => 1,
	do => sub { filtered(@_, 'reject with tcp reset') }},
    'flush'        => {on => 'server', do => \&flushed},
    'proxy-kill'   => {on => 'proxy', for => [0, 0.3],
	do => sub { $_[1]->kill9; sleep $_[2]{seconds}; $_[1]->start->wait_up }},
    'proxy-end'    => {on => 'proxy', for => [0, 0.3],
	do => sub { $_[1]->end; sleep $_[2]{seconds}; $_[1]->start->wait_up }},
    # For a fake memcached only. Only what no client can tell from a slow or dying server: a lie
    # that is well-formed cannot be found out.
    'late'         => {on => 'fake', rule => 'wait %d; answer', n => [20, 400]},
    'too-late'     => {on => 'fake', rule => 'wait %d; answer', n => [1200, 2000]},
    'dribble'      => {on => 'fake', rule => 'dribble %d', n => [1, 5]},
    'part-reset'   => {on => 'fake', rule => 'part %d; reset', n => [1, 20]},
    'part-close'   => {on => 'fake', rule => 'part %d; close', n => [1, 20]},
    'part-stall'   => {on => 'fake', rule => 'part %d; stall', n => [1, 20]},
    'unsaid'       => {on => 'fake', rule => 'exec'},
    'unsaid-reset' => {on => 'fake', rule => 'exec; reset'},
    'garbage'      => {on => 'fake', rule => 'exec; say "GARBAGE\r\n"'},
    'other-answer' => {on => 'fake', rule => 'exec; say "VALUE x 0 1\r\nx\r\nEND\r\nMN\r\n"'},
    'deaf'         => {on => 'fake', rule => 'deaf'},
);

sub fault_names {
	my (@on) = @_;
	return grep { my $name = $_; grep { $FAULT{$name}{on} eq $_ } @on } sort keys %FAULT;
}

sub frozen {
	my ($run, $s, $plan) = @_;
	$s->freeze;
	sleep $plan->{seconds};
	$s->thaw;
}

sub filtered {
	my ($run, $s, $plan, $what) = @_;
	my $rules = join '; ', map { "add rule inet memvip in tcp $_ " . $s->port . " $what" } qw(dport sport);
	run('nft', $rules)->{status} == 0 or die "nft: $rules\n";
	sleep $plan->{seconds};
	run('nft', 'flush chain inet memvip in')->{status} == 0 or die "nft: cannot flush\n";
}

# Somebody else empties it, which the proxy notices within a second. Until then the leader's misses
# are true: what it held is gone.
sub flushed {
	my ($run, $s) = @_;
	my $leads = $run->{proxy}->stat_of($s, 'role') eq 'leader';
	my ($failures, $epoch) = map { $run->{proxy}->stat_of($s, $_) } qw(failures epoch);
	$run->{clients}->say_and_wait('vanish on') if $leads;
	client($s)->ask("flush_all\r\n");
	wait_for("the proxy notices that $s->{name} was emptied", sub {
		$run->{proxy}->stat_of($s, 'failures') > $failures || $run->{proxy}->stat_of($s, 'epoch') > $epoch;
	});
	$run->{clients}->say_and_wait('vanish off') if $leads;
}

# The fake server does so to some of the commands, then tells the truth again.
sub lies {
	my ($run, $fake, $plan) = @_;
	$run->{clients}->say("note $plan->{rule}");
	$fake->on($plan->{rule});
	sleep $plan->{seconds};
	$fake->tell('clear');
}

# ---- which, when and how long ----

sub names_of_side {
	my ($opt, $side) = @_;
	return $opt->{pairs} > 1 ? map { "$side$_" } 1 .. $opt->{pairs} : $side;
}

# The names of what a fault may strike.
sub victims {
	my ($opt, $fault) = @_;
	return 'proxy' if $fault->{on} eq 'proxy';
	return (names_of_side($opt, $opt->{fake}))[-1] if $fault->{on} eq 'fake';
	return map { names_of_side($opt, $_) } $opt->{side} eq 'both' ? qw(primary backup) : $opt->{side};
}

# What is to come: all of it by the seed.
sub next_plan {
	my ($chance, $opt) = @_;
	my %plan  = (rest => $chance->between(0.1, 0.5), name => $chance->next_of(@{$opt->{faults}}));
	my $fault = $FAULT{$plan{name}} // die "$plan{name}: no such fault\n";
	$plan{victim} = $chance->one_of(victims($opt, $fault));
	if ($fault->{rule}) {
		my $n = int $chance->between(@{$fault->{n} // [0, 0]});
		$plan{rule} = sprintf '/^(?:%s) h\d/ skip %d times %d: %s',
		    $chance->one_of('get', 'set|add|cas', 'delete|incr', '\w+'), $chance->between(0, 20),
		    $chance->between(1, 4), $fault->{rule} =~ s/%d/$n/r;
	}
	my ($from, $to) = @{$fault->{for} // ($fault->{rule} ? [0.5, 1.5] : [0, 0])};
	$plan{seconds} = $chance->between($from, $to) * ($fault->{timeouts} ? $opt->{timeout_ms} / 1000 : 1);
	$plan{text} = join ' ', "$plan{name} of $plan{victim}", sprintf('for %.3f s', $plan{seconds}),
	    $plan{rule} // ();
	return \%plan;
}

sub options {
	my (%opt) = @_;
	return {side => 'both', pairs => 1, clients => 8, rate => 2000, keys => 50, timeout_ms => 500, %opt};
}

# The first n faults of a fault_run() with these options, as its {order} has them.
sub fault_order {
	my ($n, %opt) = @_;
	my $chance = FaultChance->new($opt{seed});
	my $opt    = options(%opt);
	return map { next_plan($chance, $opt)->{text} } 1 .. $n;
}

# ---- the run ----

# A network namespace of its own, with the chain for filtered(). The test is skipped where that
# cannot be. Call it first.
sub fault_net {
	plan(skip_all => 'needs nft') if !has_command('nft');
	own_net();
	plan(skip_all => 'nftables do not work here')
	    if run('nft', 'add table inet memvip; '
		. 'add chain inet memvip in { type filter hook input priority 0; }')->{status};
}

# Waits until every server is in use again, and is written to. Returns the seconds that took, or
# undef.
sub whole {
	my ($run) = @_;
	my $start = time;
	my $stats = {};
	while (time < $start + $WHOLE_LIMIT) {
		$stats = eval { $run->{proxy}->stats('servers') } // {};
		my @out = grep {
			my $name = 'server.' . $_->where;
			($stats->{"$name.state"} // '') ne 'current' || ($stats->{"$name.role"} // 'none') eq 'none';
		} values %{$run->{servers}};
		return time - $start if !@out;
		return if !$run->{proxy}->alive;
		sleep 0.02;
	}
	diag("not whole after $WHOLE_LIMIT s:", map { " $_=$stats->{$_}" } grep { /\.state$/ } sort keys %$stats);
	return;
}

sub fault {
	my ($run) = @_;
	my $plan  = next_plan($run->{chance}, $run->{opt});
	my $fault = $FAULT{$plan->{name}};
	my $what  = $fault->{on} eq 'proxy' ? $run->{proxy} : $run->{servers}{$plan->{victim}};
	my $c     = $run->{clients};
	sleep $plan->{rest};
	$c->say("note fault: $plan->{text}");
	$c->say_and_wait('tolerate on') if $fault->{on} eq 'proxy';
	$fault->{rule} ? $run->lies($what, $plan) : $fault->{do}->($run, $what, $plan);
	$c->say("note healed: $plan->{name}");
	sleep $NOTICE;
	my $took = $run->whole;
	push @{$run->{order}}, $plan->{text};
	$run->{done}{$plan->{name}}++;
	return if !defined $took;
	$c->say('settle');
	$c->say('tolerate off') if $fault->{on} eq 'proxy';
	$c->say(sprintf 'note whole after %.2f s', $NOTICE + $took);
	return 1;
}

sub start_servers {
	my ($run) = @_;
	my $opt = $run->{opt};
	my $fake = $opt->{fake} ? (victims($opt, {on => 'fake'}))[0] : '';
	for my $side (qw(primary backup)) {
		for my $name (names_of_side($opt, $side)) {
			my $s = $name eq $fake ? fake(name => $name)
			    : memcached(name => $name, args => $opt->{memcached}{$side} // []);
			$run->{servers}{$name} = $s;
			push @{$run->{$side}}, $s;
		}
	}
}

sub start_all {
	my ($run) = @_;
	my $opt = $run->{opt};
	$run->start_servers;
	$run->{proxy} = proxy(servers => $run->{primary}, backups => $run->{backup},
	    args => ['--timeout', $opt->{timeout_ms}, ($opt->{ketama} ? '-k' : ())]);
	$run->{proxy}->wait_current or return;
	$run->{clients} = FaultClients->new(
	    %$opt, to => $run->{proxy}->where, seconds => $opt->{seconds} * 2 + 120, compare_ms => $REPAIR_MS,
	    map { my $side = $_; ($side => [map { $_->where } @{$run->{$side}}]) } qw(primary backup));
	return $run->{clients}->wait_going;
}

# label, then options: tool (fault_driver's), seconds, seed, clients, rate (operations/s), keys,
# pairs; faults (names), side (primary, backup or both: where they strike), fake (the side that has a
# fake memcached for its last server); timeout_ms; ketama: the
# placement; driver, memcached => {side => []}: further arguments; excuse: see FaultClients; progress: tell each minute. Returns the counts.
sub fault_run {
	my ($label, %opt) = @_;
	my $passing = Test::More->builder->is_passing;
	my $opt = options(%opt);
	my $run = bless {opt => $opt, chance => FaultChance->new($opt->{seed}), order => []};
	note("$label: SEED=$opt->{seed}");
	my $until  = time + $opt->{seconds};
	my $minute = time + 60;
	if (!$run->start_all) {
		fail("$label: started");
		return {};
	}
	my $c     = $run->{clients};
	my $whole = 1;
	while ($whole && time < $until && $c->alive) {
		$whole = $run->fault;
		next if !$opt->{progress} || time < $minute;
		$minute = time + 60;
		diag(sprintf('%s: %d s left: ', $label, $until - time), $c->so_far);
	}
	ok($whole, "$label: all servers were in use again after every fault");
	$c->finish($label);
	my $counts = $c->verdict($label, busy => 50 * $opt->{seconds}, timeout_ms => $opt->{timeout_ms},
	    excuse => $opt->{excuse} // {});
	note("$label: faults: ", join ', ', map { "$run->{done}{$_} $_" } sort keys %{$run->{done}});
	if ($passing && !Test::More->builder->is_passing) {
		diag("$label: SEED=$opt->{seed}");
		$c->show_log;
	}
	$c->end;
	$_->end for grep { $_->alive } $run->{proxy}, values %{$run->{servers}};
	return {%$counts, faults => scalar @{$run->{order}}, order => $run->{order}};
}

1;
