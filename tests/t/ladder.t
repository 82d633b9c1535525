# Intent: no include climbs the ladder, every header stands alone, and the check would notice.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Path qw(make_path);
use MemvipTest;
use Test::More;

my $check = top() . '/tests/check-ladder';
my $ran = run({seconds => 120}, $check, top());
is($ran->{status}, 0, 'this tree') or diag($ran->{err});

# A tree of three files; each case below breaks one rule.
sub tree {
	my (%change) = @_;
	my $dir = tmpdir() . '/tree';
	run('rm', '-rf', $dir);
	make_path(map { "$dir/$_" } qw(lib proxy tests));
	my %file = (
	    'tests/ladder' => "0 lib low\n1 lib mid\n2 proxy high\n",
	    'lib/low.h'    => "/* low */\n#ifndef LOW_H\n#define LOW_H\nint low(void);\n#endif\n",
	    'lib/low.c'    => qq(#include "low.h"\n),
	    'lib/mid.h'    => qq(#ifndef MID_H\n#define MID_H\n#include "low.h"\n#endif\n),
	    'proxy/high.c' => qq(#include "mid.h"\n#include "low.h"\n),
	    %change,
	);
	spew("$dir/$_", $file{$_}) for keys %file;
	return run($check, $dir);
}

$ran = tree();
is($ran->{status}, 0, 'a tree that keeps the rules') or diag($ran->{err});
my @cases = (
    ['an include that climbs', 'lib/low.c' => qq(#include "mid.h"\n),
	qr{lib/low\.c:1: rung 0 includes lib/mid\.h on rung 1}],
    ['an include across a rung', 'tests/ladder' => "0 lib low mid\n2 proxy high\n",
	qr{lib/mid\.h:3: rung 0 includes lib/low\.h on rung 0}],
    ['an include from nowhere', 'proxy/high.c' => qq(#include "gone.h"\n),
	qr{proxy/high\.c:1: "gone\.h" is not in proxy/ or lib/}],
    ['a file without a rung', 'proxy/new.c' => "int x;\n", qr{proxy/new\.c has no rung}],
    ['a name without a file', 'tests/ladder' => "0 lib low\n1 lib mid\n2 proxy high gone\n",
	qr{names proxy/gone}],
    ['a header without a guard', 'lib/low.h' => "int low(void);\n", qr{lib/low\.h: no include guard}],
    ['a header that leans on others', 'lib/low.h' =>
	    "#ifndef LOW_H\n#define LOW_H\nsize_t low(void);\n#endif\n",
	qr{lib/low\.h does not compile alone}],
);
for my $case (@cases) {
	my ($name, $file, $text, $said) = @$case;
	$ran = tree($file => $text);
	is($ran->{status}, 1, "$name is noticed");
	like($ran->{err}, $said, '... and named');
}
done_testing;
