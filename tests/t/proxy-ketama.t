# Intent: with -k a client that uses libmemcached's weighted ketama finds without the proxy what was
# written through it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my $KEYS = 10_000;

# compiled(PROGRAM, FURTHER SOURCES): a program of tests/client.
sub compiled {
	my ($name, @sources) = @_;
	my $out  = tmpdir() . "/$name";
	my $made = run({seconds => 60}, 'sh', '-c',
	    '${CC:-cc} -std=gnu11 -O1 -Wall -Wextra -Werror -I "$0/proxy" -o "$@" -lmemcached',
	    top(), $out, map { top() . "/$_" } "tests/client/$name.c", @sources);
	plan skip_all => "needs libmemcached (libmemcached-dev): $made->{err}" if $made->{status} != 0;
	return $out;
}

# ---- the circle itself, beside libmemcached's, over random lists ----
my $seed = $ENV{MEMVIP_TEST_SEED} // int rand 1_000_000;
my $ran  = run({seconds => 120}, compiled('ketama', qw(proxy/ketama.c proxy/md5.c)), $seed, 100, $KEYS / 2);
is($ran->{status}, 0, "random lists of servers: the same places (MEMVIP_TEST_SEED=$seed)")
    or diag($ran->{out}, $ran->{err});

# ---- through the proxy ----
my $placement = compiled('placement');

sub items {
	my ($server) = @_;
	return client($server)->ask("stats\r\n") =~ /^STAT curr_items (\d+)\r$/m ? $1 : -1000;
}

sub stored {
	my ($name, $p) = @_;
	my $ran = run({seconds => 100}, $placement, 'set', $KEYS, own_ip(), $p->port);
	is($ran->{out}, "$KEYS stored\n", "$name: stored") or diag($ran->{err});
}

# A list: [server, weight]...
sub found {
	my ($name, @list) = @_;
	my $ran = run({seconds => 100}, $placement, 'find', $KEYS,
	    map { ($_->[0]{ip}, $_->[0]->port, $_->[1] // 1) } @list);
	is($ran->{out}, "$KEYS found\n", "$name: libmemcached finds them") or diag($ran->{err});
}

# No key is anywhere else: all servers together hold so many, and a few of the proxy's own.
sub holds {
	my ($name, $want, @servers) = @_;
	my $got = 0;
	$got += items($_) for @servers;
	ok($got >= $want && $got <= $want + 10 * @servers, "$name: no key is elsewhere")
	    or diag("expected $want items, came $got");
}

sub named {
	return map { $_->[0]->where . (defined $_->[1] ? ":$_->[1]" : '') } @_;
}

sub placed {
	my ($name, $primaries, $backups) = @_;
	my $p = proxy(servers => [named(@$primaries)], backups => [named(@$backups)], args => ['-k']);
	$p->wait_current;
	stored($name, $p);
	for my $list (["$name, primaries", $primaries], ["$name, backups", $backups]) {
		found($list->[0], @{$list->[1]});
		holds($list->[0], $KEYS, map { $_->[0] } @{$list->[1]});
	}
	is($p->end, 0, "$name: the proxy ends in order");
	$_->[0]->end for @$primaries, @$backups;
}

placed('as heavy as each other', [map { [memcached()] } 1 .. 3], [map { [memcached()] } 1 .. 2]);
# memcached's own port is left out of a point's name.
my $usual = eval { memcached(port => 11211) };
diag("nothing to listen with on port 11211: $@") if !$usual;
placed('weights', [[$usual // memcached(), 1], [memcached(), 2], [memcached(), 5]],
    [[memcached(), 3], [memcached()]]);
placed('one backup', [map { [memcached()] } 1 .. 2], [[memcached(), 9]]);
SKIP: {
	skip 'no IPv6 here', 1 if !eval { free_port('::1') };
	placed('IPv6', [[memcached(ip => '::1'), 2], [memcached()]], [[memcached(ip => '::1')], [memcached()]]);
}

# The same servers in both lists: where libmemcached looks is a copy, and there is one more.
{
	my @m = map { memcached() } 1 .. 3;
	my @list = map { [$m[$_], $_ + 1] } 0 .. 2;
	my $p = proxy(servers => [named(@list)], backups => [named(@list)], args => ['-k']);
	$p->wait_current;
	stored('the same in both lists', $p);
	found('the same in both lists', @list);
	holds('the same in both lists', 2 * $KEYS, @m);
}

# The test of the test: without -k they are elsewhere.
{
	my @m = map { memcached() } 1 .. 3;
	my $p = proxy(servers => \@m);
	$p->wait_current;
	stored('modulo', $p);
	my $ran = run({seconds => 100}, $placement, 'find', $KEYS, map { ($_->{ip}, $_->port, 1) } @m);
	my ($n) = $ran->{out} =~ /\A(\d+) found$/;
	cmp_ok($n // $KEYS, '<', $KEYS / 2, 'modulo: libmemcached does not find them');
}
done_testing;
