# Intent: a leader that leaves a read unanswered costs the reader --hedge, not the whole timeout: the
# follower is asked too, and the first hit counts; only a hit, and only of what was written before.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

my $timeout = 3000;
my ($p, $c);

sub begin {
	my ($leader, $follower, @args) = @_;
	$p->end if $p;
	$p = proxy(servers => [$leader], backups => [$follower], args => ['--timeout', $timeout, @args]);
	$p->wait_current;
	$c = client($p);
	$c->ask("flush_all\r\n");
	is($c->ask("set k$_ $_ 0 2\r\nv$_\r\n"), "STORED\r\n", "a value, k$_") for 1 .. 3;
}

# ---- frozen ----
for my $args ([], ['-i', 3]) {
	my ($a, $b) = (memcached(name => "a@$args"), memcached(name => "b@$args"));
	begin($a, $b, @$args);
	my $down = () = log_lines($p, qr/-> down/);
	$a->freeze;
	my $start = time;
	is($c->ask("get k1\r\n"), "VALUE k1 1 2\r\nv1\r\nEND\r\n", "@$args the leader frozen: a get");
	my $took = time - $start;
	cmp_ok($took, '<', 1, '... is answered long before the timeout');
	cmp_ok($took, '>=', 0.015, '... after --hedge');
	$start = time;
	is($c->ask("get k1 k2 k3 none\r\n", 6), "VALUE k1 1 2\r\nv1\r\nVALUE k2 2 2\r\nv2\r\nVALUE k3 3 2\r\nv3\r\nEND\r\n",
	    '... of several keys');
	$start = time;
	my @clients = map { client($p) } 1 .. 20;
	$_->send("get k2\r\nget k3\r\n") for @clients;
	is(scalar(grep { $_->reply eq "VALUE k2 2 2\r\nv2\r\nEND\r\n" && $_->reply eq "VALUE k3 3 2\r\nv3\r\nEND\r\n" } @clients),
	    20, '... of many clients');
	cmp_ok($p->stats->{hedge_hits}, '>', 0, '... counted') ;
	$a->thaw;
	$p->wait_current;
	is($c->ask("get k$_\r\n"), "VALUE k$_ $_ 2\r\nv$_\r\nEND\r\n", 'thawed: its late answers disturb nobody') for 1, 2, 3;
	is($c->ask("mn\r\n"), "MN\r\n", '... nothing more comes');
	same_items('... both hold the same', $a, $b);
	$p->end;
}

# The other copy has answered, and is gone before the leader speaks again: there is nothing to fail.
{
	my ($a, $b) = (memcached(name => 'last'), memcached(name => 'answered'));
	begin($a, $b);
	$a->freeze;
	is($c->ask("get k1\r\n"), "VALUE k1 1 2\r\nv1\r\nEND\r\n", 'the leader frozen: a get');
	$b->kill9;
	ok(wait_for('the last one overdue', sub { log_lines($p, qr/it is the last one/) }), '... then the last one');
	$a->thaw;
	ok(wait_for('the last one speaks', sub { $c->ask("get k2\r\n") eq "VALUE k2 2 2\r\nv2\r\nEND\r\n" }), '... thawed: a get');
	is($c->ask("set k1 1 0 2\r\nw1\r\n"), "STORED\r\n", '... values are taken');
	is($c->ask("set k1 1 0 200000\r\n" . 'w' x 200000 . "\r\n"), "STORED\r\n", '... large ones too');
	$p->end;
}

# ---- slow ----
my ($fake, $real) = (fake(name => 'fake'), memcached(name => 'real'));
begin($fake, $real);
$fake->on('/^get/: wait 400; answer');
my $start = time;
is($c->ask("get k1\r\n"), "VALUE k1 1 2\r\nv1\r\nEND\r\n", 'the leader slow: a get');
cmp_ok(time - $start, '<', 0.38, '... is not slow');
$start = time;
is($c->ask("get none\r\n"), "END\r\n", 'a miss');
cmp_ok(time - $start, '>=', 0.3, '... is the leader\'s word: waited for');
# The follower has evicted one that the leader has.
client($real)->ask("delete k2\r\n");
is($c->ask("get k2\r\n"), "VALUE k2 2 2\r\nv2\r\nEND\r\n", 'the follower lacks it: the leader\'s hit counts');
is($c->ask("get k1 none k2 k3\r\n"), "VALUE k1 1 2\r\nv1\r\nVALUE k2 2 2\r\nv2\r\nVALUE k3 3 2\r\nv3\r\nEND\r\n",
    '... among several');
$start = time;
like($c->ask("gets k1\r\n"), qr/\AVALUE k1 1 2 \d+\r\nv1\r\nEND\r\n\z/, 'gets');
$fake->on('/^gets/: wait 400; answer');
$real->freeze;
is($c->ask("get k3\r\n"), "VALUE k3 3 2\r\nv3\r\nEND\r\n", 'the follower frozen too: the leader, late');
$real->thaw;
$p->wait_current;
is($p->state($fake), 'current', 'nobody was put out');

# A pipeline: what is read after a write is that write, however the answers come.
$fake->tell('clear');
$fake->on('/^get p/: wait 100; answer');
my $wrong = 0;
for my $n (1 .. 15) {
	$c->send("set p 0 0 2\r\n" . (10 + $n) . "\r\nget p\r\nset p 0 0 2\r\n" . (50 + $n) . "\r\nget p\r\ndelete p\r\nget p\r\n");
	my @got = map { $c->reply } 1 .. 6;
	my @want = ("STORED\r\n", "VALUE p 0 2\r\n" . (10 + $n) . "\r\nEND\r\n", "STORED\r\n",
	    "VALUE p 0 2\r\n" . (50 + $n) . "\r\nEND\r\n", "DELETED\r\n", "END\r\n");
	$wrong++ if "@got" ne "@want";
}
is($wrong, 0, 'reads and writes in one pipeline, the leader slow at reads: each read sees the write before it');

# ---- off ----
$fake->tell('clear');
begin($fake, $real, '--hedge', 0);
$fake->on('/^get/: wait 300; answer');
$start = time;
is($c->ask("get k1\r\n"), "VALUE k1 1 2\r\nv1\r\nEND\r\n", '--hedge 0: the leader\'s answer');
cmp_ok(time - $start, '>=', 0.28, '... is waited for');
is($p->stats->{hedges}, 0, '... nobody else was asked');

# ---- another patience ----
$fake->tell('clear');
begin($fake, $real, '--hedge', 200);
$fake->on('/^get/: wait 1500; answer');
$start = time;
is($c->ask("get k1\r\n"), "VALUE k1 1 2\r\nv1\r\nEND\r\n", '--hedge 200');
my $took = time - $start;
cmp_ok($took, '>=', 0.18, '... after that long');
cmp_ok($took, '<', 1.3, '... and not much longer');
done_testing;
