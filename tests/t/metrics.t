# Intent: what --metrics shows is what happens, in the formats that it promises; whoever asks, however
# badly, costs the cache's clients nothing; and the cache does not depend on the port.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time);

my $port  = free_port();
my $where = own_ip() . ":$port";
my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my $p = proxy(servers => [$a], backups => [$b], args => ['--metrics', $where, '--timeout', 300, '-n', 50]);
$p->wait_current;
my $c = client($p);

# (status, header, body) of a request; the connection has to end with it.
sub http {
	my ($path, $method, $body) = @_;
	my $h = client($where);
	$h->send(($method // 'GET') . " $path HTTP/1.1\r\nHost: x\r\n"
	    . (defined $body ? 'Content-Length: ' . length($body) . "\r\n\r\n$body" : "\r\n"));
	my $said = $h->until(qr/\A(?!)/);
	ok($h->{eof}, "$path: the connection ends with the answer");
	my ($status, $header, $rest) = $said =~ m{\AHTTP/1\.1 (\d+) [^\r\n]+\r\n(.*?\r\n)\r\n(.*)\z}s;
	return ($status // "no answer: $said", $header // '', $rest // '');
}

# {'name{labels}' => value}
sub metrics {
	my ($status, $header, $body) = http('/metrics');
	is($status, 200, '/metrics: 200') or return {};
	return {$body =~ /^(memvip_[^#\n]*) (\S+)$/mg};
}

sub status { my ($code, $header, $body) = http('/status'); return eval { decode_json($body) } // {} }

# ---- the format ----
{
	my ($status, $header, $body) = http('/metrics');
	is($status, 200, 'metrics');
	like($header, qr{^Content-Type: text/plain; version=0\.0\.4; charset=utf-8\r$}m, '... their type');
	my (%seen, @odd);
	my $family = '';
	for (split /\n/, $body) {
		if (/^# HELP (memvip_\w+) \S/) { push @odd, "$_ (twice)" if $seen{$family = $1}++ }
		elsif (/^# TYPE (\w+) (?:counter|gauge|histogram)$/) { push @odd, $_ if $1 ne $family }
		elsif (!/^\Q$family\E(?:_bucket|_sum|_count)?(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)+\})? [\d.]+$/) { push @odd, $_ }
	}
	is(join("\n", @odd), '', '... each line of its form, each family once, in one piece');
	cmp_ok(scalar keys %seen, '>', 30, '... there are some');
	SKIP: {
		skip 'needs promtool', 2 if !has_command('promtool');
		my $ran = run('sh', '-c', 'promtool check metrics <' . spew('metrics.txt', $body));
		is($ran->{status}, 0, '... promtool check metrics');
		is($ran->{out} . $ran->{err}, '', '... has nothing to say') ;
	}
	my ($head_status, $head, $nothing) = http('/metrics', 'HEAD');
	is("$head_status $nothing", '200 ', 'HEAD: as GET, without the body');
	like($head, qr/^Content-Length: [1-9]\d{3,}\r$/m, '... which has a length');
}

# ---- the figures ----
{
	my $before = metrics();
	is($c->ask("set k 0 0 5\r\nhello\r\n"), "STORED\r\n", 'set');
	$c->ask("get k\r\n") for 1 .. 10;
	$c->ask($_) for "get none\r\n", "get k none k\r\n", "incr k 1\r\n", "set n 0 0 1\r\n5\r\n", "incr n 2\r\n", "decr none 1\r\n",
	    "delete n\r\n", "delete n\r\n", "touch k 0\r\n", "gat 0 k\r\n", "gat 0 none\r\n", "append k 0 0 1\r\nx\r\n", "cas none 0 0 1 7\r\nx\r\n",
	    "gets k\r\n", "mg k v\r\n", "mg none v q k\r\nmn\r\n", "mg k T0\r\n", "ms m 1\r\nx\r\n", "ma m\r\n", "ma none\r\n", "md m\r\n", "md m\r\n",
	    "me none\r\n";
	my $after = metrics();
	my %moved = map { $_ => $after->{$_} - ($before->{$_} // 0) } keys %$after;
	my $of = sub { join ' ', map { "$_:" . ($moved{"memvip_command$_\{command=\"$_[0]\"}"} // '?') } qw(s_total _hits_total _misses_total _errors_total) };
	is($of->('get'), 's_total:14 _hits_total:12 _misses_total:2 _errors_total:0', 'get');
	is($of->('gets'), 's_total:1 _hits_total:1 _misses_total:0 _errors_total:0', 'gets');
	is($of->('gat'), 's_total:2 _hits_total:1 _misses_total:1 _errors_total:0', 'gat');
	is($of->('set'), 's_total:2 _hits_total:0 _misses_total:0 _errors_total:0', 'set');
	is($of->('incr'), 's_total:2 _hits_total:1 _misses_total:0 _errors_total:1', 'incr');
	is($of->('decr'), 's_total:1 _hits_total:0 _misses_total:1 _errors_total:0', 'decr');
	is($of->('delete'), 's_total:2 _hits_total:1 _misses_total:1 _errors_total:0', 'delete');
	is($of->('touch'), 's_total:1 _hits_total:1 _misses_total:0 _errors_total:0', 'touch');
	is($of->('append'), 's_total:1 _hits_total:0 _misses_total:0 _errors_total:0', 'append');
	is($of->('cas'), 's_total:1 _hits_total:0 _misses_total:1 _errors_total:0', 'cas');
	is($of->('mg'), 's_total:3 _hits_total:2 _misses_total:1 _errors_total:0', 'mg');
	is($of->('ms'), 's_total:1 _hits_total:0 _misses_total:0 _errors_total:0', 'ms');
	is($of->('ma'), 's_total:2 _hits_total:0 _misses_total:1 _errors_total:1', 'ma');
	is($of->('md'), 's_total:2 _hits_total:1 _misses_total:1 _errors_total:0', 'md');
	is($of->('me'), 's_total:1 _hits_total:0 _misses_total:1 _errors_total:0', 'me');
	cmp_ok($moved{memvip_client_read_bytes_total}, '>', 100, 'bytes in');
	cmp_ok($moved{memvip_client_written_bytes_total}, '>', 100, 'bytes out');
	is($after->{memvip_clients_limit}, 50, '-n');
	cmp_ok($after->{memvip_clients}, '>=', 1, 'clients');
	is($after->{memvip_buffered_limit_bytes}, 256 << 20, '--max-memory');
	is($after->{memvip_start_time_seconds}, $before->{memvip_start_time_seconds}, 'the start does not move');
	cmp_ok(abs($after->{memvip_start_time_seconds} - time), '<', 3600, '... and is a time');
	for my $s ($a, $b) {
		my $name = $s->where;
		my $l = sub { $after->{"memvip_server_latency_seconds_$_[0]"} };
		my @buckets = map { $after->{$_} } sort grep { /_bucket\{server="\Q$name\E",le="[\d.]+"\}/ } keys %$after;
		is(scalar @buckets, 16, "$name: latency: its buckets");
		is(scalar(grep { $buckets[$_] < $buckets[$_ - 1] } 1 .. $#buckets), 0, '... each has the ones below it');
		my $count = $l->("count{server=\"$name\"}");
		is($l->("bucket{server=\"$name\",le=\"+Inf\"}"), $count, '... +Inf is the count');
		cmp_ok($buckets[-1], '<=', $count, '... and none has more');
		cmp_ok($l->("sum{server=\"$name\"}"), '>', 0, '... the sum');
		cmp_ok($moved{"memvip_server_latency_seconds_count{server=\"$name\"}"}, '>=', $s == $a ? 20 : 8, '... it counts what is asked');
		is(join(' ', map { "$_:" . $after->{"memvip_server_state{server=\"$name\",state=\"$_\"}"} }
			qw(down connecting fencing proving filling suspect current)),
		    'down:0 connecting:0 fencing:0 proving:0 filling:0 suspect:0 current:1', '... one state');
	}
	is($after->{'memvip_server_role{server="' . $a->where . '",role="leader"}'}, 1, 'the leader');
	is($after->{'memvip_server_role{server="' . $b->where . '",role="follower"}'}, 1, 'the follower');

	# A counter does not go back.
	is($c->ask("stats reset\r\n"), "RESET\r\n", 'stats reset');
	my $reset = metrics();
	my @back = grep { /_(?:total|count|sum|bucket)(?:\{|\z)/ && $reset->{$_} < $after->{$_} } keys %$after;
	is("@back", '', 'no counter goes back for that');
}

# ---- a slow server is seen in the histogram ----
{
	my $long = sub { my $m = metrics(); my $name = $a->where;
		$m->{"memvip_server_latency_seconds_count{server=\"$name\"}"} - $m->{"memvip_server_latency_seconds_bucket{server=\"$name\",le=\"0.065536\"}"} };
	my $before = $long->();
	$a->freeze;
	$c->send("set slow 0 0 1\r\nx\r\n");
	my $until = time + 0.15;
	1 while time < $until && $c->more($until);
	$a->thaw;
	is($c->reply, "STORED\r\n", 'a write that took 150 ms');
	cmp_ok($long->(), '>', $before, '... is in a bucket above 65 ms');
}

# ---- /healthz, /status, and what is not there ----
{
	my ($status, $header, $body) = http('/healthz');
	is("$status $body", "200 2 of 2 servers usable\n", '/healthz: 200, and one line');
	is((http($_))[0], 404, "$_: 404") for '/', '/metrics/', '/metrics2', '/../etc/passwd', '/healthz%00';
	is((http('/healthz?verbose=1'))[0], 200, 'a query is no matter');
	for my $method (qw(POST PUT DELETE OPTIONS)) {
		my ($code, $head) = http('/metrics', $method, '');
		is($code, 405, "$method: 405");
		like($head, qr/^Allow: GET, HEAD\r$/m, '... and says what is allowed');
	}
	my $s = status();
	is($s->{name}, 'test', '/status: the name');
	is($s->{limits}{max_conns}, 50, '... a limit');
	cmp_ok($s->{clients}{current}, '>=', 1, '... clients');
	is_deeply([map { "$_->{name} $_->{state} $_->{role}" } @{$s->{servers}}],
	    [$a->where . ' current leader', $b->where . ' current follower'], '... the servers');
	like($s->{servers}[0]{since}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/, '... since when');
}

# ---- whoever comes next is heard: a client gets the number of a descriptor that has just been closed ----
{
	my $deaf = 0;
	for (1 .. 30) {
		my $h = client($where);
		$h->send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
		$h->until(qr/\A(?!)/);
		$deaf++ if client($p)->ask("mn\r\n", 2) ne "MN\r\n";
	}
	is($deaf, 0, 'clients that come right after a scrape are answered');
}

# ---- a server dies, both die, both come back ----
{
	$a->kill9;
	wait_for('a is out', sub { $p->state($a) ne 'current' });
	my $m = metrics();
	is($m->{'memvip_server_state{server="' . $a->where . '",state="current"}'}, 0, 'one is killed: it is not current');
	is($m->{'memvip_server_role{server="' . $b->where . '",role="leader"}'}, 1, '... the other leads');
	is($m->{'memvip_server_failures_total{server="' . $a->where . '"}'}, 1, '... a failure');
	is((http('/healthz'))[0], 200, '... /healthz: 200');
	my ($last) = grep { $_->{server} eq $a->where && $_->{from} eq 'current' } @{status()->{transitions}};
	is($last->{to}, 'down', '/status: the transition');
	like($last->{why}, qr/\w/, '... why');
	like($last->{time}, qr/\A\d{4}-\d\d-\d\dT[\d:.]+Z\z/, '... when');
	$b->kill9;
	wait_for('b is out', sub { $p->state($b) ne 'current' });
	my ($status, $header, $body) = http('/healthz');
	is("$status $body", "503 0 of 2 servers usable\n", 'both: /healthz: 503');
	$_->start->wait_up for $a, $b;
	$p->wait_current;
	is((http('/healthz'))[0], 200, 'both are back: 200');
	my $s = status();
	is(scalar(grep { $_->{state} eq 'current' } @{$s->{servers}}), 2, '... and current');
	my @times = map { $_->{time} } @{$s->{transitions}};
	cmp_ok(scalar @times, '>=', 7, '... the transitions');
	is_deeply(\@times, [sort @times], '... the oldest first');
}

# ---- bad clients ----
sub cache_is_served {
	my ($while) = @_;
	my $before = time;
	is($c->ask("set o 0 0 1\r\no\r\n") . $c->ask("get o\r\n"), "STORED\r\nVALUE o 0 1\r\no\r\nEND\r\n", "$while: the cache is served");
}
my $fds = $p->fds;
{
	my $slow = client($where);
	$slow->send('GET /metrics HT');
	my @idle = map { client($where) } 1 .. 40;
	cache_is_served('forty that say nothing');
	my $longest = time + 20;
	while (time < $longest && !$slow->{eof}) { # a byte now and then buys it no time
		$slow->send('x', 0.01);
		$slow->closed(0.2);
	}
	ok($slow->{eof}, '... and they are closed, also one that dribbles');
	ok(wait_for('an answer again', sub { my $h = client($where); $h->send("GET /healthz HTTP/1.1\r\n\r\n"); $h->until(qr/usable/, 10) =~ /200 OK/ }, 60),
	    '... others get their turn');
	$_->close for @idle;
}
{
	my $h = client($where);
	$h->send("GET /metrics HTTP/1.1\r\nX: " . 'x' x 200_000 . "\r\n\r\n");
	like($h->until(qr/\A(?!)/), qr{\A(?:HTTP/1\.1 4\d\d .*)?\z}s, 'a huge header is refused');
	ok($h->{eof}, '... and the connection closed');
	$h = client($where);
	$h->send("POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n" . 'x' x 200_000);
	unlike($h->until(qr/\A(?!)/), qr{\AHTTP/1\.1 2}, 'a huge body too');
	ok($h->{eof}, '... and the connection closed');
	$h = client($where);
	$h->send($_), $h->until(qr/\A(?!)/, 6), ok($h->{eof}, 'nonsense: closed'), $h = client($where) for "\0" x 5000, "get k\r\n\r\n", "\x16\x03\x01" . "\xff" x 500 . "\r\n\r\n";
	cache_is_served('after those');
}
{
	# Asks without an end and never reads.
	my $before = $p->rss_kb;
	my @deaf = map { client($where) } 1 .. 40;
	for my $h (@deaf) {
		syswrite $h->{sock}, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" x 200;
	}
	cache_is_served('forty that never read');
	cmp_ok($p->rss_kb - $before, '<', 32 << 10, '... in bounded memory') if !sanitized();
	$_->close('reset') for @deaf;
	ok(wait_for('descriptors given back', sub { $p->fds <= $fds + 2 }, 30), '... and leave nothing behind')
	    or diag('now ', $p->fds, ', before ', $fds);
}

# ---- the port ----
{
	my $q = proxy(name => 'second', servers => [$a], backups => [$b], args => ['--metrics', $where, '--name', 'test'], no_wait => 1);
	ok(wait_for('the second one answers', sub { !$q->alive || $q->answers }) && $q->alive, 'a port that is taken: the proxy serves');
	is(scalar(() = slurp($q->{log}) =~ /metrics: cannot listen on \Q$where\E: Address already in use; serving without them, trying again every second\n/g), 1,
	    '... and says so, once');
	# The first one was superseded: its port is free.
	is($p->wait_end(20), 75, 'the first one ends');
	ok(wait_for('metrics of the second', sub { my $h = eval { client($where) } or return 0; $h->send("GET /healthz HTTP/1.1\r\n\r\n"); $h->until(qr/usable/, 5) =~ /200 OK/ }),
	    '... then the second has it');
	my $h = client($where);
	is($q->end, 0, 'the end');
	ok($h->closed(5), '... closes connections');
	is(eval { client($where) }, undef, '... and the port');
}
{
	my $q = proxy(name => 'loopback', servers => [$a], backups => [$b], args => ['--metrics', ":$port"]);
	ok(eval { client("127.0.0.1:$port") }, 'without HOST: 127.0.0.1');
	is(eval { client($where) }, undef, '... only');
	$q->end;
}
done_testing;
