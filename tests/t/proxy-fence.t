# Intent: what a frozen server still has in its queues is executed when it is continued, late; none
# of it may be served once newer writes were acknowledged without that server.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

# ---- surely late: a server that executes a command 1.5 s after its connection has ended ----
for my $role (qw(primary backup)) {
	my ($fake, $real) = (fake(name => "fake-$role"), memcached(name => "real-$role"));
	my ($first, $second) = $role eq 'primary' ? ($fake, $real) : ($real, $fake);
	my $p = proxy(servers => [$first], backups => [$second], args => ['--timeout', 150]);
	$p->wait_current;
	my $c = client($p);
	$c->ask("set k 0 0 1\r\na\r\n");
	$fake->on('/^set k/ times 1: later 1500');
	is($c->ask("set k 0 0 1\r\nb\r\n"), "STORED\r\n", "$role: a write that a server leaves unanswered");
	is($c->ask("set k 0 0 1\r\nc\r\n"), "STORED\r\n", '... and one that passes it by');
	my $late = time + 1.5;
	while (time < $late - 0.4) {
		unlike($p->state($fake), qr/^(?:filling|suspect|current)$/, '... it is not in use while that may yet come')
		    or last;
		sleep 0.1;
	}
	wait_for('it is in use again', sub { $p->state($fake) =~ /^(?:filling|suspect|current)$/ });
	sleep $late + 0.2 - time if $late + 0.2 > time;
	# Now it is alone with what it holds.
	$real->kill9;
	my $answer = $c->ask("get k\r\n");
	ok($answer eq "END\r\n" || $answer =~ /\nc\r\n/, '... and it never serves what was replaced') or diag($answer);
	$p->end;
}

# ---- a real one, frozen with its queues full ----
my ($a, $b) = map { memcached(name => $_, args => ['-t', 4]) } qw(a b);
my @keys = map { "key$_" } 1 .. 900;

sub write_all {
	my ($c, $value) = @_;
	$c->send(join '', map { "set $_ 0 0 1\r\n$value\r\n" } @keys);
	return scalar grep { $c->reply eq "STORED\r\n" } @keys;
}

for my $round (1 .. 3) {
	$_->restart for $a, $b;
	# A new connection is to be waiting when it wakes up.
	my $p = proxy(servers => [$a], backups => [$b], name => "proxy-$round",
	    args => ['-i', 4, '--timeout', 500, '--connect-timeout', 5000]);
	$p->wait_current;
	my $c = client($p);
	write_all($c, 'a');
	$a->freeze;
	is(write_all($c, 'b'), @keys, "round $round: writes while a server is frozen");
	is(write_all($c, 'c'), @keys, '... and after it was put out');
	wait_for('a new connection to it', sub { $p->state($a) eq 'connecting' });
	$a->thaw;
	wait_for('it is in use again', sub { $p->state($a) =~ /^(?:filling|suspect|current)$/ }) or last;
	$b->kill9;
	my %seen;
	my $answer = $c->ask('get ' . join(' ', @keys) . "\r\n");
	$seen{$_}++ for $answer =~ /^([abc]|\w*ERROR[^\r]*|END)\r$/mg;
	delete @seen{'c', 'END'};
	is_deeply(\%seen, {}, '... it serves none of what was replaced, and no error');
	$p->end;
}
done_testing;
