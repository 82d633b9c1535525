# NotifyTest: what the tests of memvip-notify share. Each runs in network, mount and process
# namespaces of its own: a VIP that ip(8) adds and takes away, a log that can be read, a process
# called keepalived that is a sleep, and nothing left behind when the test ends.
package NotifyTest;
use strict;
use warnings;

# Before anything else is loaded: the rest happens in the namespaces.
#   1. as started: runs itself in new namespaces;   2. as process 1 there: reaps orphans;
#   3. the test.
BEGIN {
	my $stage = delete $ENV{MEMVIP_NOTIFY_STAGE} // 1;
	my @self  = ($^X, (map { "-I$_" } grep { !ref } @INC), $0, @ARGV);
	if ($stage == 1) {
		require Test::More;
		my $has = sub { grep { -x "$_[0]" } map { "$_/$_[0]" } split /:/, $ENV{PATH} };
		Test::More::plan(skip_all => 'needs root') if $> != 0;
		Test::More::plan(skip_all => 'no namespaces here')
		    if system('unshare -n -m -p --fork --mount-proc true 2>/dev/null') != 0;
		$ENV{MEMVIP_NOTIFY_STAGE} = 2;
		exec 'unshare', '-n', '-m', '-p', '--fork', '--kill-child', '--mount-proc', @self
		    or die "unshare: $!\n";
	}
	if ($stage == 2) {
		my $test = fork // die "fork: $!\n";
		if (!$test) {
			$ENV{MEMVIP_NOTIFY_STAGE} = 3;
			exec @self or die "$^X: $!\n";
		}
		$SIG{$_} = sub { kill TERM => $test } for qw(TERM INT HUP);
		my $status = 0;
		while ((my $pid = waitpid -1, 0) != -1 || $!{EINTR}) {
			next if $pid != $test;
			$status = $?;
			last;
		}
		POSIX::_exit($status & 127 ? 1 : $status >> 8) if require POSIX;
	}
}

use Carp qw(croak);
use Exporter qw(import);
use JSON::PP;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(node custody log_text log_count alive_pids sh);

my ($syslogd, $keepalived);

sub sh {
	my ($cmd) = @_;
	system($cmd) == 0 or croak "failed: $cmd\n";
}

# Makes this namespace a node with an interface, a syslog and a keepalived.
sub node {
	my $dev = tmpdir() . '/dev';
	sh("ip link set lo up && ip link add eth0 type veth peer name peer0 && " .
	    "ip link set eth0 up && ip link set peer0 up && ip addr add 10.7.7.1/24 dev eth0");
	mkdir $dev;
	sh("mount -t tmpfs tmpfs $dev");
	for my $name (qw(null zero full random urandom)) {
		spew("$dev/$name", '');
		sh("mount --bind /dev/$name $dev/$name");
	}
	symlink '/proc/self/fd', "$dev/fd";
	mkdir "$dev/shm";
	sh("mount --move $dev /dev");
	$syslogd = bless {name => 'syslog', cmd => [top() . '/tests/notify/syslogd']},
	    'MemvipTest::Process';
	$syslogd->start;
	wait_for('/dev/log', sub { -S '/dev/log' });
	keepalived();
}

# A process of that name is all that memvip-notify looks for. Starts one unless one runs.
sub keepalived {
	my $exe = tmpdir() . '/keepalived';
	sh("cp /bin/sleep $exe") if !-x $exe;
	return $keepalived if $keepalived && $keepalived->alive;
	$keepalived = bless {name => 'keepalived', cmd => [$exe, 1000]}, 'MemvipTest::Process';
	$keepalived->start;
	wait_for('keepalived is executed',
	    sub { (readlink("/proc/$keepalived->{pid}/exe") // '') eq $exe });
	return $keepalived;
}

sub syslogd { return $syslogd }

sub log_text { return MemvipTest::slurp($syslogd->{log}) }

sub log_count {
	my ($re) = @_;
	return scalar grep { /$re/ } split /\n/, log_text();
}

# Processes with that executable or script in their command line.
sub alive_pids {
	my ($re) = @_;
	my @pids;
	for my $dir (glob '/proc/[0-9]*') {
		my $cmd = MemvipTest::slurp("$dir/cmdline");
		$cmd =~ tr/\0/ /;
		next if $cmd !~ $re || MemvipTest::slurp("$dir/stat") =~ /\) [ZX] /;
		push @pids, $dir =~ /(\d+)\z/;
	}
	return @pids;
}

# One VIP and its port, with its configuration. Options: ip, port, name, args (of memvip-notify).
sub custody {
	my (%opt) = @_;
	my $n = $opt{name} // 'VI_1';
	my $s = bless {
	    ip => '10.7.7.7', port => 12000, name => $n, args => [], prefix => [],
	    dir => tmpdir() . "/$n", run_dir => tmpdir() . '/run', %opt,
	}, 'NotifyTest::Custody';
	mkdir $s->{dir};
	$s->{conf}  = "$s->{dir}/memvip.conf";
	$s->{where} = $s->{ip} =~ /:/ ? "[$s->{ip}]:$s->{port}" : "$s->{ip}:$s->{port}";
	spew($s->{conf}, "listen $s->{ip}\nport $s->{port}\nserver 10.7.7.1:11211\n");
	$s->servers("10.7.7.1:11211" => 'current');
	return $s;
}

package NotifyTest::Custody;
use JSON::PP;
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

sub servers {
	my ($s, %state) = @_;
	spew("$s->{dir}/servers", join '', "STAT pid 1\n",
	    map { "STAT server.$_.state $state{$_}\nSTAT server.$_.role leader\n" } sort keys %state);
}

# How the stand-in for the proxy shall behave; nothing: well.
sub behave {
	my ($s, $how) = @_;
	spew("$s->{dir}/behave", $how // '');
}

sub command {
	my ($s, @words) = @_;
	return (@{$s->{prefix}}, program('notify/memvip-notify'), '--proxy',
	    top() . '/tests/notify/stand-in-proxy', '--run-dir', $s->{run_dir}, '-c', $s->{conf},
	    @{$s->{args}}, @words);
}

# Runs memvip-notify to its end.
sub notify {
	my ($s, @words) = @_;
	return run({seconds => 20}, $s->command(@words));
}

# keepalived says so. Fails the test when the hook's exit code is another one than wanted.
sub hook {
	my ($s, $state, $want) = @_;
	my $r = $s->notify('INSTANCE', $s->{name}, $state, 100);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($r->{status}, $want // 0, "hook $state") or diag($r->{err});
	return $r;
}

sub status {
	my ($s) = @_;
	my $r = $s->notify('status', '--json');
	my $all = eval { decode_json($r->{out}) };
	return $all->[0] if $all && @$all;
	diag("status --json: $r->{status}\n$r->{out}$r->{err}");
	return {};
}

sub vip {
	my ($s, $how, $dev) = @_;
	$dev //= 'eth0';
	my $bits = $s->{ip} =~ /:/ ? '128 nodad' : 32;
	$bits = 128 if $bits ne 32 && $how eq 'del';
	NotifyTest::sh("ip addr $how $s->{ip}/$bits dev $dev");
}

sub vip_here {
	my ($s) = @_;
	return scalar(`ip addr show` =~ m{ \Q$s->{ip}\E/});
}

# Is there a listening socket on VIP:port? As the kernel's table has it.
sub listening {
	my ($s) = @_;
	my $v6 = $s->{ip} =~ /:/;
	my $bytes = Socket::inet_pton($v6 ? Socket::AF_INET6() : Socket::AF_INET(), $s->{ip});
	my $hex = sprintf '%s:%04X', join('', map { sprintf '%08X', $_ } unpack 'L*', $bytes), $s->{port};
	return scalar(slurp($v6 ? '/proc/net/tcp6' : '/proc/net/tcp') =~ /^ *\d+: \Q$hex\E \S+ 0A /m);
}

# A connection that a client makes is served.
sub serves {
	my ($s) = @_;
	my $c = eval { client($s->{where}) } or return 0;
	return $c->ask("stats servers\r\n", 3) =~ /^END\r$/m;
}

sub wait_serving {
	my ($s, $why) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for("$s->{where} is served" . ($why ? ": $why" : ''), sub { $s->serves });
}

sub wait_closed {
	my ($s, $why) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return wait_for("$s->{where} is closed" . ($why ? ": $why" : ''), sub { !$s->listening });
}

# Process ids as the state file has them; 0: none.
sub pid_of {
	my ($s, $who) = @_;
	my ($pid) = slurp("$s->{run_dir}/custody-$s->{ip}_$s->{port}.state") =~ /^$who (\d+) /m;
	return $pid // 0;
}

sub proxies    { my ($s) = @_; return NotifyTest::alive_pids(qr{stand-in-proxy -D -c \Q$s->{conf}\E }) }
sub custodians { return NotifyTest::alive_pids(qr{^memvip-notify: custodian}) }

# When the proxy was started, in seconds.
sub starts {
	my ($s) = @_;
	return map { /^(\S+)/ } split /\n/, slurp("$s->{dir}/starts");
}

1;
