# FaultHot: what clients read stays warm on the copy in waiting. Two memcached that evict; some keys
# are only read, again and again, while others are only written, so many that everything that is not
# read is evicted several times over. In the end the follower must hold of the keys that are read
# what the leader holds of them.
package FaultHot;
use strict;
use warnings;

use Exporter qw(import);
use MemvipTest;
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(hot_run);

# Keys at a time: of one get line, and of one batch of sets.
my $BATCH = 50;

# Does it in batches so that on average rate a second are done, until told so by the end of $stop.
sub at_rate {
	my ($rate, $stop, $batch) = @_;
	my ($start, $done) = (time, 0);
	my $rin = '';
	vec($rin, fileno $stop, 1) = 1;
	while (1) {
		my $ahead = $done / $rate - (time - $start);
		# What was missed is not made up for.
		$start -= $ahead if $ahead < 0;
		return $done if select(my $r = $rin, undef, undef, $ahead > 0 ? $ahead : 0);
		$batch->($done);
		$done += $BATCH;
	}
}

# Runs sub->(client, end of a pipe) in a process of its own. Returns {pid, result (a pipe)}.
sub worker {
	my ($p, $stopped, $stop, $sub) = @_;
	pipe(my $result, my $write) or die "pipe: $!\n";
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		close $stop;
		print $write eval { $sub->(client($p), $stopped) } // "? $@";
		close $write;
		POSIX::_exit(0);
	}
	close $write;
	return {pid => $pid, result => $result};
}

sub ended {
	my ($w) = @_;
	my $said = do { local $/; readline($w->{result}) // '' };
	waitpid $w->{pid}, 0;
	return split / /, $said;
}

# Which of the hot keys a server holds. Does not read them: that would keep them.
sub held {
	my ($server) = @_;
	my $listing = listing_of($server, 60);
	return {map { $_ => 1 } $listing =~ /^key=(hot\d+) /mg};
}

sub stat_of_server {
	my ($server, $name) = @_;
	return (client($server)->ask("stats\r\n") =~ /^STAT \Q$name\E (\d+)\r$/m)[0] // 0;
}

# label; keys: that are read; reads, writes: a second; size: of the values; megabytes: -m of both
# servers; seconds: so long at least, until the follower has evicted `turns` times what it holds;
# share: what it must hold of what the leader holds, in percent; args: of the proxy. Returns {leader,
# follower}.
sub hot_run {
	my ($label, %opt) = @_;
	my %o = (seconds => 60, keys => 2000, reads => 8000, writes => 4000, size => 1000, megabytes => 64,
	    turns => 2, share => 95, %opt);
	my @m = map { memcached(name => "$label-$_", args => ['-m', $o{megabytes}]) } qw(leader follower);
	my $p = proxy(servers => [$m[0]], backups => [$m[1]], args => $o{args} // []);
	$p->wait_current;
	my $c = client($p);
	# As large as those that are written: memcached evicts by classes of size.
	my $value = 'h' x $o{size};
	$c->send(join '', map { "set hot$_ 0 0 $o{size}\r\n$value\r\n" } 1 .. $o{keys});
	is(scalar(grep { $c->reply eq "STORED\r\n" } 1 .. $o{keys}), $o{keys}, "$label: $o{keys} keys that will only be read");

	pipe(my $stopped, my $stop) or die "pipe: $!\n";
	my $reader = worker($p, $stopped, $stop, sub {
		my ($to, $until) = @_;
		my $hits = 0;
		my $n = at_rate($o{reads}, $until, sub {
			my @keys = map { 'hot' . (1 + ($_[0] + $_) % $o{keys}) } 0 .. $BATCH - 1;
			$hits += () = $to->ask("get @keys\r\n") =~ /^VALUE hot/mg;
		});
		return "$n $hits";
	});
	my $writer = worker($p, $stopped, $stop, sub {
		my ($to, $until) = @_;
		my ($stored, $cold) = (0, 'c' x $o{size});
		my $n = at_rate($o{writes}, $until, sub {
			my ($done) = @_;
			$to->send(join '', map { 'set cold' . ($done + $_) . " 0 0 $o{size}\r\n$cold\r\n" } 1 .. $BATCH);
			$stored += $to->reply eq "STORED\r\n" for 1 .. $BATCH;
		});
		return "$n $stored";
	});
	close $stopped;
	my ($begin, $turns) = (time, 0);
	until (time >= $begin + $o{seconds} && $turns >= $o{turns} || time >= $begin + 3 * $o{seconds}) {
		sleep 0.2;
		$turns = stat_of_server($m[1], 'evictions') / (stat_of_server($m[1], 'curr_items') || 1);
	}
	close $stop;
	my ($read, $hits) = ended($reader);
	my ($written, $stored) = ended($writer);
	is($stored, $written, "$label: $written values written that nobody reads");

	my ($leader, $follower) = map { held($_) } @m;
	my @both = grep { $follower->{$_} } keys %$leader;
	my @evicted = map { stat_of_server($_, 'evictions') } @m;
	my @items = map { stat_of_server($_, 'curr_items') } @m;
	note("$label: $hits of $read reads were hits; evicted: $evicted[0] and $evicted[1], with $items[0] and $items[1] items left; ",
	    "mirrored: ", $p->stats->{mirrored});
	cmp_ok($turns, '>=', $o{turns}, sprintf "$label: the follower has evicted %.1f times what it holds", $turns);
	cmp_ok(scalar(keys %$leader), '>', $o{keys} * 0.9, "$label: the leader holds the keys that are read");
	cmp_ok(scalar(@both), '>=', $o{share} / 100 * keys %$leader,
	    sprintf "$label: the follower holds %d of the %d that the leader holds", scalar @both, scalar keys %$leader);
	$_->end for $p, @m;
	return {leader => scalar keys %$leader, follower => scalar @both};
}

1;
