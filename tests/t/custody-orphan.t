# Intent: keepalived killed with all its processes leaves its VIP behind, which the other node takes
# too: that orphan, and nothing else, is taken away and its port closed, unless a new keepalived
# owns it, or --keep-vip says no.
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
my $took_away = qr/memvip-notify\[\d+\]: 192\.168\.58\.100:12000: no keepalived is left: took the orphaned 192\.168\.58\.100\/32 away/;

sub addresses { return node($_[0], 'ip', '-o', 'addr', 'show', 'dev', 'eth0')->{out} =~ m{(192\.168\.58\.\S+)}g }

node('a', 'ip', 'addr', 'add', '192.168.58.101/32', 'dev', 'eth0');
cluster('kill-keepalived', 'a', 'all');
wait_for('two nodes own the VIP', sub { vip_nodes() eq 'ab' }, 5);
settles('b', 'keepalived killed, all of it: one node owns the VIP again');
like(log_of('a'), $took_away, '... the log says what was done');
is(() = log_of('a') =~ /$took_away/g, 1, '... once');
is_deeply([sort(addresses('a'))], ['192.168.58.101/32', '192.168.58.135/24'], '... all other addresses are there');
wait_for('the custodian ends', sub { !processes('a', 'notify') });
is_deeply([processes('a', 'notify')], [], '... the custodian has ended');
cluster('start-keepalived', 'a');
settles('b', 'started again: nothing moves');

# On a node that has not got the VIP there is nothing to take away.
cluster('kill-keepalived', 'a', 'all');
wait_for('the custodian ends', sub { !processes('a', 'notify') });
unlike(log_of('a'), qr/took the orphaned/, 'killed where the VIP is not: nothing is taken away');
settles('b', '... and the other node serves on');
cluster('start-keepalived', 'a');
wait_for('a custodian', sub { processes('a', 'custodian') == 1 });

# systemd (KillMode=control-group) then ends what is left of the control group.
cluster('kill-keepalived', 'b', 'all');
kill TERM => processes('b', 'notify'), processes('b', 'proxy');
settles('a', 'killed, and the custodian told to end: one node owns the VIP again');
like(log_of('b'), $took_away, '... the orphan was taken away');
cluster('start-keepalived', 'b');
wait_for('a custodian', sub { processes('b', 'custodian') == 1 });

# Who starts it again at once has a keepalived again, which does with its VIP what it thinks right.
cluster('kill-keepalived', 'a', 'all');
cluster('start-keepalived', 'a');
wait_for('one node has the VIP', sub { length vip_nodes() == 1 }, 10);
settles(vip_nodes(), 'killed and started at once: one owner, served');
stays(vip_nodes(), '... for good', 2);

# Where another keepalived lives it may be the owner: the VIP is left to it until it ends too.
my $owner = vip_nodes();
node($owner, 'sh', '-c', 'printf "global_defs {\nvrrp_version 3\n}\nvrrp_instance another {\ninterface eth0\n' .
    'virtual_router_id 60\nadvert_int 0.1\nvirtual_ipaddress {\n192.168.58.110/32\n}\n}\n" >/etc/keepalived/another.conf;
    exec keepalived --vrrp -f /etc/keepalived/another.conf --pid /run/another.pid --vrrp_pid /run/another-vrrp.pid');
wait_for('another keepalived', sub { processes($owner, 'keepalived') == 4 });
cluster('kill-keepalived', $owner, 'all');
wait_for('the custodian has found the other one', sub { log_of($owner) =~ /keepalived is there/ });
is(vip_nodes(), 'ab', 'killed beside another keepalived: the VIP is left alone');
unlike(log_of($owner), qr/took the orphaned/, '... as the log says');
signal_to('TERM', $owner, 'keepalived');
settles(other($owner), 'the other one ended too: one owner, served');
like(log_of($owner), $took_away, '... the orphan was taken away');
cluster('start-keepalived', $owner);
wait_for('a custodian', sub { processes($owner, 'custodian') == 1 });

# --keep-vip: the port is closed all the same.
$owner = vip_nodes();
configure($owner, 's|memvip-notify"|memvip-notify --keep-vip"|');
cluster('stop-keepalived', $owner);
cluster('start-keepalived', $owner);
settles(other($owner), 'with --keep-vip');
cluster('stop-keepalived', other($owner));
settles($owner, '... it serves');
cluster('start-keepalived', other($owner));
wait_for('the other node is ready', sub { processes(other($owner), 'custodian') == 1 });
cluster('kill-keepalived', $owner, 'all');
wait_for('only the other node listens', sub { port_nodes() eq other($owner) }, 10);
is(port_nodes(), other($owner), 'killed with --keep-vip: only the other node listens');
wait_for('the custodian ends', sub { !processes($owner, 'notify') });
is(vip_nodes(), 'ab', '... the VIP is left where it was');
like(log_of($owner), qr/no keepalived is left, and 192\.168\.58\.100 is still on this machine: left there/, '... as the log says');
done_testing;
