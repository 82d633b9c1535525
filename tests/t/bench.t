# Intent: the load generator of the benchmarks tells the truth: its counts are memcached's own, no
# wrong answer passes, a rate is held or it says so, and a stall is in the latency.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(sleep);

chdir top();
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
# Of the kind under test, as fault_driver() does it.
my ($sanitize) = ($ENV{MEMVIP_BIN_DIR} // '') =~ m{build/([a-z-]+)/*\z};
my $made = run({seconds => 200}, 'make', '-s', (defined $sanitize ? 'SANITIZE=' . $sanitize =~ tr/-/,/r : ()), 'bench-tools');
ok(defined $made->{status} && $made->{status} == 0, 'it builds') or diag($made->{err});
my $tool = (defined $sanitize ? "build/$sanitize" : 'build') . '/tests/bench/load/load';

# {name => value} of the line for programs.
sub counts {
	my ($out) = @_;
	my ($line) = $out =~ /^(ops=.*)$/m;
	return {($line // '') =~ /(\w+)=(\S+)/g};
}

# Runs it against a server. Returns the counts and what run() returned.
sub load_of {
	my ($to, @args) = @_;
	my $ran = run({seconds => 30}, $tool, @args, $to->where);
	return (counts($ran->{out}), $ran);
}

# The numbers of memcached's stats.
sub stats_of {
	my ($server) = @_;
	return {client($server)->ask("stats\r\n") =~ /^STAT (\S+) (\S+)\r$/mg};
}

# Ticks of proc(5) that a process has used.
sub ticks_of { return eval { my @f = split / /, slurp("/proc/$_[0]/stat") =~ s/.*\) //sr; $f[11] + $f[12] } }

my $m = memcached(args => ['-t', 1]);

# ---- the counts ----
my ($c, $ran) = load_of($m, qw(--prepare --keys 300 --operations 4000 --warm 0 --get 70 --connections 7 --depth 3));
is($ran->{status}, 0, 'a memcached is served right') or diag($ran->{out}, $ran->{err});
my $s = stats_of($m);
is($c->{ops}, 4000, 'so many requests as are asked for');
is($c->{gets} + $c->{sets}, 4000, '... gets and sets');
is($s->{cmd_get}, $c->{gets}, '... as many gets as memcached has seen');
is($s->{cmd_set}, $c->{sets} + 300, '... as many sets, and one for each key before');
is($s->{get_hits}, $c->{hits}, '... and hits');
is($s->{curr_items}, 300, '... of so many keys');
cmp_ok(abs($c->{gets} / 4000 - 0.7), '<', 0.05, '... of which 70 % are gets');
is($c->{$_}, 0, "... $_") for qw(misses wrong errors broken behind);

($c, $ran) = load_of($m, qw(--keys 300 --operations 500 --warm 0 --get 100 --multi 20));
my $after = stats_of($m);
is($ran->{status}, 0, 'what one run has set another one reads') or diag($ran->{out}, $ran->{err});
is($c->{hits}, 10000, 'a get of 20 keys brings 20 values');
is($after->{cmd_get} - $s->{cmd_get}, 10000, '... as memcached has seen it');

for my $size (0, 1, 2048, 2049, 300_000) {
	my @keys = ('--keys', 5, '--prefix', "v$size-");
	($c, $ran) = load_of($m, @keys, '--prepare', '--value-size', $size,
	    qw(--operations 60 --warm 0 --get 50 --depth 4 --connections 3));
	is($ran->{status}, 0, "values of $size bytes") or diag($ran->{out}, $ran->{err});
	like(client($m)->ask(sprintf "get v%s-%0*d\r\n", $size, 16 - 2 - length $size, 4),
	    qr/\AVALUE \S+ 0 $size\r\n/, '... are that long');
}
isnt(value_of($m, 'v2048-0000000003'), value_of($m, 'v2048-0000000004'), 'each key has its own value');
for my $size (8, 250) {
	($c, $ran) = load_of($m, '--key-size', $size, '--prefix', '', qw(--prepare --keys 9 --operations 100 --warm 0));
	is($ran->{status}, 0, "keys of $size bytes") or diag($ran->{out}, $ran->{err});
	like(value_of($m, '7' =~ s/^/'0' x ($size - 1)/er) // 'none', qr/\A.{100}\z/s, '... are that long');
}

# ---- processor time ----
my $ticks = ticks_of($m->pid);
($c, $ran) = load_of($m, qw(--keys 300 --operations 30000 --warm 0 --pid), 'server=' . $m->pid);
my $told = $c->{cpu_server_ns} * $c->{ops} / 1e7;
# In hundredths of a second, as proc(5) has them here; each of the two may be a tick off.
cmp_ok(abs($told - (ticks_of($m->pid) - $ticks)), '<=', 3, "a process's processor time is what proc(5) says")
    or diag("told $told, proc: ", ticks_of($m->pid) - $ticks);
cmp_ok($c->{cpu_load_ns}, '>', 100, '... and its own is told');

# ---- a rate ----
($c, $ran) = load_of($m, qw(--keys 300 --rate 3000 --ms 500 --warm 100 --get 50));
is($ran->{status}, 0, 'a rate') or diag($ran->{out}, $ran->{err});
my $due = 3000 * $c->{seconds};
# What a busy machine does not begin is told.
cmp_ok(abs($c->{ops} + $c->{behind} - $due), '<', 0.1 * $due + 50, '... is held, or it says what is behind')
    or diag($ran->{out});
($c, $ran) = load_of($m, qw(--keys 300 --rate 5000000 --ms 100 --warm 0 --connections 1));
cmp_ok($c->{behind}, '>', 100, '... that nobody can hold is behind');
cmp_ok($c->{p50_us}, '>', 10_000, '... and its waiting is in the latency');

# A server that is frozen for 0.4 of 2.5 s: a closed loop would see it once a connection.
my $log = tmpdir() . '/stall';
my $pid = fork // die "fork: $!\n";
if (!$pid) {
	open STDOUT, '>', $log;
	exec $tool, qw(--keys 300 --rate 1000 --connections 2 --warm 0 --ms 2500), $m->where or POSIX::_exit(127);
}
wait_for('it is going', sub { slurp($log) =~ /going/ });
$m->freeze;
sleep 0.4;
$m->thaw;
waitpid $pid, 0;
$c = counts(slurp($log));
cmp_ok($c->{p99_us}, '>', 300_000, 'a stall is in the latency of all that were due') or diag(slurp($log));
cmp_ok($c->{p50_us}, '<', $c->{p99_us}, '... and of no others');

# ---- idle connections ----
my $idle = memcached(args => ['-t', 1]);
my $before = stats_of($idle)->{curr_connections};
client($idle)->ask("set key-000000000000 0 0 1\r\nx\r\n");
$pid = fork // die "fork: $!\n";
if (!$pid) {
	open STDOUT, '>', $log;
	open STDERR, '>&', \*STDOUT;
	exec $tool, qw(--idle 30 --idle-asks --value-size 1 --connections 0 --ms 20000), $idle->where
	    or POSIX::_exit(127);
}
wait_for('30 idle connections', sub { stats_of($idle)->{curr_connections} == $before + 30 });
wait_for('... have asked once each', sub { stats_of($idle)->{cmd_get} == 30 });
wait_for('... and are held', sub { slurp($log) =~ /going/ });
$idle->end;
waitpid $pid, 0;
isnt($? >> 8, 0, 'idle connections that end are noticed');
# What "x" should have been instead is wrong, too.
is_deeply([@{counts(slurp($log))}{qw(wrong broken)}], [30, 30], '... each') or diag(slurp($log));

# ---- lies ----
my @one = qw(--keys 1 --prefix k --key-size 9 --value-size 20 --operations 40 --warm 0 --connections 1 --patience 300);
my $end = '\r\nEND\r\n"';
for my $lie (
    ['other bytes', 'say "VALUE k00000000 0 20\r\n"; fill 20; say "' . $end, 'wrong'],
    ['a short value', 'say "VALUE k00000000 0 19\r\n"; fill 19; say "' . $end, 'wrong'],
    ['a value that is cut off', 'part 30; close', 'broken'],
    ['another key', 'say "VALUE k00000001 0 1\r\nx' . $end, 'wrong'],
    ['two answers', 'answer; answer', 'wrong'],
    ['no value', 'say "END\r\n"', 'misses'],
    ['an error', 'say "SERVER_ERROR no\r\n"', 'errors'],
    ['the answer to a set', 'say "STORED\r\n"', 'wrong'],
    ['nothing', 'exec', 'broken'],
    ['an end', 'close', 'broken'],
) {
	my ($what, $steps, $count) = @$lie;
	my $fake = fake(rules => ["on /^get/ skip 9 times 1: $steps"]);
	($c, $ran) = load_of($fake, @one, '--prepare');
	is($ran->{status}, 1, "$what: found") or diag($ran->{out}, $ran->{err});
	is($c->{$count}, 1, "... and counted as $count") or diag($ran->{out}, $ran->{err});
	like($ran->{err}, qr/^load: /, '... and told');
	$fake->end;
}

# ---- usage ----
for my $wrong (['--depth', 0], ['--pid', 'x=0'], ['--pid', 'x'], ['--key-size', 9], ['--nothing'],
    ['--connections', 0, '--rate', 5], ['--multi', 11, '--keys', 10], ['--prefix', 'a b']) {
	($c, $ran) = load_of($m, @$wrong);
	is($ran->{status}, 2, "@$wrong: usage") or diag($ran->{out}, $ran->{err});
}
for my $bench (qw(compare instructions memory fill profile)) {
	my $wrong = run("tests/bench/$bench", 'NOTHING=1');
	is($wrong->{status}, 2, "$bench NOTHING=1: usage") or diag($wrong->{err});
	like($wrong->{err}, qr/^$bench: NOTHING=1: not one of .+=/, '... names what there is');
}
is(run('tests/bench/compare', 'ROWS=nothing')->{status}, 2, 'a row that there is not: usage');
done_testing;
