# Intent: memvip's own keys are nobody else's; a marker that was lost is told apart from a server
# that was flushed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my $p = proxy(servers => [$a], backups => [$b]);
$p->wait_current;
my $c = client($p);

sub load {
	$c->send(join '', map { "set k$_ $_ 0 " . length("v$_") . "\r\nv$_\r\n" } 1 .. 500);
	is(scalar(grep { $c->reply eq "STORED\r\n" } 1 .. 500), 500, 'loaded');
}
sub mark { return value_of($_[0], '__memvip__') // '' }
sub marked { return mark($_[0]) =~ /^memvip 1 test \d+ \w+ open / }

# ---- reserved ----
# Current, it is told, as its marker is on its way to it.
wait_for('the markers', sub { marked($a) && marked($b) });
my ($at_a, $at_b) = map { mark($_) } $a, $b;
for my $key ('__memvip__', '__memvip_lease__', '__memvip_ports__') {
	is($c->ask("get $key\r\n"), "END\r\n", "get $key: a miss");
	is($c->ask("gets $key\r\n"), "END\r\n", '... gets');
	is($c->ask("get none $key none\r\n"), "END\r\n", '... among others');
	for my $command ("set $key 0 0 1\r\nx\r\n", "add $key 0 0 1\r\nx\r\n", "replace $key 0 0 1\r\nx\r\n",
	    "append $key 0 0 1\r\nx\r\n", "prepend $key 0 0 1\r\nx\r\n", "cas $key 0 0 1 1\r\nx\r\n",
	    "delete $key\r\n", "incr $key 1\r\n", "decr $key 1\r\n", "touch $key 1\r\n") {
		my ($verb) = $command =~ /^(\w+)/;
		is($c->ask($command), "CLIENT_ERROR the key is reserved for memvip\r\n", "$verb $key: refused");
	}
	unlike($c->ask("gat 1 $key\r\n"), qr/memvip 1/, "gat $key: nothing");
	$c->send("set $key 0 0 1 noreply\r\nx\r\ndelete $key noreply\r\n");
	is($c->ask("mn\r\n"), "MN\r\n", '... noreply is silent');
}
is(mark($a), $at_a, 'the markers are untouched');
is(mark($b), $at_b, '... both');
is($c->ask("set __memvip 0 0 1\r\nx\r\n"), "STORED\r\n", 'a key that is nearly so is a key');
is($c->ask("get __memvip\r\n"), "VALUE __memvip 0 1\r\nx\r\nEND\r\n", '... as any other');
is($c->ask("delete __memvip\r\n"), "DELETED\r\n", '... and deleted');

# ---- a client's flush_all ----
load();
is($c->ask("flush_all\r\n"), "OK\r\n", 'flush_all');
is($c->ask("get k1\r\n"), "END\r\n", '... nothing is left');
ok(marked($a) && marked($b), '... but the markers') or diag(mark($a), "\n", mark($b));
is($p->state($_), 'current', '... ' . $_->{name} . ' stays current') for $a, $b;
ok(value_of($_, '__memvip_lease__'), '... its lease too') for $a, $b;
same_items('... both hold the same', $a, $b);
load();
is($c->ask("flush_all 1\r\n"), "OK\r\n", 'flush_all in a second');
is($c->ask("get k1\r\n"), "VALUE k1 1 2\r\nv1\r\nEND\r\n", '... not yet');
ok(wait_for('flushed', sub { $c->ask("get k1\r\n") eq "END\r\n" }), '... now');
ok(marked($a) && marked($b), '... but the markers');
is($p->state($_), 'current', '... ' . $_->{name} . ' stays current') for $a, $b;
is(same_items('... both hold the same', $a, $b), 0, '... nothing');

# ---- the marker was evicted, or somebody deleted it ----
load();
for my $server ($a, $b) {
	my $epoch = $p->stat_of($server, 'epoch');
	is(client($server)->ask("delete __memvip__\r\n"), "DELETED\r\n", "$server->{name}: its marker deleted by hand");
	ok(wait_for('the marker', sub { marked($server) }), '... written again');
	wait_for('the epoch', sub { $p->stat_of($server, 'epoch') > $epoch });
	is($p->state($_), 'current', '... ' . $_->{name} . ' stays current') for $a, $b;
	is(same_items('... both hold the same', $a, $b), 500, '... all of it');
}
is(scalar(log_lines($p, qr/-> down/)), 0, '... none was put out');

# ---- flushed from outside ----
for my $server ($a, $b) {
	is(client($server)->ask("flush_all\r\n"), "OK\r\n", "$server->{name}: flushed from outside");
	ok(wait_for('it is noticed', sub { log_lines($p, qr/@{[$server->where]}: .*flushed from outside/) }), '... noticed');
	$p->wait_current;
	is(same_items('... filled again: both hold the same', $a, $b), 500, '... all of it');
	ok(marked($server), '... its marker is back');
}
is(client($_)->ask("flush_all\r\n"), "OK\r\n", "$_->{name}: both flushed from outside") for $a, $b;
wait_for('markers', sub { marked($a) && marked($b) }, 20);
wait_for('service', sub { $c->ask("set after 0 0 1\r\nx\r\n") eq "STORED\r\n" });
$p->wait_current;
same_items('... both hold the same', $a, $b);
is($c->ask("get k1 after\r\n"), "VALUE after 0 1\r\nx\r\nEND\r\n", '... it serves what is there now');

# ---- it ends and starts: the reserved keys are no items ----
is($p->end, 0, 'it ends');
like(mark($_), qr/^memvip 1 test \d+ \w+ clean /, "... $_->{name} says clean") for $a, $b;
done_testing;
