# Intent: SIGTERM closes the port at once, what a client was promised is finished first, and the
# end comes in time whatever the servers do; a proxy that was frozen itself blames nobody.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

my ($fake, $real) = (fake(name => 'fake'), memcached(name => 'real'));

sub afresh {
	my (@args) = @_;
	$fake->tell('clear');
	my $p = proxy(servers => [$fake], backups => [$real], args => \@args);
	$p->wait_current;
	client($p)->ask("flush_all\r\n");
	$fake->tell('forget');
	return ($p, client($p));
}

# ---- a write under way ----
for my $signal ('TERM', 'INT') {
	my ($p, $c) = afresh('--drain', 20000, '--timeout', 10000);
	my $idle = client($p);
	$idle->ask("mn\r\n");
	$fake->on('/^set slow/ times 1: wait 1500; answer');
	$c->send("set slow 0 0 1\r\nx\r\n");
	wait_for('the set on its way', sub { $fake->seen(qr/^set slow/) });
	my $start = time;
	$p->signal($signal);
	ok(wait_for('the port closed', sub { !eval { client($p) } }), "SIG$signal: the port is closed");
	cmp_ok(time - $start, '<', 1.2, '... before that');
	is($c->reply, "STORED\r\n", '... the write under way is answered');
	ok($c->closed(5), '... then the connection ends');
	ok($idle->closed(5), '... and an idle one');
	is($p->wait_end, 0, '... it exits 0');
	cmp_ok(time - $start, '<', 10, '... and long before --drain');
	is(value_of($real, 'slow'), 'x', '... and the other copy is there');
}

# ---- a server that does not answer any more ----
{
	my ($p, $c) = afresh('--drain', 300, '--timeout', 5000);
	$fake->on('/^set slow/ times 1: stall');
	$c->send("set slow 0 0 1\r\nx\r\n");
	wait_for('the set on its way', sub { $fake->seen(qr/^set slow/) });
	my $start = time;
	$p->signal('TERM');
	is($p->wait_end, 0, 'a server that stalls: it exits 0 all the same');
	my $took = time - $start;
	cmp_ok($took, '>=', 0.25, '... after --drain') or diag("after $took s");
	cmp_ok($took, '<', 2, '... and no later');
}

# ---- a client that does not read its answers ----
{
	my ($p, $c) = afresh('--drain', 300);
	client($p)->ask("set big 0 0 1000000\r\n" . 'v' x 1_000_000 . "\r\n");
	$c->send("get big\r\n" x 50);
	sleep 0.1;
	my $start = time;
	$p->signal('TERM');
	is($p->wait_end, 0, 'a client that does not read: it exits 0');
	cmp_ok(time - $start, '<', 2, '... after --drain at the latest');
}

# ---- what it leaves unread ----
{
	my ($p, $c) = afresh();
	$c->ask("mn\r\n");
	$p->freeze;
	# Sent, but never read: it may not be answered, or it must have been done.
	$c->send("set unread 0 0 1\r\nx\r\n");
	$p->signal('TERM');
	$p->thaw;
	is($p->wait_end, 0, 'SIGTERM before it could read: it exits 0');
	my $answer = $c->until(qr/\n\z/, 2);
	is(($answer ne '' ? 1 : 0), (defined value_of($real, 'unread') ? 1 : 0),
	    '... what is not answered was not done, and what is was') or diag("answer: $answer");
}

# ---- frozen itself ----
{
	my ($p, $c) = afresh('--timeout', 300);
	$c->ask("set k 0 0 1\r\nx\r\n");
	for my $round (1 .. 3) {
		$fake->on('/^get k/ times 1: wait 50; answer');
		$c->send("get k\r\nset k 0 0 1\r\nx\r\n");
		wait_for('the get on its way', sub { $fake->seen(qr/^get k/) });
		$p->freeze;
		sleep 0.8;
		$p->thaw;
		is($c->reply, "VALUE k 0 1\r\nx\r\nEND\r\n", 'frozen for 0.8 s and continued: it answers');
		is($c->reply, "STORED\r\n", '... a write too');
		$fake->tell('forget');
	}
	my $stats = $p->stats('servers');
	is_deeply([map { $stats->{'server.' . $_->where . '.state'} } $fake, $real], ['current', 'current'],
	    '... and no server was blamed');
}
done_testing;
