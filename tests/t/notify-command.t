# sync, status and stop; several instances and groups by their files; a bad word, name or line is one clear line and exit 2.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use JSON::PP;
use NotifyTest;
use MemvipTest;
use Test::More;

node();
my $c = custody();

# sync, for the first installation: keepalived runs and has the VIP, and has told nobody.
my $r = $c->notify('status');
is($r->{status}, 1, 'before the first hook: status is not well');
like($r->{out}, qr/NOT WELL: no hook has run since the boot: memvip-notify sync/, 'and what to do');
ok(!-e $c->{run_dir}, 'status makes no directory');
$c->vip('add');
$r = $c->notify('sync');
is($r->{status}, 0, 'sync');
like($r->{out}, qr/^10\.7\.7\.7:12000: serving: proxy\[\d+\] listens$/m, 'it says what has come of it');
ok($c->serves, 'served');

# sync again: what is in the file by now is read by the proxy that runs.
$r = $c->notify('sync');
is($r->{status}, 0, 'sync while it serves');
like($r->{out}, qr/^10\.7\.7\.7:12000: serving: proxy\[(\d+)\] listens, and reads its configuration again$/m, 'it says what it does');
is(wait_for('SIGHUP', sub { slurp("$c->{dir}/hups") }), join('', map { "$_\n" } $c->proxies), '... the proxy that runs, once');
$c->hook('MASTER');
is(slurp("$c->{dir}/hups"), join('', map { "$_\n" } $c->proxies), 'a hook does not');

# status
spew("$c->{run_dir}/check-10.7.7.7_12000.hold", "fails 1\n");
$c->hook('MASTER');
ok(-e "$c->{run_dir}/check-10.7.7.7_12000.hold", "a hook leaves the check's hold-down alone");
$r = $c->notify('status');
is($r->{status}, 0, 'status: well');
like($r->{out}, qr/^VI_1: all is well\n/, 'by its name');
like($r->{out}, qr/^  VIP         10\.7\.7\.7:12000, here on eth0$/m, 'VIP');
like($r->{out}, qr/^  keepalived  pid \d+; said MASTER \(INSTANCE VI_1, priority 100\) at \d\d:\d\d:\d\d \(\d+ s ago\)$/m, 'keepalived');
like($r->{out}, qr/^  custodian   pid \d+, serving since /m, 'custodian');
like($r->{out}, qr/^  proxy       pid \d+, restarted 0 times$/m, 'proxy');
like($r->{out}, qr/^  servers     10\.7\.7\.1:11211 +current +leader/m, 'servers');
my $s = $c->status;
is($s->{well}, JSON::PP::true, 'JSON: well');
is_deeply([@$s{qw(name listen vip interface said phase)}],
    ['VI_1', '10.7.7.7:12000', 'here', 'eth0', 'MASTER', 'serving'], 'JSON: the same');
is_deeply($s->{servers}, [{name => '10.7.7.1:11211', state => 'current', role => 'leader',
    fill_done => 0, fill_total => 0, fill_left_s => undef}], 'JSON: servers');

spew("$c->{dir}/servers", "STAT server.10.7.7.1:11211.state current\nSTAT server.[::1]:11211.state filling\n" .
    "STAT server.[::1]:11211.fill_done 30\nSTAT server.[::1]:11211.fill_total 60\n");
$r = $c->notify('status');
is($r->{status}, 1, 'a server fills: not well');
like($r->{out}, qr/^VI_1: NOT WELL: server \[::1\]:11211 is filling$/m, 'which');
like($r->{out}, qr/\[::1\]:11211 +filling +\[##########----------\] 50 %/, 'a bar shows how far it is');
unlike($r->{out}, qr/left/, 'it stands still: nobody knows how long it takes');
is($c->status->{servers}[1]{fill_left_s}, undef, 'JSON: nor there');
spew("$c->{dir}/servers", "STAT server.[::1]:11211.state filling\nSTAT server.[::1]:11211.role follower\n" .
    "STAT server.[::1]:11211.fill_done ~1000\nSTAT server.[::1]:11211.fill_total 1000000\n");
my ($minutes, $seconds) = $c->notify('status')->{out} =~ /\] \d+ %, (\d+):(\d\d) min left$/m;
# 1,000 s; from two answers 200 ms apart, so that a busy machine may be far off: not by a unit's factor.
my $left = 60 * ($minutes // 0) + ($seconds // 0);
ok($left > 50 && $left < 20000, 'it goes on: how long it will take') or diag("$left s");
my $in_json = $c->status->{servers}[0]{fill_left_s} // 0;
ok($in_json > 50 && $in_json < 20000, 'JSON: in seconds') or diag("$in_json s");
$c->servers('10.7.7.1:11211' => 'current');

kill STOP => $c->proxies;
$r = $c->notify('status');
is($r->{status}, 1, 'a frozen proxy: status returns, and is not well');
cmp_ok($r->{seconds}, '<', 5, 'soon');
kill CONT => $c->proxies;

$c->notify('sync');
ok(!-e "$c->{run_dir}/check-10.7.7.7_12000.hold", "sync ends the check's hold-down");

# stop
$r = $c->notify('stop');
is($r->{status}, 0, 'stop');
like($r->{out}, qr/stopped, until the next hook or sync/, 'it says for how long');
ok(!$c->listening, 'the port is closed');
ok(wait_for("the custodian's end", sub { !$c->custodians }), 'the custodian has ended');
is($c->notify('stop')->{status}, 0, 'stop again');
$r = $c->notify('status');
is($r->{status}, 1, 'stopped: not well');
like($r->{out}, qr/NOT WELL: stopped by hand/, 'why');
$c->vip('del');
$c->vip('add');
ok(!$c->listening, 'the VIP comes back: still stopped');
$c->hook('MASTER');
ok($c->serves, 'the next hook ends that');

# Two instances, each with its file.
my $d = custody(name => 'VI_2', ip => '10.7.7.8', port => 12000);
$d->hook('BACKUP');
is($d->status->{well}, JSON::PP::true, 'the second instance: well without its VIP');
$d->vip('add');
$d->wait_serving;
$c->vip('del');
$c->wait_closed;
ok($d->serves, 'each has its own custody');
$d->vip('del');
$d->hook('FAULT');
like($d->status->{why}, qr/keepalived says FAULT/, 'FAULT is not well');

# A group's hook: the truth decides there too.
$c->vip('add');
$c->vip('del');
$r = $c->notify('GROUP', 'G1', 'MASTER', 0);
is($r->{status}, 0, 'GROUP MASTER without the VIP');
ok(!$c->listening, 'not served');
$c->vip('add');
$r = $c->notify('GROUP', 'G1', 'FAULT', 0);
ok($c->serves, 'GROUP FAULT, but the VIP is here: served');
like($c->notify('status')->{out}, qr/said FAULT \(GROUP G1, priority 0\)/, 'status knows who said it');
is($c->notify('stop', 'G1')->{status}, 0, 'stop by the name that was said');
is($c->notify('stop', 'memvip')->{status}, 0, "stop by the file's name");
is($c->notify('stop', 'other')->{status}, 2, 'stop of what is not known');

# Bad words: each is one line that names the word.
for (
    [['INSTANCE', 'VI_1', 'MASTER'], qr/INSTANCE takes NAME STATE PRIORITY: too few words/],
    [['INSTANCE', 'VI_1', 'MASTER', 1, 2], qr/too many words/],
    [['INSTANCE', 'VI_1', 'MASTERFUL', 1], qr/'MASTERFUL': not a state/],
    [['INSTANCE', 'VI_1', 'MASTER', 256], qr/'256': the priority is out of range/],
    [['INSTANCE', 'VI_1', 'MASTER', 'x'], qr/'x': the priority is not a number/],
    [['INSTANCE', '', 'MASTER', 1], qr/the name is empty/],
    [['INSTANCE', "a\nb", 'MASTER', 1], qr/control character at byte 2/],
    [['instance', 'VI_1', 'MASTER', 1], qr/'instance': not INSTANCE, GROUP, sync, status, stop or check-setup/],
    [[], qr/nothing to do/],
    [['status', '--xml'], qr/status: '--xml': unknown option/],
    [['stop', 'a', 'b'], qr/stop: one name at most, then 'b'/],
    [['check-setup', '--json'], qr/check-setup: '--json': unknown option/],
    [['-p', 12345, 'sync'], qr/-l, -p: the VIP and its port are named in the file/],
    [['--proxie', 'x', 'sync'], qr/--proxie: unknown or ambiguous option/],
) {
	my ($words, $want) = @$_;
	$r = $c->notify(@$words);
	is($r->{status}, 2, "exit 2: @$words");
	like($r->{err}, qr/\Amemvip-notify: [^\n]*$want[^\n]*\n\z/, 'one line, and what is wrong');
}

# Names as files
my @plain = (program('notify/memvip-notify'), '--run-dir', $c->{run_dir});
$r = run(@plain, 'INSTANCE', 'a/b', 'MASTER', 1);
is($r->{status}, 2, "a '/' in the name");
like($r->{err}, qr/\Amemvip-notify: 'a\/b': the name has a '\/' in it[^\n]*\n\z/, 'told');
$r = run(@plain, 'INSTANCE', '.hidden', 'MASTER', 1);
like($r->{err}, qr/'\.hidden': the name begins with a dot/, 'a dot at its begin');
$c->{name} = 'in / out "quoted" ü';
$c->hook('MASTER');
is(decode_json($c->notify('status', '--json')->{out})->[0]{said}, 'MASTER', 'with -c any name will do');

# Bad files
for (
    ["listen 10.7.7.7\nport 12000\nnonsense 1\n", qr/memvip\.conf:3: nonsense: unknown option/],
    ["port 12000\n", qr/memvip\.conf: listen: must name the VIP/],
    ["listen 0.0.0.0\n", qr/listen: must name the VIP/],
    ["listen 10.7.7.7\nport 0\n", qr/port: 0 cannot be watched/],
    ["listen ten\n", qr/memvip\.conf:1: listen: 'ten': not an IP address/],
) {
	my ($text, $want) = @$_;
	my $e = custody(name => 'BAD');
	spew($e->{conf}, $text);
	$r = $e->notify('INSTANCE', 'BAD', 'MASTER', 100);
	is($r->{status}, 2, 'a bad file: exit 2');
	like($r->{err}, qr/\Amemvip-notify: [^\n]*$want[^\n]*\n\z/, 'one line: file, line, what');
}
$r = run(@plain, '-c', '/nowhere/memvip.conf', 'sync');
is($r->{status}, 2, 'no such file');
like($r->{err}, qr{/nowhere/memvip\.conf: No such file}, 'told');

# The run directory decides who is signalled, so it must be safe.
chmod 0777, $c->{run_dir};
$r = $c->hook('MASTER', 1);
like($r->{err}, qr/others than root may write to it/, 'a run directory that anybody may write to is refused');
chmod 0755, $c->{run_dir};
$c->{run_dir} = tmpdir() . '/not/there';
$r = $c->hook('MASTER', 1);
like($r->{err}, qr{cannot make .*/not/there: No such file}, 'one that cannot be made is told');
SKIP: {
	skip 'no user nobody', 2 if !getpwnam('nobody');
	chmod 0755, tmpdir();
	$c->{run_dir} = tmpdir() . '/forbidden';
	chmod 0700, $c->{run_dir} if mkdir $c->{run_dir}, 0700;
	$r = run('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', $c->command('INSTANCE', 'VI_1', 'MASTER', 1));
	is($r->{status}, 1, 'an unprivileged script user: exit 1') or diag($r->{err});
	like($r->{err}, qr/\Amemvip-notify: [^\n]*(?:needs root|denied)[^\n]*\n\z/i, 'and one clear line');
}

like(run(@plain, '--help')->{out}, qr/INSTANCE\|GROUP NAME STATE PRIORITY/, '--help');
like(run(@plain, '-V')->{out}, qr/\Amemvip-notify \d/, '--version');

done_testing;
