# Intent: clusters stand beside each other, and an ended one leaves nothing: no process, no
# namespace, no file; also when the one who started it dies.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Fcntl qw(F_SETFD);
use MemvipTest;
use Test::More;

plan(skip_all => 'needs root') if $> != 0;
plan(skip_all => "needs $_")
    for grep { !has_command($_) } qw(unshare nsenter ip nft ss keepalived memcached);

my $tool = top() . '/tests/cluster/memvip-cluster';
my @names = map { "tool$$-$_" } qw(x y z);
END {
	for my $name (@names) {
		system($tool, 'down', $name) if defined $tool && -d "/run/memvip-cluster/$name";
	}
}

sub tool { return run({seconds => 60}, $tool, @_) }

# The host's pids of all processes that are in the nodes of a cluster.
sub pids_of {
	my ($name) = @_;
	my %ns;
	for my $node (qw(a b client switch)) {
		my ($pid) = split / /, slurp("/run/memvip-cluster/$name/$node/pid");
		my $ns = readlink "/proc/$pid/ns/net" or next;
		$ns{$ns} = 1;
	}
	return grep { $ns{readlink("/proc/$_/ns/net") // ''} } map { m{/(\d+)$} } glob '/proc/[0-9]*';
}

sub living {
	return grep { slurp("/proc/$_/stat") =~ /\) [^ZX] / } @_;
}

for my $name (@names[0, 1]) {
	my $ran = tool('up', $name);
	is($ran->{status}, 0, "$name is up") or die "no cluster: $ran->{out}$ran->{err}\n";
}
my $listed = tool('list')->{out};
like($listed, qr/^\Q$_\E$/m, "... and listed") for @names[0, 1];
like(tool('status', $names[1])->{out}, qr/^  a .* MASTER +here +open +\d+ items\n  b .* BACKUP +- +closed +\d+ items$/m,
    'status tells who is what');
like(tool('-n', $names[0], 'exec', 'a', 'hostname')->{out}, qr/^node-a$/, 'exec runs on a node');
is(tool('-n', $names[0], 'exec', 'b', 'sh', '-c', 'exit 7')->{status}, 7, '... and returns its status');
is(run({seconds => 60}, 'sh', '-c', 'printf "set x 0 0 1\ny\nget x\n" | "$0" -n "$1" talk', $tool, $names[0])->{out},
    "STORED\r\nVALUE x 0 1\r\ny\r\nEND\r\n", 'talk: what is typed is answered through the VIP');

my $ran = tool('up', $names[0]);
is($ran->{status}, 1, 'the same name again is refused');
like($ran->{err}, qr/^memvip-cluster: cluster \Q$names[0]\E is up already/, '... in one line');

my @pids = map { [pids_of($_)] } @names[0, 1];
cmp_ok(scalar @{$pids[0]}, '>=', 4 + 2 * 5, 'a cluster has many processes');
is(tool('down', $names[0])->{status}, 0, 'down ends one');
is_deeply([living(@{$pids[0]})], [], '... all its processes');
ok(!-e "/run/memvip-cluster/$names[0]", '... and its files');
my @first = map { (split / /, slurp("/run/memvip-cluster/$names[1]/$_/pid"))[0] } qw(a b client switch);
is_deeply([living(@first)], \@first, 'the other lives on');
is(tool('-n', $names[1], 'kill-memcached', 'b')->{status}, 0, '... and works');
like(tool('status', $names[1])->{out}, qr/^  b .* dead$/m, '... its faults are its own');
@{$pids[1]} = pids_of($names[1]);
is(tool('down', $names[1])->{status}, 0, 'down ends that one');
is_deeply([living(@{$pids[1]})], [], '... all its processes');

# Whoever started it may be killed: its end of the pipe goes with it.
pipe(my $life, my $held) or die "pipe: $!\n";
fcntl($life, F_SETFD, 0);
{
	local $ENV{MEMVIP_CLUSTER_LIFE_FD} = fileno $life;
	is(tool('up', '--idle', $names[2])->{status}, 0, 'a cluster with a life line is up');
}
my @idle = pids_of($names[2]);
cmp_ok(scalar living(@idle), '>=', 6, '... and lives');
close $held;
wait_for('its end', sub { !living(@idle) });
is_deeply([living(@idle)], [], '... until the line is cut');
is(tool('down', $names[2])->{status}, 0, 'down clears up after it');

for my $bad ([['jump'], qr/'jump' is no command/], [['up', '../x'], qr/is no name for a cluster/],
    [['kill-memcached'], qr/'' is not a node/], [['kill-memcached', 'c'], qr/'c' is not a node/],
    [['exec'], qr/on which node/], [['-n'], qr/which name/]) {
	$ran = tool(@{$bad->[0]});
	is($ran->{status}, 2, "'@{$bad->[0]}' is misuse");
	like($ran->{err}, qr/^memvip-cluster: .*$bad->[1].*\n\z/, '... said in one line');
}
is(tool('-n', $names[0], 'kill-memcached', 'a')->{status}, 1, 'a fault in a cluster that is not up: exit 1');
done_testing;
