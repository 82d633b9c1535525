# Intent: the tree reads as if one hand had written it: formatted, shell scripts without a
# complaint, every test with its intent, nothing ended by name.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

chdir top();
my @c = map { glob $_ } qw(lib/*.[ch] proxy/*.[ch] vip-check/*.[ch] notify/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch]);
my @scripts = grep { -f && slurp($_) =~ m{\A#!/bin/(?:ba)?sh\b} }
    map { glob $_ } qw(tests/* tests/*/* .ci/run);
my @tests = map { glob $_ } qw(tests/t/*.t tests/unit/test_*.c);

SKIP: {
	# Another version formats otherwise.
	my ($clang_format) = grep { run($_, '--version')->{out} =~ /version 14\./ }
	    grep { has_command($_) } qw(clang-format-14 clang-format);
	skip 'needs clang-format 14', 1 if !$clang_format;
	my $ran = run({seconds => 60}, $clang_format, '--dry-run', '-Werror', @c);
	is($ran->{status}, 0, 'clang-format has nothing to change')
	    or diag(join "\n", $ran->{err} =~ /^(\S+:\d+:\d+): error/mg);
}
SKIP: {
	skip 'needs shellcheck', 1 if !has_command('shellcheck');
	my $ran = run({seconds => 60}, 'shellcheck', '--external-sources', @scripts);
	is($ran->{status}, 0, 'shellcheck has no complaint') or diag($ran->{out});
}
cmp_ok(scalar(@c), '>', 50, 'there are C files');
cmp_ok(scalar(@scripts), '>', 2, 'there are shell scripts');

for my $test (@tests) {
	my ($first) = slurp($test) =~ /\A(.*)/;
	like($first, qr{\A(?:#|/\*) \S.{20}}, "$test says its intent first");
}

# A process ended by its name may be somebody else's.
my @by_name = grep { $_ ne 'tests/t/style.t' && slurp($_) =~ /^[^#\n]*\b(?:pkill|killall)\s/m }
    @c, @scripts, @tests, glob 'tests/*/*';
is_deeply(\@by_name, [], 'nothing is ended by name');
done_testing;
