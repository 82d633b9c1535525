# Intent: a server that is cut off the network, so that not even a reset comes, costs a wait and no
# old value, also when the network comes back.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

own_net();
plan skip_all => 'needs nft' if !has_command('nft');
plan skip_all => 'nftables do not work here'
    if run('nft', 'add table inet memvip; add chain inet memvip in { type filter hook input priority 0; }')->{status};

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my $p = proxy(servers => [$a], backups => [$b]);
$p->wait_current;
my $c = client($p);

sub cut {
	my ($s) = @_;
	is(run('nft', "add rule inet memvip in tcp dport @{[$s->port]} drop; "
		. "add rule inet memvip in tcp sport @{[$s->port]} drop")->{status}, 0, "cut: $s->{name}");
}
sub mend { is(run('nft', 'flush chain inet memvip in')->{status}, 0, 'mended') }
sub stored { is($c->ask("set $_[0] 0 0 " . length($_[1]) . "\r\n$_[1]\r\n"), "STORED\r\n", $_[2]) }
sub got { is($c->ask("get $_[0]\r\n"), "VALUE $_[0] 0 " . length($_[1]) . "\r\n$_[1]\r\nEND\r\n", $_[2]) }

stored('k', 'old', 'a value on both');
stored('d', 'old', 'another');
# All that was sent has been acknowledged: the server's end of the old connection has nothing left to
# send when the network is back, and so never learns by itself that the other end is gone.
sleep 0.3;
cut($a);
my $start = time;
got('k', 'old', 'the primary cut off: a get is answered');
cmp_ok(time - $start, '<', 5, '... after the timeout at the latest');
stored('k', 'new', '... a set');
is($c->ask("delete d\r\n"), "DELETED\r\n", '... a delete');
$start = time;
got('k', 'new', '... nothing waits any more');
cmp_ok(time - $start, '<', 0.4, '... at all');

mend();
my (%seen, $back);
my $until = time + 12;
while (time < $until) {
	$seen{$c->ask("get k\r\n")}++;
	$seen{$c->ask("get d\r\n")}++;
	$back //= time if $p->state($a) eq 'current';
	# A second more: what was queued in the kernel arrives late.
	last if defined $back && time > $back + 1.5;
	sleep 0.01;
}
ok($back, 'it is in use again');
delete @seen{"VALUE k 0 3\r\nnew\r\nEND\r\n", "END\r\n"};
is_deeply(\%seen, {}, 'and no old value was ever seen');
same_items('both hold the same', $a, $b);

# The port of the lost connection is another program's by now: nobody can knock from it.
my ($to) = $b->port;
# Both ends, each with its own address first: nothing is unacknowledged on the way.
sub ends { return map { [/^0\s+0\s+(\S+):(\d+)\s/] } split /\n/, run('ss', '-tnH', 'state', 'established', $_[0])->{out} }
my @lost;
for (1 .. 20) {
	sleep 0.3;
	cut($b);
	my @ours = ends("dport = :$to");
	last if (@lost = @ours == 1 ? @{$ours[0]} : ()) && 1 == grep { @$_ } ends("sport = :$to");
	@lost = ();
	mend();
}
is(scalar @lost, 2, 'the connection to the follower, with nothing on the way') or diag(run('ss', '-tn')->{out});
stored('k', 'newer', '... is cut off');
wait_for('it is out', sub { $p->state($b) !~ /^current$/ });
my $other = IO::Socket::IP->new(LocalHost => $lost[0], LocalPort => $lost[1], PeerAddr => $a->where);
ok($other, '... its port is taken') or diag("@lost: $@");
mend();
ok(wait_for('it is current', sub { $p->state($b) eq 'current' }, 30), 'it is in use again all the same');
is(scalar(log_lines($p, qr/cannot be knocked at/)), 1, '... which is told');
same_items('both hold the same', $a, $b);

# From the start.
cut($a);
my $q = proxy(servers => [$a], backups => [$b], name => 'late-proxy', args => ['--connect-timeout', 200]);
my $cq = client($q);
$start = time;
is($cq->ask("set q 0 0 1\r\n1\r\n"), "STORED\r\n", 'a proxy that starts with the primary cut off serves');
cmp_ok(time - $start, '<', 5, '... in bounded time');
is($p->wait_end(20), 75, '... and the one before it, of the same name, ends');
mend();
wait_for('both in use', sub { 2 == grep { $q->state($_) eq 'current' } $a, $b }, 20);
same_items('mended: both hold the same', $a, $b);

# Both: errors, and no more than that.
$c = client($q);
cut($_) for $a, $b;
$start = time;
like($c->ask("get k\r\n"), qr/\ASERVER_ERROR /, 'both cut off: an error');
cmp_ok(time - $start, '<', 8, '... in bounded time');
mend();
wait_for('service again', sub { $c->ask("set k 0 0 1\r\ny\r\n") eq "STORED\r\n" });
got('k', 'y', 'mended: it serves');
done_testing;
