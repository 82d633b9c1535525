# FaultRun: one run of the proof by faults. Starts two memcached (or more), a proxy over them and
# tests/faults/history as its clients; injects one fault after the other, the next one only when all
# servers are in use again; and asserts on the counts.
#
# Needs a network namespace of its own (fault_net). What a fault is, and who must notice: %FAULT.
# What is demanded of which count: @COUNTS.
package FaultRun;
use strict;
use warnings;

use Exporter qw(import);
use MemvipTest;
use POSIX qw(mkfifo);
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(fault_net fault_driver fault_run fault_names);

# Is a server that returns filled from the other copy before it leads again? Until the proxy does
# that, "in use" is all that can be waited for before the next fault, and what two faults in a row
# lose is told, not demanded. With 1 (also by MEMVIP_FAULTS_FILLS=1) every count of @COUNTS is
# demanded in every run.
our $FILLS = $ENV{MEMVIP_FAULTS_FILLS} // 1;

# What must be 0, in which runs without $FILLS, and what it counts. The runs: one (faults on the
# memcached of one side, so that the other side's copies are whole all the time), both (memcached
# faults on either side), proxy (only the proxy is ended), mixed (all of them). told: never demanded
# (a miss is allowed: memvip-proxy(8), BUGS, names one that cannot be helped).
our @COUNTS = (
    [errors    => 'one proxy',            'operations that were answered with an error'],
    [broken    => 'one both proxy mixed', 'connections of clients that broke'],
    [stale     => 'one both proxy',       'reads of a value that an acknowledged write had replaced'],
    [back      => 'one both proxy',       'reads of a value older than one read before'],
    [phantom   => 'one both proxy',       'reads of a value whose write was refused'],
    [alien     => 'one both proxy mixed', 'reads of a value that nobody has written'],
    [ghost     => 'one both proxy',       'answers that there is a value after an acknowledged delete'],
    [cas_wrong => 'one both proxy',       'cas STORED on a value that had been replaced'],
    [inexact   => 'one both proxy',       'counts that went back, came twice, or do not add up'],
    [differ    => 'one both',             'keys with different values on the two servers'],
    [strays    => 'one both proxy mixed', 'keys on two servers of one side'],
    [lost      => 'one proxy',            'acknowledged writes that are gone at the end'],
    [one_sided => '',                     'keys that one server lacks at the end'],
    [missed    => 'told',                 'misses where an acknowledged write says that there is a value'],
);

# A server that gets no processor is silent like a frozen one, and so a second one that is out. On a
# machine that wakes the clients later than a quarter of the timeout these say nothing.
my %STARVES = map { $_ => 1 } qw(errors lost one_sided);

# Seconds. A server that backs off is tried again after 5 s at the latest.
my $WHOLE_LIMIT = 30;
# How long copies may part after the last write: expiry, and repairs that are under way.
my $REPAIR_MS = $FILLS ? 4000 : 500;
my $IN_USE = $FILLS ? qr/^current$/ : qr/^(?:current|filling|suspect)$/;

# ---- the faults ----

# on: what it is done to. do: injects and heals again; gets the run and the server (or the proxy).
# n: the range of a rule's number.
my %FAULT = (
    'kill'         => {on => 'server', do => sub { $_[1]->kill9; $_[1]->start->wait_up }},
    'kill-later'   => {on => 'server', do => sub { $_[1]->kill9; $_[0]->pause(0.2, 2); $_[1]->start->wait_up }},
    'freeze-short' => {on => 'server', do => sub { $_[0]->frozen($_[1], 0.02, 0.7) }},
    'freeze-long'  => {on => 'server', do => sub { $_[0]->frozen($_[1], 1.2, 4) }},
    'cut-short'    => {on => 'server', do => sub { $_[0]->filtered($_[1], 'drop', 0.02, 0.7) }},
    'cut-long'     => {on => 'server', do => sub { $_[0]->filtered($_[1], 'drop', 1.2, 6) }},
    'reset'        => {on => 'server', do => sub { $_[0]->filtered($_[1], 'reject with tcp reset', 0.05, 1) }},
    'flush'        => {on => 'server', do => sub { client($_[1])->ask("flush_all\r\n") }},
    'proxy-kill'   => {on => 'proxy', do => sub { $_[1]->kill9; $_[0]->pause(0, 0.3); $_[1]->start->wait_up }},
    'proxy-end'    => {on => 'proxy', do => sub { $_[1]->end; $_[0]->pause(0, 0.3); $_[1]->start->wait_up }},
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

# Chance by the seed alone, whatever else draws numbers in this process.
sub chance {
	my ($run) = @_;
	$run->{chance} = ($run->{chance} * 1103515245 + 12345) % 2**31;
	return $run->{chance} / 2**31;
}

sub between {
	my ($run, $from, $to) = @_;
	return $from + $run->chance * ($to - $from);
}

sub one_of {
	my ($run, @of) = @_;
	return $of[int $run->chance * @of];
}

# The faults in any order, each once before one comes again.
sub next_fault {
	my ($run) = @_;
	my $deck = $run->{deck} //= [];
	@$deck = @{$run->{opt}{faults}} if !@$deck;
	return splice @$deck, int($run->chance * @$deck), 1;
}

sub pause { sleep $_[0]->between(@_[1, 2]) }

# from, to: in units of the proxy's timeout.
sub frozen {
	my ($run, $s, $from, $to) = @_;
	$s->freeze;
	$run->pause(map { $_ * $run->{timeout_ms} / 1000 } $from, $to);
	$s->thaw;
}

sub filtered {
	my ($run, $s, $what, $from, $to) = @_;
	my $rules = join '; ', map { "add rule inet memvip in tcp $_ " . $s->port . " $what" } qw(dport sport);
	run('nft', $rules)->{status} == 0 or die "nft: $rules\n";
	$run->pause(map { $_ * $run->{timeout_ms} / 1000 } $from, $to);
	run('nft', 'flush chain inet memvip in')->{status} == 0 or die "nft: cannot flush\n";
}

# The fake server does so to some of the commands, then tells the truth again.
sub lies {
	my ($run, $fake, $fault) = @_;
	my $n = int $run->between(@{$fault->{n} // [0, 0]});
	my $steps = $fault->{rule} =~ s/%d/$n/r;
	my $verbs = $run->one_of('get', 'set|add|cas', 'delete|incr', '\w+');
	my $rule  = sprintf '/^(?:%s) h\d/ skip %d times %d: %s', $verbs, $run->between(0, 20),
	    $run->between(1, 4), $steps;
	$run->say("note $rule");
	$fake->on($rule);
	$run->pause(0.5, 1.5);
	$fake->tell('clear');
}

# ---- the run ----

# Builds tests/faults/history; returns its path.
sub fault_driver {
	chdir top();
	my ($sanitize) = ($ENV{MEMVIP_BIN_DIR} // '') =~ m{build/([a-z-]+)/*\z};
	delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
	my $made = run({seconds => 200}, 'make', '-s',
	    (defined $sanitize ? 'SANITIZE=' . $sanitize =~ tr/-/,/r : ()), 'fault-tools');
	die "make fault-tools:\n$made->{out}$made->{err}" if $made->{status} // 1;
	return (defined $sanitize ? "build/$sanitize" : 'build') . '/tests/faults/history';
}

# A network namespace of its own, with the chain for filtered(). The test is skipped where that
# cannot be. Call it first.
sub fault_net {
	plan(skip_all => 'needs nft') if !has_command('nft');
	own_net();
	plan(skip_all => 'nftables do not work here')
	    if run('nft', 'add table inet memvip; '
		. 'add chain inet memvip in { type filter hook input priority 0; }')->{status};
}

# A line to the clients.
sub say {
	my ($run, $line) = @_;
	syswrite $run->{control}, "$line\n";
}

# The same, and waits until they have heeded it.
sub say_and_wait {
	my ($run, $line) = @_;
	my $n = ++$run->{syncs};
	$run->say("$line\nsync $n");
	return wait_for("the clients heed: $line",
	    sub { !$run->{clients}->alive || slurp($run->{clients}{log}) =~ /^sync $n$/m });
}

my $runs = 0;

# Starts the clients, whose standard input is a fifo.
sub start_clients {
	my ($run) = @_;
	my $fifo = tmpdir() . '/control.' . ++$runs;
	mkfifo($fifo, 0600) or die "$fifo: $!\n";
	# For reading too, so that opening it waits for nobody.
	open $run->{control}, '+<', $fifo or die "$fifo: $!\n";
	my $opt = $run->{opt};
	my @to  = map { my $side = $_; map { ("--$side", $_->where) } @{$run->{$side}} } qw(primary backup);
	$run->{clients} = bless {
	    name => "clients-$runs",
	    cmd  => ['sh', '-c', 'exec "$@" <"$0"', $fifo, $run->{tool}, '--to', $run->{proxy}->where, @to,
		'--seconds', int($opt->{seconds} * 2 + 120), '--seed', $opt->{seed}, '--clients', $opt->{clients},
		'--rate', $opt->{rate}, '--keys', $opt->{keys}, '--compare', $REPAIR_MS, @{$opt->{driver} // []}],
	}, 'MemvipTest::Process';
	$run->{clients}->start;
	return wait_for('the clients are going', sub { slurp($run->{clients}{log}) =~ /^going$/m });
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
			($stats->{"$name.state"} // '') !~ $IN_USE || ($stats->{"$name.role"} // 'none') eq 'none';
		} @{$run->{servers}};
		return time - $start if !@out;
		return if !$run->{proxy}->alive;
		sleep 0.02;
	}
	diag("not whole after $WHOLE_LIMIT s:", map { " $_=$stats->{$_}" } grep { /\.state$/ } sort keys %$stats);
	return;
}

# Seconds. What the proxy has not noticed of a healed fault by then it need not notice: without
# this the states of before the fault could be taken for those after it.
my $NOTICE = 0.3;

sub fault {
	my ($run) = @_;
	my $name  = $run->next_fault;
	my $fault = $FAULT{$name};
	my $what  = $fault->{on} eq 'proxy' ? $run->{proxy}
	    : $fault->{on} eq 'fake' ? $run->{fake} : $run->one_of(@{$run->{victims}});
	$run->say("note fault: $name of $what->{name}");
	$run->say_and_wait('tolerate on') if $fault->{on} eq 'proxy';
	if ($fault->{rule}) {
		$run->lies($what, $fault);
	} else {
		$fault->{do}->($run, $what);
	}
	$run->say("note healed: $name");
	sleep $NOTICE;
	my $took = $run->whole;
	$run->{done}{$name}++;
	return if !defined $took;
	$run->say('settle');
	$run->say('tolerate off') if $fault->{on} eq 'proxy';
	$run->say(sprintf 'note whole after %.2f s', $NOTICE + $took);
	return 1;
}

# name => value of the counts that the clients have told; {}: none yet.
sub counts {
	my ($run, $what) = @_;
	my ($line) = reverse slurp($run->{clients}{log}) =~ /^\Q$what\E: (.*)$/mg;
	return {($line // '') =~ /(\w+)=(\d+)/g};
}

sub servers {
	my ($run) = @_;
	my $opt = $run->{opt};
	for my $side (qw(primary backup)) {
		for my $n (1 .. $opt->{pairs}) {
			my $name = $opt->{pairs} > 1 ? "$side$n" : $side;
			if (($opt->{fake} // '') eq $side) {
				push @{$run->{$side}}, $run->{fake} = fake(name => $name);
			} else {
				push @{$run->{$side}}, memcached(name => $name, args => $opt->{memcached}{$side} // []);
			}
		}
	}
	$run->{servers} = [map { @{$run->{$_}} } qw(primary backup)];
	$run->{victims} = [map { @{$run->{$_}} } $opt->{side} eq 'both' ? qw(primary backup) : $opt->{side}];
}

sub start_all {
	my ($run) = @_;
	my $opt = $run->{opt};
	$run->servers;
	$run->{proxy} = proxy(servers => $run->{primary}, backups => $run->{backup},
	    args => ['--timeout', $run->{timeout_ms}, @{$opt->{proxy} // []}]);
	$run->{proxy}->wait_current or return;
	return $run->start_clients;
}

sub verdict {
	my ($run, $label) = @_;
	my $opt    = $run->{opt};
	my $counts = $run->counts('counts');
	my $ended  = grep { $FAULT{$_}{on} eq 'proxy' } @{$opt->{faults}};
	my $sort   = $ended ? $ended == @{$opt->{faults}} ? 'proxy' : 'mixed'
	    : $opt->{side} ne 'both' || $opt->{fake} ? 'one' : 'both';
	my $starved = ($counts->{lag_ms} // 0) > $run->{timeout_ms} / 4;
	my %excuse = map { $_ => 1 } @{$opt->{excuse} // []};
	cmp_ok($counts->{hits} // 0, '>', 50 * $opt->{seconds}, "$label: the clients were busy");
	for my $row (@COUNTS) {
		my ($name, $when, $what) = @$row;
		my $demanded = !$excuse{$name} && $when ne 'told'
		    && ($FILLS || $when =~ /\b$sort\b/);
		if ($demanded && $starved && $STARVES{$name} && $counts->{$name}) {
			diag("$label: this machine was too busy ($counts->{lag_ms} ms) to demand it: $name=$counts->{$name}");
			$demanded = 0;
		}
		if ($demanded) {
			is($counts->{$name}, 0, "$label: no $what ($name)");
		} elsif ($counts->{$name} // 1) {
			note("$label: told, not demanded: $name=" . ($counts->{$name} // '?') . ", $what");
		}
	}
	note("$label: $_=$counts->{$_}") for qw(ops cas_stored cas_exists too_big tolerated slowest_ms lag_ms);
	return $counts;
}

# The first violations; what came last is shown with the other logs.
sub shown_of_log {
	my ($run) = @_;
	my @lines = split /\n/, slurp($run->{clients}{log});
	splice @lines, 250, @lines - 250, '...' if @lines > 250;
	diag(join "\n", "---- the clients", @lines);
}

# label, then options: tool (fault_driver's), seconds, seed, clients, rate (operations/s), keys, pairs; faults (names),
# side (primary, backup or both: where they strike), fake (the side that has a fake memcached
# instead); timeout_ms; proxy, driver, memcached => {side => []}: further arguments; excuse: counts
# that say nothing in this run; progress: tell each minute. Returns the counts.
sub fault_run {
	my ($label, %opt) = @_;
	my $passing = Test::More->builder->is_passing;
	my $run = bless {
	    tool => $opt{tool}, timeout_ms => $opt{timeout_ms} // 500, chance => 1 + $opt{seed} % 2**30,
	    opt => {side => 'both', pairs => 1, clients => 8, rate => 2000, keys => 50, %opt},
	};
	note("$label: SEED=$opt{seed}");
	chance($run) for 1 .. 10;
	my $until  = time + $opt{seconds};
	my $minute = time + 60;
	if (!$run->start_all) {
		fail("$label: started");
		return {};
	}
	my $whole = 1;
	while ($whole && time < $until && $run->{clients}->alive) {
		$run->pause(0.1, 0.5);
		$whole = $run->fault;
		next if !$opt{progress} || time < $minute;
		$minute = time + 60;
		$run->say_and_wait('report');
		my $c = $run->counts('so far');
		diag(join ' ', sprintf('%d s left:', $until - time), map { "$_=" . ($c->{$_} // '?') }
		    qw(ops tolerated), map { $_->[0] } grep { $c->{$_->[0]} } @COUNTS);
	}
	ok($whole, "$label: all servers were in use again after every fault");
	$run->say('stop');
	is($run->{clients}->wait_end(60), 0, "$label: the clients came to their end");
	my $counts = $run->verdict($label);
	note("$label: faults: ", join ', ', map { "$run->{done}{$_} $_" } sort keys %{$run->{done}});
	if ($passing && !Test::More->builder->is_passing) {
		diag("$label: SEED=$opt{seed}");
		$run->shown_of_log;
	}
	$_->end for grep { $_->alive } $run->{clients}, $run->{proxy}, @{$run->{servers}};
	return $counts;
}

1;
