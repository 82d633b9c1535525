# A state file that lies: of another boot, damaged, or with pids that are somebody else's by now. Nobody innocent is signalled.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use NotifyTest;
use MemvipTest;
use Test::More;

node();
my $c = custody();
my $file = "$c->{run_dir}/custody-10.7.7.7_12000.state";
my $innocent = (bless {name => 'innocent', cmd => ['sleep', 1000]}, 'MemvipTest::Process')->start;

sub start_ticks { return (split ' ', MemvipTest::slurp("/proc/$_[0]/stat") =~ s/.*\) //r)[19] }

$c->vip('add');
$c->hook('MASTER');
$c->notify('stop');
my $good = slurp($file);
like($good, qr/^phase stopped$/m, 'a state file to begin with');
my ($pid, $ticks) = ($innocent->pid, start_ticks($innocent->pid));

my %lie = (
    'another start time' => $good =~ s/^(custodian|proxy) .*/"$1 $pid " . ($ticks - 1)/gemr,
    'another boot'       => $good =~ s/^(custodian|proxy) .*/$1 $pid $ticks/gmr =~ s/^boot ./boot x/mr,
    'cut short'          => $good =~ s/^(custodian|proxy) .*/$1 $pid $ticks/gmr =~ s/^keepalived.*//msr,
    'a huge pid'         => $good =~ s/^(custodian|proxy) .*/$1 99999999999 1/gmr,
    'pid 0'              => $good =~ s/^(custodian|proxy) .*/$1 0 0/gmr,
    'pid 1'              => $good =~ s/^(custodian|proxy) .*/$1 1 1/gmr,
    'pid -1'             => $good =~ s/^(custodian|proxy) .*/$1 -1 1/gmr,
    'empty'              => '',
    'not text'           => join('', map { chr } 0 .. 255) x 8,
    'too long'           => $good . "x y\n" x 5000,
    'long lines'         => $good =~ s/^note .*/'note ' . 'x' x 3000/emr,
);
for my $what (sort keys %lie) {
	spew($file, $lie{$what});
	$c->notify('status');
	$c->hook('MASTER');
	ok($innocent->alive, "$what: nobody innocent was signalled");
	ok($c->serves, 'and it is served');
	like(slurp($file), qr/^phase serving$/m, 'the state file is true again');
	$c->notify('stop');
}

# The one that is right is believed: the proxy of a custodian that was killed, say.
spew($file, $good =~ s/^proxy .*/proxy $pid $ticks/mr);
$c->hook('MASTER');
ok(!$innocent->alive, 'pid and start time are right: it was ended');

# A link in the place of the file is not followed.
$c->notify('stop');
my $precious = spew('precious', "precious\n");
unlink $file;
symlink $precious, $file;
$c->hook('MASTER');
is(slurp($precious), "precious\n", 'a symbolic link is replaced, not followed');
ok($c->serves, 'served');

done_testing;
