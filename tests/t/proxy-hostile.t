# Intent: no client can make the proxy hold memory without bound, fall over, or serve others badly.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time);

my $p = same_setup();
my $other = client($p);
my $start_fds = $p->fds;

# What each case ends with: another client is served as if nothing had happened.
sub others_are_served {
	my ($after) = @_;
	is($other->ask("set o 0 0 1\r\no\r\n") . $other->ask("get o\r\n"),
	    "STORED\r\nVALUE o 0 1\r\no\r\nEND\r\n", "$after: others are served");
}

# ---- lines without an end ----
for my $case (['garbage', 'x' x 3000], ['garbage over 127', "\xff" x 3000], ['blanks', ' ' x 3000],
    ['set and garbage', 'set ' . 'x' x 3000], ['a get without an end', 'get' . ' kkkkkkk' x (2 << 20)]) {
	my ($name, $bytes) = @$case;
	my $c = client($p);
	$c->send($bytes);
	ok($c->closed(10), "$name: the connection is closed");
	others_are_served($name);
}
{
	# Long, but with an end: all of it is answered, also when it comes in pieces.
	my $c = client($p);
	my $line = 'get' . ' none' x 20_000;
	my $start = time;
	$c->send(substr $line, 0, 50_000);
	$c->send($_) for split //, substr $line, 50_000, 200;
	$c->send(substr($line, 50_200) . "\r\n");
	is($c->reply, "END\r\n", 'a get of 20,000 keys');
	cmp_ok(time - $start, '<', 5, '... at once');
}
cmp_ok($p->rss_kb, '<', 64 << 10, 'memory: under 64 MB') if !sanitized();

# ---- another protocol ----
{
	my $c = client($p);
	$c->send("\x80\x0b" . "\0" x 22);
	my $said = $c->until(qr/\n\z/);
	like($said, qr/\A[ -~]+\r\n\z/, 'the binary protocol: one clear line');
	ok($c->closed(5), '... and the connection is closed');
	$c = client($p);
	$c->send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" . "\xaa" x 500);
	$c->closed(0.2);
	others_are_served('a TLS hello');
	$c = client($p);
	$c->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	ok($c->closed(5), 'HTTP: the connection is closed, as memcached closes it');
	is($c->take(99), '', '... without a word');
}

# ---- values ----
for my $size (1_000_000, 1_048_000, 1_048_576, 1_048_577, 2_000_000) {
	my $body = 'v' x $size;
	same_answer("a value of $size bytes", "set big 0 0 3\r\nold\r\nset big 0 0 $size\r\n$body\r\nget big\r\nversion\r\n");
	same_answer("... with noreply", "set big 0 0 3\r\nold\r\nset big 0 0 $size noreply\r\n$body\r\nget big\r\n");
	same_answer("... append", "set big 0 0 3\r\nold\r\nappend big 0 0 $size\r\n$body\r\nget big\r\n");
	same_answer("... add", "delete big\r\nadd big 0 0 $size\r\n$body\r\nget big\r\n");
}
{
	# 2 GB are announced, 64 MB sent.
	my $c = client($p);
	$c->send("set huge 0 0 2000000000\r\n");
	my $before = $p->rss_kb;
	$c->send('v' x (1 << 20)) for 1 .. 64;
	cmp_ok($p->rss_kb - $before, '<', 16 << 10, 'a value of 2 GB is not kept') if !sanitized();
	$c->close;
	others_are_served('a value of 2 GB');
	is(value_of($p, 'huge'), undef, '... and nothing of it is there');
}
{
	my $c = client($p);
	$c->send("set half 0 0 100\r\nonly this");
	$c->close('reset');
	others_are_served('half a value, then a reset');
	is(value_of($p, 'half'), undef, '... and nothing of it is there');
}

# ---- a client that does not read ----
{
	my $c = client($p);
	$other->ask("set big 0 0 1000000\r\n" . 'v' x 1_000_000 . "\r\n");
	my $before = $p->rss_kb;
	my $asked = 500;
	$c->send("get big\r\n" x $asked);
	my $start = time;
	others_are_served('500 MB asked for and not read');
	cmp_ok(time - $start, '<', 2, '... at once');
	my $most = 0;
	while (time - $start < 1.5) {
		my $rss = $p->rss_kb;
		$most = $rss if $rss > $most;
		$other->ask("get o\r\n");
	}
	cmp_ok($most - $before, '<', 64 << 10, '... and not held in memory') if !sanitized();
	# It reads after all: every byte, unless it was closed for its slowness, which is told.
	my $all = $asked * length "VALUE big 0 1000000\r\n" . 'v' x 1_000_000 . "\r\nEND\r\n";
	my $got = length $c->bytes($all, 60);
	if ($got == $all) {
		pass('read after all: all of it comes');
	} else {
		ok($c->closed, 'read after all: it has been closed');
		cmp_ok($p->stats->{clients_slow}, '>', 0, '... and counted');
	}
	$c->close;
	ok(wait_for('the memory given back', sub { $p->rss_kb - $before < 64 << 10 }), '... and the memory is given back')
	    if !sanitized();
}
{
	# 300 MB in one go, read as they come: nobody is slow here.
	my $c = client($p);
	$c->send("get big\r\n" x 300);
	my $all = 300 * length "VALUE big 0 1000000\r\n" . 'v' x 1_000_000 . "\r\nEND\r\n";
	my $got = 0;
	my $until = time + 60;
	while ($got < $all && time < $until) {
		my $n = length $c->bytes($all - $got > 1 << 20 ? 1 << 20 : $all - $got, 5) or last;
		$got += $n;
	}
	is($got, $all, '300 MB asked for and read: all of it comes');
}
{
	# Reads nothing, sends without end: at some point nobody takes it from it any more.
	my $c = client($p);
	my $sent = 0;
	my $until = time + 5;
	while (time < $until && !$c->{eof} && $sent < 200 << 20) {
		my $n = syswrite $c->{sock}, "get big\r\n" x 1000;
		$sent += $n if $n;
		select undef, undef, undef, 0.001 if !$n;
	}
	cmp_ok($sent, '<', 200 << 20, 'a sender that never reads is stopped');
	cmp_ok($p->rss_kb, '<', 256 << 10, '... in bounded memory') if !sanitized();
	others_are_served('a sender that never reads');
	$c->close('reset');
}

# ---- commands for one server's inside ----
for my $command ('shutdown', 'shutdown graceful', 'cache_memlimit 64', 'slabs reassign 1 2', 'slabs automove 0',
    'lru mode flat', 'lru_crawler metadump all', 'watch fetchers', 'debugtime p') {
	like($other->ask("$command\r\n"), qr/\ACLIENT_ERROR [ -~]+\r\n\z/, "$command: CLIENT_ERROR");
}
like($other->ask("$_\r\n"), qr/\A(?:CLIENT_)?ERROR\b[ -~]*\r\n\z/, "$_: an error line") for 'stats nonsense', 'mx a';
others_are_served('commands of administration');

# ---- many connections ----
{
	my $before = $p->rss_kb;
	my @idle = map { client($p) } 1 .. 500;
	my $served = 0;
	for (@idle) {
		$_->send("set idle 0 0 100000\r\n" . 'v' x 100000 . "\r\nget idle\r\n");
		$served++ if $_->reply eq "STORED\r\n" && length $_->reply == 100000 + 28;
	}
	is($served, 500, '500 clients are served');
	# A connection that kept a buffer would hold 100 kB.
	ok(wait_for('nothing to be buffered', sub { $p->stats->{bytes_buffered} < 500 * 1000 }),
	    '... and hold no buffer when idle') or diag('bytes_buffered: ', $p->stats->{bytes_buffered});
	cmp_ok($p->rss_kb - $before, '<', 96 << 10, '... nor memory that matters') if !sanitized();
	$_->close('reset') for @idle;
	for my $round (1 .. 300) {
		my $c = client($p);
		$c->send(('get o', "get o\r\nset ", "set o 0 0 1\r\n", "\x80", 'x' x 3000, "get o\r\n" x 50)[$round % 6]);
		$c->close($round % 2 ? 'reset' : 'orderly');
	}
	ok(wait_for('their descriptors given back', sub { $p->fds <= $start_fds + 4 }), 'descriptors are given back')
	    or diag('now ', $p->fds, ', at first ', $start_fds);
	others_are_served('connections that came and went');
}

# ---- -n ----
{
	# A server of its own: of two proxies with the same one, the first ends.
	my $q = proxy(servers => [memcached()], args => ['-n', 3], name => 'small-proxy');
	my @three;
	wait_for('three clients in', sub {
		@three = map { client($q) } 1 .. 3;
		return 3 == grep { $_->ask("mn\r\n") eq "MN\r\n" } @three;
	});
	my $fourth = client($q);
	$fourth->send("mn\r\n");
	my $said = $fourth->until(qr/\n\z/, 2);
	ok($said =~ /\A(?:(?:SERVER_)?ERROR [ -~]+\r\n)?\z/ && $fourth->closed(5), '-n 3: the fourth is turned away')
	    or diag("it said: $said");
	is(scalar(grep { $_->ask("mn\r\n") eq "MN\r\n" } @three), 3, '... the three are served');
	$three[0]->close;
	ok(wait_for('room again', sub { client($q)->ask("mn\r\n", 1) eq "MN\r\n" }), '... one leaves: one more fits');
	cmp_ok($q->stats->{rejected_connections}, '>', 0, '... and it is counted');
}

# ---- the end of a client's stream is not the end of its answers ----
{
	my $c = client($p);
	$c->send("set e 0 0 1\r\ne\r\nget e\r\nget e none\r\nmn\r\n");
	$c->half_close;
	is($c->until(qr/MN\r\n\z/), "STORED\r\nVALUE e 0 1\r\ne\r\nEND\r\nVALUE e 0 1\r\ne\r\nEND\r\nMN\r\n",
	    'half closed: what was asked before is answered');
	ok($c->closed(5), '... then the connection ends');
}

ok(!$other->closed, 'the other client has had one connection all the time');
ok($p->alive, 'and the proxy lives');
done_testing;
