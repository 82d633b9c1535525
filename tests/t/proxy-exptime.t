# Intent: a time of day at which an item is to expire reaches both servers as a span, made once, so that
# their clocks do not matter; what cannot be said so, or was a span already, goes as it came.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my ($a, $b) = (fake(name => 'a'), fake(name => 'b'));
my $p = proxy(servers => [$a], backups => [$b]);
$p->wait_current;
my $c = client($p);

# What the two were sent for it: the one number in it that re captures.
sub sent {
	my ($bytes, $re) = @_;
	$_->tell('forget') for $a, $b;
	$c->ask($bytes);
	my @got = map { my ($line) = grep { /$re/ } $_->seen($re); defined $line && $line =~ $re ? $1 : 'nothing' } $a, $b;
	is($got[0], $got[1], 'both get the same for ' . ($bytes =~ s/\r\n.*//sr));
	return $got[0];
}

my %lines = (
    set   => [sub { "set k 0 $_[0] 1\r\nx\r\n" }, qr/^set k 0 (-?\d+) 1/],
    touch => [sub { "touch k $_[0]\r\n" }, qr/^touch k (-?\d+)/],
    ms    => [sub { "ms k 1 T$_[0]\r\nx\r\n" }, qr/^ms k 1 T(-?\d+)/],
    'mg T' => [sub { "mg k T$_[0]\r\n" }, qr/^mg k T(-?\d+)/],
);
for my $what (sort keys %lines) {
	my ($make, $re) = @{$lines{$what}};
	my $span = sent($make->(time + 1000), $re);
	ok($span =~ /^\d+$/ && $span > 990 && $span <= 1000, "$what: in 1000 seconds") or diag("expected 1000 or a little less; came: $span");
	is(sent($make->(time - 5), $re), '-1', '... in the past: expired at once');
	is(sent($make->(2145916800), $re), '2145916800', '... farther off than a span can be');
	is(sent($make->($_), $re), $_, "... $_, a span as it is") for 0, 1, 2592000, -1;
}
done_testing;
