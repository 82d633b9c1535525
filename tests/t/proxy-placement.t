# Intent: with several servers a key is where magent would have put it, in two copies on two
# servers; with one server alone the proxy is a plain one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

# magent's hash: DJB's, bytes signed, the highest bit off.
sub djb {
	my ($key) = @_;
	my $h = 5381;
	$h = ($h * 33 + unpack('c', $_)) & 0xffffffff for split //, $key;
	return $h & 0x7fffffff;
}

my @m = map { memcached(name => "m$_") } 0 .. 4;
my @keys = map { ("key$_", "user:$_:name", "\xc3\xbc$_") } 1 .. 40;

{
	my $p = proxy(servers => [@m[0 .. 2]], backups => [@m[3, 4]]);
	$p->wait_current;
	my $c = client($p);
	$c->send(join '', map { "set $_ 0 0 " . length($_) . "\r\n$_\r\n" } @keys);
	is(scalar(grep { $c->reply eq "STORED\r\n" } @keys), @keys, 'three primaries, two backups: all stored');
	my @wrong;
	for my $key (@keys) {
		my $h = djb($key);
		my @want = map { $_ == $h % 3 || $_ == 3 + $h % 2 ? $key : undef } 0 .. 4;
		my @have = map { value_of($_, $key) } @m;
		push @wrong, $key if grep { ($want[$_] // '') ne ($have[$_] // '') } 0 .. 4;
	}
	is_deeply(\@wrong, [], '... each where magent puts it, and nowhere else');
	my $all = $c->ask('get ' . join(' ', @keys, 'none', reverse @keys) . "\r\n");
	my @order = $all =~ /^VALUE (\S+) /mg;
	is_deeply(\@order, [@keys, reverse @keys], 'a get of all: all, in the order of the question');
	$m[$_]->kill9 for 0, 4;
	is(scalar(grep { $c->ask("get $_\r\n") =~ /^VALUE/ } grep { djb($_) % 3 != 0 || djb($_) % 2 != 1 } @keys),
	    scalar(grep { djb($_) % 3 != 0 || djb($_) % 2 != 1 } @keys),
	    'one of each list dies: what has a copy left is there');
	my ($lost) = grep { djb($_) % 3 == 0 && djb($_) % 2 == 1 } @keys;
	is($c->ask("get $lost\r\n"), "SERVER_ERROR no server available\r\n", '... what has none is an error, no miss');
	$all = $c->ask("get $keys[0] $lost $keys[1]\r\n");
	like($all, qr/SERVER_ERROR no server available\r\n\z/, '... also among others');
	$m[$_]->restart for 0, 4;
	$p->end;
}
for my $n (2, 5) {
	$_->restart for @m;
	my @list = @m[0 .. $n - 1];
	my $p = proxy(servers => [@list], backups => [@list]);
	$p->wait_current;
	my $c = client($p);
	my @wrong;
	for my $key (@keys) {
		$c->ask("set $key 0 0 1\r\nx\r\n");
		my $h = djb($key);
		my @have = grep { defined value_of($list[$_], $key) } 0 .. $n - 1;
		push @wrong, "$key: @have" if "@have" ne join ' ', sort $h % $n, ($h + 1) % $n;
	}
	is_deeply(\@wrong, [], "the same $n in both lists: a copy on magent's, and one on the next");
	$p->end;
}
{
	$_->restart for @m[0, 1];
	my $p = proxy(servers => [$m[0]]);
	$p->wait_current;
	my $c = client($p);
	is($c->ask("set k 0 0 1\r\nx\r\n"), "STORED\r\n", 'one server and no backup: it serves');
	is($c->ask("get k\r\n"), "VALUE k 0 1\r\nx\r\nEND\r\n", '... reads');
	$m[0]->kill9;
	is($c->ask("get k\r\n"), "SERVER_ERROR no server available\r\n", '... dead: an error');
	$m[0]->start->wait_up;
	ok(wait_for('service', sub { $c->ask("set k 0 0 1\r\ny\r\n") eq "STORED\r\n" }), '... back: it serves');
	is($c->ask("get k\r\n"), "VALUE k 0 1\r\ny\r\nEND\r\n", '... reads');
	$p->end;
}
{
	my $p = proxy(servers => [$m[0]], backups => [$m[1]], args => ['--no-flush']);
	$p->wait_current;
	my $c = client($p);
	$c->ask("set k 0 0 1\r\nx\r\n");
	like($c->ask("flush_all\r\n"), qr/\ACLIENT_ERROR [ -~]+\r\n\z/, '--no-flush: flush_all is refused');
	is($c->ask("get k\r\n"), "VALUE k 0 1\r\nx\r\nEND\r\n", '... and nothing is gone');
	$c->send("flush_all noreply\r\n");
	is($c->ask("get k\r\n"), "VALUE k 0 1\r\nx\r\nEND\r\n", '... nor with noreply');
}
done_testing;
