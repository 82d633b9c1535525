# BenchPicture: what was measured, as an SVG by gnuplot.
package BenchPicture;
use strict;
use warnings;

use BenchRun;
use Exporter qw(import);
use MemvipTest;

our @EXPORT = qw(bench_picture);

# The plots of one: a cluster of bars for each row; with points the last column is drawn as points.
sub plot {
	my ($file, $plot) = @_;
	my @names = @{$plot->{names}};
	my $last  = $plot->{points} ? pop @names : undef;
	my @of = map { sprintf '"%s" using %d:xtic(1) title "%s"', $file, $_ + 2, $names[$_] } 0 .. $#names;
	push @of, sprintf '"%s" using 0:%d with points pt 7 ps 0.7 lc rgb "black" title "%s"', $file, @names + 2, $last
	    if defined $last;
	return ($plot->{log} ? "set logscale y\nset yrange [1:*]\n" : "set yrange [0:*]\n")
	    . "set title \"$plot->{title}\"\nplot " . join(', ', @of) . "\nunset logscale y\n";
}

# Draws plots below each other into build/bench/NAME.svg. A plot: {title, names of the columns, rows: [name,
# numbers (undef: none)], points, log}. Returns what to tell: the file, or why there is none.
sub bench_picture {
	my ($name, @plots) = @_;
	return "; no picture: there is no gnuplot here (Debian: apt-get install gnuplot-nox)" if !has_command('gnuplot');
	@plots = grep { @{$_->{rows}} } @plots;
	my $script = sprintf "set terminal svg size 1100,%d font \"sans,12\" background rgb \"white\"\n", 400 * @plots;
	$script .= 'set output "' . bench_dir() . "/$name.svg\"\n" . <<"EOT" . sprintf "set multiplot layout %d,1\n", scalar @plots;
set style data histograms
set style histogram cluster gap 1
set style fill solid 0.8 border -1
set key outside right top
set grid ytics
EOT
	for my $i (0 .. $#plots) {
		my $data = spew("$name.$i.dat", join '', map { join(' ', map { $_ // 'NaN' } @$_) . "\n" } @{$plots[$i]{rows}});
		$script .= plot($data, $plots[$i]);
	}
	my $ran = run('gnuplot', spew("$name.plot", $script . "unset multiplot\n"));
	return $ran->{status} // 1 ? "; gnuplot: $ran->{err}" : " $name.svg";
}

1;
