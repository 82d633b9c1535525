# Intent: memccapable's conformance tests of the text protocol pass through the proxy.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

plan skip_all => 'needs memccapable (libmemcached-tools)' if !has_command('memccapable');
my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my $p = proxy(servers => [$a], backups => [$b]);
$p->wait_current;

my $ran = run({seconds => 120}, 'memccapable', '-a', '-h', own_ip(), '-p', $p->port);
is($ran->{status}, 0, 'it is content');
my @tests = "$ran->{out}\n$ran->{err}" =~ /^(ascii .*?)\s+\[(pass|FAIL)\]/mg;
while (my ($name, $how) = splice @tests, 0, 2) {
	is($how, 'pass', $name);
}
cmp_ok(Test::More->builder->current_test, '>=', 27, 'and it has tried all that it knows');
done_testing;
