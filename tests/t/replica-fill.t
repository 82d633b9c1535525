# Intent: filling goes at the rate that was asked for, shows its progress, survives what happens
# meanwhile, and fills a lost server from all that hold its keys.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my ($p, $c);

sub begin {
	my ($n, @args) = @_;
	$p->end if $p;
	$_->restart for $a, $b;
	$p = proxy(servers => [$a], backups => [$b], args => \@args);
	$p->wait_current;
	load($n);
}

sub load {
	my ($n) = @_;
	$c = client($p);
	my $wrong = 0;
	for (my $at = 1; $at <= $n; $at += 1000) {
		my $to = $at + 999 < $n ? $at + 999 : $n;
		$c->send(join '', map { "set k$_ $_ 0 " . length("v$_") . "\r\nv$_\r\n" } $at .. $to);
		$c->reply eq "STORED\r\n" or $wrong++ for $at .. $to;
	}
	is($wrong, 0, "$n items");
}

sub filling {
	my ($server) = @_;
	wait_for("$server->{name} filling", sub { $p->state($server) eq 'filling' });
}

# ---- the rate ----
begin(2000, '--fill-rate', 500);
$a->restart;
filling($a);
my $start = time;
my ($last, @bad, $looks) = (0);
while ($p->state($a) eq 'filling') {
	my ($done, $total) = map { $p->stat_of($a, $_) } qw(fill_done fill_total);
	push @bad, "$done after $last" if $done < $last && $done > 0;
	push @bad, "$done of $total" if $done > $total;
	$last = $done;
	$looks++;
	my $key = 1 + int rand 2000;
	my $asked = time;
	push @bad, "k$key" if $c->ask("get k$key\r\n") ne "VALUE k$key $key " . length("v$key") . "\r\nv$key\r\nEND\r\n";
	push @bad, 'a get took ' . (time - $asked) if time - $asked > 1;
	sleep 0.02;
}
my $took = time - $start;
cmp_ok($took, '>=', 3, "--fill-rate 500: 2000 items take some time ($took s)");
cmp_ok($took, '<', 12, '... and not much more');
is("@bad", '', '... the progress is shown, and clients are served');
cmp_ok($looks, '>', 20, '... all the time');
is(same_items('... both hold the same', $a, $b), 2000, '... all of it');

begin(40, '--fill-rate', 20);
$a->restart;
filling($a);
$start = time;
$p->wait_current;
cmp_ok(time - $start, '>=', 1, '--fill-rate 20: a low one counts too');
is(same_items('... both hold the same', $a, $b), 40, '... all of it');

# ---- without a limit ----
begin(30000);
$a->kill9;
is($c->ask("get k1\r\n"), "VALUE k1 1 2\r\nv1\r\nEND\r\n", 'the primary killed');
$start = time;
$a->start->wait_up;
$p->wait_current;
cmp_ok(time - $start, '<', 15, '30,000 items, no limit: some seconds at most');
is(same_items('... both hold the same', $a, $b), 30000, '... all of it');
cmp_ok($p->stat_of($a, 'fill_done'), '>=', 30000, '... counted');

# ---- copies that part meanwhile, in whatever pass: the value there is deleted, and comes with the rest ----
begin(30000);
for my $round (1 .. 3) {
	my $meant = 0;
	$b->restart;
	filling($b);
	until ($p->state($b) eq 'current') {
		my @keys = map { 1 + int rand 30000 } 1 .. 100;
		$c->send(join '', map { "ms k$_ 3 I F$_\r\nnew\r\n" } @keys);
		$meant += grep { $_ eq "HD\r\n" } map { $c->reply } @keys;
	}
	cmp_ok($meant, '>', 0, "$round: parted while it is filled ($meant times)");
	is(same_items('... both hold the same', $a, $b), 30000, '... all of it');
}

# ---- what clients read before and meanwhile moves along the leader's LRU, past the listing ----
{
	my $lacking = 0;
	begin(1000);
	for my $round (1 .. 12) {
		$b->kill9;
		$c->send(join '', map { "get k$_\r\nget k$_\r\n" } map { 1 + ($round * 100 + $_) % 1000 } 1 .. 500);
		$c->reply for 1 .. 1000;
		$b->start->wait_up;
		do {
			$c->ask("get k@{[1 + int rand 1000]}\r\n") for 1 .. 20;
		} while ($p->state($b) ne 'current');
		my $n = keys %{items_of($b)};
		diag("round $round: $n of 1000") if $n != 1000;
		$lacking++ if $n != 1000;
		# The next round: a new leader's LRU, or the same one.
		$_->restart, $p->wait_current for $round % 3 == 0 ? $a : ();
	}
	is($lacking, 0, 'read before it is filled, and meanwhile: all of it, twelve times');
}

# ---- it is lost again in the midst ----
begin(3000, '--fill-rate', 2000);
$a->restart;
filling($a);
is($c->ask("set k1 0 0 3\r\nnew\r\n"), "STORED\r\n", 'a write while it is filled');
$a->restart;
filling($a);
is($c->ask("delete k2\r\n"), "DELETED\r\n", 'restarted in the midst: a delete');
$a->freeze;
is($c->ask("delete k3\r\n"), "DELETED\r\n", 'frozen in the midst: a delete');
is($c->ask("get k4\r\n"), "VALUE k4 4 2\r\nv4\r\nEND\r\n", '... reads go on');
$a->thaw;
$p->wait_current;
is(same_items('... both hold the same', $a, $b), 2998, '... all of it');
is(value_of($a, 'k1'), 'new', '... as it was written');

# ---- the one that it is filled from is lost: what there is is served, and nothing old ----
begin(3000, '--fill-rate', 2000);
$a->restart;
filling($a);
is($c->ask("set k1 0 0 3\r\nnew\r\n"), "STORED\r\n", 'a write');
is($c->ask("delete k2\r\n"), "DELETED\r\n", '... a delete');
wait_for('some of it filled', sub { $p->stat_of($a, 'fill_done') > 200 });
$b->kill9;
is($c->ask("get k1\r\n"), "VALUE k1 0 3\r\nnew\r\nEND\r\n", 'the leader dies in the midst: what was written is there');
is($c->ask("get k2\r\n"), "END\r\n", '... what was deleted is not');
is($c->ask("set k3 0 0 3\r\nnew\r\n"), "STORED\r\n", '... it serves');
wait_for('it leads', sub { $p->state($a) eq 'current' });
my %wrong;
for my $key (4 .. 3000) {
	my $answer = $c->ask("get k$key\r\n");
	$wrong{$answer}++ if $answer ne "END\r\n" && $answer ne "VALUE k$key $key " . length("v$key") . "\r\nv$key\r\nEND\r\n";
}
is(join('', keys %wrong), '', '... a miss or the value, nothing else');
$b->start->wait_up;
$p->wait_current;
cmp_ok(same_items('the other comes back: both hold the same', $a, $b), '>', 100, '... what was left (some were on their way)');

# ---- flush_all in the midst ----
begin(3000, '--fill-rate', 1500);
$a->restart;
filling($a);
$start = time;
is($c->ask("flush_all\r\n"), "OK\r\n", 'flush_all while it is filled');
cmp_ok(time - $start, '<', 2, '... does not wait for all of it');
is($c->ask("get k7\r\n"), "END\r\n", '... nothing is left');
is($c->ask("set after 0 0 1\r\nx\r\n"), "STORED\r\n", '... a write');
$p->wait_current;
is(same_items('... both hold the same', $a, $b), 1, '... which is all there is');

# ---- somebody else lists there ----
begin(2000);
{
	# It asks for a listing that is longer than what the sockets hold, and does not read it.
	my $other = client($b);
	load(20000);
	$other->send("lru_crawler metadump all\r\n");
	sleep 0.2;
	$a->restart;
	filling($a);
	$other->close('reset');
	$p->wait_current;
	is(same_items('somebody else lists the keys meanwhile: both hold the same', $a, $b), 20000, '... all of it');
}
$p->end;

# ---- servers that cannot be used so ----
for my $case (['-X', qr/-X/, 'no listing of keys'], ['-F', qr/-F/, 'no flush_all']) {
	my ($option, $hint, $what) = @$case;
	my $odd = memcached(name => "odd$option", args => [$option]);
	$_->restart for $a;
	client($a)->ask("set k 0 0 1\r\nx\r\n");
	my @lists = $option eq '-X' ? ([$odd], [$a]) : ([$a], [$odd]);
	client($odd)->ask("set k 0 0 1\r\nx\r\n");
	$p = proxy(servers => $lists[0], backups => $lists[1]);
	ok(wait_for('a line in the log', sub { log_lines($p, qr/@{[$odd->where]}.*$hint/) }), "$what: the log names $option");
	is(client($p)->ask("set k 0 0 1\r\ny\r\n"), "STORED\r\n", '... the other one serves');
	is(value_of($odd, 'k'), 'x', '... nothing was done to that one');
	cmp_ok(scalar(log_lines($p, $hint)), '<', 20, '... and the log does not fill');
	$p->end;
	$odd->end;
}

# ---- farms ----
for my $args ([], ['-k']) {
	my @servers = map { memcached(name => "s$_@$args") } 1 .. 5;
	my ($s1, $s2, $s3, $s4, $s5) = @servers;
	# s3 is in both lists.
	$p = proxy(servers => [$s1, $s2, $s3], backups => [$s3, $s4, $s5], args => [@$args, '--name', "farm@{[scalar @$args]}"]);
	$p->wait_current;
	load(3000);
	my $held = sub { my %n; for my $s (@servers) { $n{$_}++ for keys %{items_of($s)} } return \%n };
	for my $s ($s1, $s5, $s3) {
		my $n = keys %{items_of($s)};
		$s->kill9;
		is($c->ask("set k$_ 0 0 3\r\nnew\r\n"), "STORED\r\n", 'a write meanwhile') for 1, 2, 3;
		is($c->ask("delete k@{[$s->port]}\r\n"), "NOT_FOUND\r\n", 'and a delete');
		$s->start->wait_up;
		$p->wait_current;
		is(scalar(keys %{items_of($s)}), $n, "a farm @$args: $s->{name} is as full as before");
		my $n_of = $held->();
		is(scalar(keys %$n_of), 3000, '... every key is there');
		is(scalar(grep { $_ != 2 } values %$n_of), 0, '... twice');
	}
	my @items = map { items_of($_) } @servers;
	my $differ = 0;
	for my $key (map { "k$_" } 1 .. 3000) {
		my @values = grep { defined } map { $_->{$key} } @items;
		$differ++ if @values != 2 || $values[0] ne $values[1];
	}
	is($differ, 0, '... and both are the same');
	is(scalar(grep { $c->ask("get k$_\r\n") eq "END\r\n" } 1 .. 3000), 0, '... and none is missed');
	$p->end;
	$_->end for @servers;
}
done_testing;
