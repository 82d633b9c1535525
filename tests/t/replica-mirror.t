# Intent: what clients read stays alive on the follower as well: hits are told to it, few of them,
# and what it turns out to have lost is copied.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

my ($real, $fake) = (memcached(name => 'real'), fake(name => 'fake'));
my $p = proxy(servers => [$real], backups => [$fake]);
$p->wait_current;
my $c = client($p);

sub told { return scalar $fake->seen(qr/^mg $_[0]$/) }

is($c->ask("set k$_ $_ 1000 2\r\nv$_\r\n"), "STORED\r\n", "a value, k$_") for 1 .. 5;
$fake->tell('forget');
for (1 .. 20) {
	is($c->ask("get k1\r\n"), "VALUE k1 1 2\r\nv1\r\nEND\r\n", 'twenty hits') if $_ == 1;
	$c->ask("get k1\r\n");
}
ok(wait_for('the follower to be told', sub { told('k1') }), '... the follower is told');
is(told('k1'), 1, '... once a minute');
$c->ask("get k2 k3 none\r\n");
$c->ask("gets k4\r\n");
ok(wait_for('the follower to be told', sub { told('k2') && told('k3') && told('k4') }), 'hits of gets, and of several keys');
is(told('none'), 0, '... a miss is not');
is(scalar($fake->seen(qr/^get/)), 0, '... and no value is read there');
cmp_ok($p->stats->{mirrored}, '>=', 4, '... counted');

# ---- evicted there ----
client($fake)->ask("delete k5\r\n");
is($c->ask("get k5\r\n"), "VALUE k5 5 2\r\nv5\r\nEND\r\n", 'the follower has evicted an item');
ok(wait_for('the copy', sub { (value_of($fake, 'k5') // '') eq 'v5' }), '... it gets a copy');
same_items('... both hold the same', $real, $fake);

# ---- the copy does not bring back what a client deletes meanwhile, nor what it replaces ----
for my $round (1 .. 10) {
	$c->ask("set r$round 0 0 3\r\nold\r\n");
	client($fake)->ask("delete r$round\r\n");
	$fake->on("/^mg r$round/ times 1: wait 20; answer");
	$c->send("get r$round\r\n");
	$c->reply;
	$c->ask($round % 2 ? "delete r$round\r\n" : "set r$round 0 0 3\r\nnew\r\n");
	# Waits until the connection that has carried the copy is idle.
	$c->ask("get none\r\n");
	sleep 0.05;
}
same_items('a copy and a write at one time: both hold the same', $real, $fake);
is(scalar(keys %{items_of($fake)}), 5 + 5, '... the deleted ones are gone');

# ---- a bounded share of the reads ----
$c->send(join '', map { "set m$_ 0 0 1\r\nx\r\n" } 1 .. 3000);
is(scalar(grep { $c->reply eq "STORED\r\n" } 1 .. 3000), 3000, '3000 items');
my $before = $p->stats->{mirrored};
for (1 .. 2) {
	$c->send(join '', map { "get m$_\r\n" } 1 .. 3000);
	is(scalar(grep { $c->reply eq "VALUE m$_ 0 1\r\nx\r\nEND\r\n" } 1 .. 3000), 3000, '... all read');
}
my $mirrored = $p->stats->{mirrored} - $before;
cmp_ok($mirrored, '<=', 100 + 600, "... $mirrored of 6000 hits were told: a tenth, and a burst") or 0;
cmp_ok($mirrored, '>', 100, '... and not none');

# ---- whatever they are called ----
$c->send(join '', map { sprintf "set k-%06d 0 0 1\r\nx\r\n", $_ } 1 .. 2000);
is(scalar(grep { $c->reply eq "STORED\r\n" } 1 .. 2000), 2000, '2000 keys that differ at their ends');
my $start = time;
$before = $p->stats->{mirrored};
my $hits = 0;
for (1 .. 30) {
	for my $of (0 .. 19) {
		$hits += () = $c->ask('get ' . join(' ', map { sprintf 'k-%06d', $of * 100 + $_ } 1 .. 100) . "\r\n") =~ /^VALUE/mg;
	}
}
is($hits, 60_000, '... are read, again and again');
$mirrored = $p->stats->{mirrored} - $before;
# Five seconds later each is due once more.
my $most = 2000 * (1 + (time - $start) / 5) + 100;
cmp_ok($mirrored, '<=', $most, "... $mirrored of 60000 hits were told: each key's once");
my %told = map { $_ => 1 } $fake->seen(qr/^mg k-\d+/);
cmp_ok(scalar(keys %told), '>', 1900, '... and nearly all of them');

# ---- a slow follower slows nobody ----
$fake->on('/^mg m/: wait 300; answer');
$start = time;
$c->send(join '', map { "get m$_\r\n" } 2000 .. 2400);
is(scalar(grep { $c->reply =~ /^VALUE/ } 2000 .. 2400), 401, 'the follower slow: hits');
cmp_ok(time - $start, '<', 0.28, '... do not wait for it');
done_testing;
