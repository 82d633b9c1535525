# Intent: one server killed, frozen or restarted, commands in flight or not: the clients see nothing
# but a wait, and never an old value.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my ($p, $c);

# A proxy that finds both servers there, and a client of it.
sub afresh {
	$p->end if $p;
	for my $s ($a, $b) {
		$s->start->wait_up if !$s->alive;
	}
	$p = proxy(servers => [$a], backups => [$b]);
	$p->wait_current;
	$c = client($p);
	is($c->ask("flush_all\r\n"), "OK\r\n", 'a fresh proxy over two empty servers');
}

sub stored { is($c->ask("set $_[0] 0 0 " . length($_[1]) . "\r\n$_[1]\r\n"), "STORED\r\n", $_[2]) }
sub got { is($c->ask("get $_[0]\r\n"), "VALUE $_[0] 0 " . length($_[1]) . "\r\n$_[1]\r\nEND\r\n", $_[2]) }

# Both servers current again, which says: the same in both. The next case may lose one.
sub heal {
	for my $s ($a, $b) {
		$s->thaw;
		$s->start->wait_up if !$s->alive;
	}
	$p->wait_current;
	same_items('healed: both servers hold the same', $a, $b);
}

# ---- nothing lost ----
afresh();
stored("k$_", "v$_", "set k$_") for 1 .. 3;
is(value_of($a, 'k1'), 'v1', 'the primary has it');
is(value_of($b, 'k1'), 'v1', 'the backup has it');

# ---- the primary is killed with commands in flight ----
for my $who (['primary', $a, $b], ['backup', $b, $a]) {
	my ($name, $dead, $alive) = @$who;
	afresh();
	stored("k$_", "v$_", "$name: set k$_") for 1 .. 3;
	stored('o', 'old', "$name: set o");
	$dead->freeze;
	# These now wait for the frozen one, and outlive it.
	$c->send(join '', map { ("set f$_ 0 0 1\r\n$_\r\n", "get k1\r\n", "get k1 k2 k3 none\r\n",
		    "incr f$_ 1\r\n", "delete none\r\n") } 1 .. 5);
	# What a client asks before it writes is what was there before, or a miss: never what it wrote.
	$c->send("get o\r\nset o 0 0 3\r\nnew\r\nget o\r\n");
	$dead->kill9;
	for (1 .. 5) {
		is($c->reply, "STORED\r\n", "$name killed: a set in flight");
		is($c->reply, "VALUE k1 0 2\r\nv1\r\nEND\r\n", '... a get');
		is($c->reply, "VALUE k1 0 2\r\nv1\r\nVALUE k2 0 2\r\nv2\r\nVALUE k3 0 2\r\nv3\r\nEND\r\n",
		    '... a get of several');
		is($c->reply, ($_ + 1) . "\r\n", '... an incr, counted once');
		is($c->reply, "NOT_FOUND\r\n", '... a delete');
	}
	like($c->reply, qr/^(?:VALUE o 0 3\r\nold\r\n)?END\r\n\z/, '... a get before a set');
	is($c->reply, "STORED\r\n", '... that set');
	is($c->reply, "VALUE o 0 3\r\nnew\r\nEND\r\n", '... a get after it');
	is(value_of($alive, 'f1'), '2', '... the other one has what was done');
	stored('after', 'x', '... and is written to');
	is($p->state($dead) =~ /^(?:down|connecting)$/ ? 1 : $p->state($dead), 1, '... it is out');
	got('after', 'x', '... the client goes on');
}

# ---- restarted: filled from the other copy, never stale ----
heal();
stored('k', 'old', 'a value');
$a->kill9;
stored('k', 'new', 'changed while the primary is dead');
is($c->ask("delete gone\r\n"), "NOT_FOUND\r\n", 'and a key deleted');
heal();
got('k', 'new', 'the primary is back: the new value');
is(value_of($a, 'k'), 'new', '... it has it itself');
$b->kill9;
got('k', 'new', 'the other one dies: the new value still');

# ---- frozen: out after --timeout; thawed: its old values are never seen ----
heal();
stored('k', 'old', 'a value on both');
stored('d', 'old', 'another');
$a->freeze;
my $start = time;
stored('k', 'new', 'the primary frozen: a set is answered');
my $took = time - $start;
cmp_ok($took, '<', 5, '... after the timeout');
$start = time;
stored('k2', 'x', 'the next one');
cmp_ok(time - $start, '<', 0.4, '... does not wait') or diag("the first took $took s");
is($c->ask("delete d\r\n"), "DELETED\r\n", '... a delete');
got('k', 'new', '... a get');
$a->thaw;
my $until = time + 2;
my %seen;
while (time < $until) {
	$seen{$c->ask("get k\r\n")}++;
	$seen{$c->ask("get d\r\n")}++;
	sleep 0.005;
}
delete @seen{"VALUE k 0 3\r\nnew\r\nEND\r\n", "END\r\n"};
is_deeply(\%seen, {}, 'thawed: no old value for 2 s');
heal();
got('k', 'new', '... nor when it is in use again');
is($c->ask("get d\r\n"), "END\r\n", '... nor what was deleted');

# ---- frozen and asked: a reader waits no longer than the timeout ----
heal();
stored('r', 'v', 'a value on both');
$a->freeze;
$start = time;
got('r', 'v', 'the leader frozen: a get is answered from the other copy');
cmp_ok(time - $start, '<', 5, '... after the timeout at the latest');
$a->thaw;
heal();

# ---- both dead: an error at once; back: service again ----
$_->kill9 for $a, $b;
wait_for('both out', sub { $p->state($a) =~ /down|connecting/ && $p->state($b) =~ /down|connecting/ });
for my $command ("get k\r\n", "set k 0 0 1\r\nx\r\n", "delete k\r\n", "incr k 1\r\n", "touch k 1\r\n",
    "gat 1 k\r\n", "get k k2\r\n", "gets k\r\n", "flush_all\r\n") {
	$start = time;
	my $shown = $command =~ s/\r\n/ /gr;
	is($c->ask($command), "SERVER_ERROR no server available\r\n", "both dead: $shown");
	cmp_ok(time - $start, '<', 1, '... at once');
}
is($c->ask("mn\r\n"), "MN\r\n", '... the connection lives');
like($c->ask("stats\r\n"), qr/^STAT pid \d+\r\n.*END\r\n\z/s, '... and stats answers');
$a->start->wait_up;
wait_for('service again', sub { $c->ask("set k 0 0 4\r\nback\r\n") eq "STORED\r\n" });
got('k', 'back', 'one is back: it serves');
heal();

# ---- both frozen: operations fail, nothing hangs; thawed: service again ----
stored('z', 'v', 'a value');
$_->freeze for $a, $b;
$start = time;
like($c->ask("get z\r\n"), qr/\ASERVER_ERROR /, 'both frozen: a get fails');
like($c->ask("set z 0 0 1\r\nx\r\n"), qr/\ASERVER_ERROR /, '... a set fails');
cmp_ok(time - $start, '<', 8, '... in bounded time');
$_->thaw for $a, $b;
wait_for('service again', sub { $c->ask("set z 0 0 1\r\ny\r\n") eq "STORED\r\n" });
got('z', 'y', 'thawed: it serves');

# ---- a proxy that starts while a server is dead ----
heal();
ok(!$c->closed, 'the client has kept its connection all the time');
$a->kill9;
my $q = proxy(servers => [$a], backups => [$b], name => 'late-proxy');
my $cq = client($q);
is($cq->ask("set q 0 0 1\r\n1\r\n"), "STORED\r\n", 'started with the primary dead: it serves');
is($cq->ask("get q\r\n"), "VALUE q 0 1\r\n1\r\nEND\r\n", '... reads too');
is($p->wait_end(20), 75, '... the one before it, of the same name, ends');
$a->start->wait_up;
$q->wait_current;
same_items('the primary back: both hold the same', $a, $b);
done_testing;
