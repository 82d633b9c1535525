# DemoView: the demo's screen: two nodes and the client, the story's step below; redrawn in place.
# It draws what it is given and looks at nothing itself. Honours NO_COLOR and the terminal's size.
package DemoView;
use strict;
use warnings;

my $TIOCGWINSZ = 0x5413; # asm-generic; where it is another, 80x24 is taken
my %paint = (good => '32', bad => '31;1', busy => '33', dim => '2', bold => '1');

sub new {
	my ($class, %is) = @_;
	my $utf8 = ($ENV{LC_ALL} || $ENV{LC_CTYPE} || $ENV{LANG} || '') =~ /utf-?8/i;
	my $self = bless {
		%is,
		color => !length($ENV{NO_COLOR} // ''),
		full => $utf8 ? "\x{2588}" : '#',
		empty => $utf8 ? "\x{2591}" : '.',
		rule => $utf8 ? "\x{2500}" : '-',
		dot => $utf8 ? "\x{25cf}" : '*',
		ring => $utf8 ? "\x{25cb}" : 'o',
	}, $class;
	binmode(STDOUT, $utf8 ? ':utf8' : ':raw');
	return $self;
}

# (columns, rows) of the terminal.
sub size {
	my $got = "\0" x 8;
	my ($rows, $columns) = ioctl(STDOUT, $TIOCGWINSZ, $got) ? unpack('SS', $got) : (24, 80);
	return ($columns || 80, $rows || 24);
}

# Without a cursor, and without the terminal's own way of wrapping: after a resize a drawing may be
# too wide for a moment.
sub open  { print "\e[?25l\e[?7l\e[2J" }
sub close { print "\e[?7h\e[?25h" }

# Text of exactly so many columns, then painted: escapes have no width.
sub cell {
	my ($self, $text, $width, $how) = @_;
	$width = 0 if $width < 0;
	$text = sprintf '%-*.*s', $width, $width, $text;
	return $how && $self->{color} ? "\e[$paint{$how}m$text\e[0m" : $text;
}

# A line of the story as lines of at most so many columns: broken between words where that can be,
# what follows further in than its beginning.
sub wrapped {
	my ($text, $width) = @_;
	my @out;
	my ($indent) = $text =~ /^(\s*(?:ok\s+)?)/;
	$indent = ' ' x (length($indent) + 2);
	while (length $text > $width) {
		my $at = rindex $text, ' ', $width;
		$at = $width if $at <= length $indent;
		push @out, substr $text, 0, $at;
		$text = $indent . (substr($text, $at) =~ s/^ +//r);
	}
	return (@out, $text);
}

sub bar {
	my ($self, $part, $width) = @_;
	$width = 0 if $width < 0;
	my $full = int($part * $width + 0.5);
	return $self->{full} x $full . $self->{empty} x ($width - $full);
}

# What a node's column says: rows of [label, text, how].
sub column {
	my ($self, $node, $width) = @_;
	my $on = sub { my ($text, $how) = @_; return ["$self->{dot} $text", $how] };
	my $off = sub { my ($text, $how) = @_; return ["$self->{ring} $text", $how] };
	my $cache = $node->{memcached} // '';
	my $copy = $node->{copy} // '';
	my $fill = $node->{fill};
	my $percent = defined $fill ? sprintf(' %3d %%', $fill * 100) : '';
	# Nothing is known of it yet.
	return map { [$_, $self->{ring}, 'dim'] } qw(VIP keepalived proxy memcached copy fill) if !exists $node->{memcached};
	return (
		['VIP', @{$node->{vip} ? $on->('here', 'good') : $off->('-', 'dim')}],
		['keepalived', @{!$node->{keepalived} ? $off->('stopped', 'bad')
			: $on->($node->{said} // 'starting', ($node->{said} // '') eq 'MASTER' ? 'good' : undef)}],
		['proxy', @{$node->{proxy} ? $on->("serves, pid $node->{proxy}", 'good') : $off->('-', 'dim')}],
		['memcached', @{$cache eq 'running' ? $on->(defined $node->{items} ? "$node->{items} items" : 'running', 'good')
			: $off->($cache || '?', $cache ? 'bad' : 'dim')}],
		['copy', $copy, $copy =~ /^current/ ? 'good' : $copy =~ /^down/ ? 'bad' : 'busy'],
		['fill', defined $fill ? $self->bar($fill, $width - 20) . $percent : '', 'busy'],
	);
}

# Draws all of it, and never more than the terminal has lines. is: a, b (nodes), client, rate, step, lines (of the story), seconds.
sub draw {
	my ($self, %is) = @_;
	my ($columns, $rows) = size();
	my $width = $columns > 112 ? 112 : $columns - 1;
	my $half = int(($width - 2) / 2);
	my @out = ($self->cell(' memvip: one virtual address in front of two memcached servers', $width - 9, 'bold')
	    . sprintf('%7.1f s', $is{seconds}), '');
	push @out, join '  ', map {
		$self->cell(" node $_  $self->{address}{$_}  ($self->{role}{$_}) " . $self->{rule} x $half, $half, 'bold')
	} qw(a b);
	my @a = $self->column($is{a}, $half);
	my @b = $self->column($is{b}, $half);
	for my $i (0 .. $#a) {
		push @out, join '  ', map { $self->cell("  $_->[0]", 14) . $self->cell($_->[1], $half - 14, $_->[2]) }
		    $a[$i], $b[$i];
	}
	my $client = $is{client};
	push @out, '', $self->cell(" client  $self->{vip} " . $self->{rule} x $width, $width, 'bold');
	push @out, defined $client->{requests}
	    ? '  ' . $self->cell(sprintf('%d requests/s', $is{rate}), 17, $is{rate} ? 'good' : 'busy')
	    . $self->cell("errors $client->{errors}", 13, $client->{errors} ? 'bad' : 'good')
	    . $self->cell("slowest answer $client->{slowest_ms} ms", 27)
	    . $self->cell("reconnected $client->{lost}", $width - 60, 'dim')
	    : $self->cell('  not yet', $width, 'dim');
	push @out, '', $self->cell(" $is{step} " . $self->{rule} x $width, $width, 'bold');
	my @lines;
	for my $line (@{$is{lines}}) {
		my $how = $line =~ /^ *ok  / ? 'good' : $line =~ /FAILED/ ? 'bad' : undef;
		push @lines, map { $self->cell($_, $width, $how) } wrapped($line, $width);
	}
	my $room = $rows - 1 - @out;
	splice @lines, 0, @lines - $room if $room > 0 && @lines > $room;
	push @out, @lines;
	splice @out, $rows - 1 if @out > $rows - 1;
	print "\e[H", map({ "$_\e[K\n" } @out), "\e[J";
}

1;
