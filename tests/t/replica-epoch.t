# Intent: a proxy that starts tells from the servers' markers alone whose items are to be believed;
# of two proxies on the same servers one goes on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my $rounds = 0;

sub start {
	my (@args) = @_;
	$rounds++;
	return proxy(servers => [$a], backups => [$b], name => "proxy$rounds", args => \@args);
}

# A proxy over two empty servers with 500 items, ended in some way.
sub end_of {
	my ($how, @args) = @_;
	$_->restart for $a, $b;
	my $p = start(@args);
	$p->wait_current;
	my $c = client($p);
	$c->send(join '', map { "set k$_ $_ 0 " . length("v$_") . "\r\nv$_\r\n" } 1 .. 500);
	is(scalar(grep { $c->reply eq "STORED\r\n" } 1 .. 500), 500, 'loaded');
	$how eq 'in order' ? $p->end : $how eq 'killed' ? $p->kill9 : 0;
	return $p;
}

sub direct { is(client($_[0])->ask($_[1]), $_[2], $_[3]) }
sub mark { return value_of($_[0], '__memvip__') =~ /^memvip 1 (\S+) (\d+) (\w+) (\w+) \w+ \w+ (\S+) (\S+)$/ }
# The moves into use of a server, as the log tells them: "current filling current"
sub moves { my ($p, $s) = @_; my $where = $s->where; return join ' ', map { / -> (\w+)/ } log_lines($p, qr/server $where: .* -> (?:current|filling|suspect)/) }

# ---- ended in order: nothing is to be done ----
{
	my $p = end_of('in order');
	my @marks = map { [mark($_)] } $a, $b;
	is($marks[0][0], 'test', "the marker names the owner");
	is($_->[3], 'clean', '... says clean') for @marks;
	is($marks[0][1], $marks[1][1], '... one epoch on both');
	is($marks[0][4], $a->where, "... the server's own name");
	is($marks[1][4], $b->where, '... and on the other, that one\'s');
	is($marks[0][5], join(',', map { $_->where } $a, $b), '... and who was current');
	my $q = start();
	$q->wait_current;
	is(moves($q, $_), 'current', 'ended in order: ' . $_->{name} . ' is current at once') for $a, $b;
	is($q->stat_of($_, 'fill_done'), 0, '... nothing is copied') for $a, $b;
	is(same_items('... both hold the same', $a, $b), 500, '... all of it');
	my @now = map { [mark($_)] } $a, $b;
	cmp_ok($now[0][1], '>', $marks[0][1], '... a new epoch');
	is($_->[3], 'open', '... open') for @now;
	isnt($now[0][2], $marks[0][2], '... of another session');
	is($q->stat_of($_, 'epoch'), $now[0][1], '... and stats say so') for $a, $b;
	$q->end;
}

# ---- killed: it may have written to one only ----
{
	my $p = end_of('killed');
	# As if between its two sends, several times.
	direct($b, "set k1 1 0 3\r\nodd\r\n", "STORED\r\n", 'killed: the backup alone has a write');
	direct($b, "set only-b 0 0 1\r\nx\r\n", "STORED\r\n", '... and a new key');
	direct($b, "delete k2\r\n", "DELETED\r\n", '... and a delete');
	direct($a, "set k3 3 0 3\r\nnew\r\n", "STORED\r\n", 'the primary alone has another');
	direct($a, "set only-a 0 0 1\r\nx\r\n", "STORED\r\n", '... and a new key');
	direct($a, "delete k4\r\n", "DELETED\r\n", '... and a delete');
	direct($b, "touch k5 1000\r\n", "TOUCHED\r\n", '... another remaining time');
	my $q = start();
	my $c = client($q);
	my %seen;
	do {
		$seen{$c->ask("get k1 k2 k3 k4 only-a only-b\r\n")}++;
	} while (grep { $q->state($_) ne 'current' } $a, $b);
	$seen{$c->ask("get k1 k2 k3 k4 only-a only-b\r\n")}++;
	is(join('|', keys %seen), "VALUE k1 1 2\r\nv1\r\nVALUE k2 2 2\r\nv2\r\nVALUE k3 3 3\r\nnew\r\n"
		. "VALUE only-a 0 1\r\nx\r\nEND\r\n", 'the next one: the primary is believed, all the time');
	is(moves($q, $a), 'current', '... at once');
	is(moves($q, $b), 'suspect current', '... the backup is suspect, then current');
	is(same_items('... both hold the same', $a, $b), 500, '... as many');
	is(value_of($b, 'only-b'), undef, '... the backup has nothing of its own any more');
	is($q->end, 0, 'and it ends');
}

# ---- one was put out before the end: what the other has counts, whichever it is ----
for my $who (['primary', $a, $b], ['backup', $b, $a]) {
	my ($name, $lost, $other) = @$who;
	my $p = end_of('running', '--timeout', 200);
	my $c = client($p);
	$lost->freeze;
	is($c->ask("set k1 1 0 3\r\nnew\r\n"), "STORED\r\n", "$name frozen: a write");
	is($c->ask("delete k2\r\n"), "DELETED\r\n", '... a delete');
	$p->kill9;
	$lost->thaw;
	my $q = start();
	my $cq = client($q);
	is($cq->ask("get k1 k2\r\n"), "VALUE k1 1 3\r\nnew\r\nEND\r\n", '... then the proxy killed: the next one knows');
	$q->wait_current;
	is(moves($q, $lost), 'filling current', "... the $name is filled");
	is($cq->ask("get k1 k2\r\n"), "VALUE k1 1 3\r\nnew\r\nEND\r\n", '... the same afterwards');
	is(same_items('... both hold the same', $a, $b), 499, '... all of it');
	$q->end;
}

# ---- one server alone ----
{
	my $p = end_of('in order');
	$b->freeze;
	my $q = start('--connect-timeout', 200, '--timeout', 200);
	is(client($q)->ask("get k9\r\n"), "VALUE k9 9 2\r\nv9\r\nEND\r\n", 'alone, but clean: it is believed');
	is(client($q)->ask("set k9 9 0 3\r\nnew\r\n"), "STORED\r\n", '... and written to');
	$b->thaw;
	$q->wait_current;
	is(same_items('... the other comes back: both hold the same', $a, $b), 500, '... all of it');
	is(value_of($b, 'k9'), 'new', '... with what it missed');
	$q->end;

	$p = end_of('killed');
	$b->freeze;
	# As if ten seconds had passed.
	direct($a, "delete __memvip_lease__\r\n", "DELETED\r\n", 'alone, open, and nobody has renewed the lease');
	$q = start('--connect-timeout', 200, '--timeout', 200);
	is(client($q)->ask("get k9\r\n"), "END\r\n", '... the other may know better: it is emptied');
	$b->thaw;
	$q->wait_current;
	same_items('... the other comes back: both hold the same', $a, $b);
	$q->end;
}

# ---- one that was away, beside one that was restarted ----
for my $who (['primary', $a, $b], ['backup', $b, $a]) {
	my ($name, $away, $other) = @$who;
	my $p = end_of('running', '--timeout', 200);
	$away->freeze;
	is(client($p)->ask("set k1 1 0 3\r\nnew\r\n"), "STORED\r\n", "the $name away: a write");
	$p->kill9;
	$other->kill9;
	$other->start->wait_up;
	$away->thaw;
	# As if ten seconds had passed.
	direct($away, "delete __memvip_lease__\r\n", "DELETED\r\n", '... the proxy and the other server are gone, and both are back');
	my $q = start();
	is(client($q)->ask("get k1\r\n"), "END\r\n", '... nobody can tell what was written: a miss, not the old value');
	$q->wait_current;
	same_items('... both hold the same', $a, $b);
	$q->end;
}

# ---- the first use ----
{
	for my $case (['the primary', $a, $b, 1], ['the backup', $b, $a, 1], ['each', $a, $b, 2]) {
		my ($name, $full, $other, $both) = @$case;
		$_->restart for $a, $b;
		my $c = client($full);
		$c->ask("set first$_ 5 0 1\r\nx\r\n") for 1 .. 100;
		client($other)->ask("set second 0 0 1\r\ny\r\n") if $both == 2;
		my $q = start();
		is(client($q)->ask("get first7\r\n"), "VALUE first7 5 1\r\nx\r\nEND\r\n", "first use, $name holds items: they are there");
		$q->wait_current;
		is(same_items('... both hold the same', $a, $b), 100, '... and no others');
		$q->end;
	}
}

# ---- another name: refused while its owner lives ----
{
	my $p = end_of('running');
	my $ran = run(program('proxy/memvip-proxy'), '-D', '-l', own_ip(), '-p', free_port(), '--name', 'another',
	    '-s', $a->where, '-b', $b->where);
	is($ran->{status}, 1, 'a proxy of another name: exit 1');
	like($ran->{err}, qr/\btest\b.*\banother\b/, '... naming the owner and itself');
	ok($p->alive, '... the owner lives');
	is(client($p)->ask("get k1\r\n"), "VALUE k1 1 2\r\nv1\r\nEND\r\n", '... and serves');
	is((mark($a))[0], 'test', '... its marker is untouched');
	same_items('... and the items', $a, $b);

	$p->kill9;
	$ran = run(program('proxy/memvip-proxy'), '-D', '-l', own_ip(), '-p', free_port(), '--name', 'another',
	    '-s', $a->where, '-b', $b->where);
	is($ran->{status}, 1, 'the owner killed a moment ago: still refused');
	client($_)->ask("delete __memvip_lease__\r\n") for $a, $b;
	my $q = start('--name', 'another');
	$q->wait_current;
	is((mark($_))[0], 'another', 'its lease gone: adopted') for $a, $b;
	is(client($q)->ask("get k1\r\n"), "VALUE k1 1 2\r\nv1\r\nEND\r\n", '... with all that is there');
	is($q->end, 0, 'ended in order ...');
	my $r = start('--name', 'a-third');
	$r->wait_current;
	is((mark($_))[0], 'a-third', '... the next may have them at once') for $a, $b;
	is(same_items('... both hold the same', $a, $b), 500, '... all of it');
	$r->end;
}

# ---- the same name: the other node's; the old one stops ----
{
	my $p = end_of('running');
	my $c = client($p);
	my $q = start();
	my $cq = client($q);
	is($cq->ask("set k1 1 0 3\r\nnew\r\n"), "STORED\r\n", 'a second proxy of the same name serves');
	is($p->wait_end(5), 75, '... the first one exits 75');
	ok($c->closed(5), '... its clients are cut off');
	ok(scalar(log_lines($p, qr/superseded/)), '... and its log says why');
	$q->wait_current;
	is($cq->ask("get k1\r\n"), "VALUE k1 1 3\r\nnew\r\nEND\r\n", 'the second goes on');
	is(same_items('both servers hold the same', $a, $b), 500, '... all of it');
	# As a VIP that moves to and fro.
	for (1 .. 4) {
		my $next = start();
		is(client($next)->ask("incr n 1\r\n") =~ /^(?:NOT_FOUND|\d+)\r\n\z/ ? 1 : 0, 1, 'the next one serves');
		is($q->wait_end(5), 75, '... and the one before has ended');
		$q = $next;
	}
	$q->wait_current;
	is(same_items('in the end both servers hold the same', $a, $b), 500, '... all of it');
	$q->end;
}

# ---- another one writes a marker between the look and the claim of one that starts ----
for my $who ('the primary', 'the backup') {
	my $fake = fake(name => $who =~ s/ /-/r);
	my $real = memcached(name => "beside $who" =~ s/ /-/gr);
	my @lists = $who eq 'the primary' ? (servers => [$fake], backups => [$real]) : (servers => [$real], backups => [$fake]);
	my $p = proxy(name => 'before-' . $fake->{name}, @lists);
	$p->wait_current;
	is(client($p)->ask("set k 0 0 1\r\nv\r\n"), "STORED\r\n", "$who: a value");
	$p->end;
	$fake->on('/^ms __memvip__/ times 1: say "EX\r\n"'); # what is there is not ours
	my $q = proxy(name => 'after-' . $fake->{name}, @lists);
	is(client($q)->ask("get k\r\n"), "VALUE k 0 1\r\nv\r\nEND\r\n", '... a start looks again, and serves');
	is(scalar(log_lines($q, qr/looking again/)), 2, '... as its log says');
	ok($q->alive, '... it goes on');
	$q->wait_current;
	$q->end;
}

# ---- the backup is fenced for long, and written to without; then the primary dies ----
{
	my $p = end_of('running');
	$p->freeze; # its connections stay
	my $q = start('--fill-rate', 1);
	my $c = client($q);
	is($c->ask("set k1 1 0 3\r\nnew\r\n"), "STORED\r\n", 'a frozen predecessor: a write');
	is($c->ask("delete k2\r\n"), "DELETED\r\n", '... a delete');
	isnt($q->state($b), 'suspect', '... while the backup is waited for');
	$q->wait_state('suspect', $b);
	$a->kill9;
	wait_for('the backup leads', sub { $q->state($b) eq 'current' });
	like($c->ask("get k1\r\n"), qr/\A(?:VALUE k1 1 3\r\nnew\r\n)?END\r\n\z/, '... the primary dies: the write or a miss');
	is($c->ask("get k2\r\n"), "END\r\n", '... what was deleted is not there');
	is($c->ask("get k3\r\n"), "VALUE k3 3 2\r\nv3\r\nEND\r\n", '... the rest is');
	$q->end;
	$p->kill9;
}

# ---- cut off from each other: the half that clients have written to goes on ----
# As if node b had been cut off with its server, and proxies had started there, served nobody and
# ended: the command that leaves their marker.
sub marker_of_the_others {
	my @words = split / /, value_of($b, '__memvip__');
	@words[3 .. 5] = ($words[3] + 7, '0123456789abcdef', 'clean');
	$words[-1] = $b->where;
	return 'set __memvip__ 0 0 ' . length("@words") . "\r\n@words\r\n";
}

for my $case (['a write', "set k1 1 0 3\r\nnew\r\n", "STORED\r\n"], ['flush_all', "flush_all\r\n", "OK\r\n"],
    ['no write', "get k1\r\n", "VALUE k1 1 2\r\nv1\r\nEND\r\n"]) {
	my ($what, $ask, $answer) = @$case;
	my $p = end_of('running', '--timeout', 200);
	my $marker = marker_of_the_others();
	my $others = client($b);
	$others->ask("version\r\n");
	$b->freeze;
	# It is noticed within a second, also when nobody writes.
	wait_for('the backup out of use', sub { $p->state($b) ne 'current' });
	is(client($p)->ask($ask), $answer, "apart: $what on this side");
	sleep 0.3; # what is answered at once may have been on its way before
	is(client($p)->ask($ask), $answer, '... again and again');
	$others->send($marker); # it is there before this side can look
	$b->thaw;
	is($others->reply, "STORED\r\n", '... the other side has had several proxies, and no clients');
	if ($what eq 'no write') {
		is($p->wait_end(8), 75, '... together again: the higher epoch wins');
		next;
	}
	$p->wait_current;
	ok($p->alive, '... together again: this side goes on');
	my $want = $what eq 'flush_all' ? undef : 'new';
	is(value_of($_, 'k1'), $want, '... with what was written, on ' . $_->{name}) for $a, $b;
	same_items('... both hold the same', $a, $b);
	$p->end;
}
done_testing;
