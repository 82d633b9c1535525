# Intent: every bound holds: clients, descriptors, lines, keys, commands on the way, memory; whoever
# goes past one is told or closed, the others are served, and nobody pays for a memcached that stands
# still.
use strict;
use warnings;
BEGIN { $ENV{MEMVIP_TEST_LIMIT} //= 400 }
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(time sleep);

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my ($p, $other);
my $limit = 8 << 20;

sub afresh {
	my (@args) = @_;
	$p->end if $p;
	$p = proxy(servers => [$a], backups => [$b], args => \@args);
	$p->wait_current;
	$other = client($p);
}

sub others_are_served {
	my ($when) = @_;
	is($other->ask("set o 0 0 1\r\no\r\n") . $other->ask("get o\r\n"),
	    "STORED\r\nVALUE o 0 1\r\no\r\nEND\r\n", "$when: others are served");
}

# What is buffered, as the proxy says.
sub buffered { return $p->stats->{bytes_buffered} }

# Gives a client's pieces as far as they go, and reads nothing.
sub push_on {
	my ($c, $bytes) = @_;
	my $n = syswrite $c->{sock}, $bytes;
	return $n // 0;
}

# ---- -n ----
{
	afresh('-n', 4);
	my @in = ($other, map { client($p) } 1 .. 2);
	ok(wait_for('three clients in', sub { 3 == grep { $_->ask("mn\r\n") eq "MN\r\n" } @in }), 'three are in');
	my $fourth = client($p);
	is($fourth->ask("mn\r\n"), "MN\r\n", '-n 4: the fourth is in');
	my @late = map { client($p) } 1 .. 3;
	for my $late (@late) {
		is($late->until(qr/\n\z/), "ERROR Too many open connections\r\n", 'a fifth: one clear line');
		ok($late->closed(5), '... and it is closed');
	}
	is(scalar(log_lines($p, qr/--max-conns/)), 1, '... with one line in the log, that names the option');
	others_are_served('-n reached');
	is((split ' ', $other->ask("stats\r\n") =~ /^(STAT rejected_connections \d+)/m ? $1 : '')[2], 3, '... and counted');
	$fourth->close;
	my $again;
	ok(wait_for('room again', sub { $again = client($p); $again->ask("mn\r\n", 1) eq "MN\r\n" }), 'one leaves, one fits in');
}

# ---- descriptors ----
SKIP: {
	skip 'needs prlimit', 5 if !has_command('prlimit');
	afresh();
	my $have = $p->fds;
	skip 'cannot set a limit', 5 if system('prlimit', '--pid', $p->pid, '--nofile=' . ($have + 5) . ':' . ($have + 5)) != 0;
	my @many = map { client($p) } 1 .. 15; # the kernel takes them
	my $in = sub { scalar grep { !$_->{eof} && $_->ask("mn\r\n", 0.05) eq "MN\r\n" } @many };
	my $first = wait_for('some of them served', sub { $in->() });
	cmp_ok($first, '<', 15, "no descriptor left: $first of 15 are served, the others wait");
	my $ticks = sub { my @s = split ' ', slurp('/proc/' . $p->pid . '/stat') =~ s/.*\) //sr; $s[11] + $s[12] };
	my $before = $ticks->();
	sleep 1.5;
	my $used = ($ticks->() - $before) * 10; # ms at 100 Hz
	cmp_ok($used, '<', 500, "... without spinning: $used ms of 1500");
	others_are_served('no descriptor left');
	is(scalar(log_lines($p, qr/no descriptor left/)), 1, '... with one line in the log');
	# Those that were served go, the others get their turn.
	my @answered = grep { $_->{sock} && $_->ask("mn\r\n", 0.05) eq "MN\r\n" } @many;
	$_->close for @answered;
	@many = grep { $_->{sock} } @many;
	my %served;
	ok(wait_for('the rest', sub {
		for my $i (grep { !$served{$_} } 0 .. $#many) {
			next if $many[$i]->until(qr/MN\r\n/, 0.05) !~ /MN/ && $many[$i]->ask("mn\r\n", 0.05) ne "MN\r\n";
			$served{$i} = 1;
			$many[$i]->close;
		}
		return keys %served == @many;
	}, 20), '... and as clients leave the others get in');
}

# ---- one line, one client's commands ----
afresh();
{
	my $line = 'get' . ' k' x (4 << 20);
	my $c = client($p);
	$c->send($line . "\r\n");
	is($c->until(qr/\n\z/, 30), '', 'a line of 8 MiB and 3 bytes is refused');
	ok($c->closed(5), '... and the connection closed');
	$c = client($p);
	$c->send('get' . ' k' x 1_000_000 . "\r\n");
	my $start = time;
	others_are_served('a get of a million keys');
	cmp_ok(time - $start, '<', 5, '... soon');
	is($c->reply(60), "END\r\n", 'a get of a million keys is answered');
	ok(wait_for('all given back', sub { buffered() < 1 << 20 }), '... and what it took is given back');
}
{
	# A memcached that stands still, and a client that goes on asking.
	afresh('--timeout', 3000, '--hedge', 0);
	$other->ask("set k 0 0 1\r\nx\r\n");
	$_->freeze for $a, $b;
	my $c = client($p);
	my $asked = 0;
	my $until = time + 1;
	while (time < $until) {
		$asked += push_on($c, "get k\r\n" x 1000) / 7;
		sleep 0.01;
	}
	my $in_flight = $p->stat_of($a, 'in_flight');
	cmp_ok($in_flight, '>', 10, "pipelined without end: $in_flight are on the way");
	cmp_ok($in_flight, '<=', 1100, '... and no more than the bound');
	$_->thaw for $a, $b;
	ok(wait_for('answers', sub { $c->more(time + 1); length $c->{in} > 100 * 25 }), '... they are answered when it goes on');
	like($c->{in}, qr/\A(?:VALUE k 0 1\r\nx\r\nEND\r\n){100}/, '... in order');
	$c->close('reset');
}

# ---- slow and rude ----
afresh();
{
	my $fds = $p->fds;
	my @slow = map { client($p) } 1 .. 300;
	my @pieces = ("set s$$ 0 0 1000\r\nabc", 'get k', "ge", "set k 0 0 9999", "x", "get k k k k");
	for my $round (0 .. 40) {
		for my $i (0 .. $#slow) {
			my $text = $pieces[$i % @pieces] . ' ' x 100;
			push_on($slow[$i], substr $text, $round, 1);
		}
		others_are_served('300 clients send a byte now and then') if $round % 20 == 0;
	}
	cmp_ok(buffered(), '<', 300 * 3000, '... and cost little') or diag('bytes_buffered: ', buffered());
	$_->close('reset') for @slow;
	ok(wait_for('descriptors', sub { $p->fds <= $fds + 2 }), '... their descriptors are given back');
	cmp_ok(buffered(), '<', 10_000, '... and their memory');
}
for my $half (['in a line', "get o\r\nget o"], ['in a value', "get o\r\nset h 0 0 100\r\nabc"],
    ['in a large value', "get o\r\nset h 0 0 900000\r\n" . 'x' x 300_000], ['at once', "get o\r\n"]) {
	my ($where, $bytes) = @$half;
	my $c = client($p);
	$c->send($bytes);
	$c->half_close;
	is($c->until(qr/END\r\n\z/), "VALUE o 0 1\r\no\r\nEND\r\n", "half closed $where: what was whole is answered");
	ok($c->closed(5), '... then it ends');
	is(value_of($p, 'h'), undef, '... and what was not whole is not done');
}
{
	# Half closed, with more to read than it reads.
	$other->ask("set big 0 0 1000000\r\n" . 'v' x 1_000_000 . "\r\n");
	my $c = client($p);
	$c->send("get big\r\n" x 20);
	$c->half_close;
	others_are_served('half closed and not reading');
	is(length $c->bytes(20 * 1_000_026, 30), 20 * 1_000_026, '... it reads after all: all of it comes');
	ok($c->closed(5), '... then it ends');
}

# ---- --max-memory ----
my @bounded = ('--max-memory', '8m');

# Announced, begun, and never ended.
afresh(@bounded);
{
	my @loris = map { client($p) } 1 .. 60;
	my $most = 0;
	for my $c (@loris) {
		push_on($c, "set loris 0 0 1000000\r\n");
		push_on($c, 'x' x 200_000); # 12 MB in all
		my $now = buffered();
		$most = $now if $now > $most;
	}
	others_are_served('12 MB of values that never end');
	cmp_ok($most, '<', $limit, "... within bounds ($most)");
	my $value = 'h' x 1_000_000;
	is($other->ask("set honest 0 0 1000000\r\n$value\r\n", 60), "STORED\r\n", '... and a large one gets its turn');
	my $closed = 0;
	ok(wait_for('room', sub { $closed = grep { $_->closed } @loris; $closed > 0 }), 'those that keep others waiting are closed');
	is($p->stats->{clients_slow}, $closed = grep({ $_->closed } @loris), "... and counted: $closed of 60");
	is(scalar(log_lines($p, qr/do not end the value.*closed/)), 1, '... with one line in the log');
	is(value_of($p, 'loris'), undef, 'nothing of them is stored');
}
# Announced only: memory is not taken for promises.
afresh(@bounded);
{
	my @loris = map { client($p) } 1 .. 100;
	push_on($_, "set loris 0 0 1000000\r\nx") for @loris;
	others_are_served('100 MB announced');
	cmp_ok($p->stats->{clients_slow}, '==', 0, '... nobody is closed for that');
}
# Honest ones, all at once, more than fits: they wait for each other.
afresh(@bounded);
{
	my @all = map { client($p) } 1 .. 40;
	my @bytes = map { "set honest$_ 0 0 1000000\r\n" . chr(97 + $_ % 26) x 1_000_000 . "\r\nget honest$_\r\n" } 0 .. $#all;
	my @sent = (0) x @all;
	my ($most, $until, $round) = (0, time + 60, 0);
	my %done;
	while (keys %done < @all && time < $until) {
		my $moved = 0;
		for my $i (grep { !$done{$_} } 0 .. $#all) {
			my $n = syswrite($all[$i]{sock}, $bytes[$i], 100_000, $sent[$i]) // 0;
			$sent[$i] += $n;
			$moved += $n;
			next if $sent[$i] < length $bytes[$i];
			$moved++ if $all[$i]->more(time + 0.0001);
			$done{$i} = 1 if $all[$i]{eof} || substr($all[$i]{in}, -5) eq "END\r\n";
		}
		my $now = $round++ % 8 == 0 ? buffered() : 0;
		$most = $now if $now > $most;
		sleep 0.001 if !$moved;
	}
	is(scalar(grep { $all[$_]{in} eq "STORED\r\nVALUE honest$_ 0 1000000\r\n" . chr(97 + $_ % 26) x 1_000_000 . "\r\nEND\r\n" } 0 .. $#all), 40,
	    '40 values of 1 MB at a time through 8 MB: all are stored and read')
	    or diag(map { "$_: " . substr($all[$_]{in}, 0, 60) . ($all[$_]{eof} ? " ($all[$_]{eof})" : '') . "\n" } grep { length $all[$_]{in} < 1_000_000 } 0 .. $#all);
	is($p->stats->{clients_slow}, 0, '... nobody is closed');
	cmp_ok($most, '<', $limit * 1.3, "... within bounds ($most)");
}
# Readers that do not read.
afresh(@bounded);
{
	$other->ask("set big 0 0 1000000\r\n" . 'v' x 1_000_000 . "\r\n");
	my @deaf;
	for (1 .. 30) {
		my $c = client($p);
		$c->{sock}->setsockopt(SOL_SOCKET, SO_RCVBUF, 4096);
		push_on($c, "get big\r\n" x 50);
		push @deaf, $c;
	}
	my $most = 0;
	my $until = time + 3;
	my $asked = 0;
	while (time < $until) {
		is($other->ask("get o\r\n"), "VALUE o 0 1\r\no\r\nEND\r\n", 'a reader among those who do not read') if $asked++ % 50 == 0;
		my $now = buffered();
		$most = $now if $now > $most;
		sleep 0.01;
	}
	others_are_served('30 clients that do not read');
	cmp_ok($most, '<', $limit * 1.5, "... within bounds ($most)");
	my $closed = $p->stats->{clients_slow};
	cmp_ok($closed, '>', 0, "... $closed of them were closed");
	ok(!$other->{eof}, '... not the one that reads');
}

# While commands wait for memory: whoever asks how we are is answered, a server comes back all the same.
afresh(@bounded, '--timeout', 20000);
{
	$other->ask("set big$_ 0 0 400000\r\n" . 'v' x 400_000 . "\r\n") for 1 .. 5;
	# One get after the other, so that it is a half and no more.
	my @deaf = map { client($p) } 1 .. 8;
	$_->{sock}->setsockopt(SOL_SOCKET, SO_RCVBUF, 4096) for @deaf;
	my $asked = 0;
	ok(wait_for('commands to wait', sub {
		push_on($deaf[$asked++ % @deaf], "get big1\r\n");
		buffered(); # which comes behind it
		return log_lines($p, qr/new commands wait/);
	}, 30), 'clients that do not read: others have to wait');
	my $waits = client($p);
	$waits->send("get big1\r\n");
	like(client($p)->ask("stats servers\r\n", 5), qr/END\r\n\z/, '... not those who ask how we are');
	is(client($p)->ask("delete none\r\n", 5), "NOT_FOUND\r\n", '... nor those who bring nothing');
	ok($waits->quiet, '... but those who want values');
	$b->restart;
	my $most = 0;
	ok(wait_for('the server filled', sub {
		my $now = buffered();
		$most = $now if $now > $most;
		return $p->state($b) eq 'current';
	}, 30), '... a server that was restarted is filled meanwhile');
	cmp_ok($most, '<', $limit * 1.3, "... within bounds ($most)");
	is(length(value_of($b, "big$_") // ''), 400_000, '... with what it had') for 1, 5;
	is($p->stats->{clients_slow}, 0, '... and nobody is closed before his time');
	$_->close('reset') for @deaf;
	is(length $waits->reply, 400_000 + 28, 'they leave: who has waited is answered');
}

# Values that never end and answers that nobody reads take all that clients may have: what is left is for
# the markers and for the copier.
afresh(@bounded, '--timeout', 20000);
{
	$other->ask("set big$_ 0 0 400000\r\n" . 'v' x 400_000 . "\r\n") for 1 .. 5;
	my @loris = map { client($p) } 1 .. 30;
	for my $c (@loris) {
		push_on($c, "set loris 0 0 1000000\r\n");
		push_on($c, 'x' x 200_000);
	}
	my @deaf = map { client($p) } 1 .. 8;
	$_->{sock}->setsockopt(SOL_SOCKET, SO_RCVBUF, 4096) for @deaf;
	my $asked = 0;
	ok(wait_for('commands to wait', sub {
		push_on($deaf[$asked++ % @deaf], "get big1\r\n");
		buffered();
		return log_lines($p, qr/new commands wait/);
	}, 30), 'all is taken: others have to wait');
	cmp_ok(buffered(), '>', $limit * 0.7, '... by clients: ' . buffered());
	$b->restart;
	ok(wait_for('the server filled', sub { $p->state($b) eq 'current' }, 15), '... a server that was restarted is filled');
	is(length(value_of($b, "big$_") // ''), 400_000, '... with what it had') for 1, 5;
	like(value_of($_, '__memvip__'), qr/\S/, "... and $_->{name} has a marker") for $a, $b;
	cmp_ok(buffered(), '>', $limit * 0.7, '... while it is taken: ' . buffered());
	is($p->stats->{clients_slow}, 0, '... and nobody is closed for it');
}

# A memcached stands still while much is written: nobody pays, all of it is stored.
for my $case (['the backup', $b, $a], ['the primary', $a, $b]) {
	my ($name, $frozen, $alive) = @$case;
	afresh(@bounded, '--timeout', 1000);
	my @all = map { client($p) } 1 .. 40;
	$frozen->freeze;
	my $value = 'w' x 300_000;
	my %left = map { $_ => "set stall$_ 0 0 300000\r\n$value\r\nset stall$_ 0 0 3\r\nend\r\n" } 0 .. $#all;
	my ($most, $until) = (0, time + 40);
	while ((grep { $all[$_]{in} !~ /\A(?:STORED\r\n){2}/ && !$all[$_]{eof} } 0 .. $#all) && time < $until) {
		for my $i (0 .. $#all) {
			my $n = length $left{$i} ? push_on($all[$i], $left{$i}) : 0;
			substr $left{$i}, 0, $n, '';
			$all[$i]->more(time + 0.0001);
		}
		my $now = buffered();
		$most = $now if $now > $most;
	}
	is(scalar(grep { $_->{in} eq "STORED\r\n" x 2 } @all), 40, "$name stands still, 12 MB are written: all are stored")
	    or diag(map { "$_: $all[$_]{in}" . ($all[$_]{eof} ? " ($all[$_]{eof})" : '') . "\n" } grep { $all[$_]{in} ne "STORED\r\n" x 2 } 0 .. $#all);
	is($p->stats->{clients_slow}, 0, '... nobody is closed');
	cmp_ok($most, '<', $limit * 1.3, "... within bounds ($most)");
	is(value_of($alive, "stall$_"), 'end', '... by the other one') for 0, 39;
	$frozen->thaw;
	ok($p->wait_current, '... and it comes back, and is filled');
	is(value_of($frozen, 'stall7'), 'end', '... with all of it');
}

# The last one stands still: errors, at once, and no client is closed.
{
	$p->end;
	$p = proxy(servers => [$a], args => [@bounded, '--timeout', 300, '--name', 'alone']);
	$p->wait_current;
	$other = client($p);
	my @all = map { client($p) } 1 .. 40;
	$a->freeze;
	my $value = 'w' x 400_000;
	my %left = map { $_ => "set alone$_ 0 0 400000\r\n$value\r\n" x 3 . "get alone$_\r\n" } 0 .. $#all;
	my ($most, $until) = (0, time + 40);
	my $done = sub { return 4 <= (() = $_[0]{in} =~ /\n/g) };
	while ((grep { !$done->($_) && !$_->{eof} } @all) && time < $until) {
		for my $i (0 .. $#all) {
			my $n = length $left{$i} ? push_on($all[$i], $left{$i}) : 0;
			substr $left{$i}, 0, $n, '';
			$all[$i]->more(time + 0.0001);
		}
		my $now = buffered();
		$most = $now if $now > $most;
	}
	is(scalar(grep { $_->{in} =~ /\A(?:SERVER_ERROR [^\r\n]+\r\n){4}\z/ } @all), 40, 'the last one stands still, 48 MB are written: each is told')
	    or diag(map { "$_: " . substr($all[$_]{in}, 0, 200) . ($all[$_]{eof} ? " ($all[$_]{eof})" : '') . "\n" } grep { $all[$_]{in} !~ /\A(?:SERVER_ERROR [^\r\n]+\r\n){4}\z/ } 0 .. $#all);
	is($p->stats->{clients_slow}, 0, '... nobody is closed');
	cmp_ok($most, '<', $limit * 1.3, "... within bounds ($most)");
	$a->thaw;
	ok(wait_for('answers again', sub { $other->ask("set back 0 0 1\r\nx\r\n") eq "STORED\r\n" }), 'it goes on: so do all');
	ok(wait_for('the memory given back', sub { buffered() < 1 << 20 }), '... and the memory is given back');
}

# Commands that wait count as well, and what a meta command says beside its key.
{
	$p->end;
	$p = proxy(servers => [$a], args => ['--timeout', 20000, '--name', 'waiting']);
	$p->wait_current;
	$a->freeze;
	my (%takes, @waiting);
	for my $verb ('delete', 'md') {
		my ($before, $all) = (buffered(), 1000 * (1 + keys %takes));
		for (1 .. 10) {
			push @waiting, client($p);
			push_on($waiting[-1], "$verb waits\r\n" x 100);
		}
		ok(wait_for("$verb on the way", sub { $p->stats->{'server.' . $a->where . '.in_flight'} >= $all }), "1000 $verb on the way");
		$takes{$verb} = buffered() - $before;
	}
	cmp_ok($takes{delete}, '>', 1000 * 250, '... are counted: their keys');
	cmp_ok($takes{md}, '>', $takes{delete} + 1000 * 255, '... and flags') or diag(map { "$_: $takes{$_}\n" } sort keys %takes);
	$a->thaw;
	is($_->reply, "NOT_FOUND\r\n", '... answered') for @waiting[0 .. 9];
	is($_->reply, "NF\r\n", '... answered') for @waiting[10 .. 19];
	ok(wait_for('the memory given back', sub { buffered() < 10_000 }), '... and given back');
}

# Too large for the memory is said at the start.
{
	my $ran = run(program('proxy/memvip-proxy'), '-D', '-l', own_ip(), '-p', free_port(), '-s', $a->where, '--max-memory', '8m', '--max-value', '2m');
	is($ran->{status}, 2, 'a value that could never fit: exit 2');
	like($ran->{err}, qr/max-value.*eighth of max-memory/, '... and why');
}
ok($p->alive, 'the proxy lives');
done_testing;
