# Intent: what meta commands change is on both servers when they are acknowledged; what only one server
# can have (stale, the right to renew) leaves the other with nothing; and the death of the leader costs
# no answer.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my $p = proxy(servers => [$a], backups => [$b], args => ['--timeout', 3000]);
$p->wait_current;
my $c = client($p);
my $BIN = 'AAEgCv8=';	# \0 \1 blank \n \xff

# A value with flags and remaining time, read without being seen as a reader.
sub item { return client($_[0])->ask("mg $_[1] v f t u\r\n") =~ s/ t\d+\r\n/ t+\r\n/r }
sub token { return ($c->ask("mg $_[0] c\r\n") =~ /^HD c(\d+)\r/)[0] // 0 }

# ---- both have it: no wait between the answer and the look ----
my @both = (
    ['ms',            "ms k 2 F7 T1000\r\nab\r\n",  "HD\r\n",             "VA 2 f7 t+\r\nab\r\n"],
    ['ms, quiet',     "ms k 2 F7 q\r\nab\r\nmn\r\n", "MN\r\n",            "VA 2 f7 t-1\r\nab\r\n"],
    ['ms ME',         "ms k 1 ME\r\nx\r\n",         "NS\r\n",             "VA 2 f3 t+\r\n10\r\n"],
    ['ms MA',         "ms k 1 MA\r\nx\r\n",         "HD\r\n",             "VA 3 f3 t+\r\n10x\r\n"],
    ['ms MP',         "ms k 1 MP O7\r\n1\r\n",      "HD O7\r\n",          "VA 3 f3 t+\r\n110\r\n"],
    ['ms MR',         "ms k 1 MR k\r\nx\r\n",       "HD kk\r\n",          "VA 1 f0 t-1\r\nx\r\n"],
    ['ms C',          "ms k 1 CTOKEN\r\nx\r\n",     "HD\r\n",             "VA 1 f0 t-1\r\nx\r\n"],
    ['ms C MR',       "ms k 1 CTOKEN MR F2\r\nx\r\n", "HD\r\n",           "VA 1 f2 t-1\r\nx\r\n"],
    ['ms C MA',       "ms k 1 CTOKEN MA\r\nx\r\n",  "HD\r\n",             "VA 3 f3 t+\r\n10x\r\n"],
    ['ms C I',        "ms k 1 CTOKEN I\r\nx\r\n",   "HD\r\n",             "VA 1 f0 t-1\r\nx\r\n"],
    ['ms I',          "ms k 1 I q\r\nx\r\nmn\r\n",  "MN\r\n",             "VA 1 f0 t-1\r\nx\r\n"],
    ['ms, wrong C',   "ms k 1 C77\r\nx\r\n",        "EX\r\n",             "VA 2 f3 t+\r\n10\r\n"],
    ['md',            "md k\r\n",                   "HD\r\n",             "EN\r\n"],
    ['md C',          "md k CTOKEN\r\n",            "HD\r\n",             "EN\r\n"],
    ['md, wrong C',   "md k C77\r\n",               "EX\r\n",             "VA 2 f3 t+\r\n10\r\n"],
    ['ma',            "ma k\r\n",                   "HD\r\n",             "VA 2 f3 t+\r\n11\r\n"],
    ['ma D',          "ma k D5 v t k\r\n",          qr/^VA 2 t\d+ kk\r\n15\r\n\z/, "VA 2 f3 t+\r\n15\r\n"],
    ['ma T',          "ma k MD T0 v\r\n",           "VA 1\r\n9\r\n",      qr/^VA [12] f3 t-1\r\n9 ?\r\n\z/],
    ['ma C',          "ma k CTOKEN v\r\n",          "VA 2\r\n11\r\n",     "VA 2 f3 t+\r\n11\r\n"],
    ['ma N, to J',    "ma k N0 J11 v\r\n",          "VA 2\r\n11\r\n",     "VA 2 f3 t+\r\n11\r\n"],
    ['ma N, quiet, to J', "ma k N0 J11 q\r\nmn\r\n", "MN\r\n",           "VA 2 f3 t+\r\n11\r\n"],
    ['ma N C, to J',  "ma k N0 J11 CTOKEN v\r\n",   "VA 2\r\n11\r\n",     "VA 2 f3 t+\r\n11\r\n"],
    ['mg T',          "mg k T0 v\r\n",              "VA 2\r\n10\r\n",     "VA 2 f3 t-1\r\n10\r\n"],
    ['mg N, a hit',   "mg k N1000 v\r\n",           "VA 2\r\n10\r\n",     "VA 2 f3 t+\r\n10\r\n"],
    ['mg N T, a hit', "mg k N1000 T0 v\r\n",        "VA 2\r\n10\r\n",     "VA 2 f3 t-1\r\n10\r\n"],
    ['mg R, not due', "mg k R10 v\r\n",             "VA 2\r\n10\r\n",     "VA 2 f3 t+\r\n10\r\n"],
);
for my $case (@both) {
	my ($name, $bytes, $want, $then) = @$case;
	for my $gone (0, 1) {
		is($c->ask("set k 3 1000 2\r\n10\r\n"), "STORED\r\n", "$name: a value");
		is(client($b)->ask("delete k\r\n"), "DELETED\r\n", '... that the backup has evicted') if $gone;
		my $got = $c->ask($bytes =~ s/TOKEN/token('k')/er);
		ref $want ? like($got, $want, '... the answer') : is($got, $want, '... the answer');
		# Nothing was written: then nobody has noticed, and need not.
		next if $gone && $got =~ /^(?:EX|VA 2\r\n10)/ && $name !~ /^mg T|N T/;
		for my $s ($a, $b) {
			my $has = item($s, 'k');
			ref $then ? like($has, $then, "... $s->{name}") : is($has, $then, "... $s->{name}");
		}
	}
}
# New numbers, and keys of any bytes.
is($c->ask("ma n N1000 J5\r\n"), "HD\r\n", 'ma N: a new number');
is(item($_, 'n'), "VA 1 f0 t+\r\n5\r\n", "... on $_->{name}") for $a, $b;
# The backup has one that the primary has evicted, and it comes to the same.
for my $flags ('N1000 J5', 'N1000 J5 C77') {
	is($c->ask("set n 3 0 1\r\n4\r\n"), "STORED\r\n", "ma $flags: a number");
	is(client($a)->ask("delete n\r\n"), "DELETED\r\n", '... that the primary has evicted');
	is($c->ask("ma n $flags v\r\n"), "VA 1\r\n5\r\n", '... is made anew');
	is(item($_, 'n'), "VA 1 f0 t+\r\n5\r\n", "... on $_->{name}") for $a, $b;
}
is($c->ask("ms $BIN 2 b F1\r\nhi\r\n"), "HD\r\n", 'a key of any bytes');
is(item($_, "$BIN b"), "VA 2 f1 t-1\r\nhi\r\n", "... on $_->{name}") for $a, $b;
is(client($b)->ask("md $BIN b\r\n"), "HD\r\n", '... that the backup has evicted');
is($c->ask("ms $BIN 1 b MA\r\n!\r\n"), "HD\r\n", '... a write');
is(item($_, "$BIN b"), "VA 3 f1 t-1\r\nhi!\r\n", "... on $_->{name}") for $a, $b;
$b->restart;
$p->wait_current;
is(item($b, "$BIN b"), "VA 3 f1 t-1\r\nhi!\r\n", 'restarted: it is copied with the rest');
is($c->ask("md $BIN b\r\n"), "HD\r\n", '... deleted');
is(item($_, "$BIN b"), "EN\r\n", "... on $_->{name}") for $a, $b;

# ---- what only one can have ----
is($c->ask("mg v N1000 v c\r\n") =~ s/c\d+/c/r, "VA 0 c W\r\n\r\n", 'mg N: the right to renew');
is(item($b, 'v'), "EN\r\n", '... the backup has nothing');
is($c->ask("mg v v\r\n"), "VA 0 Z\r\n\r\n", '... nobody else gets it');
is($c->ask("ms v 1\r\n1\r\n"), "HD\r\n", '... renewed');
is(item($_, 'v'), "VA 1 f0 t-1\r\n1\r\n", "... on $_->{name}") for $a, $b;
is($c->ask("set v 0 100 1\r\n1\r\n"), "STORED\r\n", 'mg R: a value');
is($c->ask("mg v R1000 v\r\n"), "VA 1 W\r\n1\r\n", '... is to be renewed');
is(item($b, 'v'), "EN\r\n", '... the backup has nothing');
is($c->ask("mg v R1000 v\r\n"), "VA 1 Z\r\n1\r\n", '... nobody else gets it');
is($c->ask("ms v 1\r\n1\r\n"), "HD\r\n", '... renewed');
is($c->ask("md v I T1000\r\n"), "HD\r\n", 'md I: stale');
is(item($b, 'v'), "EN\r\n", '... the backup has nothing');
is($c->ask("mg v v\r\n"), "VA 1 X W\r\n1\r\n", '... one reader is to renew it');
is($c->ask("mg v v\r\n"), "VA 1 Z X\r\n1\r\n", '... the next ones are told so');
is($c->ask("ms v 1\r\n2\r\n"), "HD\r\n", '... renewed');
my $old = token('v');
is($c->ask("ms v 1\r\n3\r\n"), "HD\r\n", 'ms I with an old token');
is($c->ask("ms v 1 I C$old\r\n4\r\n"), "HD\r\n", '... is stored as stale');
is(item($b, 'v'), "EN\r\n", '... the backup has nothing');
is($c->ask("mg v v\r\n"), "VA 1 X W\r\n4\r\n", '... one reader is to renew it');
is($c->ask("ms v 1\r\n5\r\n"), "HD\r\n", '... renewed');
is(item($_, 'v'), "VA 1 f0 t-1\r\n5\r\n", "... on $_->{name}") for $a, $b;
# A repair of the write before it does not win what the client behind is to win.
for my $n (1 .. 5) {
	is($c->ask("set v 0 0 1\r\n5\r\n"), "STORED\r\n", "a repair and md I, $n: a value");
	is(client($b)->ask("delete v\r\n"), "DELETED\r\n", '... that the backup has evicted');
	$c->send("ms v 1 MA\r\nx\r\nmd v I T1000\r\nmg v v\r\n");
	is($c->reply . $c->reply . $c->reply, "HD\r\nHD\r\nVA 2 X W\r\n5x\r\n", '... the reader wins');
	is(item($b, 'v'), "EN\r\n", '... the backup has nothing');
}
# Nor does the copy that a read before it causes.
for my $n (1 .. 5) {
	is($c->ask("set read$n 0 0 1\r\n5\r\n"), "STORED\r\n", "a read and md I, $n: a value");
	is(client($b)->ask("delete read$n\r\n"), "DELETED\r\n", '... that the backup has evicted');
	$c->send("mg read$n v\r\nmd read$n I T1000\r\nmg read$n v\r\n");
	is($c->reply . $c->reply . $c->reply, "VA 1\r\n5\r\nHD\r\nVA 1 X W\r\n5\r\n", '... the reader wins');
	is(item($b, "read$n"), "EN\r\n", '... the backup has nothing');
	is($c->ask("md read$n\r\n"), "HD\r\n", '... it goes');
}
# The leader has evicted what a client gives up: the follower's copy is not to come back.
for my $give_up ('md v I T1000', 'md v C77', 'md v I q') {
	is($c->ask("set v 0 0 1\r\n5\r\n"), "STORED\r\n", "$give_up: a value");
	is(client($a)->ask("delete v\r\n"), "DELETED\r\n", '... that the primary has evicted');
	is($c->ask("$give_up\r\n"), "NF\r\n", '... is not found');
	is(item($b, 'v'), "EN\r\n", '... and the backup has nothing');
}
# 1.6.18 finds out too late that an opaque is too long.
is($c->ask("set v 0 0 2\r\n10\r\n"), "STORED\r\n", 'a long opaque: a number');
is($c->ask('ma v O' . 'o' x 40 . "\r\n"), "CLIENT_ERROR opaque token too long\r\n", '... ma');
is(item($_, 'v'), "VA 2 f0 t-1\r\n11\r\n", "... on $_->{name}") for $a, $b;
# What is read with N or R is kept alive on the backup as any other.
for my $flag ('N1000', 'R10') {
	is($c->ask("set $flag 0 1000 1\r\n5\r\n"), "STORED\r\n", "mg $flag: a value");
	is(client($b)->ask("delete $flag\r\n"), "DELETED\r\n", '... that the backup has evicted');
	is($c->ask("mg $flag $flag v\r\n"), "VA 1\r\n5\r\n", '... a hit');
	ok(wait_for("$flag on the backup", sub { item($b, $flag) =~ /^VA 1 / }), '... is copied');
}
is($c->ask("set v 0 0 1\r\n5\r\n"), "STORED\r\n", 'a value again');
# A fill meets a stale item: whom it belongs to is for a reader to win.
is($c->ask("md v I T1000\r\n"), "HD\r\n", 'a stale item');
$b->restart;
$p->wait_current;
is(item($b, 'v'), "EN\r\n", '... is not copied');
is($c->ask("mg v v\r\n"), "VA 1 X W\r\n5\r\n", '... and its right is still to be won');
is($c->ask("ms v 1\r\n6\r\n"), "HD\r\n", '... renewed');
same_items('both hold the same', $a, $b);

# ---- the leader is lost when it has answered and the backup has not ----
for my $cmd ('ma k', 'ma k I') {
	is($c->ask("set k 0 0 2\r\n10\r\n"), "STORED\r\n", "$cmd: a number");
	is(client($b)->ask("set k 0 0 2\r\n50\r\n"), "STORED\r\n", '... that is another one on the backup');
	$b->freeze;
	$c->send("$cmd\r\n");
	wait_for('ma on the primary', sub { item($a, 'k') =~ /\r\n11\r\n/ });
	$a->kill9;
	wait_for('the primary down', sub { $p->state($a) ne 'current' });
	$b->thaw;
	is($c->reply, "HD\r\n", '... the answer');
	is(value_of($p, 'k'), '51', '... and it was executed once');
	$a->restart;
	$p->wait_current;
}

# ---- the leader is lost with commands on the way ----
my $fake = fake(name => 'fake');
# A new proxy each time: one whose server has been lost often would wait long for it.
sub begin {
	my ($key, @args) = @_;
	$p->end;
	$p = proxy(servers => [$fake], backups => [$b], args => ['--name', 'lost', '--timeout', 3000, @args]);
	$p->wait_current;
	$c = client($p);
	is($c->ask("set $key 3 0 2\r\n10\r\n"), "STORED\r\n", "$key: a value");
	return;
}
my $n = 0;
for my $case (
    ['mg',    "mg KEY v k O1\r\n",       "VA 2 kKEY O1\r\n10\r\n", '10'],
    ['mg T',  "mg KEY v T1000\r\n",      "VA 2\r\n10\r\n",         '10'],
    ['mg N',  "mg KEY v N1000\r\n",      "VA 2\r\n10\r\n",         '10'],
    ['mg c',  "mg KEY v c\r\n",          qr/^VA 2 c\d+\r\n10\r\n\z/, '10'],
    ['ms',    "ms KEY 2 k O2\r\n20\r\n", "HD kKEY O2\r\n",         '20'],
    ['ms MA', "ms KEY 1 MA\r\nx\r\n",    "HD\r\n",                 '10x'],
    ['ms C',  "ms KEY 1 CTOKEN k\r\nx\r\n", "EX kKEY\r\n",         '10'],
    ['ma',    "ma KEY\r\n",              "HD\r\n",                 '11'],
    ['ma C0', "ma KEY v C0\r\n",         "VA 2\r\n11\r\n",         '11'],
    ['ma v',  "ma KEY v O3\r\n",         "VA 2 O3\r\n11\r\n",      '11'],
    ['ma N',  "ma KEY N0 J5 v O3\r\n",   "VA 2 O3\r\n11\r\n",      '11'],
    ['md',    "md KEY O3\r\n",           "HD O3\r\n",              undef],
    ['md I',  "md KEY I T1000\r\n",      "HD\r\n",                 '10'],
    ['md C',  "md KEY CTOKEN\r\n",       "EX\r\n",                 '10'],
) {
	my ($name, $bytes, $want, $then) = @$case;
	my $key = 'key' . $n++;
	begin($key, '--hedge', 0);
	$bytes =~ s/KEY/$key/g;
	$bytes =~ s/TOKEN/token($key)/e;
	my $verb = substr $bytes, 0, 2;
	$fake->on("/^$verb $key/ times 1: close");
	my $got = $c->ask($bytes) =~ s/\Q$key\E/KEY/gr;
	ref $want ? like($got, $want, "$name, the leader gone with it: the answer") : is($got, $want, "$name, the leader gone with it: the answer");
	is(value_of($p, $key), $then, '... what is there then');
	$fake->tell('clear');
}
# ma N of a number that is not there: the leader is lost when it is asked for it, or when it makes it; it
# is made once, or counted once where the backup has it.
for my $line (1, 2) {
	for my $backup (undef, 8) {
		my $name = "made$line" . ($backup // '');
		begin($name, '--hedge', 0);
		is(client($b)->ask("set fresh$name 0 0 1\r\n$backup\r\n"), "STORED\r\n", 'only the backup has a number') if $backup;
		$fake->on(qq{/^ma fresh$name/ times 1: say "NF\\r\\n"}) if $line == 2;
		$fake->on("/^ma fresh$name/ times 1: close");
		my $want = $backup ? $backup + 1 : 5;
		is($c->ask("ma fresh$name N0 J5 v\r\n"), "VA 1\r\n$want\r\n", "ma N, the leader gone with line $line of it: the answer");
		is(value_of($p, "fresh$name"), $want, '... what is there then');
		$fake->tell('clear');
	}
}
# mg of a key that the same client has written to behind it: no value from the future.
begin('past', '--hedge', 0);
$fake->on('/^mg past/ times 1: close');
$c->send("mg past v\r\nms past 1\r\nx\r\n");
is($c->reply . $c->reply, "EN\r\nHD\r\n", 'a read that would be asked again behind the same client\'s write misses');
$fake->tell('clear');

# What a leader-first command builds on at the follower is what the write before it should have left there.
begin('built', '--hedge', 0);
$p->end;
$p = proxy(servers => [$b], backups => [$fake], args => ['--name', 'lost', '--timeout', 5000, '--hedge', 0]);
$p->wait_current;
$c = client($p);
is($c->ask("set built 0 0 3\r\nold\r\n"), "STORED\r\n", 'append behind a repair: a value');
is(client($b)->ask("delete built\r\n"), "DELETED\r\n", '... that the primary has evicted');
$fake->on('/^add built/ times 1: wait 500; answer');
$fake->on('/^ms built \d+ F/ times 1: wait 1000; answer');
my $adds = client($p);
$adds->send("add built 0 0 3\r\nnew\r\n");
my $built = '';
ok(wait_for('the new one', sub { ($built) = $c->ask("mg built c v\r\n") =~ /^VA 3 c(\d+)\r\nnew\r\n/ }), '... is added on the primary');
$c->send("ms built 1 MA C$built\r\n!\r\n");
ok(wait_for('the copy', sub { $fake->seen(qr/^ms built 4 F/) }), '... the backup gets what was appended to it');
ok($c->quiet, '... before it is acknowledged');
is($c->reply, "HD\r\n", '... the answer');
is($adds->reply, "STORED\r\n", '... and that of the add');
is(value_of($fake, 'built'), 'new!', '... what is there then');
$fake->tell('clear');

# ---- slow: the follower is asked for a plain read ----
begin('slow');
$fake->on('/^mg slow/: wait 700; answer');
my $start = time;
is($c->ask("mg slow v k\r\n"), "VA 2 kslow\r\n10\r\n", 'a slow leader: mg');
cmp_ok($p->stats->{hedge_hits}, '==', 1, '... was answered by the follower');
like($c->ask("mg slow v c\r\n"), qr/^VA 2 c\d+\r\n10\r\n\z/, '... with c');
cmp_ok($p->stats->{hedge_hits}, '==', 1, '... by the leader');
is($c->ask("mg none v\r\n"), "EN\r\n", '... a miss');
done_testing;
