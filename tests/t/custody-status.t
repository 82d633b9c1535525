# Intent: what memvip-notify status says where the VIP is while a real memcached dies, is filled and is
# full again: the server that is not current, a bar with the remaining time, and only then all is well.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use MemvipCluster;
use MemvipTest;
use Test::More;

use constant {ITEMS => 600, RATE => 60};

cluster_up('--idle');
configure_memvip($_, '$a fill-rate ' . RATE) for 'a', 'b';
cluster('start-keepalived', 'a');
settles('a', 'a serves');
cluster('start-keepalived', 'b');
wait_for('b has a custodian', sub { processes('b', 'custodian') == 1 });

sub status { return node($_[0], 'memvip-notify', 'status') }

sub server {
	my $ran = node('a', 'memvip-notify', 'status', '--json');
	my $all = eval { decode_json($ran->{out}) } // [];
	my ($b) = grep { $_->{name} eq memcached_of('b') } @{$all->[0]{servers} // []};
	return ($b // {}, $all->[0]{well}, $ran->{status});
}

my $ran = status('a');
ok(wait_for('all is well', sub { ($ran = status('a'))->{status} == 0 }), 'to begin with all is well on a') or diag($ran->{out});
is(status('b')->{status}, 0, '... and on b');
my $c = client($VIP);
is(join('', map { $c->ask("set k$_ 0 0 1\r\n1\r\n") } 1 .. ITEMS), "STORED\r\n" x ITEMS, 'items to copy');

cluster('kill-memcached', 'b');
ok(wait_for('status knows', sub { ($ran = status('a'))->{status} == 1 }), 'a memcached dies: not well') or diag($ran->{out});
like($ran->{out}, qr/NOT WELL: server 192\.168\.58\.132:11211 is (?:down|connecting)$/m, '... which, and what it is');
is(status('b')->{status}, 0, '... on the node without the VIP nothing is wrong');

cluster('start-memcached', 'b');
my $bar = qr/^\s+192\.168\.58\.132:11211 +filling +\S+ +\[(?=.{20}\])#*-+\] \d+ %, \d+:\d\d min left$/m;
ok(wait_for('a bar', sub { ($ran = status('a'))->{out} =~ $bar }), 'it is back: a bar shows how far it is filled, and the time it will take')
    or diag($ran->{out});
is($ran->{status}, 1, '... not well yet');
like($ran->{out}, qr/NOT WELL: server 192\.168\.58\.132:11211 is filling$/m, '... and why');
my ($server, $well, $status) = server();
is($server->{state}, 'filling', 'JSON: the state');
ok(!$well && $status == 1, '... not well');
ok($server->{fill_done} < $server->{fill_total} && $server->{fill_total} >= ITEMS, '... how much of what') or diag(explain($server));
cmp_ok($server->{fill_left_s} // -1, '>=', 0, '... and how long it will take');

ok(wait_for('full', sub { ($ran = status('a'))->{status} == 0 }, 40), 'full: all is well again') or diag($ran->{out});
like($ran->{out}, qr/^\s+(?:servers +)?192\.168\.58\.132:11211 +current +\S+ *$/m, '... and no bar is left') or diag($ran->{out});
is(vip_nodes() . port_nodes(), 'aa', 'nothing has moved');
done_testing;
