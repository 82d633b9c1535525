# FaultClients: the clients of a run of the proof by faults: starts tests/faults/history, tells it
# what goes on around it, and asserts on what it has counted.
#
# What is demanded of which count: @COUNTS.
package FaultClients;
use strict;
use warnings;

use Exporter qw(import);
use MemvipTest;
use POSIX qw(mkfifo);
use Test::More;

our @EXPORT = qw(fault_driver fault_seed);

# What must be 0 at the end of each run, and what it counts. A run may excuse some, saying why.
our @COUNTS = (
    [errors    => 'operations that were answered with an error'],
    [broken    => 'connections of clients that broke'],
    [stale     => 'reads of a value that an acknowledged write had replaced'],
    [back      => 'reads of a value older than one read before'],
    [phantom   => 'reads of a value whose write was refused'],
    [alien     => 'reads of a value that nobody has written'],
    [ghost     => 'answers that there is a value after an acknowledged delete'],
    [cas_wrong => 'cas STORED on a value that had been replaced'],
    [inexact   => 'counts that went back, came twice, or do not add up'],
    [differ    => 'keys with different values on the two servers'],
    [strays    => 'keys on two servers of one side'],
    [lost      => 'acknowledged writes that are gone at the end'],
    [one_sided => 'keys that one server lacks at the end'],
    [missed    => 'misses where an acknowledged write says that there is a value'],
);

# What is told of each run. overtaken: misses that are allowed, see judge.h. tolerated: errors and
# broken connections while the proxy was gone. given_up: acknowledged writes of the half that gave
# way after a cut; gone_...: what its clients were told wrongly before it did.
my @TOLD = qw(ops hits writes cas_stored cas_exists too_big overtaken tolerated parted given_up
    slowest_ms lag_ms);

# A server that gets no processor is silent like a frozen one, and so a second one that is out. On a
# machine that wakes the clients later than a quarter of the timeout these say nothing.
my %STARVES = map { $_ => 1 } qw(errors lost one_sided missed);

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

# The seed of a test's first run: MEMVIP_FAULTS_SEED repeats one.
sub fault_seed { return $ENV{MEMVIP_FAULTS_SEED} // int rand 1e9 }

my $runs = 0;

# tool (fault_driver's); to: address; primary, backup: lists of addresses; from: addresses of the
# sides; seed, clients, rate, keys; seconds: it ends by itself then; compare_ms: how long copies may
# part after the last write; driver: further arguments. Starts them, their standard input a fifo.
sub new {
	my ($class, %opt) = @_;
	my $name = 'clients-' . ++$runs;
	my $fifo = tmpdir() . "/$name.control";
	mkfifo($fifo, 0600) or die "$fifo: $!\n";
	# For reading too, so that opening it waits for nobody.
	open my $control, '+<', $fifo or die "$fifo: $!\n";
	my @to = map { my $side = $_; map { ("--$side", $_) } @{$opt{$side} // []} } qw(primary backup from);
	my $process = bless {
	    name => $name,
	    cmd  => ['sh', '-c', 'exec "$@" <"$0"', $fifo, $opt{tool}, '--to', $opt{to}, @to,
		map({ ("--$_", $opt{$_}) } qw(seed clients rate keys)), '--seconds', int $opt{seconds},
		'--compare', $opt{compare_ms}, @{$opt{driver} // []}],
	}, 'MemvipTest::Process';
	my $c = bless {control => $control, process => $process, syncs => 0}, $class;
	$process->start;
	return $c;
}

sub wait_going {
	my ($c) = @_;
	return wait_for('the clients are going', sub { $c->said =~ /^going$/m });
}

sub alive { return $_[0]{process}->alive }
sub said { return slurp($_[0]{process}{log}) }

# A line to the clients.
sub say {
	my ($c, $line) = @_;
	syswrite $c->{control}, "$line\n";
}

# The same, and waits until they have heeded it.
sub say_and_wait {
	my ($c, $line) = @_;
	my $n = ++$c->{syncs};
	$c->say("$line\nsync $n");
	return wait_for("the clients heed: $line", sub { !$c->alive || $c->said =~ /^sync $n$/m });
}

# name => value of the counts that the clients have told; {}: none yet.
sub counts {
	my ($c, $what) = @_;
	my ($line) = reverse $c->said =~ /^\Q$what\E: (.*)$/mg;
	return {($line // '') =~ /(\w+)=(\d+)/g};
}

# "ops=1 writes=2 ...", and what is not 0 of what must be.
sub so_far {
	my ($c) = @_;
	$c->say_and_wait('report');
	my $n = $c->counts('so far');
	return join ' ', map { "$_=" . ($n->{$_} // '?') } qw(ops tolerated),
	    grep { $n->{$_} } 'given_up', map { $_->[0] } @COUNTS;
}

# Waits for their end, after which the servers were compared.
sub finish {
	my ($c, $label) = @_;
	$c->say('stop');
	is($c->{process}->wait_end(60), 0, "$label: the clients came to their end");
}

# busy: how many values they must have read. timeout_ms: of the proxy. excuse: {count => why it says
# nothing in this run}. Returns the counts.
sub verdict {
	my ($c, $label, %opt) = @_;
	my $n = $c->counts('counts');
	my $starved = ($n->{lag_ms} // 0) > $opt{timeout_ms} / 4;
	cmp_ok($n->{hits} // 0, '>', $starved ? 0 : $opt{busy}, "$label: the clients were busy");
	for my $row (@COUNTS) {
		my ($name, $what) = @$row;
		my $excuse = $opt{excuse}{$name};
		$excuse //= "this machine was too busy ($n->{lag_ms} ms) to demand it" if $starved && $STARVES{$name};
		if (!defined $excuse) {
			is($n->{$name}, 0, "$label: no $what ($name)");
		} elsif ($n->{$name} // 1) {
			my $line = "$label: $name=" . ($n->{$name} // '?') . ", $what: $excuse";
			$starved ? diag($line) : note($line);
		}
	}
	note("$label: ", join ' ', map { "$_=" . ($n->{$_} // '?') } @TOLD, grep { /^gone_/ && $n->{$_} } sort keys %$n);
	return $n;
}

# The first violations; what came last is shown with the other logs.
sub show_log {
	my ($c) = @_;
	my @lines = split /\n/, $c->said;
	splice @lines, 250, @lines - 250, '...' if @lines > 250;
	diag(join "\n", "---- the clients", @lines);
}

sub end {
	my ($c) = @_;
	$c->{process}->end if $c->alive;
}

1;
