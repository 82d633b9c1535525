# Which file is whose: NAME.conf for an instance, else memvip.conf; sync, status, stop and a group without a file mean all of them; a wrong one does not take the others along.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use JSON::PP;
use NotifyTest;
use MemvipTest;
use Test::More;

node();
my $ov = tmpdir() . '/overlay';
mkdir $ov;
sh("mount -t tmpfs tmpfs $ov && mkdir $ov/upper $ov/work");
plan(skip_all => 'no overlay here')
    if system("mount -t overlay -o lowerdir=/etc,upperdir=$ov/upper,workdir=$ov/work overlay /etc 2>/dev/null") != 0;
sh("umount -l $ov"); # the overlay keeps it
sh('rm -rf /etc/memvip && mkdir /etc/memvip');

my ($c, $d) = (custody(name => 'VI_1'), custody(name => 'VI_2', ip => '10.7.7.8'));
my @base = (program('notify/memvip-notify'), '--proxy', top() . '/tests/notify/stand-in-proxy', '--run-dir', $c->{run_dir});
sub notify { return run({seconds => 20}, @base, @_) }

# The stand-in keeps its notes beside the file that it is given.
sub install {
	my ($s, $name) = @_;
	$s->{conf} = "/etc/memvip/$name.conf";
	spew($s->{conf}, "listen $s->{ip}\nport $s->{port}\nserver 10.7.7.1:11211\n");
	return $s;
}

my $r = notify('INSTANCE', 'VI_1', 'MASTER', 100);
is($r->{status}, 2, 'no file at all: exit 2');
like($r->{err}, qr{\Amemvip-notify: VI_1: neither /etc/memvip/VI_1\.conf nor /etc/memvip/memvip\.conf is there\n\z}, 'told');
is(notify('sync')->{status}, 2, 'sync: exit 2');
like(notify('status')->{err}, qr{\Amemvip-notify: nothing is configured: no file in /etc/memvip names a VIP\n\z}, 'status: told');

# One file for all.
install($c, 'memvip');
is(notify('INSTANCE', 'VI_1', 'BACKUP', 100)->{status}, 0, 'memvip.conf');
$c->vip('add');
$c->wait_serving;
is(notify('INSTANCE', 'VI_2', 'FAULT', 100)->{status}, 0, 'another instance falls back to it');
ok($c->serves, 'and does it no harm');
is(notify('GROUP', 'G', 'STOP', 0)->{status}, 0, 'so does a group');
ok($c->serves, 'and does it no harm');
is(notify('stop')->{status}, 0, 'stop');
ok(!$c->listening, 'closed');
unlink $c->{conf};

# Each its own.
install($c, 'VI_1');
install($d, 'VI_2');
is(notify('INSTANCE', 'VI_1', 'MASTER', 100)->{status}, 0, 'VI_1.conf');
ok($c->serves, 'served');
is(notify('INSTANCE', 'VI_3', 'MASTER', 100)->{status}, 2, 'an instance without file: exit 2');
$d->vip('add');
$r = notify('GROUP', 'G', 'MASTER', 0);
is($r->{status}, 0, 'a group without file means all');
ok($d->serves, 'so the second is served too');
my $all = decode_json(notify('status', '--json')->{out});
is_deeply([sort map { "$_->{file} $_->{phase}" } @$all],
    ['/etc/memvip/VI_1.conf serving', '/etc/memvip/VI_2.conf serving'], 'status: both');
is(scalar(@{decode_json(notify('status', '--json', 'VI_2')->{out})}), 1, 'status of one');
is(notify('stop', 'VI_2')->{status}, 0, 'stop of one');
ok($c->serves && !$d->listening, 'the other goes on');
is(notify('status')->{status}, 1, 'status: not all is well');
is(notify('status', 'VI_1')->{status}, 0, 'but that is');
is(notify('sync')->{status}, 0, 'sync');
ok($c->serves && $d->serves, 'both are served');

# A file of another program, and one that is wrong.
spew('/etc/memvip/other.conf', "server 10.7.7.1:11211\n");
is(notify('status')->{status}, 0, 'a file without a VIP is none of ours');
spew('/etc/memvip/wrong.conf', "listen 10.7.7.9\nprot 1\n");
$r = notify('sync');
is($r->{status}, 2, 'a wrong file: exit 2');
like($r->{err}, qr{\Amemvip-notify: /etc/memvip/wrong\.conf:2: prot: unknown option\n\z}, 'told, once');
like($r->{out}, qr/^10\.7\.7\.$_:12000: serving/m, "the others are done all the same (.$_)") for 7, 8;
unlink '/etc/memvip/wrong.conf';

# The same address in two files: one custody.
spew('/etc/memvip/copy.conf', slurp($c->{conf}));
is(scalar(@{decode_json(notify('status', '--json')->{out})}), 2, 'the same address twice: one custody');
unlink '/etc/memvip/copy.conf';

# The port changes: one custody per file.
$c->{port} = 12001;
$c->{where} = "$c->{ip}:12001";
install($c, 'VI_1');
is(notify('sync')->{status}, 0, 'another port in the file: sync');
ok($c->serves, 'served at the new one');
ok(!custody(name => 'OLD')->listening, 'the old one is closed');
ok(wait_for("its custodian's end", sub { $c->custodians == 2 }), 'its custodian has ended');
is(notify('status')->{status}, 0, 'all is well');

# A file that the hook was given with -c is known from then on.
my $e = custody(name => 'ELSE', ip => '10.7.7.9');
is($e->notify('INSTANCE', 'ELSE', 'BACKUP', 1)->{status}, 0, '-c FILE');
$all = decode_json(notify('status', '--json')->{out});
ok((grep { $_->{file} eq $e->{conf} } @$all), 'status knows it');
$e->vip('add');
$e->wait_serving;
is(notify('stop')->{status}, 0, 'stop means all');
ok(!$c->listening && !$d->listening && !$e->listening, 'all are closed');
ok(wait_for('the end of all custodians', sub { !$c->custodians }), 'no custodian is left');

done_testing;
