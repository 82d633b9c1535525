# Intent: a get of many keys is answered as memcached answers it, whatever happens to the server in the
# middle of its answer.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time);

my ($p, $c);
sub value { return "VALUE k$_[0] $_[0] " . length("value$_[0]") . "\r\nvalue$_[0]\r\n" }
sub values_of { return join('', map { value($_) } @_) . "END\r\n" }
sub get { return 'get ' . join(' ', map { "k$_" } @_) . "\r\n" }

sub begin {
	my ($leader, $follower, @args) = @_;
	$p->end if $p;
	$p = proxy(servers => [$leader], backups => [$follower], args => ['--timeout', 2000, @args]);
	$p->wait_current;
	$c = client($p);
	$c->ask("flush_all\r\n");
	$c->send(join '', map { "set k$_ $_ 0 " . length("value$_") . "\r\nvalue$_\r\n" } 1 .. 400);
	is(scalar(grep { $c->reply eq "STORED\r\n" } 1 .. 400), 400, "loaded @args");
}

# ---- the answers ----
my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
for my $args ([], ['-i', 2]) {
	begin($a, $b, @$args);
	my $direct = client($a);
	for my $line (get(1 .. 400), get(2, 2, 1, 2), get(map { ($_, 1000 + $_, $_) } 1 .. 200), get(1001 .. 1300),
	    "get  k1   k2 k3  \r\n", get(1, 2), get(1, 1001), get(1001, 1),
	    'get k1 ' . ('x' x 250) . " k2\r\n", 'get k1 ' . ('x' x 251) . " k2\r\n") {
		is($c->ask($line), $direct->ask($line), "@$args: as memcached answers: " . substr($line, 0, 40) =~ s/\r\n//r);
	}
	is($c->ask("get k1 __memvip__ k2\r\n"), values_of(1, 2), '... a key of ours among them: a miss');
	is($c->ask("get __memvip__ __memvip_ports__\r\n"), "END\r\n", '... only such');
	my $gets = $c->ask("gets k5 k6\r\n");
	is($gets =~ s/^(VALUE \S+ \d+ \d+) \d+\r$/$1\r/mgr, values_of(5, 6), '... gets');
	my ($token) = $gets =~ /^VALUE k6 \d+ \d+ (\d+)/m;
	is($c->ask("cas k6 6 0 6 $token\r\nvalue6\r\n"), "STORED\r\n", '... its tokens are good');
	$c->send(join '', map { get(1 .. 50) . get(60, 61) . "get k7\r\n" } 1 .. 30);
	my @bad = grep { $c->reply ne values_of(1 .. 50) || $c->reply ne values_of(60, 61) || $c->reply ne values_of(7) } 1 .. 30;
	is(scalar @bad, 0, '... pipelined');
	my $hits = $p->stats->{get_hits};
	my $misses = $p->stats->{get_misses};
	$c->ask(get(1 .. 150, 1001 .. 1010));
	is($p->stats->{get_hits} - $hits, 150, '... hits are counted');
	is($p->stats->{get_misses} - $misses, 10, '... and misses');
	# Writes between the lists of one client are seen by those behind them.
	$c->send(get(1, 2, 3) . "set k2 2 0 6\r\nother2\r\n" . get(1, 2, 3) . "delete k2\r\n" . get(1, 2, 3) . "set k2 2 0 6\r\nvalue2\r\n");
	is($c->reply, values_of(1, 2, 3), '... a list before a write');
	$c->reply;
	is($c->reply, values_of(1, 2, 3) =~ s/value2/other2/r, '... behind it');
	$c->reply;
	is($c->reply, values_of(1, 3), '... behind a delete');
	$c->reply;
}

# ---- the leader is lost in the middle ----
begin($a, $b);
$a->freeze;
my $start = time;
is($c->ask(get(1 .. 300)), values_of(1 .. 300), 'the leader frozen: the follower has them all');
cmp_ok(time - $start, '<', 1.5, '... and is asked after --hedge');
is($c->ask(get(1 .. 10, 1001), 6), values_of(1 .. 10), '... one that is nowhere');
$a->thaw;
$p->wait_current;
is($c->ask("mn\r\n"), "MN\r\n", '... nothing more comes');

my ($fake, $real) = (fake(name => 'fake'), memcached(name => 'real'));
for my $bytes (0, 3, 30, 31, 60, 200) {
	begin($fake, $real, '--hedge', 0);
	$fake->on("/^get/ times 1: part $bytes; close");
	is($c->ask(get(1 .. 20)), values_of(1 .. 20), "lost after $bytes bytes of the answer: all of it comes");
	$p->wait_current;
	$fake->on("/^get/ times 1: part $bytes; close");
	$c->send(get(1, 2) . get(1, 1001, 3) . "set k1 1 0 6\r\nother1\r\n" . get(1 .. 5));
	# What the other copy has executed already is not shown to a get before it: a miss is allowed.
	my @answers = map { $c->reply } 1 .. 4;
	my $no = sub { my ($n, @keys) = @_; return qr/\A(?:\Q@{[value($n)]}\E)?\Q@{[values_of(@keys)]}\E\z/ };
	like($answers[0], $no->(1, 2), '... behind a write of the same client nothing is read from after it');
	like($answers[1], $no->(1, 3), '... nor in the second list');
	is($answers[3], values_of(1 .. 5) =~ s/value1/other1/r, '... what comes behind the write sees it');
	$p->wait_current;
}

# ---- the leader slow, in the middle of its answer ----
begin($fake, $real);
$fake->on('/^get/ times 1: dribble 3');
is($c->ask(get(1 .. 5)), values_of(1 .. 5), 'byte by byte');
is($c->ask(get(1 .. 5)), values_of(1 .. 5), '... nothing of it is left');

# ---- a line that fails as a whole ----
begin($fake, $real, '--hedge', 0);
$fake->on('/^get k\d+ k/: say "SERVER_ERROR out of memory\r\n"');
is($c->ask(get(1 .. 10)), values_of(1 .. 10), 'an error for many keys: each is asked again alone');
$fake->on('/^get k3\b/: say "SERVER_ERROR out of memory\r\n"');
is($c->ask(get(1 .. 10)), join('', map { value($_) } 1, 2) . "SERVER_ERROR out of memory\r\n", '... one of them fails again: it ends the line');
$fake->tell('clear');

# ---- a key that was not asked for ----
$fake->on('/^get/ times 1: say "VALUE k2 2 6\r\nvalue2\r\nVALUE k1 1 6\r\nvalue1\r\nEND\r\n"');
is($c->ask(get(1 .. 3)), values_of(2) =~ s/END\r\n//r . values_of(3) =~ s/END\r\n//r . "END\r\n", 'values in another order are nonsense: what was not said is asked of the other one')
    or diag(join "\n", log_lines($p, qr/nonsense/));
ok(scalar(log_lines($p, qr/nonsense/)), '... and the log says so');
$p->wait_current;

# ---- the client goes ----
$fake->on('/^get/ times 1: wait 300; answer');
my $gone = client($p);
$gone->send(get(1 .. 100));
wait_for('it is asked', sub { $fake->seen(qr/^get k1 k2.* k100/) });
$gone->close('reset');
is($c->ask(get(1 .. 3)), values_of(1 .. 3), 'a client that goes in the middle disturbs nobody');
ok(wait_for('nothing on its way', sub { $p->stat_of($fake, 'in_flight') == 0 }), '... and leaves nothing behind');
is($p->end, 0, 'ended');
undef $p;
done_testing;
