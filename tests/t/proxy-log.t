# Intent: a line of the log about a server says what, which, why, since when and what is done about it;
# what comes too often is counted; SIGUSR1 says more, and no longer.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my ($a, $b) = map { memcached(name => $_) } 'a', 'b';
my $p = proxy(servers => [$a], backups => [$b]);
$p->wait_current;
my ($at_a, $at_b) = map { quotemeta $_->where } $a, $b;

$a->kill9;
client($p)->ask("set x 0 0 1\r\n1\r\n"); # somebody finds out
wait_for('it is out', sub { log_lines($p, qr/server $at_a: current -> down/) });
like(join("\n", log_lines($p, qr/current -> down/)),
    qr/server $at_a: current -> down: \S.* \(it was current for \d+ m?s\); its keys are served from the other copy; trying again in \d+ ms\z/,
    'one dies: since when, and who serves');
$a->start->wait_up;
$p->wait_current;
like(join("\n", log_lines($p, qr/server $at_a: proving -> /)),
    qr/proving -> filling: it was emptied \(out of use for \d+ m?s\); it is filled, and only follows meanwhile$/m,
    'it comes back: after how long, and what happens to it');
like(join("\n", log_lines($p, qr/server $at_a: filling -> /)), qr/filling -> current: \S.* \(filling for \d+ m?s\)$/m, '... to the end');

# Both: nobody is left.
$_->kill9 for $a, $b;
client($p)->ask("get x\r\n");
wait_for('both are out', sub { log_lines($p, qr/-> down: .*no other copy of its keys is in use/) });
is(() = log_lines($p, qr/-> down: .*no other copy of its keys is in use; trying again in \d+ ms$/), 1, 'the last one: nobody serves its keys');

# ---- the last one is silent, and stays ----
my $last = memcached(name => 'last');
my $alone = proxy(name => 'alone', servers => [$last], args => ['--timeout', 300]);
$alone->wait_current;
my $at_last = quotemeta $last->where;
$last->freeze;
like(client($alone)->ask("get x\r\n"), qr/^SERVER_ERROR /, 'the last one is silent: an error');
is(() = log_lines($alone, qr/server $at_last: silent for 300 ms; it is the last one, so it stays in use; /), 1, '... told once, and what is done');
$last->thaw;
ok(wait_for('it speaks', sub { log_lines($alone, qr/server $at_last: speaks again/) }), '... it speaks again');
like(join("\n", log_lines($alone, qr/speaks again/)), qr/speaks again, after \d+ m?s; it is used as before\z/, '... after how long');
is(client($alone)->ask("get x\r\n"), "END\r\n", '... and answers');
$alone->end;

# ---- more, on a signal ----

$p->end;
($a, $b) = map { memcached(name => "$_ again") } 'a', 'b';
my $q = proxy(name => 'quiet', servers => [$a], backups => [$b]);
@{$q->{cmd}} = grep { $_ ne '-v' } @{$q->{cmd}};
$q->restart->wait_current;
my $quiet = () = log_lines($q, qr/down -> connecting/);
$q->signal('USR1');
ok(wait_for('SIGUSR1: told', sub { log_lines($q, qr/SIGUSR1: saying more/) }), 'SIGUSR1');
$a->kill9;
ok(wait_for('the steps are told', sub { $quiet < (() = log_lines($q, qr/down -> connecting/)) }), '... says more');
$q->signal('USR1');
ok(wait_for('again: told', sub { log_lines($q, qr/SIGUSR1: saying no more/) }), 'again');
$quiet = () = log_lines($q, qr/down -> connecting/);
$a->start->wait_up;
$q->wait_current;
is(() = log_lines($q, qr/down -> connecting/), $quiet, '... says no more than before');
is($q->end, 0, 'it lives, and ends as it should');

done_testing;
