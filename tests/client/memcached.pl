# memcached: Cache::Memcached, or another module with its interface, through the proxy. Says one TAP
# line a check.
#
#   memcached.pl HOST PORT MODULE
use strict;
use warnings;
use Test::More;

my ($host, $port, $module) = @ARGV;
eval "require $module; 1" or die $@;
my $fast = $module =~ /Fast/;
my $c = $module->new({servers => ["$host:$port"], $fast ? (io_timeout => 10, connect_timeout => 10) : ()});
ok($c->set('p', 'one'), 'set');
is($c->get('p'), 'one', 'get');
ok(!$c->add('p', 'x'), 'add of what is there');
ok($c->replace('p', 'two') && !$c->replace('none', 'x'), 'replace');
is_deeply($c->set('o', {a => [1, undef]}) && $c->get('o'), {a => [1, undef]}, 'objects');
$c->set('n', 10);
is($c->incr('n', 5), 15, 'incr');
is($c->decr('n'), 14, 'decr');
my %many = map { ("many$_" => "v$_") } 1 .. 500;
$c->set($_, $many{$_}) for keys %many;
is_deeply($c->get_multi(keys %many, 'none'), \%many, 'get_multi');
ok($c->delete('p') && !defined $c->get('p'), 'delete');
my $big = join('', map { chr } 0 .. 255) x 3000;
ok($c->set('big', $big) && $c->get('big') eq $big, 'a large value');
if ($fast) {
	ok($c->set('a', 'b') && $c->append('a', 'c') && $c->prepend('a', 'a') && $c->get('a') eq 'abc', 'append, prepend');
	my $got = $c->gets('a');
	is($got->[1], 'abc', 'gets');
	ok($c->cas('a', $got->[0], 'new') && !$c->cas('a', $got->[0], 'old') && $c->get('a') eq 'new', 'cas');
	is(scalar(grep { $_ } values %{$c->set_multi(map { [$_, 'w'] } keys %many)}), 500, 'set_multi');
	is(scalar(grep { $_ } values %{$c->delete_multi(keys %many)}), 500, 'delete_multi');
	ok($c->touch('a', 100) && !$c->touch('none', 100), 'touch');
	is_deeply($c->gat(100, 'a'), 'new', 'gat');
	$c->set("quiet$_", $_) for 1 .. 100; # in void context: noreply
	$c->nowait_push;
	is(scalar keys %{$c->get_multi(map { "quiet$_" } 1 .. 100)}, 100, 'noreply');
	like((values %{$c->server_versions})[0], qr/^1\./, 'version');
}
$c->flush_all;
ok(!defined $c->get('big'), 'flush_all');
done_testing;
