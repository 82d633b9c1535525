# Intent: under script security hook and check work as root; run by an unprivileged script user, what
# cannot work is said once, clearly, and the other node serves.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipCluster;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

cluster_up();
settles('a', 'both nodes up, script security on, script_user root');
like(node($_, 'cat', '/etc/keepalived/keepalived.conf')->{out}, qr/^\s*script_user root\n\s*enable_script_security$/m, "... on $_") for 'a', 'b';
unlike(node_log($_), qr/(?:unsafe|insecure|disabl|not executable|security)/i, "... keepalived on $_ has no complaint of it") for 'a', 'b';

# ---- nobody, where memvip was never run as root ----
cluster('stop-keepalived', 'b');
wait_for('b is quiet', sub { !processes('b', 'notify') });
node('b', 'rm', '-rf', '/run/memvip');
configure('b', 's/script_user root/script_user nobody/');
cluster('start-keepalived', 'b');
wait_for('the hook on b has spoken', sub { log_of('b') =~ /memvip-notify\[/ });
my $needs_root = qr/memvip-notify\[\d+\]: .*memvip-notify needs root \(script_user root\)/;
like(log_of('b'), $needs_root, 'the hook says what it needs');
settles('a', '... the other node serves on');
stays('a', '... and does so', 3);
my %lines;
$lines{$_}++ for log_of('b') =~ /memvip-notify\[(\d+)\]/g;
is(join(' ', grep { $lines{$_} != 1 } keys %lines), '', '... each hook in one line');
my @check = log_of('b') =~ /(memvip-vip-check\[\d+\]: .*)/g;
is(scalar @check, 1, 'the check says once what it cannot do, and goes on') or diag(@check);
like($check[0] // '', qr{cannot write to /run/memvip: .*: the hold-down is kept in /dev/shm}, '... clearly');

# It gets the VIP all the same when the other node goes: nothing can serve, the check says so.
signal_to('TERM', 'a', 'keepalived');
wait_for('b has the VIP', sub { vip_nodes() =~ /b/ });
wait_for('the check fails', sub { log_of('b') =~ /service: no: the VIP is here, but no memvip-proxy answers/ });
wait_for('a has ended', sub { !processes('a', 'keepalived') });
ok(!scalar processes('b', 'proxy'), 'without root no proxy is started');
cluster('start-keepalived', 'a');
settles('a', 'the healthy node serves again');

# ---- root again ----
configure('b', 's/script_user nobody/script_user root/');
signal_to('TERM', 'b', 'keepalived');
wait_for('b has ended', sub { !processes('b', 'keepalived') });
cluster('start-keepalived', 'b');
wait_for('b has a custodian', sub { processes('b', 'custodian') == 1 });
cluster('stop-keepalived', 'a');
settles('b', 'script_user root: it serves');
done_testing;
