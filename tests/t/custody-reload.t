# Intent: memvip.conf changed on both nodes and memvip-notify sync: the proxy that serves takes it over, with its
# clients; a mistake in it costs nothing; after a failover the other node's proxy has it too.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipCluster;
use MemvipTest;
use Test::More;

cluster_up();
settles('a', 'both nodes up');
my $c = client($VIP);
is($c->ask("set x 0 0 1\r\n1\r\n"), "STORED\r\n", 'a client');
my $pid = join ' ', processes('a', 'proxy');
my $big = "set big 0 0 2000\r\n" . 'x' x 2000 . "\r\n";
is($c->ask($big), "STORED\r\n", '... whose value is not too large');

configure_memvip($_, '$amax-value 1k') for 'a', 'b';
my $ran = node('a', 'memvip-notify', 'sync');
is($ran->{status}, 0, 'changed, and sync on the node that serves');
like($ran->{out}, qr/: serving: proxy\[\d+\] listens, and reads its configuration again$/m, '... says so');
wait_for('the proxy says what has changed', sub { log_of('a') =~ /SIGHUP: changed: max-value 1048576 -> 1024/ });
is($c->ask($big), "SERVER_ERROR object too large for cache\r\n", '... it counts, on the same connection');
is(join(' ', processes('a', 'proxy')), $pid, '... the same proxy');

# The backup goes, and comes back.
my $b = memcached_of('b');
configure_memvip('a', '/^backup /d');
is(node('a', 'memvip-notify', 'sync')->{status}, 0, 'without the backup');
wait_for('the proxy says so', sub { log_of('a') =~ /SIGHUP: changed: backup \S+ -> none/ });
is($c->ask("get x\r\n"), "VALUE x 0 1\r\n1\r\nEND\r\n", '... the item is there, on the same connection');
configure_memvip('a', "/^server /abackup $b");
is(node('a', 'memvip-notify', 'sync')->{status}, 0, 'with it again');
wait_for('the proxy says so', sub { log_of('a') =~ /SIGHUP: changed: backup none -> \Q$b\E/ });
wait_for('all is well', sub { node('a', 'memvip-notify', 'status')->{status} == 0 });
is($c->ask("get x\r\n"), "VALUE x 0 1\r\n1\r\nEND\r\n", '... the item is there');

configure_memvip('a', '$ahedge soon');
node('a', 'memvip-notify', 'sync');
wait_for('a mistake is told', sub { log_of('a') =~ /SIGHUP: refused, nothing has changed: \S+:\d+: hedge: 'soon'/ });
is($c->ask("get x\r\n"), "VALUE x 0 1\r\n1\r\nEND\r\n", '... and costs nothing');
configure_memvip('a', '/^hedge soon/d');

cluster('stop-keepalived', 'a');
settles('b', 'the other node serves');
is(client($VIP)->ask($big), "SERVER_ERROR object too large for cache\r\n", '... by the new file');
is(client($VIP)->ask("get x\r\n"), "VALUE x 0 1\r\n1\r\nEND\r\n", '... and the item is there');

done_testing;
