# Intent: the clients of the proof by faults find the lies of a server that lies, find copies that
# have parted, and have no complaint about a memcached.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../faults";
use MemvipTest;
use FaultRun;
use Test::More;

my $history  = fault_driver();
my @violated = qw(errors broken stale back phantom alien ghost cas_wrong inexact missed lost);

# One run against a server. Returns its counts, and what it said.
sub history {
	my ($server, @args) = @_;
	my $ran = run({seconds => 60}, $history, '--alone', '--to', $server->where, '--seconds', 1,
	    '--keys', 20, '--counters', 4, '--rate', 1500, '--compare', 0, @args);
	is($ran->{status}, 0, "it runs to its end against $server->{name}") or diag($ran->{err});
	my ($line) = $ran->{out} =~ /^counts: (.*)$/m;
	return ({($line // '') =~ /(\w+)=(\d+)/g}, $ran->{err});
}

# ---- nothing to complain about ----
my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my ($counts, $said) = history($a, '--primary', $a->where, '--backup', $a->where);
is_deeply([map { $counts->{$_} } @violated], [map { 0 } @violated], 'a memcached does not lie')
    or diag($said);
cmp_ok($counts->{$_}, '>', 20, "... $_") for qw(ops hits writes cas_stored);
is($counts->{same}, 20, '... and holds what it holds');

# ---- two servers that part ----
($counts, $said) = history($a, '--seed', 2, '--primary', $a->where, '--backup', $b->where);
cmp_ok($counts->{one_sided}, '>', 10, 'keys that one server lacks are found');
is($counts->{one_sided} + $counts->{same}, 20, '... each once');
like($said, qr/^PARTED, key h2:\d+:\n  primary: on 1, .*\n  backup: none$/m, '... and named');
# The same commands at half the rate: another one of them is the last on each key.
($counts) = history($b, '--seed', 2, '--rate', 700, '--primary', $a->where, '--backup', $b->where);
cmp_ok($counts->{differ}, '>', 5, 'keys that differ are found');
my $c = client($a);
$c->ask("set h3:0 0 0 11\r\n10000000000\r\n");
$c->ask("decr h3:0 1\r\n");
client($b)->ask("set h3:0 0 0 10\r\n9999999999\r\n");
my $idle = memcached(name => 'idle');
($counts, $said) = history($idle, '--seed', 3, '--primary', $a->where, '--backup', $b->where);
is($counts->{same}, 20, 'blanks that decr leaves behind are no difference') or diag($said);
($counts) = history($a, '--seed', 4, '--primary', $a->where, '--primary', $a->where, '--backup', $a->where);
cmp_ok($counts->{strays}, '>', 10, 'a key twice on one side is found');

# ---- lies, and what finds them ----
my $fake = fake(name => 'fake');
for my $lie (
    ['a set that is not done',      '/^set h/ skip 20 times 20: say "STORED\r\n"',     'stale'],
    ['a delete that is not done',   '/^delete h/ skip 10 times 20: say "DELETED\r\n"', 'ghost'],
    ['a set refused, and yet done', '/^add h/ times 30: exec; say "NOT_STORED\r\n"',   'phantom'],
    ['a cas that is not atomic',    '/^cas h/ times 30: say "STORED\r\n"',             'cas_wrong'],
    ['a value that is gone',        '/^get h/ times 20: say "END\r\n"',                'missed'],
    ['an incr that is not done',    '/^incr h/ skip 5 times 9: say "1000000001\r\n"',  'alien inexact stale'],
    ['an error',                    '/^get h/ times 1: say "SERVER_ERROR no\r\n"',     'errors'],
    ['an answer to something else', '/^set h/ times 1: say "DELETED\r\n"',             'broken'],
    ['another key',                 '/^get h5:4\r?$/ times 1: say "VALUE h5:6 0 1\r\nx\r\nEND\r\n"', 'broken'],
    ['a value of nobody',           '/^get h5:4\r?$/ times 1: say "VALUE h5:4 0 1\r\nx\r\nEND\r\n"', 'alien'],
    ['the end of the connection',   '/^get h/ skip 9 times 1: reset',                  'broken'],
) {
	my ($what, $rule, $finds) = @$lie;
	$fake->tell('clear');
	client($fake)->ask("flush_all\r\n");
	$fake->on($rule);
	($counts, $said) = history($fake, '--seed', 5, '--clients', 4, '--rate', 600);
	my @found = grep { $counts->{$_} } @violated;
	ok((grep { my $name = $_; grep { $_ eq $name } split ' ', $finds } @found), "$what: $finds")
	    or diag('found: ', join(' ', map { "$_=$counts->{$_}" } @found), "\n$said");
}

# ---- misuse ----
for my $wrong ([], ['--to', 'nowhere'], ['--to', '127.0.0.1:1', '--clients', '0'],
    ['--to', '127.0.0.1:1', '--keys', '3', '--counters', '3'], ['--to', '127.0.0.1:1', 'more']) {
	my $ran = run($history, @$wrong);
	is($ran->{status}, 2, "history @$wrong: refused");
	like($ran->{err}, qr/\A\S/, '... with a reason');
}
done_testing;
