# Intent: the check says yes, no or unsure as its manual has it, always by its deadline, and a node
# that failed with the VIP is held down.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::UNIX;
use MemvipTest;
use Socket qw(SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(time sleep);

# A /dev of the test's own, so that what goes to syslog arrives here and nowhere else.
if (!$ENV{MEMVIP_TEST_DEV} && $> == 0) {
	$ENV{MEMVIP_TEST_DEV} = 1;
	exec 'unshare', '-m', 'sh', '-ec', <<'EOF', $^X, $0 or die "unshare: $!\n";
mount --make-rprivate /
d=$(mktemp -d)
mount -t tmpfs -o mode=755 test-dev "$d"
for n in null zero random urandom; do : >"$d/$n"; mount --bind /dev/$n "$d/$n"; done
mkdir -m 1777 "$d/shm"
mount --rbind "$d" /dev
umount -l "$d"
rmdir "$d"
# What is installed on this machine is no part of the test.
[ ! -d /etc/memvip ] || mount -t tmpfs test-etc /etc/memvip
exec "$0" "$@"
EOF
}
own_net();
delete $ENV{MEMVIP_TEST_DEV};

my ($vip, $port) = ('192.168.58.100', 12000);
my $check = program('vip-check/memvip-vip-check');
my $run   = tmpdir() . '/run';

# eth0 with the node's address, and the wire's other end.
sub net_up {
	system('ip link add eth0 type veth peer name eth1 && ip link set eth0 up && ip link set eth1 up'
	    . ' && ip addr add 192.168.58.135/24 dev eth0') == 0 or die "no network\n";
}
net_up();

my $syslog = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => '/dev/log') or die "/dev/log: $!\n";
chmod 0666, '/dev/log';
$syslog->blocking(0);

# What the log has heard since the last look.
sub logged {
	my $all = '';
	while (defined $syslog->recv(my $line, 8192)) {
		last if $line eq '';
		$all .= "$line\n";
	}
	return $all;
}

sub vip { system("ip addr $_[0] $vip/32 dev eth0") == 0 or die "ip addr $_[0]\n" }

# Runs the check and looks at its status and at what it says.
sub check {
	my ($want, $says, $name, @args) = @_;
	my $ran = run($check, '-v', '-l', $vip, '-p', $port, '--run-dir', $run, @args);
	my $ok = defined $ran->{status} && $ran->{status} == $want && "$ran->{out}$ran->{err}" =~ $says;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($ok, $name) or diag('expected: exit ', $want, " and $says\ncame: exit ",
	    $ran->{status} // "by signal $ran->{signal}", " and '$ran->{out}$ran->{err}'");
	return $ran;
}

# Whatever is to answer on VIP:port: a process that does $serve->($client) with each connection.
{
	package Server;
	our @ISA = ('MemvipTest::Process');

	sub new {
		my ($class, $says) = @_;
		my $s = bless {name => 'server', where => "$vip:$port", cmd => [$^X, '-e', <<'EOF', $vip, $port, $says]}, $class;
use IO::Socket::IP;
my ($ip, $port, $says) = @ARGV;
my $l = IO::Socket::IP->new(LocalHost => $ip, LocalPort => $port, Listen => 64, ReuseAddr => 1) or die "$!";
while (my $c = $l->accept) {
	my $asked = <$c>;
	if ($says eq 'close') { close $c; next }
	print $c eval qq("$says");
	$c->flush;
	push @open, $c;
	shift @open if @open > 50;
}
EOF
		$s->start;
		MemvipTest::wait_for('the stand-in listens', sub {
		    MemvipTest::run('ss', '-Hltn', "sport = :$port")->{out} =~ /\Q$vip\E/ });
		return $s;
	}
}
my $good = 'STAT server.192.168.58.135:11211.state current\r\nSTAT server.192.168.58.132:11211.state down\r\nEND\r\n';

# ---- without the VIP ----
check(0, qr/^yes: the VIP is not here/, 'no VIP, nothing left of it: healthy');
check(1, qr/^no: \Q$vip\E is not here/, 'mode vip: not here', 'vip');
check(0, qr/^yes: the VIP is not here/, 'mode service is the default', 'service');
is(logged() =~ tr/\n//, 1, 'one change to "no" (of mode vip): one line in the log');

# keepalived runs its scripts with a umask of 0177.
system('rm', '-rf', $run);
run('sh', '-c', 'umask 0177; exec "$0" "$@"', $check, '-l', $vip, '-p', $port, '--run-dir', $run, 'vip');
is(sprintf('%o', (stat $run)[2] & 07777), '755', 'the run directory is open for others to read');
is(sprintf('%o', (stat "$run/check-${vip}_$port.vip")[2] & 07777), '644', '... and so is what is in it');
logged();

# ---- with it ----
vip('add');
check(0, qr/^yes: \Q$vip\E is here/, 'mode vip: here', 'vip');
my $ran = check(1, qr/^no: the VIP is here, but no memvip-proxy answers: \Q$vip:$port\E: Connection refused/,
    'nobody listens');
cmp_ok($ran->{seconds}, '>=', 0.5, '... and it was asked again for a while');
cmp_ok($ran->{seconds}, '<', 2, '... until the deadline');
like(logged(), qr/service: no: the VIP is here/, 'the log says so');
check(1, qr/^no/, 'still nobody');
is(logged(), '', '... which is no news');

for my $bad (
    ['silent', '',                       qr/: silent/],
    ['half an answer', 'STAT a b\r\n',   qr/: silent/],
    ['no line end', 'x' x 600,           qr/answers without a line end/],
    ['another protocol', 'HTTP/1.0 400\r\n', qr{answers 'HTTP/1\.0 400'}],
    ['an error', 'SERVER_ERROR no\r\n',  qr/answers 'SERVER_ERROR no'/],
    ['closes', 'close',                  qr/: (closed the connection|Connection reset)/]) {
	my ($name, $says, $why) = @$bad;
	my $s = Server->new($says);
	check(1, $why, "a server that is no good: $name");
	$s->kill9;
}

my $full = Server->new('ERROR Too many open connections\r\n');
check(0, qr/^yes/, 'a proxy that has no connection left serves: moving the VIP would help nobody');
$full->kill9;

my $server = Server->new($good);
$ran = check(0, qr/^yes: the VIP is here and \Q$vip:$port\E answers/, 'an answer of STAT lines ended by END');
logged();
$server->freeze;
$ran = check(1, qr/: silent/, 'frozen');
cmp_ok($ran->{seconds}, '<', 2, '... is noticed by the deadline');
like(logged(), qr/service: no:.* silent/, 'the log hears of the change again');
$server->thaw;
check(0, qr/^yes/, 'thawed');
$server->kill9;

# The proxy is a moment later than the VIP.
my $late = fork // die "fork: $!\n";
if (!$late) {
	sleep 0.3;
	exec $^X, '-e', 'use IO::Socket::IP; $l = IO::Socket::IP->new(LocalHost => shift, LocalPort => shift, Listen => 5, ReuseAddr => 1);
	    while ($c = $l->accept) { <$c>; print $c eval q("' . $good . '"); close $c }', $vip, $port;
}
check(0, qr/^yes: the VIP is here and .* answers/, 'a proxy that starts 0.3 s later is waited for');
kill KILL => $late;
waitpid $late, 0;

# ---- stale ----
$server = Server->new($good);
vip('del');
unlink glob "$run/*.hold";
check(1, qr/the VIP is not here, but perl\[$server->{pid}\] still listens on \Q$vip:$port\E/,
    'VIP gone, still served: the process is named');
$server->kill9;
check(0, qr/^yes/, '... and that was all');
my $wild = fork // die "fork: $!\n";
if (!$wild) {
	exec $^X, '-e', 'use IO::Socket::IP; IO::Socket::IP->new(LocalHost => "0.0.0.0", LocalPort => shift, Listen => 5, ReuseAddr => 1)
	    and sleep 60', $port;
}
wait_for('a listener on every address', sub { run('ss', '-Hltn', "sport = :$port")->{out} =~ /\S/ });
check(0, qr/^yes/, 'a listener on every address is not stale');
kill KILL => $wild;
waitpid $wild, 0;

# ---- hold-down ----
my $hold = "$run/check-${vip}_$port.hold";
vip('add');
check(1, qr/^no/, 'fails with the VIP');
like(slurp($hold), qr/\Afails 1\n.*^until_boottime_ms \d+\n.*^boot_id [0-9a-f-]{36}\n\z/ms, 'the hold-down is written');
vip('del');
check(1, qr/^no: held down for [\d.]+ s more/, '... and holds without the VIP');
my ($until) = slurp($hold) =~ /^until_boottime_ms (\d+)/m;
my $uptime = sub { (split / /, slurp('/proc/uptime'))[0] * 1000 };
cmp_ok($until - $uptime->(), '<=', 5000, '... for 5 s at most');
wait_for('its end', sub { run($check, '-l', $vip, '-p', $port, '--run-dir', $run)->{status} == 0 });
cmp_ok($uptime->(), '>=', $until, '... and not less: nobody else serves the VIP');
vip('add');
check(1, qr/^no/, 'fails the next time');
like(slurp($hold), qr/\Afails 2\n/, '... which counts');
my ($failed2, $until2) = slurp($hold) =~ /^failed_boottime_ms (\d+)\nuntil_boottime_ms (\d+)/m;
is($until2 - $failed2, 10000, '... and holds for 10 s');
unlink $hold;
vip('del');
check(0, qr/^yes/, 'without its file the hold-down has ended');

# The other node serves: a route to a namespace where VIP:port answers.
spew($hold, "fails 1\nfailed_boottime_ms 1\nuntil_boottime_ms 1\npeer_until_boottime_ms "
    . int($uptime->() + 50000) . "\nboot_id " . slurp('/proc/sys/kernel/random/boot_id'));
check(0, qr/^yes/, 'the other node does not serve: not held down beyond the first seconds')
    if $uptime->() < 300000;
my ($h) = slurp('/proc/sys/kernel/random/boot_id');
spew($hold, sprintf "fails 1\nfailed_boottime_ms %d\nuntil_boottime_ms 1\npeer_until_boottime_ms %d\nboot_id %s",
    $uptime->() - 10000, $uptime->() + 50000, $h);
check(0, qr/^yes/, 'nobody serves the VIP elsewhere: free');
my $peer = fork // die "fork: $!\n";
if (!$peer) {
	exec 'unshare', '-n', 'sh', '-ec', 'ip link set lo up; while ! ip link show eth1 >/dev/null 2>&1; do sleep 0.02; done
	    ip link set eth1 up; ip addr add 192.168.58.132/24 dev eth1; ip addr add ' . "$vip/32" . ' dev eth1
	    exec "$0" "$@"', $^X, '-e', 'use IO::Socket::IP;
	    $l = IO::Socket::IP->new(LocalHost => shift, LocalPort => shift, Listen => 5, ReuseAddr => 1) or die;
	    while ($c = $l->accept) { <$c>; print $c eval q("' . $good . '"); close $c }', $vip, $port;
}
wait_for('the namespace of the other node', sub {
	(readlink("/proc/$peer/ns/net") // '') ne readlink('/proc/self/ns/net') });
run('ip', 'link', 'set', 'eth1', 'netns', $peer);
wait_for('the other node serves', sub { eval { client("$vip:$port")->ask("stats servers\r\n", 1) =~ /END/ } });
check(1, qr/^no: failed with the VIP, and the other node serves it: held down/, 'the other node serves: held down');
kill KILL => $peer;
waitpid $peer, 0;
# With its namespace the wire goes, both ends of it.
wait_for('the wire is gone', sub { !-e '/sys/class/net/eth0' || run('ip', 'link', 'show', 'eth0')->{status} });
net_up();
unlink $hold;
spew($hold, $_), check(0, qr/^yes/, 'a damaged hold-down holds nobody down')
    for '', "garbage\0\xff", "fails 9\nfailed_boottime_ms 0\nuntil_boottime_ms 99999999999999\npeer_until_boottime_ms 1\nboot_id $h";
unlink $hold;

# ---- servers ----
{
	my @m = map { memcached() } 1, 2;
	my @both = ('-s', $m[0]->where, '-b', $m[1]->where, 'servers');
	check(0, qr/^yes: \S+ answers/, 'servers: both live', @both);
	$m[0]->freeze;
	check(0, qr/^yes: \Q@{[$m[1]->where]}\E answers/, 'servers: one frozen', @both);
	$m[1]->kill9;
	check(1, qr/^no: no memcached answers; \Q@{[$m[0]->where]}\E: silent; \Q@{[$m[1]->where]}\E: Connection refused/,
	    'servers: no one left, and why', @both);
	$m[0]->thaw;
	check(0, qr/^yes/, 'servers: one with a weight, for ketama', '-s', $m[0]->where . ':3', 'servers');
	# The first address that the name has.
	my (undef, $first) = Socket::getaddrinfo('localhost', '', {socktype => Socket::SOCK_STREAM()});
	my $ip = $first && $first->{family} == Socket::AF_INET6() ? '::1' : '127.0.0.1';
	check(0, qr/^yes/, 'servers: a host name', '-s', 'localhost:' . memcached(ip => $ip)->port, 'servers');
}
check(2, qr/no server is configured/, 'servers: none configured', 'servers');

# ---- keepalived ----
check(1, qr/^no: no keepalived runs in this network namespace/, 'keepalived: none here', 'keepalived');
my $fake = tmpdir() . '/keepalived';
system('cp', (grep { -x } map { "$_/sleep" } split /:/, $ENV{PATH})[0], $fake);
my $outside = fork // die "fork: $!\n";
exec 'unshare', '-n', $fake, 60 if !$outside;
wait_for('keepalived in another namespace', sub { (readlink("/proc/$outside/exe") // '') eq $fake });
check(1, qr/^no/, 'keepalived: one in another namespace is not ours', 'keepalived');
my $inside = fork // die "fork: $!\n";
exec $fake, 60 if !$inside;
wait_for('keepalived here', sub { (readlink("/proc/$inside/exe") // '') eq $fake });
check(0, qr/^yes: keepalived runs \(pid $inside\)/, 'keepalived: found', 'keepalived');
kill KILL => $inside, $outside;
waitpid $_, 0 for $inside, $outside;

# ---- wrong usage: one line, exit 2 ----
my @bad = (
    [['-z'],                   qr/memvip-vip-check(?:\[\d+\])?: -z: unknown option$/],
    [['--port', '70000'],      qr/--port: '70000': out of range/],
    [['--check-timeout', '1'], qr/--check-timeout: '1': out of range/],
    [['sing'],                 qr/'sing': no such mode/],
    [['vip', 'vip'],           qr/one mode at most/],
    [['-l', 'vip.example'],    qr/'vip\.example': not an IP address/],
    [['-l', '0.0.0.0'],        qr/0\.0\.0\.0 is every address/],
    [['-p', '0'],              qr/port: 0/],
    [['-c', '/nowhere/x.conf'], qr{/nowhere/x\.conf: No such file}],
    [['-c', spew('bad.conf', "listen $vip\nprot 12000\n")], qr/bad\.conf:2: prot: unknown option/]);
for my $case (@bad) {
	my ($args, $why) = @$case;
	logged();
	my $ran = check(2, $why, "@$args: refused", @$args);
	is("$ran->{out}$ran->{err}" =~ tr/\n//, 1, '... in one line');
	like(logged(), $why, '... that syslog has too');
	run($check, '-l', $vip, '-p', $port, '--run-dir', $run, @$args);
	is(logged(), '', '... once');
}
$ran = run($check, '--run-dir', $run);
is($ran->{status}, 2, 'no VIP at all: exit 2') or diag($ran->{err});
like(run($check, '-h')->{out}, qr/--check-timeout MS/, '--help says the options');
is(run($check, '--version')->{status}, 0, '--version');

# ---- whatever hangs ----
vip('add');
{
	my $conf = tmpdir() . '/fifo.conf';
	system('mkfifo', $conf);
	my $ran = run($check, '-c', $conf, '--run-dir', $run);
	is($ran->{status}, 3, 'a configuration that never comes: unsure, by the deadline');
	cmp_ok($ran->{seconds}, '<', 3, '... and no later');

	my $s = Server->new('');
	my $pid = fork // die "fork: $!\n";
	exec $check, '-l', $vip, '-p', $port, '--run-dir', $run, '--check-timeout', '30000' if !$pid;
	wait_for('it waits', sub { slurp("/proc/$pid/stat") =~ /\) S / && slurp("/proc/$pid/comm") =~ /^memvip-vip/ });
	kill TERM => $pid;
	waitpid $pid, 0;
	is($? & 127, 15, 'SIGTERM ends it as a signal does, never by exit 0');
	$s->kill9;

	# The log daemon hangs: its queue is full. A healthy answer needs no log.
	my $good = Server->new($good);
	check(0, qr/^yes/, 'healthy before');
	my $full = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => '/dev/log');
	$full->blocking(0);
	1 while defined $full->send('x' x 100);
	check(0, qr/^yes/, 'syslog hangs: healthy all the same');
	$good->freeze;
	my $hung = run($check, '-l', $vip, '-p', $port, '--run-dir', $run);
	isnt($hung->{status}, 0, 'syslog hangs, and not healthy: not healthy');
	cmp_ok($hung->{seconds}, '<', 3, '... by the deadline');
	$good->kill9;
	1 while logged() ne '';
}

# ---- nowhere to write ----
{
	my $s = Server->new($good);
	my $full = tmpdir() . '/full';
	mkdir $full;
	system("mount -t tmpfs -o size=4k,nr_inodes=2 full $full && : >$full/a") == 0 or die "no tmpfs\n";
	my $ran = run($check, '-v', '-l', $vip, '-p', $port, '--run-dir', $full);
	is($ran->{status}, 0, 'a full disk: healthy all the same') or diag($ran->{out}, $ran->{err});
	$s->kill9;
	$ran = run($check, '-v', '-l', $vip, '-p', $port, '--run-dir', $full);
	is($ran->{status}, 1, 'a full disk, and not healthy: not healthy') or diag($ran->{out}, $ran->{err});
	system('umount', '-l', $full);

	SKIP: {
		skip 'needs setpriv', 5 if !has_command('setpriv');
		chmod 0711, tmpdir();
		my @nobody = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--', $check,
		    '-v', '-l', $vip, '-p', $port, '--run-dir', $run);
		logged();
		$ran = run(@nobody);
		skip 'the program is out of reach for an unprivileged user', 5 if ($ran->{status} // 127) > 3;
		is($ran->{status}, 1, 'an unprivileged user finds it out too') or diag($ran->{out}, $ran->{err});
		like(logged(), qr{cannot write to \Q$run\E: Permission denied}, '... says where it cannot write');
		run(@nobody);
		is(logged(), '', '... once');
		ok(-s "/dev/shm/memvip-65534/check-${vip}_$port.hold", '... and keeps the hold-down elsewhere');
		vip('del');
		$ran = run(@nobody);
		like($ran->{out}, qr/^no: held down/, '... where it holds') or diag($ran->{err});
	}
}
done_testing;
