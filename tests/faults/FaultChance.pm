# FaultChance: what happens when in a run of the proof by faults, by its seed alone, whatever else
# draws numbers in this process.
package FaultChance;
use strict;
use warnings;

sub new {
	my ($class, $seed) = @_;
	my $c = bless {state => 1 + $seed % 2**30, deck => []}, $class;
	$c->draw for 1 .. 10;
	return $c;
}

# 0 <= result < 1
sub draw {
	my ($c) = @_;
	$c->{state} = ($c->{state} * 1103515245 + 12345) % 2**31;
	return $c->{state} / 2**31;
}

sub between {
	my ($c, $from, $to) = @_;
	return $from + $c->draw * ($to - $from);
}

sub one_of {
	my ($c, @of) = @_;
	return $of[int $c->draw * @of];
}

# In any order, each once before one comes again.
sub next_of {
	my ($c, @of) = @_;
	$c->{deck} = [@of] if !@{$c->{deck}};
	return splice @{$c->{deck}}, int($c->draw * @{$c->{deck}}), 1;
}

1;
