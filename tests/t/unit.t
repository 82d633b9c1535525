# Intent: every cmocka program of tests/unit passes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

chdir top();
plan skip_all => 'needs cmocka (libcmocka-dev)'
    if run('sh', '-c', 'echo "#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n'
	. '#include <cmocka.h>" | ${CC:-cc} -fsyntax-only -x c -')->{status};

# The programs of the kind under test: MEMVIP_BIN_DIR=build/address-undefined has its own.
my ($sanitize) = ($ENV{MEMVIP_BIN_DIR} // '') =~ m{build/([a-z-]+)/*\z};
my $build = defined $sanitize ? "build/$sanitize" : 'build';
my @make = ('make', '-s', defined $sanitize ? 'SANITIZE=' . $sanitize =~ tr/-/,/r : ());
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
my $made = run({seconds => 200}, @make, 'unit-tests');
ok(defined $made->{status} && $made->{status} == 0, 'they build') or diag("@make\n$made->{err}");

for my $source (sort glob 'tests/unit/test_*.c') {
	my ($name) = $source =~ m{([^/]+)\.c\z};
	my $ran = run({seconds => 60}, "$build/tests/unit/$name");
	my $ok  = defined $ran->{status} && $ran->{status} == 0;
	ok($ok, $name);
	next if $ok;
	diag(!defined $ran->{status} && !defined $ran->{signal} ? 'not done in 60 s'
	    : $ran->{signal} ? "killed by signal $ran->{signal}" : "status $ran->{status}");
	# What passed is not worth a line.
	diag(join "\n", grep { !/^\[( RUN |       OK )/ && /\S/ } split /\n/, "$ran->{out}\n$ran->{err}");
}
done_testing;
