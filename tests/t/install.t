# Intent: make install puts everything in its place and make uninstall takes it away again, but for
# /etc/memvip; the unit for a proxy by hand is well-formed, well confined, and the proxy lives in its confinement.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

chdir top();
my $root = tmpdir() . '/root';
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};

sub make {
	my (@words) = @_;
	my $ran = run({seconds => 120}, 'make', "DESTDIR=$root", 'PREFIX=/usr', @words);
	is($ran->{status}, 0, "make @words") or diag($ran->{out}, $ran->{err});
}

# Every file below the root, with its mode.
sub files {
	my %files;
	for my $path (split /\0/, `find $root \\( -type f -o -type l \\) -print0`) {
		$files{substr $path, length $root} = sprintf '%o', (stat $path)[2] & 07777;
	}
	return \%files;
}

mkdir $root;
make('install');
my $files = files();
my @samples = map { s{.*/}{}r =~ s/\.in\z//r } glob('keepalived/*.conf keepalived/*.conf.in'), qw(prometheus.yml memvip.rules.yml);
my %want = (
    (map { $_ => 755 } qw(/usr/sbin/memvip-proxy /usr/libexec/keepalived/memvip-vip-check /usr/libexec/keepalived/memvip-notify)),
    (map { $_ => 644 } qw(/usr/share/man/man5/memvip.conf.5 /usr/share/man/man7/memvip.7 /usr/share/man/man8/memvip-proxy.8
	/usr/share/man/man8/memvip-vip-check.8 /usr/share/man/man8/memvip-notify.8 /usr/lib/systemd/system/memvip-proxy@.service
	/etc/memvip/memvip.conf), (map { "/usr/share/doc/memvip/$_" } qw(README.md INSTALL LICENSE), map { "examples/$_" } @samples)));
is_deeply([sort grep { !m{^/usr/share/doc/memvip/examples/} || exists $want{$_} } keys %$files], [sort keys %want], 'each file is in its place');
is_deeply({map { $_ => $files->{$_} } grep { exists $want{$_} } keys %$files}, {map { $_ => $want{$_} } keys %want}, '... with its mode');
my @open = grep { m{\.(?:conf|service|[578])\z} && slurp("$root$_") =~ /\@[A-Z]+\@/ } keys %$files;
is("@open", '', 'no folder is left to be filled in');
like(slurp("$root/usr/share/doc/memvip/examples/keepalived-primary.conf"), qr{"/usr/libexec/keepalived/memvip-notify"}, '... it is');

spew("$root/etc/memvip/memvip.conf", "# mine\n");
make('install');
is(slurp("$root/etc/memvip/memvip.conf"), "# mine\n", "an administrator's file is not touched");
make('uninstall');
is_deeply([keys %{files()}], ['/etc/memvip/memvip.conf'], 'uninstall takes away the rest');

# ---- the unit ----
(my $unit = slurp('packaging/systemd/memvip-proxy@.service.in')) =~ s/\@SYSCONFDIR\@/tmpdir()/ge;
my $sbin = tmpdir() . '/sbin';
mkdir $sbin;
system('cp', program('proxy/memvip-proxy'), $sbin);
chmod 0755, tmpdir(), $sbin, "$sbin/memvip-proxy";
$unit =~ s/\@SBINDIR\@/$sbin/g;
unlike($unit, qr/\@[A-Z]+\@/, 'the unit: no folder is left to be filled in');
my $path = spew('memvip-proxy@.service', $unit);
SKIP: {
	skip 'needs systemd-analyze', 4 if !has_command('systemd-analyze');
	my $ran = run('systemd-analyze', 'verify', '--man=no', $path);
	is($ran->{status}, 0, 'the unit: systemd-analyze verify') or diag($ran->{out}, $ran->{err});
	is($ran->{out} . $ran->{err}, '', '... without a word');
	$ran = run('systemd-analyze', 'security', '--offline=yes', '--threshold=20', '--no-pager', $path);
	skip 'this systemd-analyze cannot judge a file', 2 if ($ran->{status} // 0) != 0 && $ran->{err} =~ /unrecognized option|invalid/i;
	is($ran->{status}, 0, '... security: an exposure of 2.0 at most') or diag($ran->{out}, $ran->{err});
	like($ran->{out}, qr/Overall exposure level for .*: (?:[01]\.\d|2\.0) /, '... which it says');
}

# Does the proxy live so? As the unit starts it, with what of its confinement can be had without
# systemd: a user without privileges, no capabilities, nothing new to be gained, a file system to read.
# The system calls are looked at one by one.
SKIP: {
	skip 'needs root, and a program as it is installed', 1 if $> != 0 || sanitized();
	for my $command (qw(strace setpriv unshare systemd-analyze)) {
		skip "needs $command", 1 if !has_command($command);
	}
	skip 'no strace here', 1 if run('strace', '-o', '/dev/null', 'true')->{status};
	my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
	my ($ip, $port) = (own_ip(), free_port());
	my $conf = spew('proxy.conf', "listen $ip\nport $port\nserver @{[$a->where]}\nbackup @{[$b->where]}\n");
	my ($exec) = $unit =~ /^ExecStart=(.*)$/m;
	$exec =~ s{\Q@{[tmpdir()]}\E/memvip/proxy/%i\.conf}{$conf};
	my $trace = tmpdir() . '/trace';
	my $shell = "mount -o remount,ro,bind / && "
	    . "! touch $sbin/x 2>/dev/null && exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all $exec";
	my $traced = bless {name => 'proxy by hand', cmd => ['strace', '-f', '-qq', '-o', $trace, 'unshare', '-m', 'sh', '-c', $shell]},
	    'MemvipTest::Process';
	$traced->start;
	# The one in the background: its parent listens too, and is there for a moment longer.
	wait_for('it serves', sub { eval { client("$ip:$port") } }) or skip 'it does not run', 1;
	my ($pid) = wait_for('it is in the background', sub {
		my @pids = grep { slurp("/proc/$_/cmdline") =~ /^\Q$sbin\E\/memvip-proxy\0/ } map { m{(\d+)$} } glob '/proc/[0-9]*';
		return @pids == 1 && slurp("/proc/$pids[0]/status") =~ /^PPid:\t(\d+)$/m && $1 != $traced->{pid} && $pids[0];
	});
	is(slurp($traced->{log}), '', 'the unit: started, confined, without a complaint');
	like(slurp("/proc/$pid/status"), qr/^NoNewPrivs:\t1$/m, '... it can gain nothing');
	like(slurp("/proc/$pid/status"), qr/^Cap(?:Prm|Eff):\t0+\nCap(?:Prm|Eff):\t0+\nCapBnd:\t0+$/m, '... and has nothing');
	my $c = client("$ip:$port");
	is($c->ask("set k 0 0 5\r\nhello\r\n"), "STORED\r\n", '... it serves');
	wait_for('both are current', sub { 2 == (() = $c->ask("stats servers\r\n") =~ /\.state current/g) });
	$a->kill9;
	is($c->ask("get k\r\n"), "VALUE k 0 5\r\nhello\r\nEND\r\n", '... outlives a server');
	$a->start->wait_up;
	wait_for('it is filled', sub { defined value_of($a, 'k') });
	kill TERM => $pid;
	is($traced->wait_end, 0, '... ends as it is told');

	# What it called, from its own execve on, against what the unit allows.
	my @groups = split /\n(?=\@)/, run('systemd-analyze', '--no-pager', 'syscall-filter')->{out};
	my %group = map { my @l = split /\s*\n\s*/; (shift @l => [grep { /^[\@\w]/ } @l]) } @groups;
	my ($expand, %seen);
	$expand = sub { map { /^\@/ ? $seen{$_}++ ? () : $expand->(@{$group{$_} // []}) : $_ } @_ };
	my (%allowed, @lines);
	for ($unit =~ /^SystemCallFilter=(.*)$/mg) {
		%seen = ();
		my ($not, @names) = (/^~/ ? 1 : 0, split ' ', s/^~//r);
		my @calls = $expand->(@names);
		$not ? delete @allowed{@calls} : (@allowed{@calls} = @calls);
	}
	cmp_ok(scalar keys %allowed, '>', 100, 'the system calls that the unit allows');
	my %of;
	for (split /\n/, slurp($trace)) {
		my ($who, $call) = /^(\d+) +(\w+)\(/ or next;
		%of = () if $call eq 'execve' && /memvip-proxy/;
		$of{$call} = $_;
	}
	cmp_ok(scalar keys %of, '>', 20, '... those that the proxy made');
	is(join("\n", map { $of{$_} } sort grep { !$allowed{$_} && $_ ne 'execve' } keys %of), '', '... are among them');
}
done_testing;
