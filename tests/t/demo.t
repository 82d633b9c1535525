# Intent: "make demo" plays the outage and every step holds: told in plain lines where there is no
# terminal, as a live view with a steady client where there is one; nothing is left behind, also
# when it is interrupted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTerminal;
use MemvipTest;
use Test::More;

plan(skip_all => 'needs root') if $> != 0;
plan(skip_all => "needs $_")
    for grep { !has_command($_) } qw(unshare nsenter ip nft ss keepalived memcached);
alarm 500;
my $tool = top() . '/tests/cluster/memvip-cluster';
my $demo = top() . '/tests/cluster/demo';
my $name = "demo-t$$";
my $dir = "/run/memvip-cluster/$name";
my %set = (DEMO_NAME => $name, FAST => 1, TERM => 'xterm', LC_ALL => 'C');
my $limit = 200; # seconds; reached by failures only

END { system($tool, 'down', $name) if defined $dir && -d $dir }

sub on_terminal {
	my ($rows, $columns, %more) = @_;
	return MemvipTerminal->new(rows => $rows, columns => $columns, env => {NO_COLOR => '', %set, %more}, cmd => [$demo]);
}

# The network namespaces of the nodes that there are.
sub namespaces {
	my @pids = map { slurp($_) =~ /^(\d+) / } glob "$dir/*/pid";
	return grep { defined } map { readlink "/proc/$_/ns/net" } @pids;
}

# No file, no process that the demo has started (they have its name in their environment), and none
# in its namespaces.
sub nothing_left {
	my ($when, @namespaces) = @_;
	ok(!-e $dir, "$when: no cluster is left");
	my %its = map { $_ => 1 } @namespaces;
	my @left;
	my $find = sub {
		@left = grep { $_ ne "/proc/$$" && (slurp("$_/environ") =~ /(?:\A|\0)DEMO_NAME=\Q$name\E\0/
			|| $its{readlink("$_/ns/net") // ''}) } glob '/proc/[0-9]*';
		return !@left;
	};
	ok(wait_for('the end of its processes', $find), "$when: no process and no namespace is left")
	    or diag(map { slurp("$_/cmdline") =~ tr/\0/ /r . "\n" } @left);
}

{
	local @ENV{keys %set} = values %set;
	my $plain = run({seconds => $limit}, $demo);
	is($plain->{status}, 0, 'no terminal: every step held') or diag($plain->{out}, $plain->{err});
	like($plain->{out}, qr/Every step held/, '... and it says so');
	unlike($plain->{out}, qr/\e/, '... in plain lines');
	nothing_left('plain');
}

SKIP: {
	skip 'needs pseudo-terminals', 1 if !-w '/dev/ptmx' || !has_command('stty');

	# To its end; the terminal grows meanwhile.
	my $live = on_terminal(24, 80, NO_COLOR => 1);
	ok($live->shows(qr/is killed\./, $limit), 'a terminal: it is played');
	my @small = $live->screens();
	$live->resize(40, 120);
	is($live->wait_end($limit), 0, '... every step held') or diag($live->{out});
	my @screens = $live->screens();
	my $last = $screens[-1] // '';
	like($last, qr/Every step held, and the client saw no error/, 'the last screen says so') or diag($last);
	like($last, qr/requests +[1-9]\d* *\n.*errors +0 *\n.*longest wait +\d+ ms/, '... with what the client saw') or diag($last);
	like($last, qr/^  VIP +o - +VIP +\* here *\n  keepalived +\* BACKUP +keepalived +\* MASTER *\n  proxy +o - +proxy +\* serves, pid \d+ *\n/m,
	    '... with how the nodes are at the end') or diag($last);
	like($last, qr/^  copy +current, leader +copy +current, follower *\n/m, '... and the copies') or diag($last);
	ok((grep { /^  memcached +o frozen/m } @screens), 'a frozen memcached was on the screen, in its row');
	ok((grep { /^  fill +[#.]{10,} +\d+ %/m } @screens), 'a bar was on the screen');
	ok((grep { /what +systemctl\s+stop\s+keepalived\s+does\)/ } @screens), 'a long line was there to its end');
	unlike($live->{out}, qr/\e\[[\d;]*m/, 'NO_COLOR: there is no colour');
	my @wide = grep { length > 79 } map { split /\n/ } @small;
	is_deeply(\@wide, [], 'no line was wider than the terminal');
	is(scalar(grep { tr/\n// > 23 } @small), 0, '... and no drawing longer');
	like($last, qr/^ client .*-{81}$/m, 'a terminal that grows is used');
	nothing_left('live');

	# Interrupted: while the nodes start; and while the address moves, with a client at work.
	for my $stop (['Both nodes start', {}], ['keepalived is stopped', {}], ['Both nodes start', {TERM => 'dumb'}]) {
		my ($step, $env) = @$stop;
		my $what = join ' ', "Ctrl-C in '$step'", map { "$_=$env->{$_}" } %$env ? keys %$env : ();
		my $is = on_terminal(24, 80, %$env);
		ok($is->shows(qr/\Q$step\E/, $limit), "$what: it is played so far") or diag($is->{out});
		my @namespaces = namespaces();
		$is->type("\x03");
		is($is->wait_end($limit), 130, "$what: its status is 130") or diag($is->{out});
		like($is->{out}, qr/Stopped; nothing is left of it\.\r\n\z/, "$what: it says so") or diag($is->{out});
		nothing_left($what, @namespaces);
		if ($env->{TERM}) {
			unlike($is->{out}, qr/\e/, '... and a terminal without a cursor gets plain lines');
		} else {
			like($is->{out}, qr/\e\[\?25h[^\e]*\z/, '... and the cursor is there again');
			like($is->{out}, qr/\e\[32m/, '... colours are used') if $step ne 'Both nodes start';
		}
	}
}
done_testing;
