# Intent: many clients write the same keys at once; both servers see one order, so both hold the
# same, and no write is lost or done twice.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my $clients = 6;
my $each    = 400;
my @counters = map { "count$_" } 1 .. 3;
my @logs     = map { "log$_" } 1 .. 3;

# One client's work, in a process of its own. Exits 0 when every answer was what it may be.
sub work {
	my ($p, $me) = @_;
	my $c = client($p);
	srand $me;
	for my $round (1 .. $each / 20) {
		my @want;
		my $bytes = '';
		for my $n (1 .. 20) {
			my $i = int rand 3;
			my $mark = "$me.$round.$n;";
			if ($n % 2) {
				$bytes .= "incr $counters[$i] 1\r\n";
				push @want, qr/\A\d+\r\n\z/;
			} else {
				$bytes .= "append $logs[$i] 0 0 " . length($mark) . "\r\n$mark\r\n";
				push @want, qr/\ASTORED\r\n\z/;
			}
		}
		$c->send($bytes);
		for my $want (@want) {
			my $answer = $c->reply;
			next if $answer =~ $want;
			print STDERR "client $me: $answer";
			return 1;
		}
	}
	return 0;
}

for my $connections (1, 4) {
	my ($a, $b) = (memcached(name => "a$connections"), memcached(name => "b$connections"));
	my $p = proxy(servers => [$a], backups => [$b], args => ['-i', $connections]);
	$p->wait_current;
	my $c = client($p);
	$c->ask("set $_ 0 0 1\r\n0\r\n") for @counters;
	$c->ask("set $_ 0 0 1\r\n;\r\n") for @logs;
	my %kid;
	for my $me (1 .. $clients) {
		my $pid = fork // die "fork: $!";
		POSIX::_exit(eval { work($p, $me) } // 2) if !$pid;
		$kid{$pid} = 1;
	}
	my $wrong = 0;
	for my $pid (keys %kid) {
		waitpid $pid, 0;
		$wrong++ if $? != 0;
	}
	is($wrong, 0, "-i $connections: every client got its answers");
	is(value_of($a, $_), value_of($b, $_), "-i $connections: both servers say the same of $_") for @counters, @logs;
	my $sum = 0;
	$sum += value_of($a, $_) for @counters;
	is($sum, $clients * $each / 2, "-i $connections: every incr counts once");
	my %times;
	$times{$_}++ for grep { length } map { split /;/, value_of($a, $_) } @logs;
	is(scalar(keys %times), $clients * $each / 2, "-i $connections: no append is lost");
	is(scalar(grep { $_ != 1 } values %times), 0, '... or there twice');
	same_items("-i $connections: both hold the same", $a, $b);
	is($p->stats('servers')->{'server.' . $b->where . '.mismatches'}, 0, '... and no answers differed');
}
done_testing;
