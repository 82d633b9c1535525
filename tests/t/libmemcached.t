# Intent: programs that use libmemcached work through the proxy, and go on while a server dies.
use strict;
use warnings;
BEGIN { $ENV{MEMVIP_TEST_LIMIT} //= $ENV{MEMVIP_VALGRIND} ? 1200 : 400 }
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(sleep);

my %program;
for ([qw(classic behaviour)], ['steady']) {
	my $name = $_->[0];
	$program{$name} = tmpdir() . "/$name";
	my $made = run({seconds => 60}, 'sh', '-c',
	    '${CC:-cc} -std=gnu11 -O1 -Wall -Wextra -Werror -o "$@" -lmemcached', 'sh',
	    $program{$name}, map { top() . "/tests/client/$_.c" } @$_);
	plan skip_all => "needs libmemcached (libmemcached-dev): $made->{err}" if $made->{status} != 0;
}

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my $p = proxy(servers => [$a], backups => [$b]);
$p->wait_current;

# ---- every operation, in libmemcached's ways to send it ----
my $slow = $ENV{MEMVIP_VALGRIND}; # some of it is enough there
my $MANY = $slow ? 1000 : 10_000;
my $LARGEST = 1 << 20; # --max-value
{
	my @large = (args => ['-I', '2m']);
	my @pair  = map { memcached(name => "large $_", @large) } qw(a b);
	my $path  = tmpdir() . '/large.sock';
	my $large = proxy(name => 'large', servers => [$pair[0]], backups => [$pair[1]],
	    args => ['--max-value', $LARGEST, '-f', $path]);
	$large->wait_current;

	# Says what it was started with: its keys and behaviours.
	my $classic = sub {
		my ($keys, @behaviours) = @_;
		my $name = join(' ', grep { !/^socket=/ } @behaviours) || 'plain';
		my $ran = run({seconds => 120}, $program{classic}, own_ip(), $large->port, $keys, $LARGEST, @behaviours);
		my @lines = split /\n/, $ran->{out};
		for my $i (0 .. $#lines) {
			next if $lines[$i] !~ /^(not )?ok \d+ - (.*)/;
			ok(!$1, "$name: $2") or diag($lines[$i + 1]);
		}
		is($ran->{status}, 0, "$name: all of it") or diag($ran->{err});
		like($ran->{out}, qr/^1\.\.\d+$/m, "$name: to the end");
	};
	$classic->($MANY, @$_) for [], ['buffer-requests'], ['noreply'];
	# What a user may switch on, alone and together.
	$classic->(100, split ' ') for (qw(no-block tcp-nodelay tcp-keepalive verify-key support-cas prefix=mine:
	    io-key-prefetch=10),
	    'no-block buffer-requests tcp-nodelay', 'no-block noreply', 'buffer-requests noreply tcp-nodelay',
	    'buffer-requests io-msg-watermark=7 io-bytes-watermark=2000', 'verify-key support-cas tcp-nodelay no-block',
	    'socket-send-size=4096 socket-recv-size=4096 no-block');
	# With two ways to it libmemcached spreads the keys, by any hash and any distribution.
	$classic->(100, "socket=$path", split ' ') for ((map { "hash=$_" } $slow ? () : qw(default md5 crc fnv1-64 fnv1a-64
	    fnv1-32 fnv1a-32 murmur jenkins)),
	    (map { "distribution=$_" } $slow ? () : qw(modula consistent consistent-ketama consistent-ketama-spy consistent-weighted random)),
	    'ketama', 'ketama-weighted', 'ketama-weighted ketama-hash=md5 remove-failed-servers', 'sort-hosts',
	    'prefix=p: hash-with-prefix-key', 'distribution=consistent buffer-requests', 'auto-eject-hosts no-block');
	cmp_ok(same_items('both servers hold the same', @pair), '>', 60, '... all that is left');
	$_->end for $large, @pair;
}

# ---- a program that goes on while this happens ----
my %fault = (
    'the primary is killed'  => sub { $a->kill9 },
    'the backup is killed'   => sub { $b->kill9 },
    'the primary is frozen'  => sub { $a->freeze },
    'the backup is frozen'   => sub { $b->freeze },
    'the primary ends'       => sub { $a->end },
    'the primary restarts'   => sub { $a->restart },
    'frozen and thawed'      => sub { $a->freeze; sleep 0.9; $a->thaw },
    'frozen for a moment'    => sub { $a->freeze; sleep 0.2; $a->thaw },
);
for my $what (sort keys %fault) {
	$_->restart for $a, $b;
	$p->end;
	$p = proxy(servers => [$a], backups => [$b]);
	$p->wait_current;
	my $log  = tmpdir() . '/steady.log';
	spew($log, '');
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		open STDOUT, '>', $log;
		open STDERR, '>&', \*STDOUT;
		exec $program{steady}, own_ip(), $p->port, 50 or POSIX::_exit(127);
	}
	wait_for("$what: the client at work", sub { slurp($log) =~ /^going$/m });
	$fault{$what}->();
	# A timeout, and some turns over all keys after it.
	sleep 1.5;
	kill TERM => $pid;
	my $ended = wait_for("$what: the client's end", sub { waitpid($pid, POSIX::WNOHANG()) == $pid });
	kill KILL => $pid if !$ended;
	like(slurp($log), qr/^(\d+) errors 0 stale 0 missing 0 slowest \d+ ms$/m,
	    "$what: no error, nothing old, nothing lost") or diag(slurp($log));
	my ($ops, $slowest) = slurp($log) =~ /^(\d+) errors.*slowest (\d+) ms$/m;
	cmp_ok($ops // 0, '>', 50, '... and it had something to do');
	cmp_ok($slowest // 99999, '<', 5000, '... and no wait without bound');
}
done_testing;
