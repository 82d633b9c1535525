# Intent: when the lists of servers change, keys that belong to other servers now are deleted, so that
# a later change of the lists never finds old values; until that is done a second change finds nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my ($a, $b, $c, $d) = map { memcached(name => $_) } qw(a b c d);
my $port = free_port();
my @keys = map { "k$_" } 1 .. 400;

my @narrow = (servers => [$a], backups => [$b]);
my @wide   = (servers => [$a, $c], backups => [$b, $d]);

sub start { return proxy(port => $port, @_) }

# Does the key move to the other pair in the wide lists? (magent's placement: DJB modulo the number.)
sub moves {
	my ($key) = @_;
	my $h = 5381;
	$h = ($h * 33 + ord) & 0xffffffff for split //, $key;
	return ($h & 0x7fffffff) % 2;
}
my ($moved) = grep { moves($_) } @keys;
my ($stays) = grep { !moves($_) } @keys;

# The narrow lists, all keys loaded, ended in order.
sub loaded {
	my ($version) = @_;
	$_->restart for $a, $b, $c, $d;
	my $p = start(@narrow);
	$p->wait_current;
	my $k = client($p);
	$k->send(join '', map { "set $_ 0 0 " . length($version) . "\r\n$version\r\n" } @keys);
	is(scalar(grep { $k->reply eq "STORED\r\n" } @keys), scalar @keys, 'loaded through one pair');
	is($p->end, 0, '... ended in order');
}

sub state_of_sweep { return (value_of($_[0], '__memvip__') // '') =~ / (swept|sweeping) / ? $1 : 'none' }
sub swept { my ($p, @s) = @_; return wait_for('swept', sub { !grep { state_of_sweep($_) ne 'swept' } @s }) }
sub shown { return join "\n", map { "$_->{name}: " . (value_of($_, '__memvip__') // 'no marker') } $a, $b, $c, $d }

# ---- swept, and then back ----
{
	loaded('old');
	my $p = start(@wide);
	$p->wait_current;
	my $k = client($p);
	is($k->ask("get $stays\r\n"), "VALUE $stays 0 3\r\nold\r\nEND\r\n", 'two pairs: a key that stays is there');
	is($k->ask("set $moved 0 0 3\r\nnew\r\n"), "STORED\r\n", '... one that moves is written');
	ok(swept($p, $a, $b, $c, $d), '... swept') or diag(shown());
	my $left = items_of($a);
	is(scalar(grep { moves($_) } keys %$left), 0, '... the first pair keeps nothing that belongs to the second');
	is(scalar(keys %$left), scalar(grep { !moves($_) } @keys), '... and all that is its own');
	same_items('... on both', $a, $b);
	is(scalar(log_lines($p, qr/lists were changed: swept.*deleted: [1-9]/)), 2, '... the log says so, for each');
	is($k->ask("get $stays\r\n"), "VALUE $stays 0 3\r\nold\r\nEND\r\n", '... a key that stays is there');
	is($p->end, 0, '... ended');

	$p = start(@narrow);
	$p->wait_current;
	is(client($p)->ask("get $moved\r\n"), "END\r\n", 'one pair again: the value from before is nowhere');
	is(client($p)->ask("get $stays\r\n"), "VALUE $stays 0 3\r\nold\r\nEND\r\n", '... what stayed is there');
	is($p->stat_of($_, 'fill_done'), 0, "... and nothing was copied to $_->{name}") for $a, $b;
	is($p->end, 0, '... ended');
}

# ---- killed before it was swept ----
# A key that moves is written; then the proxy is killed while the first pair is not swept yet.
sub killed_midway {
	for (1 .. 5) {
		loaded('old');
		my $p = start(@wide);
		$p->wait_current;
		is(client($p)->ask("set $moved 0 0 3\r\nnew\r\n"), "STORED\r\n", 'two pairs: a key that moves is written');
		$p->kill9;
		return pass('... and the proxy is killed before it has swept') if state_of_sweep($a) eq 'sweeping';
	}
	return fail('a proxy that is killed before it has swept');
}

{
	killed_midway();
	my $p = start(@narrow);
	is(client($p)->ask("get $moved\r\n"), "END\r\n", '... other lists: the value from before is nowhere');
	$p->wait_current;
	is(client($p)->ask("get $moved\r\n"), "END\r\n", '... nor later');
	is(same_items('... both hold the same', $a, $b), 0, '... they were emptied');
	is($p->end, 0, '... ended');
}
{
	killed_midway();
	my $p = start(@wide);
	$p->wait_current;
	ok(swept($p, $a, $b, $c, $d), '... the same lists again: swept') or diag(shown());
	is(client($p)->ask("get $moved\r\n"), "VALUE $moved 0 3\r\nnew\r\nEND\r\n", '... what was written is there');
	is(client($p)->ask("get $stays\r\n"), "VALUE $stays 0 3\r\nold\r\nEND\r\n", '... and what stayed');
	is(scalar(grep { moves($_) } keys %{items_of($_)}), 0, "... nothing else is on $_->{name}") for $a, $b;
	is($p->end, 0, '... ended');
}

# ---- a server that is away while the others are swept ----
{
	loaded('old');
	$b->end;
	my $p = start(@wide);
	$p->wait_current($a, $c, $d);
	is(client($p)->ask("set $moved 0 0 3\r\nnew\r\n"), "STORED\r\n", 'one is away: a key that moves is written');
	ok(swept($p, $a), '... the others are swept');
	$b->start->wait_up;
	$p->wait_current;
	same_items('... it comes back, and is as full as its partner', $a, $b);
	is(scalar(grep { moves($_) } keys %{items_of($b)}), 0, '... nothing of other servers is on it');
	is($p->end, 0, '... ended');
}

# ---- a change that moves nothing ----
{
	loaded('old');
	my $p = start(servers => [$b], backups => [$a]);
	$p->wait_current;
	is(scalar(keys %{items_of($_)}), scalar @keys, "one pair the other way round: $_->{name} keeps all") for $a, $b;
	is(state_of_sweep($_), 'swept', '... and is swept at once') for $a, $b;
	is($p->end, 0, '... ended');
}

# ---- modulo, then ketama ----
{
	$_->restart for $a, $b, $c, $d;
	my $p = start(@wide);
	$p->wait_current;
	my $k = client($p);
	$k->send(join '', map { "set $_ 0 0 3\r\nold\r\n" } @keys);
	is(scalar(grep { $k->reply eq "STORED\r\n" } @keys), scalar @keys, 'loaded through two pairs');
	is($p->end, 0, '... ended in order');
	$p = start(@wide, args => ['-k']);
	$p->wait_current;
	ok(swept($p, $a, $b, $c, $d), 'the other placement: swept') or diag(shown());
	$k = client($p);
	my %have;
	$have{$_}++ for map { keys %{items_of($_)} } $a, $b, $c, $d;
	is(scalar(grep { $_ > 2 } values %have), 0, '... no key is on more than two servers');
	my @there = grep { $k->ask("get $_\r\n") ne "END\r\n" } @keys;
	cmp_ok(scalar @there, '>', 0, '... some keys have stayed');
	is(scalar(grep { !$have{$_} } @there), 0, '... and are where they belong');
	is($p->end, 0, '... ended');
}

# ---- a server that was another proxy's ----
{
	loaded('old');
	my $other = proxy(servers => [$c], args => ['--name', 'other']);
	$other->wait_current;
	client($other)->ask("set $stays 0 0 5\r\nalien\r\n");
	# A high epoch: as one that has run for long.
	my $marker = value_of($c, '__memvip__');
	$other->kill9;
	$marker =~ s/^(memvip 1 other) \d+/$1 900/;
	client($c)->ask("set __memvip__ 0 0 " . length($marker) . "\r\n$marker\r\n");
	client($c)->ask("delete __memvip_lease__\r\n");
	my $p = start(servers => [$a], backups => [$c]);
	is(client($p)->ask("get $stays\r\n"), "VALUE $stays 0 3\r\nold\r\nEND\r\n", 'a server with the marker of another name, which has gone: what is ours counts');
	$p->wait_current;
	is(same_items('... it is filled from ours', $a, $c), scalar @keys, '... with all of it');
	is($p->end, 0, '... ended');
}

# ---- a server that nobody has heard since the start ----
{
	loaded('old');
	$a->freeze;
	my $p = start(@narrow, args => ['--timeout', 200]);
	$p->wait_current($b);
	is(client($p)->ask("set k1 0 0 3\r\nnew\r\n"), "STORED\r\n", 'one is frozen from the start: the other serves');
	is($p->end, 0, '... ended');
	$p = start(@narrow, args => ['--timeout', 200]);
	$p->wait_current($b);
	my $k = client($p);
	is($k->ask("get k1\r\n"), "VALUE k1 0 3\r\nnew\r\nEND\r\n", '... the next proxy too');
	$b->kill9;
	$a->thaw;
	my $answer = '';
	ok(wait_for('the first one', sub { ($answer = $k->ask("get k1\r\n")) !~ /^SERVER_ERROR/ }), '... the first comes back as the other dies');
	is($answer, "END\r\n", '... it may miss, never lie');
	is($p->end, 0, '... ended');
}
done_testing;
