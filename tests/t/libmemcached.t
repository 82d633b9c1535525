# Intent: programs that use libmemcached work through the proxy, and go on while a server dies.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(sleep);

my %program;
for my $name (qw(classic steady)) {
	$program{$name} = tmpdir() . "/$name";
	my $made = run({seconds => 60}, 'sh', '-c',
	    '${CC:-cc} -std=gnu11 -O1 -Wall -Wextra -Werror -o "$1" "$2" -lmemcached', 'sh',
	    $program{$name}, top() . "/tests/client/$name.c");
	plan skip_all => "needs libmemcached (libmemcached-dev): $made->{err}" if $made->{status} != 0;
}

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my $p = proxy(servers => [$a], backups => [$b]);
$p->wait_current;

# ---- every operation, in libmemcached's three ways to send it ----
for my $how (qw(plain buffered noreply)) {
	my $ran = run({seconds => 60}, $program{classic}, own_ip(), $p->port, $how);
	my @lines = split /\n/, $ran->{out};
	for my $i (0 .. $#lines) {
		next if $lines[$i] !~ /^(not )?ok \d+ - (.*)/;
		ok(!$1, "$how: $2") or diag($lines[$i + 1]);
	}
	is($ran->{status}, 0, "$how: all of it") or diag($ran->{err});
	like($ran->{out}, qr/^1\.\.\d+$/m, "$how: to the end");
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
