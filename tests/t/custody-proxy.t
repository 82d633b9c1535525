# Intent: a proxy that is killed is started again at once; a node whose proxy is frozen or cannot
# start loses the VIP, and the frozen one is ended.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipCluster;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

cluster_up();
settles('a', 'both nodes up');
client($VIP)->ask("set kept 0 0 1\r\n1\r\n");

my $masters = masters_entered();
my ($was) = processes('a', 'proxy');
signal_to('KILL', 'a', 'proxy');
my $start = time;
wait_for('another proxy serves', sub { my ($now) = processes('a', 'proxy'); $now && $now != $was && is_served() });
my $took = time - $start;
cmp_ok($took, '<', 5, 'the proxy killed: another one serves');
note_time('the proxy killed: another one serves', $took);
settles('a', '... on the same node');
is(masters_entered(), $masters, '... the VIP has not moved');
like(log_of('a'), qr/proxy\[\d+\] was killed by signal 9/, '... and the log says what it died of');

($was) = processes('a', 'proxy');
my $c = client($VIP);
cluster('freeze-proxy', 'a');
settles('b', 'the proxy frozen: the VIP moves');
like(node_log('a'), qr/memvip-vip-check\[\d+\]: service: no: .*: silent/, '... the check has told why');
wait_for('the frozen proxy is ended', sub { !processes('a', 'proxy') });
is(scalar processes('a', 'proxy'), 0, '... and the frozen proxy has been ended');
like(log_of('a'), qr/has not ended in time: killed/, '... by SIGKILL');
like($c->closed(10), qr/./, '... so has the connection to it');
is(value_of($VIP, 'kept'), '1', '... the value is read from the other node');
like(node('a', 'memvip-vip-check', '-v')->{out}, qr/^(?:no: held down|no: failed with the VIP, and the other)/,
    '... where it failed the check holds the node down');
stays('b', '... the VIP stays', 3);

# It ends at every start.
node('b', 'sh', '-c', 'date +%s.%N >/run/starts; printf "#!/bin/sh\\ndate +%%s.%%N >>/run/starts\\nexit 1\\n" >/usr/local/sbin/broken;
    chmod 755 /usr/local/sbin/broken; mv -f /usr/local/sbin/broken /usr/local/sbin/memvip-proxy');
node('a', 'rm', '-f', '/run/memvip/check-192.168.58.100_12000.hold');
signal_to('KILL', 'b', 'proxy');
settles('a', 'a proxy that ends at every start: the VIP moves');
my (undef, @starts) = split /\n/, node('b', 'cat', '/run/starts')->{out};
cmp_ok(scalar @starts, '>=', 3, '... after some starts');
# At once, then after 0.1, 0.2, 0.4, 0.8 s: no more than that in the seconds until the VIP has gone.
cmp_ok(scalar @starts, '<=', 10, '... with pauses between them') or diag("@starts");
stays('a', '... the VIP stays', 2);
done_testing;
