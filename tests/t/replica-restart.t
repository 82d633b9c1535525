# Intent: a server that was restarted is full again before it leads: every item with its flags, its
# remaining time and every byte; nothing deleted comes back, and what a client writes wins.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my ($p, $c);

sub store {
	my ($key, $value, $flags, $exptime) = @_;
	return "set $key " . ($flags // 0) . ' ' . ($exptime // 0) . ' ' . length($value) . "\r\n$value\r\n";
}

# Sends the commands; how many of the answers are not as they should be?
sub wrong_of {
	my ($want, @commands) = @_;
	my $wrong = 0;
	while (my @some = splice @commands, 0, 200) {
		$c->send(join '', @some);
		$_ eq $want or $wrong++ for map { $c->reply } @some;
	}
	return $wrong;
}

# 1000 items of all kinds.
sub load {
	my @items;
	srand 7;
	my $bytes = join '', map { chr } 0 .. 255;
	for my $i (1 .. 940) {
		my $value = substr($bytes x 2, rand 256, rand 256);
		push @items, store("key$i", $value, int rand 4294967296, (0, 0, 100, 3000, 25 * 86400, 90 * 86400 + int time)[$i % 6]);
	}
	push @items, store("n$_", $_) for 1 .. 20;
	push @items, store("big$_", chr(64 + $_) x 100_000, $_) for 1 .. 10;
	push @items, store("end$_", "\r\nEND\r\nVA 3 f0 t-1\r\n") for 1 .. 5;
	push @items, store("empty$_", '') for 1 .. 5;
	push @items, map { store($_, "value of an odd key") } "%", "%41", "a+b&c=d", "x\x01\x02\x1f", "\x7f\x80\xff",
	    "key=x exp=1", "caf\xc3\xa9", "'\"\\;", "k" x 250, "\xff" x 250, "%" x 250, "/..//", "__memvip", "__memvip__x",
	    "END", "--", "EN", "0", "~", "*";
	# A space is none of a key's bytes.
	s/^set key=x exp=1/set key=x_exp=1/ for @items;
	is(wrong_of("STORED\r\n", @items), 0, 'loaded');
	return scalar @items;
}

for my $who (['primary', $a, $b, []], ['backup', $b, $a, ['-i', 5]]) {
	my ($name, $lost, $other, $args) = @$who;
	$p->end if $p;
	$_->restart for $a, $b;
	$p = proxy(servers => [$a], backups => [$b], name => "proxy-$name", args => $args);
	$p->wait_current;
	$c = client($p);
	my $n = load();
	is(same_items('before: both hold the same', $a, $b), $n, "... $n items");

	# Some of them will have expired when it comes back, still lying there.
	is(wrong_of("STORED\r\n", map { store("short$_", 'x', 0, 1) } 1 .. 50), 0, 'some that expire soon');
	$lost->kill9;
	is(wrong_of("STORED\r\n", map { store("key$_", "new$_", 7) } 1 .. 20), 0, "$name dead: written");
	is(wrong_of("DELETED\r\n", map { "delete key$_\r\n" } 21 .. 40), 0, '... deleted');
	is(wrong_of("STORED\r\n", map { store("more$_", "more$_") } 1 .. 20), 0, '... new ones');
	sleep 1.2;
	$lost->start->wait_up;
	# Nobody writes to what is being copied but memvip.
	$p->wait_current;
	is(same_items("$name restarted: both hold the same", $a, $b), $n, "... all of them");
	my $items = items_of($lost);
	is(scalar(grep { /^short/ } keys %$items), 0, '... nothing that has expired');
	is(scalar(grep { exists $items->{"key$_"} } 21 .. 40), 0, '... nothing that was deleted');
	is($items->{"key$_"}, "7 new$_", "... key$_ as it was written last") for 1, 20;
	cmp_ok($p->stat_of($lost, 'fill_done'), '>=', $n, 'stats: so many were looked at');
	cmp_ok($p->stat_of($lost, 'fill_total'), '>=', $n, '... of so many');
	is($p->stats('servers')->{'server.' . $a->where . '.role'}, 'leader', 'the primary leads');
	is($p->stat_of($a, 'epoch'), $p->stat_of($b, 'epoch'), '... both stand for one epoch');
	for my $s ($a, $b) {
		my $where = $s->where;
		like(value_of($s, '__memvip__'), qr/^memvip 1 test \d+ \w+ open \w+ swept \Q$where\E /,
		    '... each has its own marker, the other one was not copied');
	}
	# Now the other one goes: nothing is lost.
	$other->kill9;
	is(wrong_of("VALUE more$_ 0 " . length("more$_") . "\r\nmore$_\r\nEND\r\n", "get more$_\r\n"), 0,
	    "the other one dies: more$_ is there") for 1, 20;
	my $survivors = items_of($lost);
	is(scalar(keys %$survivors), $n, '... all of them');
	$other->start->wait_up;
	$p->wait_current;
	is(same_items('... and it is back, full', $a, $b), $n, '... too');
}

# ---- clients that write while it is filled ----
for my $args ([], ['-i', 4]) {
	$p->end;
	$_->restart for $a, $b;
	$p = proxy(servers => [$a], backups => [$b], name => "proxy-writes@$args", args => [@$args, '--fill-rate', 3000]);
	$p->wait_current;
	$c = client($p);
	is(wrong_of("STORED\r\n", map { store("w$_", "old$_") } 1 .. 6000), 0, 'loaded');
	is(wrong_of("STORED\r\n", map { store("count$_", "100000") } 1 .. 50), 0, 'counters');
	$a->restart;
	wait_for('filling', sub { $p->state($a) eq 'filling' });
	srand 3;
	my (%want, $wrong, $during);
	my %count = map { $_ => 100000 } 1 .. 50;
	do {
		my (@commands, @answers);
		for (1 .. 40) {
			my ($i, $n) = (1 + int rand 6000, 1 + int rand 50);
			if ($_ % 3 == 0) {
				push @commands, "delete w$i\r\n";
				push @answers, exists $want{$i} && !defined $want{$i} ? "NOT_FOUND\r\n" : "DELETED\r\n";
				$want{$i} = undef;
			} elsif ($_ % 3 == 1) {
				push @commands, store("w$i", "new" . $_);
				push @answers, "STORED\r\n";
				$want{$i} = "new" . $_;
			} else {
				push @commands, "incr count$n 1\r\n";
				push @answers, ++$count{$n} . "\r\n";
			}
		}
		$c->send(join '', @commands);
		$_ eq $c->reply or $wrong++ for @answers;
		$during++ if $p->state($a) eq 'filling';
	} while ($p->state($a) eq 'filling');
	is($wrong // 0, 0, "@$args written while it was filled: every answer is right");
	cmp_ok($during // 0, '>', 5, '... and there was such a while');
	$p->wait_current;
	same_items('... both hold the same', $a, $b);
	my $items = items_of($a);
	my @bad = grep { ($items->{"w$_"} // '') ne (defined $want{$_} ? "0 $want{$_}" : '') } keys %want;
	is("@bad", '', '... what clients wrote and deleted');
	@bad = grep { $items->{"count$_"} ne "0 $count{$_}" } keys %count;
	is("@bad", '', '... every increment once');
}

# ---- restarted while the other one was away, that has all ----
for my $case ([$a, $b], [$b, $a]) {
	my ($away, $lost) = @$case;
	$p->end;
	$_->restart for $a, $b;
	$p = proxy(servers => [$a], backups => [$b]);
	$p->wait_current;
	$c = client($p);
	my $n = load();
	$away->freeze;
	$c->ask("get key1\r\n");
	$c->ask("set away 0 0 1\r\nx\r\n");
	$p->wait_state('down', $away);
	$lost->restart;
	ok(wait_for('it serves', sub { $p->state($lost) eq 'current' }), "$lost->{name} alone, and restarted: it serves");
	$away->thaw;
	$p->wait_current;
	my $have = same_items("$away->{name} is back: both hold the same", $a, $b);
	cmp_ok($have, '>=', $n, '... all that it had');
}
done_testing;
