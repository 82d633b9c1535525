# Intent: where the two copies have parted they are made the same again before the write that has
# shown it is acknowledged; cas ids are one server's, and never match by luck.
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

# A value, or what comes of a get, with flags and remaining time.
sub item { return client($_[0])->ask("mg $_[1] v f t\r\n") =~ s/ t\d+\r\n/ t+\r\n/r }
sub token { return ($c->ask("gets $_[0]\r\n") =~ /^VALUE \S+ \d+ \d+ (\d+)\r/)[0] // 0 }

# ---- the follower lacks it, or has another: no wait between the answer and the look ----
my @cases = (
    # name, bytes, answer, what both have then
    ['incr',    "incr k 1\r\n",                "11\r\n",      "VA 2 f3 t+\r\n11\r\n"],
    ['decr',    "decr k 1\r\n",                "9\r\n",       "VA 2 f3 t+\r\n9 \r\n"],
    ['append',  "append k 0 0 1\r\nx\r\n",     "STORED\r\n",  "VA 3 f3 t+\r\n10x\r\n"],
    ['prepend', "prepend k 0 0 1\r\n1\r\n",    "STORED\r\n",  "VA 3 f3 t+\r\n110\r\n"],
    ['replace', "replace k 7 0 1\r\nx\r\n",    "STORED\r\n",  "VA 1 f7 t-1\r\nx\r\n"],
    ['add',     "add k 7 0 1\r\nx\r\n",        "NOT_STORED\r\n", "VA 2 f3 t+\r\n10\r\n"],
    ['touch',   "touch k 2000\r\n",            "TOUCHED\r\n", "VA 2 f3 t+\r\n10\r\n"],
    ['gat',     "gat 2000 k\r\n",              "VALUE k 3 2\r\n10\r\nEND\r\n", "VA 2 f3 t+\r\n10\r\n"],
    ['set',     "set k 7 0 1\r\nx\r\n",        "STORED\r\n",  "VA 1 f7 t-1\r\nx\r\n"],
    ['cas',     "cas k 7 0 1 TOKEN\r\nx\r\n",  "STORED\r\n",  "VA 1 f7 t-1\r\nx\r\n"],
    ['delete',  "delete k\r\n",                "DELETED\r\n", "EN\r\n"],
);
for my $case (@cases) {
	my ($name, $bytes, $want, $then) = @$case;
	is($c->ask("set k 3 1000 2\r\n10\r\n"), "STORED\r\n", "$name: a value");
	is(client($b)->ask("delete k\r\n"), "DELETED\r\n", '... that the backup has evicted');
	my $send = $bytes =~ s/TOKEN/token('k')/er;
	is($c->ask($send), $want, '... the answer is the leader\'s');
	is(item($b, 'k'), $then, '... the backup has it again');
	is(item($a, 'k'), $then, '... as the leader has it');
}
for my $case (['incr', "incr k 1\r\n", "11\r\n", "11"], ['decr', "decr k 3\r\n", "7\r\n", "7 "]) {
	my ($name, $bytes, $want, $then) = @$case;
	is($c->ask("set k 3 1000 2\r\n10\r\n"), "STORED\r\n", "$name: a value");
	is(client($b)->ask("set k 9 0 2\r\n90\r\n"), "STORED\r\n", '... that the backup has wrong');
	is($c->ask($bytes), $want, '... the answer is the leader\'s');
	is(item($b, 'k'), "VA 2 f3 t+\r\n$then\r\n", '... the backup has it right');
}
# The leader has evicted it.
for my $case (['add', "add k 7 0 3\r\nnew\r\n", "STORED\r\n", "VA 3 f7 t-1\r\nnew\r\n"],
    ['replace', "replace k 7 0 3\r\nnew\r\n", "NOT_STORED\r\n", "EN\r\n"], ['incr', "incr k 1\r\n", "NOT_FOUND\r\n", "EN\r\n"],
    ['append', "append k 0 0 1\r\nx\r\n", "NOT_STORED\r\n", "EN\r\n"], ['touch', "touch k 2000\r\n", "NOT_FOUND\r\n", "EN\r\n"]) {
	my ($name, $bytes, $want, $then) = @$case;
	is($c->ask("set k 3 1000 2\r\n10\r\n"), "STORED\r\n", "$name: a value");
	is(client($a)->ask("delete k\r\n"), "DELETED\r\n", '... that the leader has evicted');
	is($c->ask($bytes), $want, '... the answer is the leader\'s');
	is(item($_, 'k'), $then, "... and so is what $_->{name} has") for $a, $b;
}
cmp_ok($p->stat_of($b, 'mismatches'), '>=', 12, 'such answers are counted');
is($p->state($_), 'current', "$_->{name} is current all the time") for $a, $b;
is(scalar(log_lines($p, qr/-> down/)), 0, '... none was put out');

# ---- cas ----
$c->ask("set n 0 0 1\r\n1\r\n");
my $old = token('n');
is($c->ask("cas n 5 0 1 $old\r\n2\r\n"), "STORED\r\n", 'cas: the right token');
is(item($_, 'n'), "VA 1 f5 t-1\r\n2\r\n", "... $_->{name} has it") for $a, $b;
is($c->ask("cas n 5 0 1 $old\r\n3\r\n"), "EXISTS\r\n", '... an old one');
is(item($b, 'n'), "VA 1 f5 t-1\r\n2\r\n", '... nothing has changed');
is($c->ask("cas none 0 0 1 $old\r\n3\r\n"), "NOT_FOUND\r\n", '... of a key that is not there');
# Everybody counts by gets and cas; what is counted in the end is every STORED.
{
	$c->ask("set sum 0 0 1\r\n0\r\n");
	my %kid;
	for my $me (1 .. 4) {
		my $pid = fork // die "fork: $!";
		if (!$pid) {
			my $mine = client($p);
			my $done = 0;
			for (1 .. 100000) {
				my ($value, $token) = $mine->ask("gets sum\r\n") =~ /^VALUE sum 0 \d+ (\d+)\r\n(\d+)\r/ ? ($2, $1) : POSIX::_exit(1);
				my $new = $value + 1;
				my $answer = $mine->ask("cas sum 0 0 " . length($new) . " $token\r\n$new\r\n");
				last if $answer eq "STORED\r\n" && ++$done == 50;
				POSIX::_exit(2) if $answer !~ /^(?:STORED|EXISTS)\r\n\z/;
				# Another kind of write passes in between.
				$mine->ask("touch sum 1000\r\n") if $_ % 7 == 0;
			}
			POSIX::_exit($done == 50 ? 0 : 3);
		}
		$kid{$pid} = 1;
	}
	my $failed = 0;
	for my $pid (keys %kid) {
		waitpid $pid, 0;
		$failed++ if $?;
	}
	is($failed, 0, 'four clients count by cas');
	is(value_of($_, 'sum'), 200, "... every one counts, on $_->{name}") for $a, $b;
}
same_items('both hold the same', $a, $b);

# A token does not outlive the leader that gave it.
$old = token('n');
$a->kill9;
wait_for('the backup leads', sub { $p->stats('servers')->{'server.' . $b->where . '.role'} eq 'leader' });
is($c->ask("cas n 5 0 1 $old\r\n3\r\n"), "EXISTS\r\n", 'the leader is dead: its token is old');
# Not by luck either: every number that the other one might have.
my $bad = 0;
my ($b_cas) = client($b)->ask("gets n\r\n") =~ /^VALUE n \d+ \d+ (\d+)\r/;
for my $guess ($b_cas, ($old >> 48 << 48) + $b_cas) {
	$bad++ if $c->ask("cas n 5 0 1 $guess\r\n3\r\n") ne "EXISTS\r\n";
}
is($bad, 0, '... nor is a number that the other one has a token');
my $new = token('n');
is($c->ask("cas n 5 0 1 $new\r\n4\r\n"), "STORED\r\n", '... read again: stored');
$new = token('n');
$a->start->wait_up;
$p->wait_current;
is($c->ask("cas n 5 0 1 $new\r\n5\r\n"), "EXISTS\r\n", 'the primary leads again: that token is old too');
is($c->ask("cas n 5 0 1 " . token('n') . "\r\n5\r\n"), "STORED\r\n", '... read again: stored');
same_items('both hold the same', $a, $b);
$p->end;

# ---- a follower that takes less than the leader ----
{
	my ($large, $small) = (memcached(name => 'large', args => ['-I', '4m']), memcached(name => 'small'));
	$p = proxy(servers => [$large], backups => [$small], args => ['--max-value', '4m']);
	$p->wait_current;
	$c = client($p);
	is($c->ask("set big 0 0 5\r\nsmall\r\n"), "STORED\r\n", 'a small value');
	my $value = 'v' x 2_000_000;
	is($c->ask("set big 0 0 2000000\r\n$value\r\n"), "STORED\r\n", 'a value that the backup refuses: the leader decides');
	is(value_of($small, 'big'), undef, '... the backup does not keep the old one');
	is($c->ask("append big 0 0 1\r\nx\r\n"), "STORED\r\n", '... the next write');
	is(value_of($small, 'big'), undef, '... nor half of it');
	is($p->state($small), 'current', '... it stays in use');
	is($c->ask("set big 0 0 1\r\nx\r\n"), "STORED\r\n", 'small again');
	is(value_of($small, 'big'), 'x', '... it is there');
	is($c->ask("set big 0 0 2000000\r\n$value\r\n"), "STORED\r\n", 'and big');
	$c->ask("set other 0 0 1\r\nx\r\n");
	# A fill meets it too: it goes on with the rest.
	$small->restart;
	$p->wait_current;
	is(value_of($small, 'other'), 'x', 'restarted: what fits is copied');
	is(value_of($small, 'big'), undef, '... what does not is left out');
	cmp_ok($p->stat_of($small, 'refused'), '>', 0, '... and counted');
	$p->end;
}

# ---- the repair is slow: nobody is told before it has ended ----
{
	my $fake = fake(name => 'fake');
	$p = proxy(servers => [$a], backups => [$fake], args => ['--name', 'slow', '--timeout', 3000]);
	$p->wait_current;
	$c = client($p);
	my ($d, $e) = (client($p), client($p));
	is($c->ask("set k 3 0 2\r\n10\r\n"), "STORED\r\n", 'a value');
	client($fake)->ask("delete k\r\n");
	$fake->tell('forget');
	$fake->on('/^ms k/ times 1: wait 600; answer');
	my $start = time;
	$c->send("incr k 1\r\n");
	wait_for('the copy under way', sub { $fake->seen(qr/^ms k/) });
	$d->send("incr k 1\r\n");
	is($e->ask("get none\r\n"), "END\r\n", 'a slow repair: others are served');
	cmp_ok(time - $start, '<', 0.5, '... at once');
	is($e->ask("get k\r\n") =~ /^VALUE k 3 2\r\n1[12]\r\nEND\r\n\z/ ? 1 : 0, 1, '... readers of the key too');
	is($c->reply, "11\r\n", '... the write is acknowledged');
	cmp_ok(time - $start, '>=', 0.55, '... after the repair');
	is($d->reply, "12\r\n", '... the next one on the key too');
	cmp_ok(time - $start, '>=', 0.55, '... after the repair as well');
	is(value_of($_, 'k'), '12', "... $_->{name} has both") for $a, $fake;

	# The follower dies in the midst of it.
	client($fake)->ask("delete k\r\n");
	$fake->on('/^ms k/ times 1: close');
	is($c->ask("incr k 1\r\n"), "13\r\n", 'the follower goes in the midst of a repair: acknowledged');
	$p->wait_current;
	is(value_of($_, 'k'), '13', "... and repaired when it is back: $_->{name}") for $a, $fake;

	# It refuses.
	client($fake)->ask("delete k\r\n");
	$fake->on('/^ms k/ times 1: say "SERVER_ERROR out of memory storing object\r\n"');
	is($c->ask("incr k 1\r\n"), "14\r\n", 'the follower has no memory for it: acknowledged');
	is(value_of($fake, 'k'), undef, '... it has nothing then');
	is($p->state($fake), 'current', '... and stays in use');
	$p->end;
}

# ---- --ack leader ----
{
	my $fake = fake(name => 'fake2');
	$p = proxy(servers => [$a], backups => [$fake], args => ['--name', 'leader', '--timeout', 3000, '--ack', 'leader']);
	$p->wait_current;
	$c = client($p);
	is($c->ask("set k 3 0 2\r\n10\r\n"), "STORED\r\n", '--ack leader: a value');
	$fake->on('/^(?:set|incr|delete) k/: wait 500; answer');
	my $start = time;
	is($c->ask("set k 3 0 2\r\n20\r\n"), "STORED\r\n", '... a slow follower: a set');
	is($c->ask("incr k 1\r\n"), "21\r\n", '... an incr');
	is($c->ask("get k\r\n"), "VALUE k 3 2\r\n21\r\nEND\r\n", '... a get');
	cmp_ok(time - $start, '<', 0.4, '... are not waited for');
	ok(wait_for('the follower', sub { (value_of($fake, 'k') // '') eq '21' }), '... it gets them all the same');
	$fake->tell('clear');
	client($fake)->ask("delete k\r\n");
	is($c->ask("incr k 1\r\n"), "22\r\n", '... it has evicted the item: the leader\'s answer');
	ok(wait_for('the repair', sub { (value_of($fake, 'k') // '') eq '22' }), '... and it is repaired');
	same_items('... both hold the same', $a, $fake);
}
done_testing;
