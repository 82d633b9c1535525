# Intent: a server that answers half, nonsense, too much, late or nothing is put out with one line
# in the log; the client gets its answer from the other copy, and no write happens twice.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;
use Time::HiRes qw(time);

# Silence is what many cases wait for; where nobody is to be silent there is all the time of a busy
# machine.
my ($short, $long) = $ENV{MEMVIP_VALGRIND} ? (1500, 10000) : (250, 3000);
my ($fake, $real) = (fake(name => 'fake'), memcached(name => 'real'));
my ($p, $c);

# A fresh proxy over the fake in that role and the real one, both empty.
sub afresh {
	my ($role, $timeout) = @_;
	$p->end if $p;
	$fake->tell('clear');
	my ($first, $second) = $role eq 'primary' ? ($fake, $real) : ($real, $fake);
	$p = proxy(servers => [$first], backups => [$second], args => ['--timeout', $timeout // $long]);
	$p->wait_current;
	$c = client($p);
	$c->ask("flush_all\r\n");
	$fake->tell('forget');
}

my @lies = (
    # name => steps; whether it must put the server out
    ['half a reply, then nothing', 'part 4; stall', 1],
    ['nothing',                   'exec', 1],
    ['garbage',                   'say "GARBAGE\r\n"', 1],
    ['garbage without a newline', 'fill 100000', 1],
    ['an empty line',             'say "\r\n"', 1],
    ['a bare newline',            'say "END\n"', 1],
    ['the end of the stream',     'close', 1],
    ['a reset',                   'reset', 1],
    ['half a reply, then the end', 'part 4; close', 1],
    ['half a reply, then a reset', 'part 4; reset', 1],
    ['a reply for something else', 'say "HTTP/1.1 400 Bad Request\r\n\r\n"', 1],
    ['the answer to a flush_all', 'say "OK\r\n"', 1],
    ['deafness',                  'deaf', 1],
    ['its reply byte by byte',    'dribble 1', 0],
    ['its reply 50 ms late',      'wait 50; answer', 0],
);

my %command = (
    get   => ["get k\r\n",              "VALUE k 0 2\r\n10\r\nEND\r\n"],
    gets  => ["gets k\r\n",             qr/\AVALUE k 0 2 \d+\r\n10\r\nEND\r\n\z/],
    multi => ["get k none k2\r\n",      "VALUE k 0 2\r\n10\r\nVALUE k2 0 1\r\n2\r\nEND\r\n"],
    set   => ["set k 0 0 2\r\n20\r\n",  "STORED\r\n", '20'],
    incr  => ["incr k 7\r\n",           "17\r\n", '17'],
    append => ["append k 0 0 1\r\n0\r\n", "STORED\r\n", '100'],
    touch => ["touch k 100\r\n",        "TOUCHED\r\n"],
    delete => ["delete k\r\n",          "DELETED\r\n", undef],
);

sub lies {
	my ($role, $name, $what, $steps, $out) = @_;
	my ($bytes, $want, @left) = @{$command{$name}};
	my $label = "$role, $name: $what";
	my $verb  = (split ' ', $bytes)[0];
	afresh($role, $steps =~ /stall|exec|deaf/ ? $short : $long);
	$c->ask("set k 0 0 2\r\n10\r\n");
	$c->ask("set k2 0 0 1\r\n2\r\n");
	$fake->tell('forget');
	$fake->on("/^$verb k/ times 1: $steps");
	my $start  = time;
	my $answer = $c->ask($bytes);
	my $took   = time - $start;
	ref $want ? like($answer, $want, $label) : is($answer, $want, $label);
	cmp_ok($took, '<', 5, '... in bounded time');
	is(value_of($real, 'k'), $left[0], '... done once') if @left;
	is($c->ask("mn\r\n"), "MN\r\n", '... and nothing more comes');
	# Reads are answered by the leader; in the other role the fake may not be asked at all.
	return if !$fake->seen(qr/^$verb k/);
	my $where = $fake->where;
	if ($out) {
		wait_for("$label: a line in the log", sub { log_lines($p, qr/$where: \S+ -> down/) });
		is(() = log_lines($p, qr/$where: \S+ -> down/), 1, '... put out, with one line');
		cmp_ok($p->stats('servers')->{"server.$where.failures"}, '>=', 1, '... and counted');
	} else {
		is($p->state($fake), 'current', '... it stays in use');
	}
}

for my $lie (@lies) {
	lies('primary', $_, @$lie) for sort keys %command;
	lies('backup', $_, @$lie) for qw(set incr delete);
}

# ---- an answer too many ----
{
	for my $extra ('END\r\n', 'STORED\r\n', 'VALUE k 0 1\r\nz\r\nEND\r\n') {
		afresh('primary');
		$c->ask("set k 0 0 1\r\nx\r\n");
		$fake->on(qq{/^get k/ times 1: answer; say "$extra"});
		is($c->ask("get k\r\n"), "VALUE k 0 1\r\nx\r\nEND\r\n", 'an extra reply: the right one counts');
		for (1 .. 20) {
			my $answer = $c->ask("get other$_\r\n");
			is($answer, "END\r\n", '... and nobody gets what is too much') if $answer ne "END\r\n" || $_ == 20;
		}
	}
}

# ---- the wrong value: another key's, another length ----
{
	for my $lie ('VALUE q 0 1\r\nz\r\nEND\r\n', 'VALUE other 0 1\r\nz\r\nEND\r\n', 'VALUE k 0 1\r\nzz\r\nEND\r\n',
	    'VALUE k 0 5\r\nz\r\nEND\r\n', 'STORED\r\n', '5\r\n', 'VALUE k 0 4294967295\r\n',
	    'VALUE k 4294967296x 1\r\nz\r\nEND\r\n') {
		afresh('primary');
		$c->ask("set k 0 0 1\r\nx\r\n");
		$fake->on(qq{/^get k/ times 1: say "$lie"});
		my $answer = $c->ask("get k\r\n");
		is($answer, "VALUE k 0 1\r\nx\r\nEND\r\n", "a lie in answer to get: $lie");
	}
	# A whole value, then nonsense: the value counts, the server is out.
	for my $lie ('VALUE k 0 1\r\nx\r\nVALUE k 0 1\r\nz\r\nEND\r\n', 'VALUE k 0 1\r\nx\r\nSTORED\r\n') {
		afresh('primary');
		$c->ask("set k 0 0 1\r\nx\r\n");
		$fake->on(qq{/^get k/ times 1: say "$lie"});
		is($c->ask("get k\r\n"), "VALUE k 0 1\r\nx\r\nEND\r\n", "a value and a lie: $lie");
		is($c->ask("get none\r\n"), "END\r\n", '... the next answer is right');
		ok(wait_for('it is put out', sub { log_lines($p, qr/nonsense/) }), '... it is put out');
	}
}

# ---- gets that travel in one line: a value that none of them asked for is a miss of none ----
{
	# What is asked, in so many lines.
	my %ask = (
	    'three gets'        => ["get k\r\nget l\r\nget m\r\n", 3],
	    'a get of three'    => ["get k l m\r\n", 1],
	    'three with cas'    => ["gets k\r\ngets l\r\ngets m\r\n", 3],
	    'with cas of three' => ["gets k l m\r\n", 1],
	);
	for my $what (sort keys %ask) {
		for my $lie ('VALUE other 0 1\r\nz\r\nEND\r\n', 'VALUE k 0 1\r\nx\r\nVALUE other 0 1\r\nz\r\nEND\r\n',
		    'VALUE m 0 1 7z\r\nx\r\nEND\r\n', 'VALUE other 0 1 7\r\nz\r\nEND\r\n',
		    $what =~ /cas/ ? ('VALUE k 0 1\r\nx\r\nEND\r\n', 'VALUE l 0 1\r\nx\r\nEND\r\n') : ()) {
			afresh('primary');
			$c->ask("set $_ 0 0 1\r\nx\r\n") for qw(k l m);
			$fake->on(qq{/^gets? k/ times 1: say "$lie"});
			my ($line, $n) = @{$ask{$what}};
			$c->send($line);
			my $answer = join('', map { $c->reply } 1 .. $n) =~ s/^(VALUE \S+ 0 1) \d+\r$/$1\r/gmr;
			my $want = join($n > 1 ? "END\r\n" : '', map { "VALUE $_ 0 1\r\nx\r\n" } qw(k l m)) . "END\r\n";
			is($answer, $want, "$what, answered with $lie");
		}
	}
}

# ---- the follower fails a write: the leader's answer counts, nothing stale remains ----
{
	afresh('backup');
	$c->ask("set k 0 0 1\r\nx\r\n");
	$fake->on('/^set k/ times 1: say "SERVER_ERROR out of memory storing object\r\n"');
	is($c->ask("set k 0 0 1\r\ny\r\n"), "STORED\r\n", 'the backup is out of memory: the leader decides');
	is(value_of($real, 'k'), 'y', '... the leader has it');
	my $there = wait_for('the old copy gone', sub { (value_of($fake, 'k') // '') ne 'x' });
	ok($there, '... the backup does not keep the old value');
}

# ---- acknowledged means: by both ----
for my $role (qw(primary backup)) {
	afresh($role);
	for my $command ("set k 0 0 1\r\n5\r\n", "incr k 1\r\n", "append k 0 0 1\r\n0\r\n", "touch k 100\r\n", "delete k\r\n",
	    "flush_all\r\n") {
		my ($verb) = $command =~ /^(\w+)/;
		$fake->on("/^$verb/ times 1: wait 100; answer");
		my $start = time;
		$c->ask($command);
		cmp_ok(time - $start, '>=', 0.09, "$verb waits for the $role");
	}
}

# ---- the leader refuses: so says the client's answer, and the old value is gone from both ----
{
	afresh('primary');
	$c->ask("set k 0 0 1\r\nx\r\n");
	# As a memcached does that has no memory for the new one.
	client($fake)->ask("delete k\r\n");
	$fake->on('/^set k/ times 1: say "SERVER_ERROR out of memory storing object\r\n"');
	is($c->ask("set k 0 0 1\r\ny\r\n"), "SERVER_ERROR out of memory storing object\r\n",
	    'the leader is out of memory: the client is told');
	is(value_of($real, 'k'), undef, '... the backup has not kept the old value, nor taken the new one');
}

# ---- what goes up: no noreply, and each command once ----
{
	afresh('primary');
	$fake->tell('forget');
	$c->send(join '', map { "set n$_ 0 0 1 noreply\r\nx\r\n" } 1 .. 50);
	$c->send("incr none 1 noreply\r\ndelete n50 noreply\r\ntouch n1 10 noreply\r\n");
	is($c->ask("mn\r\n"), "MN\r\n", 'noreply: only mn is answered');
	is($c->ask("get n1\r\n"), "VALUE n1 0 1\r\nx\r\nEND\r\n", '... and all was done');
	my @seen = $fake->seen(qr/^(?:set n|incr|delete|touch)/);
	is(scalar(@seen), 53, '... each once');
	is(scalar(grep { /noreply/ } @seen), 0, '... and none of them as noreply');
}
done_testing;
