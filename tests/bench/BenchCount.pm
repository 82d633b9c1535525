# BenchCount: what an operation costs a proxy in user space, in instructions: the one figure that no other
# work on the machine, and no other machine, changes much. The kernel's part is not in it.
#
# valgrind's callgrind counts two runs, one longer than the other; the difference is what the operations
# took that it has more. So slow a proxy would take its servers for late, so there are no hedged reads in
# this.
package BenchCount;
use strict;
use warnings;

use Exporter qw(import);
use BenchRun;
use MemvipTest;

our @EXPORT = qw(count_of_one landed_figure landed_with toolchain);

# The figure that was landed last, and what it was measured with. $LANDED: from the top of the tree.
our $LANDED = 'tests/bench/instructions.landed';

# What a run of so many operations takes, from the start to the end of the proxy: instructions of each
# function itself, and '' of all.
sub count_run {
	my ($kind, $load, $n, @servers) = @_;
	my $file = tmpdir() . "/callgrind.$kind";
	my $it = start_proxy($kind, {under => ['valgrind', '-q', '--tool=callgrind', "--callgrind-out-file=$file"],
	    args => ['--hedge', 0, '--timeout', 10_000]}, @servers);
	BenchRun::measure_once($it, {}, @$load, '--warm', 0, '--operations', $n, '--ms', 300_000, '--patience', 60_000);
	$it->signal('TERM');
	$it->wait_end(30);
	my $out = run({seconds => 60}, 'callgrind_annotate', '--auto=no', '--threshold=100', $file)->{out};
	my %by;
	for (split /\n/, $out) {
		my ($count, $what) = /^\s*([\d,]+) \([^)]*\)\s+(.*)$/ or next;
		$what = '' if $what eq 'PROGRAM TOTALS';
		# The function and its program, not their paths.
		$what =~ s{^\S*:(\S+)}{$1};
		$what =~ s{\[.*/}{[};
		$by{$what} += $count =~ tr/,//dr;
	}
	die "callgrind has counted nothing: $out" if !$by{''};
	return \%by;
}

# The same of one operation under that load, by a run of $first and one of $n more.
sub count_of_one {
	my ($kind, $load, $first, $n, @servers) = @_;
	my $short = count_run($kind, $load, $first, @servers);
	my $long  = count_run($kind, $load, $first + $n, @servers);
	return {map { $_ => ($long->{$_} - ($short->{$_} // 0)) / $n } keys %$long};
}

# The landed figure of a row.
sub landed_figure {
	my ($row) = @_;
	my ($figure) = slurp(top() . "/$LANDED") =~ /^$row (\d+)$/m or die "$LANDED: no $row\n";
	return $figure;
}

# Compiler, machine, C library: with others the same program is another one.
sub landed_with { return (slurp(top() . "/$LANDED") =~ /^with (.*)$/m)[0] // die "$LANDED: with what?\n" }

sub toolchain {
	my $cc = $ENV{CC} // 'cc';
	my ($name, $version) = run($cc, '-v')->{err} =~ /(\w+) version (\S+)/;
	my ($libc) = run('getconf', 'GNU_LIBC_VERSION')->{out} =~ /^(.+)$/m;
	my ($machine) = run('uname', '-m')->{out} =~ /^(\S+)/;
	return join ', ', ($name // $cc) . ' ' . ($version // '?'), $machine // '?', $libc // '?';
}

1;
