# Intent: a server that was restarted, and so is empty, is no authority on what is there, also when
# nothing was written while it was away: every command is answered from what the other copy knows,
# while it is being filled and afterwards.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));

my @cases = (
    # what, bytes, the answer, what a get says then
    ['get',     "get k\r\n",                       qr/\AVALUE k 3 1\r\n5\r\nEND\r\n\z/, '5'],
    ['gets',    "gets k\r\n",                      qr/\AVALUE k 3 1 \d+\r\n5\r\nEND\r\n\z/, '5'],
    ['gat',     "gat 100 k\r\n",                   qr/\AVALUE k 3 1\r\n5\r\nEND\r\n\z/, '5'],
    ['gats',    "gats 100 k\r\n",                  qr/\AVALUE k 3 1 \d+\r\n5\r\nEND\r\n\z/, '5'],
    ['incr',    "incr k 1\r\n",                    qr/\A6\r\n\z/,           '6'],
    ['decr',    "decr k 1\r\n",                    qr/\A4\r\n\z/,           '4'],
    ['append',  "append k 0 0 1\r\n0\r\n",         qr/\ASTORED\r\n\z/,      '50'],
    ['prepend', "prepend k 0 0 1\r\n1\r\n",        qr/\ASTORED\r\n\z/,      '15'],
    ['replace', "replace k 0 0 1\r\n7\r\n",        qr/\ASTORED\r\n\z/,      '7'],
    ['add',     "add k 0 0 1\r\n7\r\n",            qr/\ANOT_STORED\r\n\z/,  '5'],
    ['touch',   "touch k 100\r\n",                 qr/\ATOUCHED\r\n\z/,     '5'],
    ['delete',  "delete k\r\n",                    qr/\ADELETED\r\n\z/,     undef],
    ['set',     "set k 0 0 1\r\n7\r\n",            qr/\ASTORED\r\n\z/,      '7'],
);

# A fill of a key a second is one that goes on all the time.
for my $who (['primary filling', $a, 1], ['backup filling', $b, 1], ['primary', $a], ['backup', $b]) {
	my ($name, $server, $slow) = @$who;
	$_->restart for $a, $b;
	my $p = proxy(servers => [$a], backups => [$b], name => "proxy-$name",
	    args => $slow ? ['--fill-rate', 1] : []);
	$p->wait_current;
	my $c = client($p);
	for my $case (@cases) {
		my ($what, $bytes) = @$case;
		$c->ask("set $what 3 0 1\r\n5\r\n");
	}
	$server->restart;
	wait_for('both in use', sub {
		return 2 == grep { $p->state($_) =~ ($slow ? qr/^(?:current|filling)$/ : qr/^current$/) } $a, $b });
	for my $case (@cases) {
		my ($what, $bytes, $want, $then) = @$case;
		$bytes =~ s/ k\b/ $what/;
		my $answer = $c->ask($bytes);
		$answer =~ s/^VALUE $what /VALUE k /mg;
		like($answer, $want, "$name restarted: $what");
		is(value_of($p, $what), $then, '... and what is there then');
	}
	same_items("$name restarted: both hold the same", $a, $b) if !$slow;
	$p->end;
}
done_testing;
