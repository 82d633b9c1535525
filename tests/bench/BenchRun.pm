# BenchRun: what the benchmarks share. Two memcached and the load on one processor, the proxies on
# another; one measurement, and what disturbed it; tables.
#
# The load is tests/bench/load. Not a test: nothing is asserted; what cannot be measured is said, and
# what is wrong ends the run.
package BenchRun;
use strict;
use warnings;

BEGIN {
	# MemvipTest's bound is for tests.
	$ENV{MEMVIP_TEST_LIMIT} //= 3600;
}
use Exporter qw(import);
use MemvipTest;
use POSIX qw(strftime sysconf _SC_CLK_TCK);
use Time::HiRes qw(time sleep);

our @EXPORT = qw(bench_start bench_knobs bench_dir bench_machine two_servers proxy_kinds start_proxy pin
    measure start_load end_load median spread write_csv);

# Which processor does what.
use constant {LOAD_CPU => 0, PROXY_CPU => 1};

# A measurement is repeated when the machine was taken away for a greater part of it than this, or
# somebody else's work took so much; how often; and how often in the whole run, so that it ends.
our ($STEAL_MAX, $OTHERS_MAX, $TRIES, $REPEATS) = (0.05, 0.10, 3, 100);

my $processors = () = slurp('/proc/stat') =~ /^cpu\d/mg;
my $tool = 'build/tests/bench/load/load';
my $ticks = sysconf(_SC_CLK_TCK);

# name => value of KNOB=value arguments; the defaults say which there are. $quick: the defaults under
# QUICK=1. A wrong one ends it: 2.
sub bench_knobs {
	my ($what, $quick, %knob) = @_;
	my %given;
	$knob{QUICK} = '' if $quick;
	for my $arg (@ARGV) {
		my ($name, $value) = $arg =~ /^([A-Z]+)=(.*)$/s;
		if (!defined $name || !exists $knob{$name}) {
			print STDERR "$what: $arg: not one of ", join(' ', map { "$_=" } sort keys %knob), "\n";
			exit 2;
		}
		if ($knob{$name} =~ /^\d+$/ && $value !~ /^[1-9]\d{0,7}$/) {
			print STDERR "$what: $arg: not a number above 0\n";
			exit 2;
		}
		$given{$name} = $value;
	}
	return (%knob, ($given{QUICK} // '') ne '' ? %$quick : (), %given);
}

# Makes ready: the load is built, this process and what it starts come first on their processors,
# many files may be open.
sub bench_start {
	chdir top();
	delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
	if ($processors < 2) {
		print STDERR "needs two processors: one for the load and memcached, one for the proxy\n";
		exit 1;
	}
	my $made = run({seconds => 300}, 'make', '-s', 'all', 'bench-tools');
	die "make:\n$made->{out}$made->{err}" if $made->{status} // 1;
	come_first();
	system("prlimit --pid $$ --nofile=65536:65536 2>/dev/null");
	$| = 1;
	return;
}

# Root may; for the others it is a little less quiet. Where the kernel shares the processors between
# sessions (autogroup, see sched(7)) it is the session that comes first, and must not stay so.
my ($me, $session_nice) = ($$);

sub come_first {
	setpriority(0, 0, -20);
	return if slurp("/proc/$me/autogroup") !~ /nice (-?\d+)/;
	$session_nice = $1;
	session_nice(-20);
	return;
}

sub session_nice {
	my ($nice) = @_;
	if (open my $f, '>', "/proc/$me/autogroup") {
		syswrite $f, $nice;
	}
	return;
}

END { session_nice($session_nice) if $$ == $me && defined $session_nice }

# build/bench, which git ignores.
sub bench_dir {
	mkdir "build/bench" if !-d "build/bench";
	return 'build/bench';
}

sub version_of {
	my (@cmd) = @_;
	my $ran = run(@cmd);
	return (("$ran->{out}$ran->{err}") =~ /(\d+\.\d+\.\d+)/)[0] // '?';
}

# Where this was measured, in a line.
sub bench_machine {
	my ($cpu) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
	my ($kernel) = (POSIX::uname())[2];
	my ($commit) = run('git', 'describe', '--always', '--dirty')->{out} =~ /(\S+)/;
	return sprintf '%s, %d processors (%s), Linux %s, memcached %s, memvip %s', strftime('%Y-%m-%d', localtime),
	    $processors, $cpu // '?', $kernel, version_of('memcached', '--version'), $commit // '?';
}

sub pin {
	my ($process, $cpu) = @_;
	my $ran = run('taskset', '-a', '-c', '-p', $cpu, $process->pid);
	die "taskset: $ran->{err}" if $ran->{status} // 1;
	return $process;
}

# Two memcached that take what the rows hold and as many connections as haproxy makes.
sub two_servers {
	my (@args) = @_;
	return map {
		pin(memcached(name => $_, args => ['-t', 1, '-m', 2048, '-c', 20_000, @args]), LOAD_CPU)
	} qw(a b);
}

# ---- the proxies ----

# Those that are here, memvip first. What is missing is said once.
my %package = (nutcracker => ['twemproxy', 'nutcracker'], haproxy => ['haproxy', 'haproxy']);

sub proxy_kinds {
	my @kinds = ('memvip');
	for my $program (qw(nutcracker haproxy)) {
		my ($kind, $package) = @{$package{$program}};
		if (has_command($program)) {
			push @kinds, $kind;
		} else {
			print "$kind is left out: there is no $program here (Debian: apt-get install $package)\n";
		}
	}
	return @kinds;
}

# Starts a proxy of a kind on its processor. memvip has both servers, the others the first. Before the
# servers, {under => [command]} runs it under that, {tree => path} takes memvip from another tree,
# {args => [options]} gives memvip further options.
sub start_proxy {
	my ($kind, @servers) = @_;
	my $how = ref $servers[0] eq 'HASH' ? shift @servers : {};
	my %class = map { $_ => "BenchRun::\u$_" } qw(memvip twemproxy haproxy);
	my $proxy = $class{$kind}->new(@servers);
	$proxy->{kind} = $kind;
	$proxy->{cmd}[0] = "$how->{tree}/proxy/memvip-proxy" if defined $how->{tree};
	push @{$proxy->{cmd}}, @{$how->{args} // []} if $kind eq 'memvip';
	unshift @{$proxy->{cmd}}, @{$how->{under} // []};
	$proxy->start->wait_up;
	if ($kind eq 'memvip') {
		$proxy->wait_current or die "the servers do not get current\n";
	}
	return pin($proxy, PROXY_CPU);
}

# ---- one measurement ----

# Ticks that a processor had: all, busy, taken away by the host.
sub processor_ticks {
	my ($cpu) = @_;
	my @t = slurp('/proc/stat') =~ /^cpu$cpu +(.*)$/m ? split / /, $1 : ();
	my ($idle, $steal) = ($t[3] + $t[4], $t[7]);
	my $all = 0;
	$all += $_ for @t[0 .. 7];
	return [$all, $all - $idle - $steal, $steal];
}

# Ticks that a process has taken.
sub ticks_of {
	my ($pid) = @_;
	my @f = split / /, slurp("/proc/$pid/stat") =~ s/.*\) //sr;
	return @f > 12 ? $f[11] + $f[12] : 0;
}

# The load's command, for a target (a server object) and processes {name => object} whose time is told.
sub load_args {
	my ($to, $pids, @args) = @_;
	return ('taskset', '-c', LOAD_CPU, $tool, (map { ('--pid', "$_=" . $pids->{$_}->pid) } sort keys %$pids),
	    @args, $to->where);
}

sub counts_of {
	my ($out, $what) = @_;
	my ($line) = $out =~ /^(ops=.*)$/m or die "$what: it did not run to its end:\n$out";
	my %c = $line =~ /(\w+)=(\S+)/g;
	die "$what: the answers were wrong:\n$out" if !$c{ok};
	return \%c;
}

# Runs a command, which ends by itself, and sleeps meanwhile. Returns what it has said.
sub quiet_run {
	my (@cmd) = @_;
	my $pid = open(my $out, '-|') // die "fork: $!\n";
	if (!$pid) {
		open STDERR, '>&', \*STDOUT;
		exec @cmd or POSIX::_exit(127);
	}
	local $/;
	my $said = readline $out;
	close $out;
	return $said // '';
}

# Runs the load to its end. Returns its counts (see tests/bench/load/report.h), and steal and others:
# the parts of a processor, of those that are used here the one where it was worst, that the host and
# other processes took meanwhile.
sub measure_once {
	my ($to, $pids, @args) = @_;
	my %own = (LOAD_CPU, 0);
	my $count = sub {
		my ($sign) = @_;
		$own{$_ eq 'proxy' ? PROXY_CPU : LOAD_CPU} += $sign * ticks_of($pids->{$_}->pid) for keys %$pids;
		$own{+LOAD_CPU} += $sign * ((times)[2] + (times)[3]) * $ticks;
	};
	my @cpus = $pids->{proxy} ? (LOAD_CPU, PROXY_CPU) : (LOAD_CPU);
	my %before = map { $_ => processor_ticks($_) } @cpus;
	$count->(-1);
	my $said = quiet_run(load_args($to, $pids, @args));
	$count->(1);
	my $c = counts_of($said, "@args at $to->{name}");
	@$c{qw(steal others)} = (0, 0);
	for my $cpu (@cpus) {
		my @took = map { processor_ticks($cpu)->[$_] - $before{$cpu}[$_] } 0 .. 2;
		my $all = $took[0] || 1;
		my ($steal, $others) = ($took[2] / $all, ($took[1] - $own{$cpu}) / $all);
		$c->{steal}  = $steal  if $steal > $c->{steal};
		$c->{others} = $others if $others > $c->{others};
	}
	return $c;
}

sub disturbed {
	my ($c) = @_;
	return $c->{steal} > $STEAL_MAX || $c->{others} > $OTHERS_MAX;
}

# The same, again where the machine was not ours; then the one that was disturbed least, with
# disturbed => 1.
sub measure {
	my ($to, $pids, @args) = @_;
	my ($best, $tries);
	while (++$tries) {
		my $c = measure_once($to, $pids, @args);
		$best = $c if !$best || $c->{steal} + $c->{others} < $best->{steal} + $best->{others};
		last if !disturbed($c) || $tries >= $TRIES || $REPEATS <= 0;
		$REPEATS--;
	}
	$best->{tries}     = $tries;
	$best->{disturbed} = 1 if disturbed($best);
	return $best;
}

my $loads = 0;

# The load as a process in the background, once it is going; end_load() ends it and returns its counts.
sub start_load {
	my ($to, $pids, @args) = @_;
	my $name = 'load-' . ++$loads;
	my $load = bless {name => $name, cmd => [load_args($to, $pids, @args)]}, 'MemvipTest::Process';
	$load->start;
	wait_for("$name is going", sub { !$load->alive || slurp($load->{log}) =~ /^going$/m }, 120)
	    or die "$name does not begin\n";
	return $load;
}

sub end_load {
	my ($load) = @_;
	$load->signal('TERM');
	$load->wait_end(60);
	return counts_of(slurp($load->{log}), $load->{name});
}

# ---- figures ----

sub median {
	my @v = sort { $a <=> $b } grep { defined } @_;
	return undef if !@v;
	return @v % 2 ? $v[@v / 2] : ($v[@v / 2 - 1] + $v[@v / 2]) / 2;
}

# "0.93-1.02"
sub spread {
	my @v = sort { $a <=> $b } grep { defined } @_;
	return @v ? sprintf('%.2f-%.2f', @v[0, -1]) : '';
}

# Writes a file of build/bench: a line of names, then one of values for each of the rows.
sub write_csv {
	my ($name, $columns, @rows) = @_;
	return spew(top() . '/' . bench_dir() . "/$name", join '', map { join(',', @$_) . "\n" } $columns, @rows);
}

# ---- the proxies: new() says how they are started ----
package BenchRun::Memvip;
use parent -norequire, 'MemvipTest::Proxy';

sub new {
	my ($class, @servers) = @_;
	my ($ip, $port) = (MemvipTest::own_ip(), MemvipTest::free_port());
	return bless {
	    name => "memvip-$port", ip => $ip, port => $port, where => "$ip:$port",
	    cmd  => [MemvipTest::program('proxy/memvip-proxy'), '-D', '-l', $ip, '-p', $port, '-s', $servers[0]->where,
		'-b', $servers[1]->where, '-n', 9000, '--name', 'bench'],
	}, $class;
}

package BenchRun::Twemproxy;
use parent -norequire, 'MemvipTest::Process';

# One pool, one server, one connection to it.
sub new {
	my ($class, $server) = @_;
	my ($ip, $port) = (MemvipTest::own_ip(), MemvipTest::free_port());
	my $conf = MemvipTest::spew("twemproxy-$port.yml", <<"EOT");
bench:
  listen: $ip:$port
  hash: fnv1a_64
  distribution: ketama
  backlog: 4096
  preconnect: true
  server_connections: 1
  servers:
   - $server->{where}:1
EOT
	return bless {
	    name => 'twemproxy', where => "$ip:$port",
	    cmd  => ['nutcracker', '-c', $conf, '-a', $ip, '-s', MemvipTest::free_port(), '-v', 0,
		'-o', "$conf.log", '-p', "$conf.pid"],
	}, $class;
}

# It does not know version.
sub answers { return BenchRun::gets($_[0]) }

package BenchRun::Haproxy;
use parent -norequire, 'MemvipTest::Process';

# One thread; a connection to the server for each client's.
sub new {
	my ($class, $server) = @_;
	my ($ip, $port) = (MemvipTest::own_ip(), MemvipTest::free_port());
	my $conf = MemvipTest::spew("haproxy-$port.cfg", <<"EOT");
global
  maxconn 9000
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen bench
  bind $ip:$port backlog 4096
  server a $server->{where}
EOT
	return bless {name => 'haproxy', where => "$ip:$port", cmd => ['haproxy', '-db', '-q', '-f', $conf]}, $class;
}

sub answers { return BenchRun::gets($_[0]) }

package BenchRun;

# Does it answer a get?
sub gets {
	my ($s) = @_;
	my $c = eval { client($s) } or return 0;
	return $c->ask("get nothing\r\n", 2) eq "END\r\n";
}

1;
