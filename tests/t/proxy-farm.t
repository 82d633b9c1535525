# Intent: in a farm of several servers every key is in two copies, on two servers, also where lists
# name the same ones; so one of them may die.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my @keys = map { "key:$_" } 1 .. 300;

# Sets each key to "VERSION key".
sub set_all {
	my ($c, $version) = @_;
	$c->send(join '', map { "set $_ 0 0 " . length("$version $_") . "\r\n$version $_\r\n" } @keys);
	return scalar grep { $c->reply eq "STORED\r\n" } @keys;
}

# {key => value} as a server, or the proxy, tells it.
sub all_of {
	my ($c) = @_;
	my $answer = $c->ask('get ' . join(' ', @keys) . "\r\n");
	return $answer =~ /^END\r\n\z/m ? {$answer =~ /^VALUE (\S+) \d+ \d+\r\n([^\r]*)\r$/mg} : {};
}

# {key => "numbers of the servers that have it"}
sub homes {
	my (@m) = @_;
	my %homes = map { $_ => '' } @keys;
	for my $i (0 .. $#m) {
		my $has = all_of(client($m[$i]));
		$homes{$_} .= $i for keys %$has;
	}
	return \%homes;
}

# The test that no key is wrong; some that are get shown.
sub none {
	my ($what, @wrong) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(scalar @wrong, 0, $what) or diag(join ', ', splice(@wrong, 0, 10));
}

# Two keys of each pair that there may be, so that no server was left out.
sub pairs {
	my ($homes) = @_;
	my %n;
	$n{$_}++ for values %$homes;
	return join ' ', grep { $n{$_} > 1 } sort keys %n;
}

# lists: numbers of servers. pairs: the pairs of servers that keys are on.
for my $case (
    {name => 'the same three in both lists', lists => [[0, 1, 2], [0, 1, 2]],
	modulo => '01 02 12', ketama => '01 02 12'},
    {name => 'the same three, in another order', lists => [[0, 1, 2], [2, 0, 1]],
	modulo => '01 02 12', ketama => '01 02 12'},
    {name => 'one in both lists', lists => [[0, 1], [1, 2]],
	modulo => '01 12', ketama => '01 02 12'},
    {name => 'two and two', lists => [[0, 1], [2, 3]],
	modulo => '02 13', ketama => '02 03 12 13'},
    {name => 'three and one', lists => [[0, 1, 2], [3]],
	modulo => '03 13 23', ketama => '03 13 23'},
    {name => 'one and three', lists => [[3], [0, 1, 2]],
	modulo => '03 13 23', ketama => '03 13 23'},
) {
	for my $how (qw(modulo ketama)) {
		my $name = "$case->{name}, $how";
		my @m = map { memcached(name => "m$_") } 0 .. 3;
		my ($servers, $backups) = map { [@m[@$_]] } @{$case->{lists}};
		my $p = proxy(servers => $servers, backups => $backups,
		    args => $how eq 'ketama' ? ['-k'] : []);
		$p->wait_current;
		my $c = client($p);

		is(set_all($c, 1), @keys, "$name: all stored");
		my $homes = homes(@m);
		none("$name: two copies, on two servers", grep { $homes->{$_} !~ /^\d\d$/ } @keys);
		is(pairs($homes), $case->{$how}, "$name: on each pair that is meant to have some");

		$m[1]->kill9 if $case->{name} ne 'one and three';
		$m[3]->kill9 if $case->{name} eq 'one and three';
		my $read = all_of($c);
		none("$name: one dies, nothing is gone", grep { ($read->{$_} // '') ne "1 $_" } @keys);
		is(set_all($c, 2), @keys, "$name: and all can be written");
		$read = all_of($c);
		none("$name: and is read as written", grep { ($read->{$_} // '') ne "2 $_" } @keys);
		is($p->end, 0, "$name: the proxy ends in order");
		$_->end for @m;
	}
}

# A backup that is the only one cannot be the second home of its own keys.
{
	my @m = map { memcached(name => "m$_") } 0, 1;
	my $p = proxy(servers => \@m, backups => [$m[0]]);
	$p->wait_current;
	is(set_all(client($p), 1), @keys, 'one backup, itself a primary: all stored');
	is(pairs(homes(@m)), '0 01', '... its own keys once, the others twice');
}
done_testing;
