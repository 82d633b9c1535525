# BenchRows: the work that is measured, and the bars that memvip-proxy is to hold there.
#
# A row: name; what, in words; load: arguments of tests/bench/load. Bars: cpu: at most so many times
# twemproxy's processor time for an operation. speed: at least so many times twemproxy's operations
# (none for large sets, which send every byte twice). latency: p99 at most so many times twemproxy's.
# direct: at least so many times the operations of memcached asked directly.
package BenchRows;
use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(bench_rows prepare_args);

my @small = qw(--prefix s- --keys 10000 --value-size 100);
my @mid   = qw(--prefix m- --keys 200 --value-size 100000 --connections 10);
my @big   = qw(--prefix b- --keys 40 --value-size 1000000 --connections 10);
my @rows = (
    {name => 'mixed', what => '50 connections, 90 % get', cpu => 1.00, speed => 1, load => [@small]},
    {name => 'set', what => '50 connections, all set', cpu => 1.05, speed => 1, load => [@small, '--get', 0]},
    {name => 'many', what => '1000 connections, 90 % get', cpu => 0.85, speed => 1,
	load => [@small, '--connections', 1000]},
    {name => 'get10', what => '50 connections, get of 10 keys', cpu => 0.80, speed => 1,
	load => [@small, '--get', 100, '--multi', 10]},
    {name => 'get100', what => '50 connections, get of 100 keys', cpu => 0.45, speed => 1,
	load => [@small, '--get', 100, '--multi', 100]},
    {name => 'deep', what => '4 connections, 32 deep, 90 % get', cpu => 0.35, speed => 1, direct => 1.5,
	load => [@small, '--connections', 4, '--depth', 32]},
    {name => 'deepset', what => '4 connections, 32 deep, all set', cpu => 0.80, speed => 1,
	load => [@small, '--connections', 4, '--depth', 32, '--get', 0]},
    {name => 'get100k', what => '10 connections, get of 100 KB', cpu => 0.95, speed => 1, load => [@mid, '--get', 100]},
    {name => 'get1m', what => '10 connections, get of 1 MB', cpu => 1.05, speed => 1, load => [@big, '--get', 100]},
    {name => 'set100k', what => '10 connections, set of 100 KB', cpu => 1.30, load => [@mid, '--get', 0]},
    {name => 'set1m', what => '10 connections, set of 1 MB', cpu => 1.60, load => [@big, '--get', 0]},
    {name => 'rate10k', what => '10,000 op/s, 50 connections, 90 % get', latency => 1, load => [@small, '--rate', 10_000]},
    {name => 'rate30k', what => '30,000 op/s, 50 connections, 90 % get', latency => 1, load => [@small, '--rate', 30_000]},
);

# The rows of these names ("mixed,set", "all"), in their order. A name that there is not ends it: 2.
sub bench_rows {
	my ($what, $names) = @_;
	return @rows if $names eq 'all';
	my %wanted = map { $_ => 1 } split /,/, $names;
	my %known  = map { $_->{name} => 1 } @rows;
	for my $name (grep { !$known{$_} } sort keys %wanted) {
		print STDERR "$what: ROWS=$name: not one of ", join(' ', map { $_->{name} } @rows), "\n";
		exit 2;
	}
	return grep { $wanted{$_->{name}} } @rows;
}

# What sets the keys that rows read, each set of keys once: lists of arguments of the load.
sub prepare_args {
	my %done;
	my @all;
	for my $row (@_) {
		my %args = @{$row->{load}};
		next if $done{$args{'--prefix'}}++;
		push @all, ['--prepare', (map { ($_ => $args{$_}) } qw(--prefix --keys --value-size)),
		    qw(--connections 2 --depth 4 --warm 0 --operations 1)];
	}
	return @all;
}

1;
