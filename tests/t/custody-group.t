# Intent: keepalived ended as systemd ends it, the whole control group at once or the main process
# alone, stopped and restarted; and an instance taken out of the configuration: the port never
# outlives the VIP, and what a hook has started ends in good order.
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

# keepalived is started on a node, and its first hook has run.
sub start {
	my ($node) = @_;
	cluster('start-keepalived', $node);
	wait_for("$node has a custodian", sub { processes($node, 'custodian') == 1 });
}

# All that was started on a node by keepalived or its hooks.
sub group { return map { processes($_[0], $_) } qw(keepalived notify proxy check) }

sub ended_well {
	my ($node, $what) = @_;
	wait_for("$what: all of it has ended", sub { !group($node) });
	is_deeply([group($node)], [], "$what: nothing of it is left");
	unlike(log_of($node), qr/has not ended in time|does not end|SIGKILL/, '... and nothing had to be killed');
}

# KillMode=control-group, Debian's.
sub end_group {
	my ($node) = @_;
	my $want = vip_nodes() eq $node ? 4 : 3;
	my $n = signal_to('TERM', $node, qw(keepalived notify proxy check));
	cmp_ok($n, '>=', $want, 'SIGTERM to keepalived and what its hooks have started, at once');
}

end_group('a');
settles('b', 'the whole control group ended: the other node serves, this one does not');
ended_well('a', 'the whole control group');
start('a');
settles('b', 'started again: nothing moves');

# KillMode=process, upstream's and the RHEL family's.
signal_to('TERM', 'b', 'keepalived');
settles('a', 'the main process ended: the other node serves, this one does not');
ended_well('b', 'the main process');
start('b');
settles('a', 'started again: nothing moves');

# Restarted: systemd waits for the main process only, then starts the next one.
for my $how ('the control group', 'the main process') {
	my $owner = vip_nodes();
	$how eq 'the control group' ? end_group($owner) : signal_to('TERM', $owner, 'keepalived');
	wait_for('keepalived has ended', sub { !processes($owner, 'keepalived') });
	start($owner);
	settles(other($owner), "restarted, $how ended: the other node serves");
	stays(other($owner), '... for good', 2);
	is(scalar processes($_, 'proxy'), $_ eq $owner ? 0 : 1, "... proxies on $_") for 'a', 'b';
	is(scalar processes($_, 'custodian'), 1, "... one custodian on $_") for 'a', 'b';
}

# On the node that has not the VIP nobody notices.
my $owner = vip_nodes();
my $w = watch();
end_group(other($owner));
ended_well(other($owner), 'the control group of the node without the VIP');
start(other($owner));
stays($owner, '... the VIP stays', 2);
is_deeply($w->end->{wrong}, [], '... no client sees an error');

# The instance is deleted. keepalived says DELETED, STOP or, 2.2, FAULT.
configure($owner, 'w /etc/keepalived/whole.conf', '/^vrrp_instance/,/^}/d');
cluster('reload-keepalived', $owner);
settles(other($owner), 'the instance deleted by a reload: the other node serves, this one does not');
wait_for('keepalived has said so', sub { log_of($owner) =~ /keepalived says (?:DELETED|STOP|FAULT)/ });
is(scalar processes($owner, 'proxy'), 0, '... no proxy is left');
# Else it would end all the same, when the other node's has taken its servers over: later.
like(log_of($owner), qr/serving -> ending: the VIP is gone/, '... it was ended because the VIP has gone');
ok(scalar processes($owner, 'keepalived'), '... keepalived itself lives');
node($owner, 'mv', '/etc/keepalived/whole.conf', '/etc/keepalived/keepalived.conf');
cluster('reload-keepalived', $owner);
wait_for('the instance is back', sub { log_of($owner) =~ /keepalived says BACKUP/ });
settles(other($owner), 'the instance is back: nothing moves');
is(scalar processes($owner, 'custodian'), 1, '... it has one custodian');
signal_to('TERM', other($owner), 'keepalived');
settles($owner, '... and serves when it is needed');
done_testing;
