# Intent: the fake memcached is a memcached where no rule speaks, and does what its rules say.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time);

my $real = memcached();
my $fake = fake();

# Every command of the classic text protocol: the same answers as the real one.
my $session = join '', map { "$_\r\n" } (
    'get nothing', 'set a 5 0 3', 'one', 'get a', 'add a 0 0 1', 'x', 'add b 0 0 1', '7',
    'replace none 0 0 1', 'x', 'replace b 1 0 2', '10', 'append b 9 9 1', '0', 'prepend b 0 0 1', '1',
    'get a b nothing', 'incr b 5', 'decr b 2000', 'decr b 1', 'incr a 1', 'incr none 1', 'incr b x',
    'touch a 100', 'touch none 1', 'gat 100 a b', 'gats 100 none', 'cas none 0 0 1 1', 'x',
    'cas a 0 0 1 999999', 'x', 'delete a', 'delete a', 'get a', 'set n 0 0 1 noreply', 'x', 'get n',
    'delete n noreply', 'get n', 'set e 0 -1 1', 'x', 'get e', 'verbosity 0', 'flush_all', 'get b',
    'nonsense', 'get', 'mn');
my @answers = map {
	my $c = client($_);
	$c->send($session);
	$c->until(qr/(?:^|\n)MN\r\n\z/);
} $real, $fake;
is($answers[1], $answers[0], 'without rules: what a memcached says');

# What memvip asks of a server beside these: the meta commands, and the listing of keys.
my $meta = join '', map { "$_\r\n" } ('mg none v', 'ms m 3 F5 T100', 'abc', 'mg m v f t k s',
    'mg m v f t u', 'mg m', 'mg m s t', 'ms m 1 F1 T0 ME', 'x', 'ms m 2 MR', 'de', 'mg m O12 k v',
    'ms none 1 k O1 MR', 'x', 'md m', 'md none k O1', 'ms z 2 T-1', 'xy', 'mg z v', 'ms q 1', 'x',
    'mg q t', 'ms x', 'ms q x', 'ms q 1 MZ', 'x', 'mg', 'lru_crawler', 'md q', 'mn');
@answers = map {
	my $c = client($_);
	$c->send($meta);
	$c->until(qr/(?:^|\n)MN\r\n\z/);
} $real, $fake;
is($answers[1], $answers[0], 'meta commands: what a memcached says');
my @listed = map {
	my $c = client($_);
	$c->ask($_) for "flush_all\r\n", "set plain 1 0 1\r\nx\r\n", "set b+%\x01\xf0 0 0 1\r\nx\r\n";
	$c->send("lru_crawler metadump hash\r\n");
	[sort map { s/ la=.*//r } split /\r?\n/, $c->until(qr/(?:^|\n)END\r\n\z/)];
} $real, $fake;
is_deeply($listed[1], $listed[0], 'the listing of keys');

my $c = client($fake);
my ($cas) = $c->ask("set k 0 0 1\r\nx\r\n") && $c->ask("gets k\r\n") =~ /^VALUE k 0 1 (\d+)\r/;
is($c->ask("cas k 0 0 1 $cas\r\ny\r\n"), "STORED\r\n",  'cas with the right id');
is($c->ask("cas k 0 0 1 $cas\r\nz\r\n"), "EXISTS\r\n",  'cas with an old id');

$fake->tell('forget');
is($c->ask("get k\r\n"), "VALUE k 0 1\r\ny\r\nEND\r\n", 'a get');
is_deeply([$fake->seen(qr/./)], ['get k'], 'seen tells the commands');

$fake->on('/^get k/ skip 1 times 1: say "SERVER_ERROR \x6c\x69e\r\n"');
is($c->ask("get k\r\n"), "VALUE k 0 1\r\ny\r\nEND\r\n", 'skip 1: the first passes');
is($c->ask("get k\r\n"), "SERVER_ERROR lie\r\n",        'times 1: the second is a lie');
is($c->ask("get k\r\n"), "VALUE k 0 1\r\ny\r\nEND\r\n", 'the third is true again');

$fake->on('/^set k/: say "STORED\r\n"');
is($c->ask("set k 0 0 1\r\nq\r\n"), "STORED\r\n",       'say alone ...');
is(value_of($fake, 'k'), 'y',                           '... does nothing to the data');
$fake->on('/^set k/: exec');
$c->send("set k 0 0 1\r\nq\r\n");
ok($c->quiet,                                           'exec says nothing ...');
is(value_of($fake, 'k'), 'q',                           '... and does it');
$fake->tell('clear');

$fake->on('/^get k/ times 1: part 9; stall');
$c->send("get k\r\n");
is($c->bytes(9), 'VALUE k 0',                           'part 9: nine bytes ...');
$c->send("version\r\n");
ok($c->quiet,                                           '... stall: and no more');

$c = client($fake);
$fake->on('/^get k/ times 1: wait 300; answer');
my $start = time;
is($c->ask("get k\r\n"), "VALUE k 0 1\r\nq\r\nEND\r\n", 'wait and answer: late and true');
cmp_ok(time - $start, '>=', 0.29,                       'by as much as was said');

$fake->on('/^get k/ times 1: dribble 5');
is($c->ask("get k\r\n"), "VALUE k 0 1\r\nq\r\nEND\r\n", 'dribble: whole in the end');
$fake->on('/^get k/ times 1: answer; say "END\r\n"');
is($c->ask("get k\r\nversion\r\n"), "VALUE k 0 1\r\nq\r\nEND\r\n", 'an extra reply ...');
is($c->reply, "END\r\n", '... comes after the true one ...');
is($c->reply, "VERSION 1.6.18\r\n", '... and before the next');

$fake->on('/^set late/ times 1: later 400; close');
my ($port) = $c->{sock}->sockport;
$c->send("set late 0 0 1\r\nx\r\n");
ok($c->closed(2), 'later: the connection may end ...');
like(client($fake)->ask("stats conns\r\n"), qr/:$port\r$/m, '... it is listed all the same ...');
is(value_of($fake, 'late'), undef, '... and nothing is done yet');
ok(wait_for('the late set', sub { (value_of($fake, 'late') // '') eq 'x' }), '... until it is');
unlike(client($fake)->ask("stats conns\r\n"), qr/:$port\r$/m, '... and it is listed no more');

$c = client($fake);
$fake->on('/^get k/ times 1: fill 5000; close');
$c->send("get k\r\n");
is(length $c->bytes(6000), 5000, 'fill: as much garbage as was said');
is($c->closed(1), 'FIN', 'close ends the stream');

$c = client($fake);
$fake->on('/^get k/ times 1: reset');
$c->send("get k\r\n");
like($c->closed(2), qr/reset/, 'reset resets it');

$c = client($fake);
$c->ask("version\r\n");
$fake->tell('accept off');
ok(!eval { client($fake) }, 'accept off: no new connections ...');
is($c->ask("version\r\n"), "VERSION 1.6.18\r\n", '... the old ones live');
$fake->tell('drop');
like($c->closed(2), qr/reset/, 'drop resets the old ones');
$fake->tell('accept on');
is(client($fake)->ask("version\r\n"), "VERSION 1.6.18\r\n", 'accept on: it is back');

ok(!eval { $fake->on('/x/ nonsense') }, 'a rule that is none is refused');

done_testing;
