# MemvipTest: what the tests share. Starts memcached, memvip-proxy and the fake memcached where no
# other test can meet them, talks to them with a deadline, and leaves nothing behind.
#
# Everything a test starts listens on the test's own loopback address (own_ip, from its process
# id), so tests run beside each other and need no fixed port. Each process has a log in a folder
# that is gone afterwards; when the test fails the logs are shown first. MEMVIP_TEST_KEEP=1 keeps
# the folder. MEMVIP_BIN_DIR: where the programs are (default: the top of the tree).
package MemvipTest;
use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::IP;
use POSIX qw(WNOHANG);
use Socket qw(SOCK_STREAM);
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(own_ip own_net free_port tmpdir program top sanitized spew slurp
    memcached proxy fake run client wait_for value_of log_lines
    items_of listing_of same_items same_answer same_answers same_setup same_servers unpadded has_command);

# Seconds. Reached by failures only, so generous: machines are slow, sanitizers slower.
our $PATIENCE = $ENV{MEMVIP_VALGRIND} ? 60 : 10;
# How long nothing must come for "nothing comes" to be believed.
our $SILENCE = 0.4;
# A test that is not done by then is stuck.
my $TEST_LIMIT = $ENV{MEMVIP_TEST_LIMIT} // ($ENV{MEMVIP_VALGRIND} ? 1200 : 240);

my $me  = $$;
my $top = abs_path(dirname(__FILE__) . '/../..');
my $bin = abs_path($ENV{MEMVIP_BIN_DIR} // $top) // $ENV{MEMVIP_BIN_DIR};
my (@started, $tmp);

$SIG{PIPE} = 'IGNORE';
# die() and not exit(): the reason belongs into the output. END cleans up either way.
$SIG{$_} = sub { die "stopped by a signal\n" } for qw(INT TERM HUP);
$SIG{ALRM} = sub { die "not done after $TEST_LIMIT s\n" };
alarm $TEST_LIMIT;
$ENV{ASAN_OPTIONS}  //= 'exitcode=99:detect_leaks=1';
$ENV{UBSAN_OPTIONS} //= 'exitcode=99:halt_on_error=1:print_stacktrace=1';

sub top { $top }

# Do the programs under test have sanitizers in them, or run under valgrind? Their memory says
# nothing then.
sub sanitized { return $ENV{MEMVIP_VALGRIND} || $bin =~ m{/build/\w} ? 1 : 0 }

# With MEMVIP_VALGRIND=1 the proxy runs under it; what it finds is in the process's log.
sub under_valgrind {
	return [] if !$ENV{MEMVIP_VALGRIND};
	return ['valgrind', '--quiet', '--vgdb=no', '--leak-check=full', '--show-leak-kinds=all', '--errors-for-leak-kinds=all',
	    '--error-exitcode=99', '--num-callers=40', '--suppressions=' . top() . '/tests/valgrind.supp'];
}

sub program {
	my ($path) = @_;
	return "$bin/$path";
}

sub tmpdir {
	$tmp //= tempdir('memvip-test-XXXXXX', TMPDIR => 1);
	return $tmp;
}

sub spew {
	my ($name, $text) = @_;
	my $path = $name =~ m{^/} ? $name : tmpdir() . "/$name";
	open my $f, '>', $path or croak "$path: $!";
	print $f $text;
	close $f or croak "$path: $!";
	return $path;
}

sub slurp {
	my ($path) = @_;
	open my $f, '<', $path or return '';
	local $/;
	return scalar(<$f>) // '';
}

sub has_command {
	my ($name) = @_;
	return scalar grep { -x "$_/$name" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
}

# ---- a place of its own ----

# 127.64.0.0/10 by process id: no two tests that run at one time have the same.
sub own_ip {
	return join '.', 127, 64 + (($me >> 16) & 63), ($me >> 8) & 255, $me & 255;
}

my $next_port = 21000;

# A port that nothing listens on at ip. Below the ports that the kernel gives to clients.
sub free_port {
	my ($ip) = @_;
	$ip //= own_ip();
	$next_port += $me % 5000 if $ip !~ /^127\./ && $next_port == 21000;
	for (1 .. 1000) {
		my $port  = $next_port++;
		my $probe = IO::Socket::IP->new(
		    LocalHost => $ip, LocalPort => $port, Type => SOCK_STREAM, Listen => 1)
		    or next;
		close $probe;
		return $port;
	}
	croak "no free port at $ip";
}

# Runs the rest of the test in a network namespace of its own, or skips all of it. Call it first.
sub own_net {
	if ($ENV{MEMVIP_TEST_NET}) {
		delete $ENV{MEMVIP_TEST_NET};
		system('ip link set lo up') == 0 or die "cannot bring up lo\n";
		return;
	}
	plan(skip_all => 'needs root') if $> != 0;
	plan(skip_all => "needs $_") for grep { !has_command($_) } qw(unshare ip);
	plan(skip_all => 'no network namespaces here') if system('unshare -n true 2>/dev/null') != 0;
	$ENV{MEMVIP_TEST_NET} = 1;
	exec 'unshare', '-n', $^X, "-I$top/tests/lib", $0, @ARGV or die "unshare: $!\n";
}

# ---- waiting ----

# Waits until the sub returns something true, and returns that. Not in time: fails the test.
sub wait_for {
	my ($what, $sub, $seconds) = @_;
	my $until = time + ($seconds // $PATIENCE);
	my $pause = 0.002;
	while (1) {
		my $got = $sub->();
		return $got if $got;
		last if time > $until;
		sleep $pause;
		$pause *= 1.5 if $pause < 0.05;
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	fail("waited for: $what");
	return;
}

# ---- processes ----

# Runs a program to its end. Returns {status, signal, out, err, seconds}; not ended in time: the
# status is undef.
sub run {
	my (@cmd) = @_;
	my %opt = ref $cmd[0] eq 'HASH' ? %{shift @cmd} : ();
	my ($out, $err) = map { tmpdir() . "/run.$_" } qw(out err);
	my $start = time;
	my $pid   = fork // die "fork: $!\n";
	if (!$pid) {
		open STDIN,  '<', '/dev/null';
		open STDOUT, '>', $out;
		open STDERR, '>', $err;
		exec @cmd or POSIX::_exit(127);
	}
	my ($ended, $status);
	my $until = time + ($opt{seconds} // $PATIENCE);
	until ($ended = waitpid($pid, WNOHANG)) {
		last if time > $until;
		sleep 0.003;
	}
	$status = $?;
	if (!$ended) {
		kill KILL => $pid;
		waitpid $pid, 0;
	}
	return {
	    status => $ended && !($status & 127) ? $status >> 8 : undef,
	    signal => $ended ? $status & 127 : undef,
	    out    => slurp($out), err => slurp($err), seconds => time - $start,
	};
}

sub memcached { return MemvipTest::Memcached->new(@_) }
sub proxy     { return MemvipTest::Proxy->new(@_) }
sub fake      { return MemvipTest::Fake->new(@_) }

# A client of a server object, of "ip:port", or of a unix socket's path.
sub client {
	my ($to) = @_;
	return MemvipTest::Client->new(ref $to ? $to->where : $to);
}

# The value of one key as the server tells it, undef: a miss, or '(…)' when there is no answer.
sub value_of {
	my ($server, $key) = @_;
	my $answer = client($server)->ask("get $key\r\n");
	return undef if $answer eq "END\r\n";
	return $answer =~ /\AVALUE \S+ \d+ (\d+)\r\n(.*)\r\nEND\r\n\z/s && $1 == length $2
	    ? $2 : "($answer)";
}

# What a server says to a listing of its keys. One at a time: another's, say of a proxy that sweeps it,
# is waited for (BUSY).
sub listing_of {
	my ($server, $seconds) = @_;
	my $c = client($server);
	my $listing;
	wait_for("$server->{name} lists its keys", sub {
		$c->send("lru_crawler metadump hash\r\n");
		$listing = $c->until(qr/(?:\A|\n)(?:END|BUSY[^\n]*)\r\n\z/, $seconds);
		return $listing !~ /\ABUSY/;
	});
	croak "no listing of $server->{name}: " . substr($listing, 0, 200) =~ s{\s+\z}{}r if $listing !~ /END\r\n\z/;
	return $listing;
}

# What a server holds: {key => "flags value"}, as its listing and its items tell; memvip's own keys
# left out. With {ttl => 1} {key => [flags, value, remaining seconds (-1: for ever)]}.
sub items_of {
	my ($server, %with) = @_;
	my $c = client($server);
	my $listing = listing_of($server);
	my @keys = grep { !/^__memvip(?:_\w+)?__\z/ }
	    map { s/%([0-9A-Fa-f]{2})/chr hex $1/ger } $listing =~ /^key=(\S+)/mg;
	my %items;
	while (my @some = splice @keys, 0, 100) {
		$c->send(join '', map { "mg $_ v f t\r\n" } @some);
		for my $key (@some) {
			my $answer = $c->reply;
			next if $answer eq "EN\r\n"; # expired, still listed
			my ($len, $flags, $ttl, $value) =
			    $answer =~ /\AVA (\d+) f(\d+) t(-?\d+)[^\n]*\r\n(.*)\r\n\z/s
			    or croak "$server->{name}: mg $key: $answer";
			$items{$key} = $with{ttl} ? [$flags, $value, $ttl] : "$flags $value";
		}
	}
	return \%items;
}

# Do all servers hold the same keys, flags, values, remaining times (to some seconds)? A test for
# each call. Waits a moment for what is still on its way. Returns how many items there are.
sub same_items {
	my ($name, @servers) = @_;
	my (@all, @differ);
	my $until = time + 2;
	do {
		sleep 0.05 if @differ;
		@all = map { items_of($_, ttl => 1) } @servers;
		my %keys = map { $_ => 1 } map { keys %$_ } @all;
		@differ = grep { !items_equal($_, @all) } sort keys %keys;
	} while (@differ && time < $until);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(!@differ, $name) or diag(map { item_shown($_, \@servers, \@all) } splice @differ, 0, 8);
	return scalar keys %{$all[0]};
}

sub items_equal {
	my ($key, $first, @others) = @_;
	my $want = $first->{$key} or return 0;
	for my $other (@others) {
		my $got = $other->{$key} or return 0;
		# unpadded: a number that has become shorter may be padded or not.
		return 0 if $got->[0] ne $want->[0] || $got->[1] =~ s/(?<=\d) +\z//r ne $want->[1] =~ s/(?<=\d) +\z//r;
		return 0 if ($got->[2] < 0) != ($want->[2] < 0) || abs($got->[2] - $want->[2]) > 3;
	}
	return 1;
}

# "key: on a: …; on b: …", each value cut short.
sub item_shown {
	my ($key, $servers, $all) = @_;
	return join('; ', map {
		my $i = $all->[$_]{$key};
		"$key on $servers->[$_]{name}: " . ($i ? (shown("flags $i->[0], ttl $i->[2], $i->[1]"))[0] : 'nothing');
	} 0 .. $#$servers) . "\n";
}

# Lines of a server's log that match.
sub log_lines {
	my ($server, $re) = @_;
	return grep { /$re/ } split /\n/, slurp($server->{log});
}

# ---- the same bytes to a memcached and to the proxy ----

my %same;

# Starts a memcached as the reference and a proxy over two more. Returns the proxy.
sub same_setup {
	my (%opt) = @_;
	my @args = @{$opt{memcached} // []};
	$same{ref} = memcached(name => 'reference', args => \@args);
	$same{a}   = memcached(name => 'a', args => \@args);
	$same{b}   = memcached(name => 'b', args => \@args);
	$same{proxy} = proxy(servers => [$same{a}], backups => [$same{b}], args => $opt{proxy} // []);
	$same{proxy}->wait_current;
	return $same{proxy};
}

# The two servers behind that proxy.
sub same_servers { return @same{qw(a b)} }

sub same_ask {
	my ($who, $bytes, $chunk, $silence) = @_;
	my $c = $same{"$who client"} //= client($same{$who});
	# What ends the answers: something that no other answer can look like.
	my $last = '=' . $same{count} . '=';
	my $end  = qr/VALUE same 0 \d+\r\n\Q$last\E\r\nEND\r\n\z/;
	if ($chunk) {
		for (my $at = 0; $at < length $bytes; $at += $chunk) {
			$c->send(substr($bytes, $at, $chunk));
			sleep 0.0002;
		}
	} else {
		$c->send($bytes);
	}
	$c->send('set same 0 0 ' . length($last) . "\r\n$last\r\nget same\r\n");
	my $got = $c->until($end, $silence);
	if ($c->closed) {
		$got .= '<closed>';
	} elsif ($got !~ $end) {
		$got .= '<silence>';
	}
	if ($got =~ />\z/) {
		$c->close;
		delete $same{"$who client"};
	}
	$got =~ s/^(VALUE \S+ \d+ \d+) \d+\r$/$1 CAS\r/mg;
	$got =~ s/^((?:HD|VA \d+|EX|NS|NF)\b.*? c)[1-9]\d*/$1CAS/mg;
	$got =~ s/^(ME \S+ .*) la=\d+ cas=\d+/$1 la=LA cas=CAS/mg;
	return unpadded($got);
}

# A number that has become shorter is padded with spaces, or not: memcached does as it likes
# (protocol.txt, "Increment/Decrement").
sub unpadded {
	my ($answer) = @_;
	$answer =~ s/^(VALUE \S+ \d+) \d+( CAS)?\r\n(\d+) +\r$/"$1 " . length($3) . ($2 \/\/ '') . "\r\n$3\r"/mge;
	return $answer;
}

# The lines of some bytes, printable, cut to a length that a reader can bear.
sub shown {
	my ($bytes) = @_;
	my @lines = $bytes =~ /[^\n]*\n|[^\n]+\z/g;
	for (@lines) {
		s/([^\x20-\x7e])/$1 eq "\r" ? '\r' : $1 eq "\n" ? '\n' : sprintf '\x%02x', ord $1/ge;
		$_ = substr($_, 0, 100) . '...' . length($_) if length > 110;
	}
	return @lines;
}

# Where the two answers part: some lines before, and some of each.
sub parting {
	my ($want, $got) = @_;
	my @want = shown($want);
	my @got  = shown($got);
	my $at = 0;
	$at++ while $at < @want && $at < @got && $want[$at] eq $got[$at];
	my $from = $at > 6 ? $at - 6 : 0;
	my $part = sub { map { "#     $_\n" } @_[($at <= $#_ ? $at : $#_ + 1) .. ($at + 6 < $#_ ? $at + 6 : $#_)] };
	return ("the same up to line $at:\n", (map { "#     $_\n" } @want[$from .. $at - 1]),
	    "# expected (memcached):\n", $part->(@want), "# came (memvip-proxy):\n", $part->(@got));
}

sub same_pair {
	my ($bytes, %opt) = @_;
	$same{count}++;
	my $want = same_ask('ref', $bytes, 0, $SILENCE * 2);
	return ($want, same_ask('proxy', $bytes, $opt{chunk}, $want =~ /<silence>\z/ ? $SILENCE : $PATIENCE));
}

sub same_ok {
	my ($name, $bytes, $want, $got) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 2;
	ok($got eq $want, $name)
	    or diag("sent:\n", (map { "#     $_\n" } shown($bytes)), '# ', parting($want, $got));
	return $want;
}

# Do they differ in nothing but a second of a time to live (t)?
sub ticked {
	my ($want, $got) = @_;
	my @want = $want =~ / t(\d+)\b/g;
	my @got  = $got =~ / t(\d+)\b/g;
	return $want ne $got && $want =~ s/ t\d+\b/ t/gr eq $got =~ s/ t\d+\b/ t/gr
	    && !grep { abs($want[$_] - $got[$_]) > 1 } 0 .. $#want;
}

# Sends the bytes to both and compares what comes back (cas ids aside, and a clock that has ticked between
# the two), the end of the connection included. chunk: bytes at a time for the proxy. Returns the answer of
# the reference.
sub same_answer {
	my ($name, $bytes, %opt) = @_;
	my ($want, $got) = same_pair($bytes, %opt);
	return same_ok($name, $bytes, $want, ticked($want, $got) ? $want : $got);
}

# The same for several, [name, bytes, options...] each, of which the first one forgets all that was before:
# where a clock has ticked for one and not for the other, all are sent again.
sub same_answers {
	my @asked = @_;
	my @pairs;
	for (1 .. 10) {
		@pairs = map { [same_pair(@$_[1 .. $#$_])] } @asked;
		last if !grep { ticked(@$_) } @pairs;
	}
	same_ok(@{$asked[$_]}[0, 1], @{$pairs[$_]}) for 0 .. $#asked;
	return;
}

# ---- cleaning up ----

END {
	if ($$ == $me) {
		alarm 0;
		my $status = $?;
		$_->end for grep { $_->{pid} } reverse @started;
		my @bad = grep { slurp($_->{log}) =~ /(?:Address|Leak)Sanitizer|runtime error:|^==\d+== /m } @started;
		diag("a sanitizer, or valgrind, complained about $_->{name}") for @bad;
		$status ||= 99 if @bad;
		if ($status || !Test::More->builder->is_passing) {
			# A test with many processes mostly fails with its latest.
			my @shown = @started > 12 ? @started[-12 .. -1] : @started;
			for my $s (@shown) {
				my @lines = split /\n/, slurp($s->{log});
				splice @lines, 0, -150, '...' if @lines > 150;
				diag(join "\n", "---- log of $s->{name}", @lines);
			}
		}
		if ($tmp && $ENV{MEMVIP_TEST_KEEP}) {
			diag("kept: $tmp");
		} elsif ($tmp) {
			remove_tree($tmp);
		}
		$? = $status;
	}
}

# ---- a process that a test started ----
package MemvipTest::Process;
use Time::HiRes qw(time sleep);
use POSIX qw(WNOHANG);

# Fields: name, cmd, where ("ip:port" or a path), ip, port, log, pid (undef: not running).
sub start {
	my ($s) = @_;
	$s->{log} //= MemvipTest::tmpdir() . "/$s->{name}.log";
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>>', $s->{log};
		open STDERR, '>&', \*STDOUT;
		exec @{$s->{under} // []}, @{$s->{cmd}} or POSIX::_exit(127);
	}
	$s->{pid}    = $pid;
	$s->{status} = undef;
	push @started, $s if !grep { $_ == $s } @started;
	return $s;
}

sub pid   { $_[0]{pid} }
sub where { $_[0]{where} }
sub port  { $_[0]{port} }

# True while it runs. Afterwards: status (of waitpid).
sub alive {
	my ($s) = @_;
	return 0 if !$s->{pid};
	return 1 if waitpid($s->{pid}, WNOHANG) == 0;
	$s->{status} = $?;
	$s->{pid}    = undef;
	return 0;
}

sub signal {
	my ($s, $signal) = @_;
	return $s->alive && kill $signal => $s->{pid};
}

# Waits for its end. Returns the exit code, "signal N", or undef: it still runs.
sub wait_end {
	my ($s, $seconds) = @_;
	my $until = time + ($seconds // $MemvipTest::PATIENCE);
	sleep 0.003 while $s->alive && time < $until;
	return undef if $s->{pid};
	return $s->{status} & 127 ? 'signal ' . ($s->{status} & 127) : $s->{status} >> 8;
}

# Asks it to end; SIGKILL when it does not listen. Returns as wait_end does.
sub end {
	my ($s) = @_;
	$s->signal('CONT');
	$s->signal('TERM');
	my $how = $s->wait_end($ENV{MEMVIP_VALGRIND} ? 30 : 3);
	return $how // $s->kill9;
}

sub kill9 {
	my ($s) = @_;
	$s->signal('KILL');
	return $s->wait_end;
}

# Stops it as a whole, and looks that it has stopped.
sub freeze {
	my ($s) = @_;
	$s->signal('STOP');
	MemvipTest::wait_for("$s->{name} frozen",
	    sub { MemvipTest::slurp("/proc/$s->{pid}/stat") =~ /\) T / });
}

sub thaw { $_[0]->signal('CONT') }

# Memory that it holds, in kB; open descriptors.
sub rss_kb { return (MemvipTest::slurp("/proc/$_[0]{pid}/status") =~ /^VmRSS:\s+(\d+) kB/m)[0] }

sub fds {
	my ($s) = @_;
	my @fds = glob "/proc/$s->{pid}/fd/*";
	return scalar @fds;
}

# Answers version?
sub answers {
	my ($s) = @_;
	my $c = eval { MemvipTest::Client->new($s->where) } or return 0;
	return $c->ask("version\r\n", 2) =~ /\AVERSION /;
}

sub wait_up {
	my ($s) = @_;
	MemvipTest::wait_for("$s->{name} at $s->{where}", sub { !$s->alive || $s->answers });
	return $s if $s->alive;
	Test::More::diag("$s->{name} ended: " . ($s->wait_end // '?'));
	die "$s->{name} does not run\n";
}

sub restart {
	my ($s) = @_;
	$s->end if $s->{pid};
	return $s->start->wait_up;
}

# ---- memcached ----
package MemvipTest::Memcached;
use parent -norequire, 'MemvipTest::Process';

# args: further options of memcached. ip, port: where, if it matters.
sub new {
	my ($class, %opt) = @_;
	my $ip   = $opt{ip}   // MemvipTest::own_ip();
	my $port = $opt{port} // MemvipTest::free_port($ip);
	my $host = $ip =~ /:/ ? "[$ip]" : $ip;
	my $s = bless {
	    name => $opt{name} // "memcached-$port", ip => $ip, port => $port, where => "$host:$port",
	    cmd  => ['memcached', '-l', $ip, '-p', $port, '-U', 0, '-t', 2, '-m', 64, '-c', 512,
		($> == 0 ? ('-u', 'root') : ()), @{$opt{args} // []}],
	}, $class;
	return $s->start->wait_up;
}

# ---- the fake memcached ----
package MemvipTest::Fake;
use parent -norequire, 'MemvipTest::Process';

# rules: lines as its script has them.
sub new {
	my ($class, %opt) = @_;
	my $ip = MemvipTest::own_ip();
	my ($port, $control) = ($opt{port} // MemvipTest::free_port(), MemvipTest::free_port());
	my $name = $opt{name} // "fake-$port";
	my $script = MemvipTest::spew("$name.rules", join '', map { "$_\n" } @{$opt{rules} // []});
	my $s = bless {
	    name => $name, ip => $ip, port => $port, where => "$ip:$port", control => "$ip:$control",
	    cmd  => [$^X, "$top/tests/fake-memcached/fake-memcached", '-l', $ip, '-p', $port,
		'-c', $control, '-s', $script],
	}, $class;
	# Not wait_up: a rule may be about its first words.
	$s->start;
	MemvipTest::wait_for("$name\'s control port", sub { eval { $s->tell('conns'); 1 } });
	return $s;
}

# One line to the control port. Returns the answer without the newline.
sub tell {
	my ($s, $line) = @_;
	my $c = $s->{control_client} //= MemvipTest::Client->new($s->{control});
	$c->send("$line\n");
	my $answer = $line eq 'seen' ? $c->until(qr/(?:\A|\n)END\n\z/) : $c->until(qr/\n\z/);
	die "fake-memcached: $line: $answer\n" if $answer =~ /^ERROR/ || $answer !~ /\n\z/;
	chomp $answer;
	return $answer;
}

sub on { $_[0]->tell("on $_[1]") }

# The command lines that it has seen and that match.
sub seen {
	my ($s, $re) = @_;
	my @lines = split /\n/, $s->tell('seen');
	pop @lines;
	return grep { /$re/ } @lines;
}

sub restart {
	my ($s) = @_;
	$s->end;
	delete $s->{control_client};
	$s->start;
	MemvipTest::wait_for("$s->{name} again", sub { eval { $s->tell('conns'); 1 } });
	return $s;
}

# ---- memvip-proxy ----
package MemvipTest::Proxy;
use parent -norequire, 'MemvipTest::Process';

# servers, backups: server objects or "host:port". args: further options. ip, port, unix: where.
# no_wait: return as soon as it is started. --name is the same for all of a test's proxies, as it
# is for the two nodes of a pair, unless args has one: the next takes the servers over.
sub new {
	my ($class, %opt) = @_;
	my @name = grep({ $_ eq '--name' } @{$opt{args} // []}) ? () : ('--name', 'test');
	my $ip   = $opt{ip}   // MemvipTest::own_ip();
	my $port = $opt{port} // MemvipTest::free_port($ip);
	my $host = $ip =~ /:/ ? "[$ip]" : $ip;
	my @to = map { ref $_ ? $_->where : $_ } @{$opt{servers}};
	my @backup_to = map { ref $_ ? $_->where : $_ } @{$opt{backups} // []};
	# Where a test does not say for how long a server may be silent, valgrind's slowness is no silence.
	my @patient = $ENV{MEMVIP_VALGRIND} ? ('--timeout', 2000, '--connect-timeout', 2000) : ();
	my $s = bless {
	    name  => $opt{name} // "proxy-$port", ip => $ip, port => $port,
	    where => $opt{unix} // "$host:$port",
	    under => MemvipTest::under_valgrind(),
	    cmd   => [MemvipTest::program('proxy/memvip-proxy'), '-D', '-v',
		($opt{unix} ? ('-f', $opt{unix}, '-p', 0) : ('-l', $ip, '-p', $port)),
		(map { ('-s', $_) } @to), (map { ('-b', $_) } @backup_to), @name, @patient, @{$opt{args} // []}],
	}, $class;
	$s->start;
	$s->wait_up if !$opt{no_wait};
	return $s;
}

# Answers by itself, whatever its servers do?
sub answers {
	my ($s) = @_;
	my $c = eval { MemvipTest::Client->new($s->where) } or return 0;
	return $c->ask("stats servers\r\n", 2) =~ /END\r\n\z/;
}

# {name => value} of stats, or of a stats sub-command.
sub stats {
	my ($s, $what) = @_;
	my $answer = MemvipTest::Client->new($s->where)->ask(defined $what ? "stats $what\r\n" : "stats\r\n");
	return {$answer =~ /^STAT (\S+) ([^\r]*)\r$/mg};
}

# The state of one server ("current", "down", ...), '' when the proxy does not name it.
sub state {
	my ($s, $server) = @_;
	my $where = ref $server ? $server->where : $server;
	return $s->stats('servers')->{"server.$where.state"} // '';
}

# One number of stats about one server: $p->stat_of($a, 'fill_done').
sub stat_of {
	my ($s, $server, $what) = @_;
	return $s->stats('servers')->{'server.' . $server->where . ".$what"} // -1;
}

# Waits until the servers are in a state; without names: all that the proxy has.
sub wait_state {
	my ($s, $state, @servers) = @_;
	my $stats;
	my $there = MemvipTest::wait_for("servers of $s->{name} $state", sub {
		$stats = eval { $s->stats('servers') } // {};
		my @have = @servers ? map { $stats->{'server.' . $_->where . '.state'} // '' } @servers
		    : map { $stats->{$_} } grep { /^server\..*\.state$/ } keys %$stats;
		return @have && !grep { $_ ne $state } @have;
	});
	Test::More::diag(map { "stats servers: $_ $stats->{$_}\n" } sort keys %$stats) if !$there;
	return $there;
}

sub wait_current {
	my ($s, @servers) = @_;
	return $s->wait_state('current', @servers);
}

# ---- a client that waits no longer than it should ----
package MemvipTest::Client;
use Errno qw(EAGAIN EWOULDBLOCK EINTR);
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

sub new {
	my ($class, $to) = @_;
	my $sock;
	if ($to =~ m{^/}) {
		$sock = IO::Socket::UNIX->new(Peer => $to);
	} else {
		my ($host, $port) = $to =~ /^\[?(.*?)\]?:(\d+)$/ or die "not an address: $to\n";
		$sock = IO::Socket::IP->new(
		    PeerHost => $host, PeerPort => $port, Timeout => $MemvipTest::PATIENCE);
	}
	die "cannot connect to $to: $!\n" if !$sock;
	$sock->blocking(0);
	# Small pieces are to arrive as the test sends them.
	$sock->setsockopt(Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1) if $to !~ m{^/};
	return bless {sock => $sock, in => '', eof => 0}, $class;
}

# Sends all, or gives up at the deadline or when the peer is gone. Returns the number of bytes
# that went. What comes back meanwhile is kept, so that neither side waits for the other.
sub send {
	my ($c, $bytes, $seconds) = @_;
	my $until = time + ($seconds // $MemvipTest::PATIENCE);
	my $at = 0;
	while ($at < length $bytes && $c->{sock}) {
		my $n = syswrite($c->{sock}, $bytes, length($bytes) - $at, $at);
		if (defined $n) {
			$at += $n;
			next;
		}
		last if ($! != EAGAIN && $! != EWOULDBLOCK && $! != EINTR) || time > $until;
		my $select = IO::Select->new($c->{sock});
		my ($readable) = IO::Select->select($select, $select, undef, 0.2);
		$c->fill if $readable && @$readable;
		last if $c->{eof};
	}
	return $at;
}

# Reads what is there. Returns false at the end of the stream.
sub fill {
	my ($c) = @_;
	return 0 if $c->{eof};
	my $n = sysread($c->{sock}, $c->{in}, 1 << 18, length $c->{in});
	return 1 if $n;
	return 1 if !defined $n && ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR);
	$c->{eof} = defined $n ? 'FIN' : "$!";
	return 0;
}

# Waits for more bytes. Returns false: none came in time, or the stream has ended.
sub more {
	my ($c, $until) = @_;
	my $left = $until - time;
	return 0 if $c->{eof} || $left <= 0;
	IO::Select->new($c->{sock})->can_read($left) or return 0;
	$c->fill or return 0;
	return 1;
}

# Takes n bytes off what has come, or fewer at the deadline.
sub take {
	my ($c, $n) = @_;
	return substr($c->{in}, 0, $n, '');
}

# Everything up to the point where all that has come matches, or all there is at the deadline.
sub until {
	my ($c, $re, $seconds) = @_;
	my $until = time + ($seconds // $MemvipTest::PATIENCE);
	1 while $c->{in} !~ $re && $c->more($until);
	return $c->take(length $c->{in});
}

sub bytes {
	my ($c, $n, $seconds) = @_;
	my $until = time + ($seconds // $MemvipTest::PATIENCE);
	1 while length $c->{in} < $n && $c->more($until);
	return $c->take($n);
}

# One line with its newline, '' when none came.
sub line {
	my ($c, $seconds) = @_;
	my $until = time + ($seconds // $MemvipTest::PATIENCE);
	my $nl;
	1 while ($nl = index $c->{in}, "\n") < 0 && $c->more($until);
	return $nl < 0 ? '' : $c->take($nl + 1);
}

# One whole reply: VALUE blocks and STAT lines up to END, else a single line. What came, when it
# is not whole at the deadline.
sub reply {
	my ($c, $seconds) = @_;
	my $until = time + ($seconds // $MemvipTest::PATIENCE);
	my $all = '';
	while (1) {
		my $left = $until - time;
		my $line = $c->line($left > 0 ? $left : 0);
		$all .= $line;
		return $all . $c->take(length $c->{in}) if $line eq '';
		if ($line =~ /^VALUE \S+ \d+ (\d+)(?: \d+)?\r\n\z/ || $line =~ /^VA (\d+)/) {
			$left = $until - time;
			$all .= $c->bytes($1 + 2, $left > 0 ? $left : 0);
			return $all if $line =~ /^VA /;
		} elsif ($line !~ /^STAT /) {
			return $all;
		}
	}
}

# Sends and returns one reply.
sub ask {
	my ($c, $bytes, $seconds) = @_;
	$c->send($bytes, $seconds);
	return $c->reply($seconds);
}

# Nothing comes, and the connection stays open, for a while?
sub quiet {
	my ($c) = @_;
	my $until = time + $MemvipTest::SILENCE;
	1 while $c->{in} eq '' && $c->more($until);
	return $c->{in} eq '' && !$c->{eof};
}

# Has the other side ended the stream? Waits for it as long as is said (0).
sub closed {
	my ($c, $seconds) = @_;
	my $until = time + ($seconds // 0);
	$c->fill if !$c->{eof};
	1 while $c->more($until);
	return $c->{eof};
}

sub half_close { CORE::shutdown($_[0]{sock}, 1) }

sub close {
	my ($c, $how) = @_;
	return if !$c->{sock};
	setsockopt($c->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if ($how // '') eq 'reset';
	CORE::close($c->{sock});
	$c->{sock} = undef;
	$c->{eof}  = 'closed here';
}

1;
