# Intent: meta commands are answered as a memcached answers them, to the byte, however they come; what
# is memvip's own (cas tokens, reserved keys) is clear.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my $p = same_setup();

my $k250 = 'k' x 250;
my $bin  = 'AAEgCv8='; # \0 \1 blank \n \xff
my $never = 'C' . 2**62; # a unique that no item has

# Name => lines. What follows one name depends on nothing before it.
my @sessions = (
    'mg' => ['mg none', 'mg none v', 'mg none v k O1', 'ms a 3 F5', 'one', 'mg a', 'mg a v', 'mg a k v f t s O77', 'mg a c',
	'mg a v c f', 'mg a u v', 'mg a b', 'mg a v v', 'mg a E5', 'mg a M1', 'mg a x', 'mg a T', 'mg a Tx', "mg $k250 v", "mg k$k250 v"],
    'mg, quiet' => ['ms a 1', 'x', 'mg a q', 'mg a q v', 'mg none q', 'mg none q v k O5', 'mn', 'mg none v', 'mg a v q k'],
    'mg, hit before' => ['ms a 1', 'x', 'mg a h', 'mg a h', 'mg a u h'],
    'mg T' => ['ms a 1', 'x', 'mg a T1000 t', 'mg a t', 'mg a T0 t v', 'mg none T30', 'mg none T30 q', 'mg a T-1 v', 'mg a v'],
    'mg N' => ['mg a N1000 v t', 'mg a N1000 v', 'mg a v', 'mg a', 'ms a 1', 'x', 'mg a v N5', 'mg a v'],
    'mg N, quiet' => ['mg a N1000 q', 'mg a q', 'md a', 'mg a N1000 T5 v q k O1'],
    'mg R' => ['ms a 1 T1000', 'x', 'mg a R500 t v', 'mg a R2000 v', 'mg a R2000 v', 'mg a v', 'ms a 1', 'y', 'mg a R2000 v'],
    'ms' => ['ms a 0', '', 'mg a v', 'ms a 2 T1000 F7 c', 'yy', 'mg a v f t', "ms a 5", "\0\1\2\3\xff", 'mg a v', 'ms a 1 k O3', 'z',
	'ms a 1 q', 'z', 'mn', 'ms a x', 'ms a -1', 'ms a', 'ms', 'ms a 1 E5', 'x', 'ms a 1 v', 'x', 'ms a 1 Fx', 'x', 'ms a 1 Tx', 'x',
	"ms $k250 1", 'x', "mg $k250 v"],
    'ms, modes' => ['ms a 1 ME', '1', 'ms a 1 ME', '2', 'ms a 1 MA', '3', 'ms a 1 MP', '4', 'mg a v', 'ms a 1 MR F9', '5', 'mg a v f', 'ms b 1 MR',
	'x', 'ms b 1 MA', 'x', 'ms b 1 MP', 'x', 'ms a 1 MS', 'x', 'ms a 1 MX', 'x', 'ms a 1 MSS', 'x', 'ms a 1 M', 'x', 'mg a v'],
    'ms, modes, quiet' => ['ms a 1 ME q', '1', 'ms a 1 ME q k', '2', 'ms a 1 MA q', '3', 'ms b 1 MR q O1', 'x', 'ms b 1 MA q', 'x', 'mg a v'],
    'ms C' => ["ms none 1 $never c", 'x', 'ms a 1', 'x', "ms a 1 $never", 'y', "ms a 1 $never c q k", 'y', "ms a 1 $never ME", 'y', "ms a 1 $never MA",
	'y', 'ms a 1 C0', 'y', 'ms a 1 Cx', 'y', 'mg a v'],
    'md' => ['md none', 'md none q', 'ms a 1', 'x', 'md a k O9', 'mg a', 'ms a 1', 'x', 'md a q', 'mn', 'mg a', 'ms a 1', 'x', "md a $never",
	"md a $never q k", "md none $never", 'mg a v', 'md a Cx', 'md a T5 x'],
    'md I' => ['ms a 1', 'x', 'md a I T1000', 'mg a v', 'mg a v', 'ms a 1', 'y', 'mg a v', 'md none I', 'md a I q', 'mg a t v'],
    'ma' => ['ma a', 'ma a N0', 'ma a v', 'ma a v t', 'ma a N0 J5 v', 'ma b N1000 J5 v t', 'ma b', 'mg b v t', 'ma b D10 v', 'ma b MD D3 v', 'ma b M- v',
	'ma b MX', 'ma b Dx', 'ma b D-1', 'ma b Jx N0', 'ma b T30 v t', 'ma b k O5', 'ma b k O5 v c', 'ms c 1', 'x', 'ma c', 'ma c v q',
	'ma b MD D100 v'],
    'ma, quiet' => ['ma a q', 'ma a N0 J5 q', 'ma a q', 'ma a v q', 'mn', 'ma a v', "ma a $never q", "ma a $never v", 'ma a C0 v'],
    'ma, quiet, to the initial number' => ['ms a 1 F3 T1000', '4', 'ma a N0 J5 q', 'ma a N0 J6 q v', 'ma a N0 MD D9 q k', 'mg a v f', 'ma b N0 MD q', 'ma b N0 MD q',
	"ma b N0 q $never", 'ma b N0 q C0', "ma c N1000 J7 q O3 $never", 'mg c v t', 'ma d N1000 T2000 J7 q', 'ma d N1000 J7 t q v', 'mg d t v'],
    'ma, as many flags as there may be' => ['ma a k s t f h l u N0 J5 D1 T1000 M+ F1 R5 O1 I', 'ma a k s t f h l u N0 J5 D1 T1000 M+ F1 R5 O1 I C0',
	'ma a k s t f h l u N0 J5 D1 T1000 M+ F1 R5 O1 I v', 'ma a k s t f h l u N0 J5 D1 T1000 M+ F1 R5 O1 I C0 v', 'ma YWJj b k s t f h l u N0 J5 D1 T1000 M+ F1 R5 O1 I',
	'ma a k s t f h l u N0 J5 D1 T1000 M+ F1 R5 O1 I P', 'mg a v f t'],
    'me' => ['me none', 'ms a 1', 'x', 'me a', 'me', 'me a b', 'me YQ== b'],
    'base64' => ["ms $bin 2 b", 'hi', "mg $bin b v", "mg $bin b v k", "mg $bin b k q O1", "ms $bin 1 b MA", '!', "mg $bin b v", "ma $bin b", "md $bin b k", "mg $bin b v",
	"ma $bin b N0 J3 v k", "ma $bin b v", "mg $bin b T1000 t", "md $bin b I T1000", "mg $bin b v", 'ms YWJj 1 b k', 'x', 'mg abc v k',
	'mg YWJj b v k', 'get abc', 'md !!! b', 'ms Y 1 b', 'x'],
    'opaque' => ['ms a 1 O' . 'o' x 31, 'x', 'ms a 1 O' . 'o' x 32, 'x', 'mg a O' . 'o' x 31, 'mg a O' . 'o' x 40, 'md a O' . 'o' x 40, 'ma a O' . 'o' x 40],
    'many flags' => ['mg a' . ' k' x 20, 'ms a 1' . ' k' x 20, 'x', 'md a' . ' x' x 20],
    'mn' => ['mn', 'mn x', 'mn  '],
    'with the others' => ['set a 3 0 1', 'x', 'mg a v f', 'ms a 2 F4 q', 'yy', 'get a', 'append a 0 0 1', 'z', 'mg a v', 'delete a', 'mg a', 'incr a 1',
	'ma a N0 J8 q', 'incr a 1', 'mg a v', 'touch a 1000', 'mg a t', 'flush_all', 'mg a'],
);
my @raw = (
    'a block too long'  => "ms a 3\r\nabcdef\r\nmg a v\r\n",
    'a block too short' => "ms a 5\r\nabc\r\nmg a v\r\n",
    'an old value and a bad block' => "ms a 1\r\nx\r\nms a 3\r\nabcdef\r\nmg a v\r\n",
    'quiet, a block too long' => "ms a 3 q\r\nabcdef\r\nmg a v\r\n",
    'wrong, and its block' => "ms a 12 v v\r\nmg b\r\nmg c\r\n\r\nmn\r\n",
    'no \r'             => "ms a 3\nabc\r\nmg a v\nmn\n",
    'a value with commands' => "ms a 19\r\nmg b\r\nmd a\r\nEN\r\nHD\r\r\nmg a v\r\n",
);

for my $chunk (0, 1, 7) {
	my $how = $chunk ? " ($chunk bytes at a time)" : '';
	my @left = @sessions;
	while (my ($name, $lines) = splice @left, 0, 2) {
		same_answers(["$name$how", join('', "flush_all\r\n", map { "$_\r\n" } @$lines), chunk => $chunk]);
	}
	@left = @raw;
	while (my ($name, $bytes) = splice @left, 0, 2) {
		same_answer("$name$how", "flush_all\r\n$bytes", chunk => $chunk);
	}
}
same_items('both servers hold the same', same_servers());

# One at a time, so that nothing can hide behind its neighbour.
for my $i (grep { $_ % 2 } 0 .. $#sessions) {
	my @left = @{$sessions[$i]};
	my @asked = ["$sessions[$i - 1], afresh", "flush_all\r\n"];
	while (defined(my $line = shift @left)) {
		my $bytes = "$line\r\n";
		$bytes .= (shift @left) . "\r\n" if $line =~ /^(?:ms \S+ \d+\b|set |append )/ && @left;
		push @asked, ["$sessions[$i - 1]: " . ($line =~ s/[^ -~]/?/gr =~ s/#/\\#/gr), $bytes];
	}
	same_answers(@asked);
}

# Answers in turn, among many, whatever is hidden of them.
same_answer('a thousand in one write', join '', "flush_all\r\n",
    map { ("ms m$_ 1 q\r\n" . $_ % 10 . "\r\n", "mg m$_ v q k O$_\r\n", "mg no$_ q v\r\n", "ma m$_ q\r\n", $_ % 7 ? () : "md m$_ q\r\n", "get m$_\r\n") } 1 .. 200);

# ---- what is memvip's own ----
my $c = client($p);
for my $key ('__memvip__', '__memvip_lease__', '__memvip_ports__') {
	my $b64 = {'__memvip__' => 'X19tZW12aXBfXw==', '__memvip_lease__' => 'X19tZW12aXBfbGVhc2VfXw==',
	    '__memvip_ports__' => 'X19tZW12aXBfcG9ydHNfXw=='}->{$key};
	for my $k ($key, "$b64 b") {
		my ($name, $b) = split / /, $k;
		$b = $b ? " $b" : '';
		my $no = "CLIENT_ERROR the key is reserved for memvip\r\n";
		is($c->ask("ms $name 1$b\r\nx\r\n"), $no, "ms $name$b is refused");
		is($c->ask("md $name$b\r\n"), $no, '... md');
		is($c->ask("ma $name$b N0\r\n"), $no, '... ma');
		is($c->ask("mg $name$b v\r\n"), "EN\r\n", '... mg sees nothing');
		is($c->ask("mg $name$b N30 v\r\n"), "EN\r\n", '... and makes nothing');
		is($c->ask("me $name$b\r\n"), "EN\r\n", '... me sees nothing');
	}
}
$c->ask("ms t 1\r\nx\r\n");
$c->ask("ms $bin 1 b\r\nx\r\n");
is($c->ask("me $bin b\r\n"), "CLIENT_ERROR me tells of no key that has a blank or a line end in it\r\n", 'me: a key that would break the line');
is(scalar(log_lines($p, qr/-> down/)), 0, '... and no server was lost over it');
my ($token) = $c->ask("mg t c\r\n") =~ /^HD c(\d+)\r\n/;
is($c->ask("ms t 1 C1\r\ny\r\n"), "EX\r\n", 'a small unique is no token');
my ($new) = $c->ask("ms t 1 C$token c\r\ny\r\n") =~ /^HD c(\d+)\r\n/;
ok($new, 'the token that mg gave is right');
is($c->ask("ms t 1 C$token\r\nz\r\n"), "EX\r\n", '... once');
($new) = $c->ask("ms t 1 C$new c\r\n1\r\n") =~ /^HD c(\d+)\r\n/;
is($c->ask("md t C$token\r\n"), "EX\r\n", 'md: an old one');
my ($next) = $c->ask("ma t C$new c v\r\n") =~ /^VA 1 c(\d+)\r\n2\r\n/;
ok($next, 'ma: the token that ms gave');
is($c->ask("gets t\r\n"), "VALUE t 0 1 $next\r\n2\r\nEND\r\n", '... and gets tells the same as ma');
is($c->ask("md t C$next\r\n"), "HD\r\n", 'md: the right one');
is($c->ask("ms big 2000000\r\n" . 'x' x 2000000 . "\r\n"), "SERVER_ERROR object too large for cache\r\n", 'too large a value');
is($c->ask("mg big v\r\n"), "EN\r\n", '... is not there');
done_testing;
