# MemvipTerminal: a program on a terminal of its own, as a person has it: a size, keys, Ctrl-C.
# The terminal is a pseudo-terminal made with what Linux and perl have; no script(1) is needed.
package MemvipTerminal;
use strict;
use warnings;

use Fcntl qw(O_NOCTTY O_NONBLOCK O_RDWR);
use IO::Select;
use POSIX qw(WNOHANG);
use Time::HiRes qw(time);

# asm-generic/ioctls.h
my ($TIOCSPTLCK, $TIOCGPTN) = (0x40045431, 0x80045430);

# Starts a program. rows, columns: of the terminal; env: {NAME => value}, added to the environment.
# Fields: pid, out (all that it has written). Dies when there are no pseudo-terminals.
sub new {
	my ($class, %is) = @_;
	sysopen(my $master, '/dev/ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK) or die "/dev/ptmx: $!\n";
	my ($unlock, $number) = (pack('i', 0), pack('I', 0));
	ioctl($master, $TIOCSPTLCK, $unlock) && ioctl($master, $TIOCGPTN, $number) or die "/dev/ptmx: $!\n";
	my $s = bless {master => $master, path => '/dev/pts/' . unpack('I', $number), out => ''}, $class;
	# Held open here: it ends when the program and all that it has started have let go of it.
	sysopen(my $slave, $s->{path}, O_RDWR | O_NOCTTY) or die "$s->{path}: $!\n";
	$s->resize($is{rows}, $is{columns});
	$s->{pid} = fork() // die "fork: $!\n";
	if (!$s->{pid}) {
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE ALRM);
		POSIX::setsid();
		# The first terminal that a session's leader opens becomes its own.
		sysopen(my $tty, $s->{path}, O_RDWR) or POSIX::_exit(126);
		POSIX::dup2(fileno $tty, $_) for 0 .. 2;
		%ENV = (%ENV, %{$is{env} // {}});
		exec @{$is{cmd}} or POSIX::_exit(127);
	}
	close $slave;
	return $s;
}

# The program, if it runs, is told by the kernel.
sub resize {
	my ($s, $rows, $columns) = @_;
	system('stty', '-F', $s->{path}, 'rows', $rows, 'cols', $columns) == 0 or die "stty: $?\n";
}

sub type {
	my ($s, $keys) = @_;
	syswrite $s->{master}, $keys;
}

# Reads on until all that was written matches, or the program has ended. False: it does not match.
sub shows {
	my ($s, $re, $seconds) = @_;
	my $until = time() + $seconds;
	while ($s->{out} !~ $re) {
		return 0 if defined $s->{ended} || time() > $until;
		$s->take();
	}
	return 1;
}

# Waits for its end. Returns its exit status, "signal N", or undef: it still runs.
sub wait_end {
	my ($s, $seconds) = @_;
	my $until = time() + $seconds;
	$s->take() while !defined $s->{ended} && time() < $until;
	return undef if !defined $s->{ended};
	return $s->{ended} & 127 ? 'signal ' . ($s->{ended} & 127) : $s->{ended} >> 8;
}

sub take {
	my ($s) = @_;
	my $ended = waitpid($s->{pid}, WNOHANG) == $s->{pid} ? $? : undef;
	# After its end one look is enough: all that it has written is there.
	if (IO::Select->new($s->{master})->can_read($ended ? 0 : 0.05)) {
		1 while sysread $s->{master}, $s->{out}, 65536, length $s->{out};
	}
	$s->{ended} = $ended if defined $ended;
}

# What stood on the screen, one text a drawing that starts at the top left, without its colours.
sub screens {
	my ($s) = @_;
	my @screens = split /\e\[H/, $s->{out};
	shift @screens;
	s/\e\[[?0-9;]*[A-Za-z]|\r//g for @screens;
	return @screens;
}

# Ends it, if it still runs: asked first, so that it can clear up.
sub DESTROY {
	my ($s) = @_;
	return if !$s->{pid} || defined $s->{ended};
	local $?;
	kill TERM => $s->{pid};
	return if defined $s->wait_end(30);
	kill KILL => $s->{pid};
	waitpid $s->{pid}, 0;
}

1;
