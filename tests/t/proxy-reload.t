# Intent: SIGHUP reads the configuration again: each limit takes effect, a bad file is refused whole with its line,
# and no client connection is closed for it. (Other lists of servers: proxy-lists.t.)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my ($a, $b) = map { memcached(name => $_) } 'a', 'b';
my $conf = spew('memvip.conf', '');

sub lists { return join '', (map { "server $_\n" } @{$_[0]}), map { "backup $_\n" } @{$_[1]} }
my $lists = lists([$a->where], [$b->where]);

# What the proxy has to say about SIGHUP, from now on.
my ($p, $heard);
sub told {
	my ($what, $re) = @_;
	my @lines;
	wait_for($what, sub { @lines = log_lines($p, qr/SIGHUP: /); @lines > $heard });
	$heard = @lines;
	like($lines[-1] // '', $re, $what);
}

# The file holds text; it is to be read; what is said matches.
sub reload {
	my ($text, $what, $re) = @_;
	spew($conf, $text);
	$p->signal('HUP');
	told($what, $re);
}

spew($conf, $lists);
$p = proxy(servers => [], args => ['-c', $conf]);
$heard = 0;
$p->wait_current;
my $c = client($p);
$c->ask("set x 0 0 1\r\n1\r\n");

# ---- each limit ----

reload($lists, 'the same again', qr/as it was/);
reload($lists . "max-value 1k\n", 'max-value', qr/changed: max-value 1048576 -> 1024$/);
is($c->ask("set big 0 0 2000\r\n" . 'x' x 2000 . "\r\n"), "SERVER_ERROR object too large for cache\r\n", '... counts');
reload($lists, 'max-value goes', qr/changed: max-value 1024 -> 1048576$/);
is($c->ask("set big 0 0 2000\r\n" . 'x' x 2000 . "\r\n"), "STORED\r\n", '... the default counts');
reload($lists . "no-flush\n", 'no-flush', qr/changed: no-flush off -> on$/);
like($c->ask("flush_all\r\n"), qr/^CLIENT_ERROR flush_all not allowed/, '... counts');

reload($lists . "max-conns 2\n", 'max-conns', qr/max-conns 4096 -> 2/);
my $second = client($p);
is($second->ask("mn\r\n"), "MN\r\n", 'two clients are served');
my $third = client($p);
like($third->until(qr/\n\z/), qr/^ERROR Too many open connections/, '... a third is not');
$second->close;
reload($lists, 'max-conns goes', qr/max-conns 2 -> 4096/);
is(client($p)->ask("mn\r\n"), "MN\r\n", '... others are served');

reload($lists . "hedge 0\ntimeout 600\nconnect-timeout 300\nmax-memory 64m\ndirty-limit 1m\nfill-rate 5\ndrain 700\nack leader\nverbose\nverbose\n",
    'all the others', qr/timeout 500 -> 600, connect-timeout 250 -> 300, hedge 20 -> 0, drain 1000 -> 700, ack not given -> leader, max-memory 268435456 -> 67108864, dirty-limit 67108864 -> 1048576, fill-rate 0 -> 5$/);
is($c->ask("get x\r\n"), "VALUE x 0 1\r\n1\r\nEND\r\n", 'a connection has lived through all of it');

# --fill-rate while it fills: first a trickle, then all at once.
$c->ask(join('', map { "set k$_ 0 0 1 noreply\r\n1\r\n" } 1 .. 2000) . "mn\r\n");
$b->restart;
client($p)->ask("set y 0 0 1\r\n1\r\n");
wait_for('b is being filled', sub { $p->state($b) eq 'filling' && $p->stat_of($b, 'fill_total') > 100 });
reload($lists, 'the rate goes', qr/fill-rate 5 -> 0/);
ok($p->wait_current, '... it is filled');

# --timeout: a server that is silent is out by the new one. So long that the test would end before.
reload($lists . "timeout 600000\nhedge 0\n", 'timeout', qr/timeout 500 -> 600000/);
$a->freeze;
my $waits = client($p);
$waits->send("get x\r\n");
reload($lists . "timeout 200\nhedge 0\n", 'timeout', qr/timeout 600000 -> 200/);
is($waits->reply, "VALUE x 0 1\r\n1\r\nEND\r\n", '... a command that waits already is answered by the other copy');
wait_for('out', sub { log_lines($p, qr/-> down: silent for 200 ms/) });
ok(scalar log_lines($p, qr/-> down: silent for 200 ms/), '... by the new one');
$a->thaw;
reload($lists, 'timeout', qr/timeout 200 -> 500/);
$p->wait_current;

# ---- what is refused, as a whole ----

for my $bad (
    ["max-value 2k\nmax-conn 5\n", qr/\Q$conf\E:\d+: max-conn: unknown option/, 'an unknown name'],
    ["max-value 2k\ntimeout 5\n", qr/\Q$conf\E:\d+: timeout: '5': /, 'a value out of range'],
    ["max-value 64m\n", qr/max-value: more than an eighth of max-memory/, 'what does not go together'],
    ["ack nobody\n", qr/ack: neither both nor leader/, 'a word that is none'],
    ["max-value 2k\nuser nobody\n", qr/user: cannot change while it runs \(not given -> nobody\), a restart takes it/, 'user'],
    ["connections 2\n", qr/connections: cannot change/, 'connections'],
    ["ketama\n", qr/ketama: cannot change/, 'ketama'],
    ["pidfile /nowhere\n", qr/pidfile: cannot change/, 'pidfile'],
    ["unix /nowhere\n", qr/unix: cannot change/, 'unix'],
) {
	reload($lists . $bad->[0], "$bad->[2]: refused", qr/refused, nothing has changed: $bad->[1]/);
}
unlink $conf;
$p->signal('HUP');
told('no file: refused', qr/refused, nothing has changed: \Q$conf\E: No such file/);
is($c->ask("set big 0 0 3000\r\n" . 'x' x 3000 . "\r\n"), "STORED\r\n", 'nothing of it counts');
reload($lists, 'nothing has changed', qr/as it was/);

# ---- what the command line says, it goes on to say ----

$p->end;
spew($conf, $lists . "max-value 1m\n");
$p = proxy(servers => [], args => ['-c', $conf, '--max-value', '2k']);
$heard = 0;
reload($lists . "max-value 1k\n", 'the command line has it', qr/as it was/);
is($p->end, 0, 'it ends as it should');

# ---- in the background, by a name that only its first folder knows; as another user ----

SKIP: {
	skip 'needs root', 4 if $> != 0;
	my $pidfile = tmpdir() . '/pid';
	chmod 0755, tmpdir();
	chmod 0644, $conf;
	my $port = free_port();
	my $where = own_ip() . ":$port";
	spew($conf, $lists);
	my $ran = run('sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', tmpdir(), program('proxy/memvip-proxy'), '-c', 'memvip.conf',
	    '-l', own_ip(), '-p', $port, '-P', $pidfile, '-u', 'nobody', '--name', 'test');
	is($ran->{status}, 0, 'in the background') or diag($ran->{err});
	my $pid = wait_for('a pid', sub { slurp($pidfile) =~ /(\d+)/ ? $1 : 0 });
	my $d = client($where);
	wait_for('it serves', sub { $d->ask("set z 0 0 1\r\n1\r\n") eq "STORED\r\n" });
	spew($conf, $lists . "max-value 1k\n");
	kill HUP => $pid;
	my $long = "set z 0 0 2000\r\n" . 'x' x 2000 . "\r\n";
	ok(wait_for('read', sub { $d->ask($long) =~ /too large/ }), 'its file is found from /');
	chmod 0600, $conf;
	spew($conf, $lists);
	kill HUP => $pid;
	is($d->ask("mn\r\n"), "MN\r\n", 'one that it may not read');
	like($d->ask($long), qr/too large/, '... leaves all as it is');
	kill TERM => $pid;
	wait_for('it has ended', sub { !kill 0 => $pid });
}

done_testing;
