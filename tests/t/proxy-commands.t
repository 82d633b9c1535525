# Intent: the same bytes sent to a memcached and to the proxy bring the same bytes back.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

same_setup();

my $k250 = 'k' x 250;
my $k251 = 'k' x 251;

# Name => lines. What follows one name depends on nothing before it.
my @sessions = (
    'get' => ['get none', 'set a 5 0 3', 'one', 'get a', 'get a a a', 'get a none a', 'gets a none'],
    'get, odd blanks' => ['set a 0 0 1', 'x', ' get a', 'get   a', 'get a ', "get\ta", "get a\tb", 'get  '],
    'get, no key' => ['get', 'get ', 'gets', 'GET a', 'geta a', 'g', 'ge'],
    'get, longest key' => ["set $k250 0 0 1", 'x', "get $k250"],
    'set' => ['set a 0 0 0', '', 'get a', 'set a 4294967295 0 3', "a\r\n", 'get a', 'set a 1 0 5',
	"\0\1\2\3\xff", 'get a'],
    'set, flags' => ['set a 4294967296 0 1', 'x', 'set a -1 0 1', 'x', 'set a x 0 1', 'x',
	'set a 1x 0 1', 'x', 'set a 00012 0 1', 'x', 'get a', 'set a 18446744073709551616 0 1', 'x', 'get a'],
    'set, exptime' => ['set a 0 -1 1', 'x', 'get a', 'set a 0 100 1', 'x', 'get a', 'set a 0 2592001 1',
	'x', 'get a', 'set a 0 4102444800 1', 'x', 'get a', 'set a 0 x 1', 'x', 'get a',
	'set a 0 -2147483649 1', 'x', 'get a'],
    'set, length' => ['set a 0 0 -1', 'set a 0 0 x', 'set a 0 0 1x', 'set a 0 0', 'set a', 'set', 'mn'],
    'set, length over 32 bits' => ['set a 0 0 4294967297', 'x', 'get a'],
    'set, words' => ['set a 0 0 1 noreply x', 'set a 0 0 1 NOREPLY', 'x', 'get a', 'set noreply 0 0 1',
	'x', 'get noreply'],
    'set, key' => ["set $k251 0 0 1", 'x', 'get a', "set \xff\xfe 0 0 1", 'x', "get \xff\xfe",
	"set a\tb 0 0 1", 'x', "get a\tb", "set \x01 0 0 1", 'x', "get \x01"],
    'add' => ['add a 1 0 1', 'x', 'add a 2 0 1', 'y', 'get a', 'delete a', 'add a 3 0 1', 'z', 'get a'],
    'replace' => ['replace a 0 0 1', 'x', 'get a', 'set a 0 0 1', 'x', 'replace a 7 0 2', 'yy', 'get a'],
    'append, prepend' => ['append a 0 0 1', 'x', 'prepend a 0 0 1', 'x', 'set a 3 0 1', 'b',
	'append a 9 9 1', 'c', 'prepend a 9 9 1', 'a', 'get a'],
    'cas' => ['cas none 0 0 1 1', 'x', 'set a 0 0 1', 'x', 'cas a 0 0 1 1844674407370955161', 'y', 'get a',
	'cas a 0 0 1', 'x', 'cas a 0 0 1 x', 'x', 'cas a 0 0 1 -1', 'x', 'cas a 0 0 1 18446744073709551616', 'x',
	'get a'],
    'delete' => ['delete a', 'set a 0 0 1', 'x', 'delete a', 'get a', 'set a 0 0 1', 'x', 'delete a 0',
	'set a 0 0 1', 'x', 'delete a 1', 'delete a 0 noreply', 'get a', 'set a 0 0 1', 'x', 'delete a x y',
	'delete a 0 0 0', 'delete', 'delete noreply', "delete $k251", 'delete a noreply', 'get a'],
    # Not get: memcached pads a shortened number only when nobody else holds the item just then.
    'incr, decr' => ['incr a 1', 'set a 0 0 2', '10', 'incr a 5', 'decr a 6', 'incr a 0', 'decr a 100',
	'incr a 0', 'incr a 18446744073709551615', 'incr a 1', 'incr a 0', 'incr a 18446744073709551616',
	'incr a -1', 'incr a x', 'incr a', 'incr a 1 2', 'incr', 'decr a 1 noreply', 'incr a 0'],
    'incr, not a number' => ['set a 0 0 1', 'x', 'incr a 1', 'decr a 1', 'set a 0 0 3', '1 2', 'incr a 1',
	'set a 0 0 0', '', 'incr a 1', 'set a 0 0 20', '18446744073709551615', 'incr a 1', 'get a',
	'set a 0 0 20', '99999999999999999999', 'incr a 1', 'set a 0 0 21', '000000000000000000005', 'incr a 1'],
    'touch' => ['touch a 1', 'set a 0 0 1', 'x', 'touch a 100', 'get a', 'touch a x', 'touch a', 'touch',
	'touch a 100 noreply', 'touch a -1', 'get a', "touch $k251 1", 'touch a 1 2'],
    'gat' => ['gat 10 a', 'set a 4 0 1', 'x', 'set b 0 0 2', 'yy', 'gat 100 a', 'gat 100 a b none a',
	'gats 100 a b', 'gat x a', 'gat 100', 'gat', 'gats', 'gat -1 a', 'get a', 'gats -1 b none', 'get b',
	],
    'noreply' => ['set a 0 0 1 noreply', 'x', 'get a', 'add b 0 0 1 noreply', 'y', 'add b 0 0 1 noreply',
	'z', 'get b', 'replace b 0 0 1 noreply', '5', 'append b 0 0 1 noreply', '0', 'prepend b 0 0 1 noreply',
	'1', 'get b', 'incr b 1 noreply', 'decr b 2 noreply', 'get b', 'touch b 100 noreply',
	'cas b 0 0 1 1 noreply', 'x', 'get b', 'delete b noreply', 'get b', 'verbosity 0 noreply',
	'flush_all noreply', 'get a'],
    'noreply and wrong' => ['set a x 0 1 noreply', 'x', 'incr a x noreply', 'incr none 1 noreply',
	'touch a x noreply', 'delete a 5 noreply', 'get noreply', 'set a 0 0 3 noreply', 'toolong', 'get a'],
    'flush_all' => ['set a 0 0 1', 'x', 'flush_all', 'get a', 'set a 0 0 1', 'x', 'get a', 'flush_all 0',
	'get a', 'flush_all x', 'flush_all 0 noreply', 'flush_all 1 2 3', 'set a 0 0 1', 'x', 'flush_all noreply',
	'get a'],
    'version, verbosity, mn' => ['version', 'version x', 'verbosity 0', 'verbosity', 'verbosity x', 'verbosity 0 noreply',
	'verbosity noreply', 'mn', 'mn x', 'verbosity 0 0', 'verbosity 0 0 0'],
    'stats reset' => ['stats reset'],
    'nonsense' => ['', ' ', 'x', 'nonsense', 'nonsense noreply', "\x01\x02", "sets a 0 0 1", 'quits', '::', 'getx a',
	'set_a 0 0 1'],
    'a NUL in the line' => ["set a\0b 0 0 1", 'x', "get a\0b", "get a"],
    'quit' => ['set a 0 0 1', 'x', 'quit', 'get a'],
    'quit with words' => ['quit now', 'get a'],
);

# Blocks whose length is not what was said, and what memcached makes of the rest.
my @raw = (
    'a block too long'      => "set a 0 0 3\r\nabcdef\r\nget a\r\n",
    'a block too long by 1' => "set a 0 0 3\r\nabcd\r\nget a\r\n",
    'a block too short'     => "set a 0 0 5\r\nabc\r\nget a\r\n",
    'an old value and a bad block' => "set a 0 0 1\r\nx\r\nset a 0 0 3\r\nabcdef\r\nget a\r\n",
    'no \r'                 => "set a 0 0 3\nabc\r\nget a\nmn\n",
    'a block ended by \n'   => "set a 0 0 3\r\nabc\nget a\r\nget a\r\n",
    'two \r'                => "get a\r\r\nversion\r\n",
    'a value with commands' => "set a 0 0 19\r\nget b\r\nflush_all\r\nEND\r\nget a\r\n",
    'noreply, a block too long' => "set a 0 0 3 noreply\r\nabcdef\r\nget a\r\n",
);

for my $chunk (0, 1, 7) {
	my $how = $chunk ? " ($chunk bytes at a time)" : '';
	my @left = @sessions;
	while (my ($name, $lines) = splice @left, 0, 2) {
		same_answer("$name$how", join('', "flush_all\r\n", map { "$_\r\n" } @$lines), chunk => $chunk);
	}
	@left = @raw;
	while (my ($name, $bytes) = splice @left, 0, 2) {
		same_answer("$name$how", "flush_all\r\n$bytes", chunk => $chunk);
	}
}

# One at a time, so that nothing can hide behind its neighbour.
for my $i (grep { $_ % 2 } 0 .. $#sessions) {
	my @left = @{$sessions[$i]};
	same_answer("$sessions[$i - 1], afresh", "flush_all\r\n");
	while (defined(my $line = shift @left)) {
		my $bytes = "$line\r\n";
		$bytes .= (shift @left) . "\r\n"
		    if $line =~ /^(?:set|add|replace|append|prepend|cas) \S+ \d+ -?\d+ \d{1,5}\b/ && @left;
		same_answer("$sessions[$i - 1]: " . ($line =~ s/[^ -~]/?/gr =~ s/#/\\#/gr), $bytes);
	}
}

# A get that is refused takes the answers before it with it when memcached has them still in hand;
# the proxy does not. So these go by themselves.
same_answer("$_->[0] with a key too long", $_->[1])
    for ['get', "get $k251\r\n"], ['get of several', "get a $k251 b\r\n"], ['gets', "gets $k251\r\n"],
    ['gat', "gat 100 $k251\r\n"], ['gat of several', "gat 100 a $k251\r\n"];

# Both copies are there after all that.
my $text = join '', map { "set pair$_ 0 0 4\r\nbody\r\n" } 1 .. 100;
same_answer('a hundred sets', $text);
done_testing;
