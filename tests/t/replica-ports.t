# Intent: each server is told the proxy's ends of its connections, for as long as it serves, and the
# proxy's successor waits for them: what they still hold is executed before anything of its own.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

my $KEY = '__memvip_ports__';

# What a server was told: the session, and the addresses.
sub ports_of {
	my ($server) = @_;
	my ($session, $list) = (value_of($server, $KEY) // '') =~ /^memvip 1 (\w{16}) (\S*)$/;
	return ($session // '', split /,/, $list // '');
}
sub session_of { return ((value_of($_[0], '__memvip__') // '') =~ /^memvip 1 \S+ \d+ (\w+)/)[0] // '' }

# ---- all of them, in time, and again when they are gone ----
my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my $p = proxy(servers => [$a], backups => [$b], args => ['-i', 100]);
$p->wait_current;
wait_for('the markers', sub { session_of($a) && session_of($b) });
for my $s ($a, $b) {
	my ($session, @ports) = ports_of($s);
	is($session, session_of($s), "$s->{name}: the ports are of the session that serves");
	is(scalar(@ports), 100, '... one for each connection');
	my %there = map { $_ => 1 } client($s)->ask("stats conns\r\n") =~ /:addr tcp:(\S+)\r$/mg;
	is_deeply([grep { !$there{$_} } @ports], [], '... each is known to the server');
	client($s)->ask("delete $KEY\r\n");
	ok(wait_for('the ports', sub { (ports_of($s))[0] }), '... evicted: they are told again');
	is_deeply([ports_of($s)], [$session, @ports], '... the same');
	is($p->state($s), 'current', '... it stays in use');

	# The next one has come, and this one has not been told yet.
	my $foreign = 'memvip 1 00000000000000aa 127.0.0.1:1';
	client($s)->ask("set $KEY 0 0 " . length($foreign) . "\r\n$foreign\r\n");
	my $looks = $p->stats->{uptime} + 2;
	wait_for('two looks', sub { $p->stats->{uptime} > $looks });
	is(value_of($s, $KEY), $foreign, "... another's are not written over");
	is(client($p)->ask("flush_all\r\n"), "OK\r\n", '... flushed');
	is((ports_of($s))[0], $session, '... they are told again at once');
}
$_->restart for $a, $b;
$p->wait_current;
for my $s ($a, $b) {
	wait_for('the marker', sub { session_of($s) });
	is((ports_of($s))[0], session_of($s), "$s->{name}: restarted: they are told");
}
$p->end;

# ---- nothing of a successor's goes ahead of what its predecessor has left in a queue ----
my $n = 0;
for my $primary_is_late (1, 0) {
	my ($late, $other) = (fake(name => 'late' . ++$n), memcached(name => "other$n"));
	my @lists = $primary_is_late ? (servers => [$late], backups => [$other]) : (servers => [$other], backups => [$late]);
	my $what = $primary_is_late ? 'the primary' : 'the backup';
	my $first = proxy(name => "first$n", @lists);
	$first->wait_current;
	my $c = client($first);
	is($c->ask("set k 0 0 3\r\nold\r\n"), "STORED\r\n", "$what: a write");
	$late->on('/^set k/ times 1: listed 2');
	$c->send("set k 0 0 4\r\nlate\r\n");
	wait_for('it is there', sub { $late->seen(qr/^set k 0 0 4/) });
	$first->kill9;
	my $second = proxy(name => "second$n", @lists);
	$c = client($second);
	is($c->ask("set k 0 0 3\r\nnew\r\n"), "STORED\r\n", '... another one to its successor, while the first is in a queue');
	client($late)->ask("stats conns\r\n") for 1 .. 2; # if nobody has asked, it is executed now
	wait_for('all is current', sub { $second->state($_) eq 'current' }) for $late, $other;
	is(value_of($late, 'k'), 'new', '... the server that was late holds the newer one');
	is($c->ask("get k\r\n"), "VALUE k 0 3\r\nnew\r\nEND\r\n", '... and it is served');
	is(scalar(log_lines($second, qr/connections of another proxy are still there/)), 0, '... nothing was left to luck');
	$second->end;
}

# A proxy is killed while a write of its own is in that server's queue: until step ("later 5000").
sub left_behind {
	my ($late, $step, @proxy) = @_;
	my $first = proxy(@proxy);
	$first->wait_current;
	$late->on("/^set k/ times 1: $step");
	client($first)->send("set k 0 0 4\r\nlate\r\n");
	wait_for('it is there', sub { $late->seen(qr/^set k 0 0 4/) });
	$first->kill9;
}

# ---- a machine that is gone leaves its connections behind: they are not waited for without end ----
{
	my ($late, $other) = (fake(name => 'gone'), memcached(name => 'survives'));
	left_behind($late, 'later 600000', name => 'gone1', servers => [$late], backups => [$other]);
	my $second = proxy(name => 'gone2', servers => [$late], backups => [$other]);
	is(client($second)->ask("set k 0 0 3\r\nnew\r\n"), "STORED\r\n", 'connections that never go: it serves');
	ok(scalar(log_lines($second, qr/connections of another proxy are still there/)), '... and says what it does not know');
	$second->end;
}

# ---- ... the server is lost while they are waited for: they are no connections of its own, which have to go; and the
# proxy stands still meanwhile: it looks once more before patience is over ----
{
	my ($late, $other) = (fake(name => 'lost'), memcached(name => 'stays'));
	left_behind($late, 'later 5000', name => 'lost1', servers => [$late], backups => [$other]);
	$late->on('/^stats conns/ skip 1 times 1: reset');
	my $second = proxy(name => 'lost2', servers => [$late], backups => [$other]);
	is(client($second)->ask("set k 0 0 3\r\nnew\r\n"), "STORED\r\n", 'the server is lost while they are waited for: the other one serves');
	is(scalar(log_lines($second, qr/@{[$late->where]}: cannot be used: Connection reset/)), 1, '... it was lost then');
	ok(wait_for('it is proven', sub { log_lines($second, qr/still there after 300 ms/) }), '... it is back, and they are waited for');
	$second->freeze;
	wait_for('it is executed', sub { (value_of($late, 'k') // '') eq 'late' });
	$second->thaw;
	$second->wait_current;
	is(scalar(log_lines($second, qr/still there after 3000 ms/)), 0, '... and seen to be gone');
	is(value_of($late, 'k'), 'new', '... what was written meanwhile is there');
	$second->end;
}

# ---- ... lost at the last look: they are waited for anew ----
{
	my $late  = fake(name => 'last');
	left_behind($late, 'listed 4', name => 'last1', servers => [$late]);
	# Longer than they are waited for; the look behind it is the last one, then.
	$late->on('/^stats conns/ times 1: reset');
	$late->on('/^stats conns/ times 1: wait 350; answer');
	my $second = proxy(name => 'last2', servers => [$late]);
	my $c = client($second);
	ok(wait_for('it serves', sub { $c->ask("set k 0 0 3\r\nnew\r\n") eq "STORED\r\n" }), 'the only server is lost at the last look: it serves again');
	is(scalar(log_lines($second, qr/@{[$late->where]}: cannot be used: Connection reset/)), 1, '... it was lost then');
	client($late)->ask("stats conns\r\n") for 1 .. 2; # if nobody has asked, it is executed now
	is(value_of($late, 'k'), 'new', '... what was written is there');
	$second->end;
}

# ---- ... nor by any of the copies that are left, when it had the other copy of each ----
{
	my @gone = map { memcached(name => "away$_") } 1, 2;
	my @left = map { fake(name => "left$_") } 1, 2;
	my $first = proxy(name => 'pairs1', servers => \@gone, backups => \@left);
	$first->wait_current;
	my $c = client($first);
	$_->on('/^set k/ times 1: later 600000') for @left;
	$c->send(join '', map { "set k$_ 0 0 4\r\nlate\r\n" } 1 .. 20);
	for my $s (@left) {
		wait_for('it is there', sub { $s->seen(qr/^set k\d+ 0 0 4/) });
	}
	$first->kill9;
	$_->kill9 for @gone;
	my $second = proxy(name => 'pairs2', servers => \@gone, backups => \@left);
	$c = client($second);
	is($c->ask("set k$_ 0 0 3\r\nnew\r\n"), "STORED\r\n", "two pairs, the primaries gone: it serves k$_") for 1 .. 20;
	is(scalar(log_lines($second, qr/connections of another proxy are still there after/)), 2, '... each was waited for once');
	is_deeply([map { $second->state($_) } @left], ['current', 'current'], '... each leads');
	$second->end;
}

# ---- a server that does not store them is not written to ----
{
	my ($full, $good) = (fake(name => 'full'), memcached(name => 'good'));
	$full->on("/^set $KEY/: say \"SERVER_ERROR out of memory storing object\\r\\n\"");
	my $proxy = proxy(name => 'refused', servers => [$good], backups => [$full]);
	is(client($proxy)->ask("set k 0 0 1\r\nx\r\n"), "STORED\r\n", 'a server refuses them: the other one serves');
	ok(wait_for('it is put out', sub { log_lines($proxy, qr/@{[$full->where]}: .*it does not store/) }), '... it is not used, and the log says why');
	is(scalar($full->seen(qr/^set k /)), 0, '... nothing of a client was sent there');
	$proxy->end;
}
done_testing;
