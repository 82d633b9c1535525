# Intent: every fuzzer takes the corpus without a complaint, and finds nothing new in a while.
# MEMVIP_FUZZ_SECONDS: how long each (5; 60 where CI=true).
use strict;
use warnings;
BEGIN { $ENV{MEMVIP_TEST_LIMIT} //= 1500 }
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

chdir top();
my $seconds = $ENV{MEMVIP_FUZZ_SECONDS} // (($ENV{CI} // '') eq 'true' ? 60 : 5);
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS ASAN_OPTIONS UBSAN_OPTIONS)};

my $clang = run('make', '-s', 'fuzz-cc')->{out} =~ s/\s+\z//r;
plan skip_all => 'needs clang' if $clang eq '';
my $entry = spew('entry.c', "int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n);\n"
    . "int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { return n > 3 && p[0] == 'x' && p[1] == 'y' && p[4]; }\n");
my $one = tmpdir() . '/entry';
plan skip_all => "$clang has no libFuzzer"
    if (run($clang, '-fsanitize=fuzzer,address,undefined', '-o', $one, $entry)->{status} // 1) != 0;

my $made = run({seconds => 600}, 'make', '-s', '-j2', 'fuzzers');
is($made->{status}, 0, 'they build') or BAIL_OUT("make fuzzers: $made->{err}");
my @names = split ' ', run('make', '-s', 'fuzz-names')->{out};
cmp_ok(scalar @names, '>=', 8, 'there are ' . @names);

# Two at a time: what each has said is in its log. Nothing that they find changes the tree.
sub fuzz {
	my ($name, $log, @args) = @_;
	my $dict = "tests/fuzz/$name.dict";
	my $pid = fork // die "fork: $!\n";
	return $pid if $pid;
	open STDIN,  '<', '/dev/null';
	open STDOUT, '>', $log;
	open STDERR, '>&', \*STDOUT;
	exec 'nice', "build/fuzz/$name", '-timeout=60', '-print_final_stats=1', '-artifact_prefix=' . tmpdir() . "/$name-",
	    (-e $dict ? "-dict=$dict" : ()), @args, "tests/fuzz/corpus/$name"
	    or POSIX::_exit(127);
}

# The bytes of what was found, for whoever has only this output.
sub found {
	my ($name) = @_;
	return map { "$_: " . unpack('H*', slurp($_)) . "\n" } glob tmpdir() . "/$name-*";
}

my %running;
END { kill KILL => keys %running if %running }

sub reap {
	my $pid = waitpid -1, 0;
	my ($name, $log, $what) = @{delete $running{$pid} // return};
	my $status = $?;
	my $said = slurp($log);
	my ($n) = $said =~ /^stat::number_of_executed_units:\s*(\d+)/m;
	ok($status == 0, "$name: $what") or diag($said =~ s/\A.*?(?=^[^#\n]*(?:does not hold|ERROR|runtime error))//msr, found($name));
	cmp_ok($n // 0, '>', 0, '... ' . ($n // 'no') . ' inputs');
}

# What is new goes where it is forgotten.
sub all {
	my ($what, @args) = @_;
	for my $name (@names) {
		reap() while keys %running >= 2;
		my ($log, $new) = map { tmpdir() . "/$name.$_" } qw(log new);
		mkdir $new;
		$running{fuzz($name, $log, @args, $new)} = [$name, $log, $what];
	}
	reap() while keys %running;
}

for my $name (@names) {
	my @inputs = glob "tests/fuzz/corpus/$name/*";
	cmp_ok(scalar @inputs, '>', 0, "$name: there is a corpus");
	cmp_ok(-s $_, '<', 16 << 10, "$_ is small") for grep { -s $_ >= 16 << 10 } @inputs;
}
all('the corpus', '-runs=0');
all("$seconds s", "-max_total_time=$seconds", '-rss_limit_mb=2048');

# And they would find something: a promise that is broken ends one.
{
	my $broken = spew('broken.c', qq{#include "fuzz.h"\nint LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) { MUST(n < 3 || p[0] != 'm'); return 0; }\n});
	my $exe = tmpdir() . '/broken';
	is(run({seconds => 60}, $clang, '-Itests/fuzz', '-fsanitize=fuzzer,address,undefined', '-o', $exe, $broken)->{status}, 0, 'a fuzzer that has something to find');
	my $ran = run({seconds => 60}, $exe, '-runs=1000000', '-artifact_prefix=' . tmpdir() . '/');
	isnt($ran->{status}, 0, '... finds it');
	like($ran->{err}, qr/does not hold: n < 3/, '... and says what');
}
done_testing;
