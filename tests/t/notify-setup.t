# Intent: check-setup finds what is wrong with the files, keepalived and the security of its scripts, says each in a line with what to do, and nothing where all is well.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../notify";
use NotifyTest;
use MemvipTest;
use SetupTest;
use Test::More;

plan(skip_all => "needs $_") for grep { !has_command($_) } qw(keepalived memcached nft);
machine();

# All is well.
my $r = fine('a machine that is set up', 'keepalived', 'accepts /etc/keepalived/keepalived\.conf');
like($r->{out}, qr/^all is well$/m, 'it says so');
like($r->{out}, qr/^10\.7\.7\.7:12000, by \/etc\/memvip\/memvip\.conf$/m, 'what this is about');
like($r->{out}, qr/^  ok +$_/m, "said: $_")
    for 'keepalived  version \d+\.\d+\.\d+', 'keepalived  runs, process \d+', 'file        /etc/memvip/memvip\.conf: 1 primary server, 1 backup$',
    'proxy       /usr/local/sbin/memvip-proxy accepts it', 'user        the proxy becomes uid \d+',
    'hook        instance memvip runs /usr/local/libexec/keepalived/memvip-notify, as root',
    'check       /usr/local/libexec/keepalived/memvip-vip-check every 1 s, timeout 2 s';
my $before = join ' ', sort glob '/run/* /etc/memvip/* /etc/keepalived/*';
check();
is(join(' ', sort glob '/run/* /etc/memvip/* /etc/keepalived/*'), $before, 'it leaves nothing behind');

# Which one, by name.
is(check('memvip')->{status}, 0, "an instance's, or a file's, name");
finds('another name', 'FAILED', 'file', q('other': no such instance, and no file of that name), 'copy a sample', args => ['other']);
my $x = run($NOTIFY, 'check-setup', '--keepalived');
is($x->{status}, 2, '--keepalived without a value: exit 2');
like($x->{err}, qr/\Amemvip-notify: check-setup: --keepalived: needs a value\n\z/, '... one line');

# memvip.conf
conf(sub { $_ .= "nonsense 1\n" });
finds('a line that nobody knows', 'FAILED', 'file', '/etc/memvip/memvip\.conf:6: nonsense: unknown option', 'mend it');
conf(sub { s/^listen.*\n//m });
finds('no VIP in it', 'FAILED', 'file', 'no file in /etc/memvip names a VIP', 'copy a sample to /etc/memvip/memvip\.conf', more => [qr/hook/]);
unlink $CONF;
finds('no file', 'FAILED', 'file', 'no file in /etc/memvip names a VIP', 'copy a sample');
conf(sub { $_ .= "check-timeout 1\n" });
finds("a bad value of another program's", 'FAILED', 'file', "/etc/memvip/memvip\\.conf:6: check-timeout: '1'", 'mend it');
conf(sub { $_ .= "ack all\n" });
finds('what the proxy alone refuses', 'FAILED', 'proxy', 'refuses its configuration: memvip-proxy: ack: neither both nor leader', 'mend /etc/memvip');
conf(sub { s/^backup.*\n//m });
finds('no backup', 'warning', 'file', '/etc/memvip/memvip\.conf: no backup', 'backup HOST:11211');
conf(sub { s/nobody/no-such-user/ });
finds('a user that is not there', 'FAILED', 'user', 'user no-such-user, group -: no such user', 'user nobody');
conf(sub { s/^user.*\n//m });
finds('no user', 'warning', 'user', 'the proxy goes on as root', 'user nobody in /etc/memvip/memvip\.conf');
chmod 0666, $CONF;
finds('a file that everybody may write', 'warning', 'file', 'it says what root runs.*everybody may write to /etc/memvip/memvip\.conf', 'chmod o-w /etc/memvip/memvip\.conf');
chmod 0644, $CONF;
conf(sub { $_ .= 'proxy ' . tmpdir() . "/none\n" });
finds('no proxy', 'FAILED', 'proxy', '\S+/none: No such file', 'install memvip whole');
chmod 0775, '/usr/local/sbin';
chown 0, 50, '/usr/local/sbin';
finds('a proxy that a group may replace', 'warning', 'proxy', 'root starts it, but .*the group 50 may write to /usr/local/sbin', 'chmod g-w /usr/local/sbin');
chown 0, 0, '/usr/local/sbin';
fine("root's own group may", 'proxy', '');
chmod 0755, '/usr/local/sbin';
mkdir tmpdir() . '/rundir';
chmod 0777, tmpdir() . '/rundir';
conf(sub { $_ .= 'run-dir ' . tmpdir() . "/rundir\n" });
finds('a run directory that everybody may write', 'FAILED', 'run-dir', '.*others than root may write to it', 'chmod 755');

# keepalived
pretend(keepalived => 'echo "Keepalived v1.3.5 (03/19,2017)"; [ "$1" = --version ]');
finds('an old keepalived', 'warning', 'keepalived', '1\.3\.5 is older than what memvip is made for', 'use 2\.0 or newer',
    more => [qr/refuses|Keepalived v1/], status => 1);
for (['2.2.7', '; two bugs of it, mended in 2\.3\.3 and 2\.3\.4, are worked around$'], ['2.3.3', '; a bug of it, mended in 2\.3\.4, is worked around$'], ['2.3.4', '$']) {
	my ($version, $said) = @$_;
	pretend(keepalived => qq{[ "\$1" != --version ] || echo "Keepalived v$version (01/16,2022)" >&2});
	fine("keepalived $version", 'keepalived', "version \Q$version\E$said");
}
pretend(keepalived => 'echo "a new one"');
finds('a version that cannot be read', 'warning', 'keepalived', 'says an unknown version: a new one', 'tried with 2\.2\.7');
pretend(keepalived => '[ "$1" = --version ] && echo "Keepalived v2.2.7" || kill $$');
finds('one that ends when it is to test', 'warning', 'keepalived', 'did not say what it thinks', 'keepalived --config-test --use-file');
pretend(keepalived => '[ "$1" = --version ] && echo "Keepalived v2.2.7" || { echo careful; echo now; }');
finds('one that warns', 'warning', 'keepalived', 'now$', 'mend /etc/keepalived/keepalived\.conf', more => [qr/careful/]);
pretend(keepalived => '[ "$1" = --version ] && echo "Keepalived v2.2.7" || sleep 100');
finds('one that does not end', 'warning', 'keepalived', 'did not say what it thinks', 'keepalived --config-test');
pretend(keepalived => '[ "$1" = --version ] && echo "Keepalived v2.2.7" || { echo "unrecognized option --config-test"; exit 1; }');
fine('one that cannot test', 'keepalived', 'is too old to test its configuration itself');
pretend('keepalived');
SKIP: {
	my ($path) = grep { -x } map { "$_/keepalived" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
	skip 'keepalived cannot be hidden', 2 if system("mount --bind /dev/null $path 2>/dev/null") != 0;
	finds('no keepalived', 'FAILED', 'keepalived', 'cannot be asked for its version: no such program', 'apt-get install keepalived');
	NotifyTest::sh("umount $path");
}

keepalived_conf(sub { s/nopreempt/nopreemt/ });
finds('a word that keepalived does not know', 'FAILED', 'keepalived', ".*Unknown keyword 'nopreemt'", 'keepalived --config-test',
    more => [qr/warning +instance/]);
unlink $KEEPALIVED_CONF;
finds('no keepalived.conf', 'FAILED', 'keepalived', 'its configuration: /etc/keepalived/keepalived\.conf: No such file', 'copy a sample');
keepalived_conf(sub { s/\}\n\z// });
finds('a brace too few', 'FAILED', 'keepalived', "its configuration: .*: a '\\{' without its '\\}'", 'mend it');
keepalived_conf(sub { $_ .= "~SEQ(X, 1, 2) static_ipaddress\n" });
finds('what is not followed', 'warning', 'keepalived', '\S+ uses ~SEQ, which is not followed here', 'read that part', more => [qr/keepalived  /], status => 1);
spew('/etc/keepalived/instance.inc', join '', slurp($KEEPALIVED_CONF) =~ /^(vrrp_instance.*)/ms);
keepalived_conf(sub { s/^vrrp_instance.*//ms; $_ .= "include *.inc\n" });
fine('an instance in an included file', 'hook', 'instance memvip');
unlink '/etc/keepalived/instance.inc';
my $other = tmpdir() . '/other.conf';
spew($other, slurp($KEEPALIVED_CONF) =~ s/vrrp_instance memvip/vrrp_instance apart/r);
unlink $KEEPALIVED_CONF;
fine('another file, by --keepalived', 'hook', 'instance apart', '--keepalived', $other);

# The running one: its -f and -i count.
NotifyTest::keepalived()->end;
finds('keepalived does not run, but the VIP is here', 'FAILED', 'VIP', '10\.7\.7\.7 is on eth0, but no keepalived runs', 'ip addr del 10\.7\.7\.7/32 dev eth0',
    more => [qr/does not run here/]);
NotifyTest::sh('ip addr del 10.7.7.7/32 dev eth0');
finds('keepalived does not run', 'warning', 'keepalived', 'does not run here', 'systemctl enable --now keepalived');
NotifyTest::sh('ip addr add 10.7.7.7/32 dev eth0');
{
	my $running = bless {name => 'keepalived-f', cmd => [tmpdir() . '/perl-keepalived']}, 'MemvipTest::Process';
	# "keepalived -f FILE -i ID", as the kernel shows it: a copy of perl that waits.
	NotifyTest::sh('mkdir ' . tmpdir() . "/bin && cp $^X " . tmpdir() . '/bin/keepalived');
	$running->{cmd} = [tmpdir() . '/bin/keepalived', '-e', 'sleep 1000', '--', '--use-file', $other, '-inodeb'];
	$running->start;
	spew($other, slurp($other) =~ s/^(\tpriority)/\@nodeb\tgarp_master_delay 1\n\@nodea\tinterface lo\n$1/mr);
	wait_for('it runs', sub { (readlink("/proc/$running->{pid}/exe") // '') =~ m{/bin/keepalived$} });
	fine('the file and the id that the running one was given', 'hook', 'instance apart');
	$running->end;
}
NotifyTest::keepalived();

# The instance
keepalived_conf(sub { s/10\.7\.7\.7/10.7.7.8/ });
finds('another VIP there', 'FAILED', 'VIP', '/etc/keepalived/keepalived\.conf:12: instance memvip has 10\.7\.7\.8, but listen in /etc/memvip/memvip\.conf is 10\.7\.7\.7', 'make them the same');
keepalived_conf(sub { s/10\.7\.7\.7/10.7.7.8/; s/^\tnotify.*\n//m });
finds('no instance of ours', 'FAILED', 'instance', 'no vrrp_instance in /etc/keepalived/keepalived\.conf has 10\.7\.7\.7', 'copy it from a sample');
keepalived_conf(sub { s/^\tnotify.*\n//m });
finds('no notify', 'FAILED', 'hook', '\S+:12: instance memvip: no notify: nothing starts or ends the proxy', "notify \"$NOTIFY\"");
keepalived_conf(sub { s{notify ".*"}{notify "/bin/true x"} });
finds('another notify', 'FAILED', 'hook', '\S+:25: instance memvip: notify is not memvip-notify but /bin/true: nothing starts', "notify \"$NOTIFY\"");
keepalived_conf(sub { s{notify "$HOOKS}{notify "/usr/local/lib}; });
finds('a path that leads nowhere', 'FAILED', 'hook', '\S+:25: /usr/local/lib/memvip-notify: No such file or directory: nothing starts or ends the proxy', 'correct the path');
keepalived_conf(sub { s{notify "$HOOKS/}{notify "} });
finds('no whole path', 'warning', 'hook', '\S+:25: memvip-notify is not a whole path', 'from / on', more => [qr/ keepalived /]);
keepalived_conf(sub { s/^\tnotify (.*)\n//m; my $notify = $1; s/\z/vrrp_sync_group G {\n\tgroup {\n\t\tmemvip\n\t}\n\tnotify $notify\n}\n/ });
# keepalived thinks little of a group of one.
like(check()->{out}, qr/^  ok +hook +group G runs $NOTIFY, as root$/m, "its group's notify");
SetupTest::reset_files();
spew('/etc/memvip/apart.conf', slurp($CONF) =~ s/10\.7\.7\.7/10.7.7.9/r);
keepalived_conf(sub { s{memvip-notify"}{memvip-notify -c /etc/memvip/apart.conf"} });
finds('a hook that reads another file', 'FAILED', 'hook', '\S+:25: it reads /etc/memvip/apart\.conf, not /etc/memvip/memvip\.conf', '-c /etc/memvip/memvip\.conf', options => ['-c', $CONF]);
unlink '/etc/memvip/apart.conf';
keepalived_conf(sub { s{memvip-notify"}{memvip-notify --nonsense"} });
finds('a hook with an option that it does not have', 'FAILED', 'hook', '\S+:25: it has no configuration: --nonsense: unknown', 'give it');
spew("$HOOKS/../memvip-notify", '');
chmod 0755, "$HOOKS/../memvip-notify";
keepalived_conf(sub { s{notify "$HOOKS/}{notify "/usr/local/libexec/} });
finds('another memvip-notify', 'warning', 'hook', '\S+:25: /usr/local/libexec/memvip-notify is another memvip-notify than this one', 'name the one');
keepalived_conf(sub { s/^(\tnotify)( .*)$/$1$2\n$1_master$2/m });
finds('notify_master beside it', 'warning', 'hook', '\S+:26: notify_master runs memvip-notify without saying the state', 'take that line out');
keepalived_conf(sub { s/^\tnopreempt\n//m });
finds('no nopreempt', 'warning', 'instance', '\S+:12: a node that comes back takes the VIP at once', 'nopreempt');
keepalived_conf(sub { s/^\tnopreempt\n/\tpreempt_delay 60\n/m });
fine('preempt_delay will do', 'hook', '');
keepalived_conf(sub { s/^\tvrrp_garp_master_refresh.*\n//m });
finds('nobody told again who has the VIP', 'warning', 'instance', '\S+:11: when two nodes that had lost each other meet again', 'vrrp_garp_master_refresh 2');
keepalived_conf(sub { s/^\tvrrp_garp_master_refresh.*\n//m; s/^(\tadvert_int)/\tgarp_master_refresh 5\n$1/m });
fine('... by the instance itself', 'hook', '');
keepalived_conf(sub { s/state BACKUP/state MASTER/ });
finds('state MASTER', 'warning', 'instance', '\S+:12: state MASTER: nopreempt has no effect', 'state BACKUP', more => [qr/ keepalived /], status => 1);

# Script security
sub reset_dirs {
	chown 0, 0, $HOOKS, "$HOOKS/memvip-notify", "$HOOKS/memvip-vip-check";
	chmod 0755, $HOOKS, "$HOOKS/memvip-notify", "$HOOKS/memvip-vip-check";
}
my $both = [qr/(?:hook|check) +.*keepalived will not run it$/, qr/ keepalived  +Disabling/];
chown 0, 50, $HOOKS;
chmod 0775, $HOOKS;
finds('a folder that a group may write', 'FAILED', 'hook', "the group 50 may write to $HOOKS: keepalived will not run it", "chmod g-w $HOOKS", more => $both);
chmod 0757, $HOOKS;
finds('a folder that everybody may write', 'FAILED', 'check', "everybody may write to $HOOKS: keepalived will not run it", "chmod o-w $HOOKS", more => $both);
chmod 01777, $HOOKS;
fine('a sticky folder', 'hook', '');
reset_dirs();
chown 1, 0, $HOOKS;
finds("a folder that is not root's", 'FAILED', 'hook', "$HOOKS belongs to uid 1, not to root: keepalived will not run it", "chown root $HOOKS", more => $both);
reset_dirs();
chmod 0757, $NOTIFY;
finds('a hook that everybody may write', 'FAILED', 'hook', "everybody may write to $NOTIFY", "chmod o-w $NOTIFY", more => $both);
reset_dirs();
chmod 0757, "$HOOKS/memvip-vip-check";
finds('a check that everybody may write', 'FAILED', 'check', "everybody may write to $HOOKS/memvip-vip-check", 'chmod o-w', more => $both);
chmod 0644, "$HOOKS/memvip-vip-check";
finds('a check that is not executable', 'FAILED', 'check', "$HOOKS/memvip-vip-check is not executable", "chmod 755 $HOOKS/memvip-vip-check", more => $both);
reset_dirs();
rename "$HOOKS/memvip-vip-check", "$HOOKS/away";
finds('a check that is not there', 'FAILED', 'check', "\\S+:8: $HOOKS/memvip-vip-check: No such file or directory: keepalived takes that for healthy", 'install it there', more => $both);
rename "$HOOKS/away", "$HOOKS/memvip-vip-check";
symlink $HOOKS, '/usr/local/lib/hooks';
chmod 0777, "$HOOKS/..";
keepalived_conf(sub { s{"$HOOKS/}{"/usr/local/lib/hooks/}g });
finds('the folders behind a symbolic link', 'FAILED', 'hook', 'everybody may write to /usr/local/libexec: keepalived will not', 'chmod o-w /usr/local/libexec', more => $both);
chmod 0755, "$HOOKS/..";
keepalived_conf(sub { s{"$HOOKS/}{"/usr/local/lib/hooks/}g });
fine('a link that leads to root alone', 'hook', 'instance memvip runs /usr/local/lib/hooks/memvip-notify');
unlink '/usr/local/lib/hooks';

# SELinux, as far as it can be shown where there is none.
NotifyTest::sh('mount -t tmpfs tmpfs /sys/fs && mkdir /sys/fs/selinux && echo 1 >/sys/fs/selinux/enforce');
finds('SELinux, and a hook without its label', 'warning', 'hook', "SELinux is enforcing, and $NOTIFY has the label none", 'restorecon -R /usr/libexec/keepalived',
    more => [qr/warning +check +SELinux/]);
SKIP: {
	my $label = 'system_u:object_r:keepalived_unconfined_script_exec_t:s0';
	skip 'no labels here', 2 if !has_command('setfattr')
	    || system("setfattr -n security.selinux -v $label $HOOKS/memvip-notify $HOOKS/memvip-vip-check 2>/dev/null") != 0;
	fine('... with it', 'hook', '');
}
spew('/sys/fs/selinux/enforce', '0');
fine('SELinux that only watches', 'hook', '');
NotifyTest::sh('umount /sys/fs');

keepalived_conf(sub { s/^\tscript_user.*\n//m });
finds('no script_user', 'FAILED', 'hook', 'no script_user is named, and there is no user keepalived_script: keepalived leaves it out', 'script_user root',
    more => [qr/ keepalived /, qr/FAILED +check +no script_user/]);
keepalived_conf(sub { s/script_user root/script_user nobody/ });
finds('another script_user', 'FAILED', 'hook', 'it runs as nobody; it needs root', 'script_user root', more => [qr/ keepalived /, qr/check +memvip runs as nobody/]);
keepalived_conf(sub { s/script_user root/script_user nobody/; s/^(\tnotify.*)$/$1 root/m; s/^(vrrp_script.*)$/$1\n\tuser root/m });
my $own = check();
like($own->{out}, qr/^  ok +hook/m, 'a user of its own: the hook');
like($own->{out}, qr/^  ok +check/m, '... and the check');
keepalived_conf(sub { s/^\tenable_script_security\n//m });
finds('no script security', 'warning', 'security', 'enable_script_security is not in', 'enable_script_security in global_defs', more => [qr/ keepalived /], status => 1);

# The check
keepalived_conf(sub { s/^\ttrack_script \{\n.*\n\t\}\n//m });
finds('no check', 'FAILED', 'check', '\S+:12: instance memvip tracks no script that is memvip-vip-check', "vrrp_script with $HOOKS/memvip-vip-check", more => [qr/ keepalived /]);
keepalived_conf(sub { s/^\tinterval/\tweight -10\n\tinterval/m });
finds('a check with a weight', 'warning', 'check', 'memvip has a weight', 'no weight in vrrp_script memvip');
# 2.2 takes whole seconds only.
my $takes_fractions = run('keepalived', '--version')->{err} !~ /v2\.[012]\b/;
keepalived_conf(sub { s/timeout 2/timeout 0.9/ });
finds('a timeout that is too short', 'warning', 'check', "memvip: timeout 0\\.9 s is not longer than the check's own deadline, 0\\.9 s", 'timeout 2',
    more => [qr/ keepalived /], status => $takes_fractions ? 0 : 1);
conf(sub { $_ .= "check-timeout 2000\n" });
finds('... by the file', 'warning', 'check', "memvip: timeout 2 s is not longer than the check's own deadline, 2 s", 'timeout 4');
keepalived_conf(sub { s/memvip-vip-check/memvip-vip-check --check-timeout 3000/ });
finds('... by its option', 'warning', 'check', "memvip: timeout 2 s is not longer than the check's own deadline, 3 s", 'timeout 5');
keepalived_conf(sub { s/^\tinterval/\tuser nobody\n\tinterval/m });
finds('a check without privileges', 'warning', 'check', 'memvip runs as nobody', 'script_user root', more => [qr/ keepalived /]);
spew('/etc/memvip/other.cnf', slurp($CONF));
keepalived_conf(sub { s/memvip-vip-check/memvip-vip-check -c \/etc\/memvip\/other.cnf/ });
finds('a check that reads another file', 'FAILED', 'check', '\S+:8: it reads /etc/memvip/other\.cnf, not /etc/memvip/memvip\.conf', '-c /etc/memvip/memvip\.conf');
keepalived_conf(sub { s/memvip-vip-check"/memvip-vip-check -c \/etc\/memvip\/other.cnf -l 10.7.7.7 -p 12000"/ });
fine('... but is told the VIP', 'check', '');
keepalived_conf(sub { s/memvip-vip-check"/memvip-vip-check keepalived"/ });
finds('a check that asks something else', 'FAILED', 'check', '\S+:12: instance memvip tracks no script that is memvip-vip-check', 'vrrp_script with');
my $servers = qq{vrrp_script servers {\n\tscript "$HOOKS/memvip-vip-check servers"\n\tinterval 2\n}\n};
keepalived_conf(sub { s/^(vrrp_instance)/$servers$1/m; s/^(\ttrack_script \{\n)/$1\t\tservers\n/m });
finds('servers without a weight', 'FAILED', 'check', '\S+:13: servers: servers without a weight', 'weight -60 in vrrp_script servers');
keepalived_conf(sub { s/^(vrrp_instance)/$servers$1/m; s/^(\ttrack_script \{\n)/$1\t\tservers weight -60\n/m });
fine('servers with a weight', 'check', '');

# Two instances, each with its file.
rename $CONF, '/etc/memvip/one.conf';
spew('/etc/memvip/two.conf', slurp('/etc/memvip/one.conf') =~ s/10\.7\.7\.7/10.7.7.8/r);
keepalived_conf(sub {
	s/memvip-vip-check"/memvip-vip-check -c \/etc\/memvip\/one.conf"/;
	s/vrrp_instance memvip/vrrp_instance one/;
	my ($script, $instance) = /^(vrrp_script.*?^\}\n)(vrrp_instance.*)/ms;
	s/one\.conf/two.conf/, s/vrrp_script memvip/vrrp_script memvip_2/ for $script;
	s/instance one/instance two/, s/_id 58/_id 59/, s/7\.7\//7.8\//, s/^\t\tmemvip/\t\tmemvip_2/m for $instance;
	$_ .= $script . $instance;
});
unlink $CONF;
$r = check();
is($r->{status}, 0, 'two instances') or diag($r->{out});
like($r->{out}, qr/^10\.7\.7\.7:12000, by \/etc\/memvip\/one\.conf$/m, '... the one');
like($r->{out}, qr/^10\.7\.7\.8:12000, by \/etc\/memvip\/two\.conf$/m, '... and the other');
unlike(check('two')->{out}, qr/10\.7\.7\.7/, '... one of them, by its name');
unlink '/etc/memvip/one.conf', '/etc/memvip/two.conf';
SetupTest::reset_files();

# Where there is no root.
SKIP: {
	skip 'needs setpriv', 2 if !has_command('setpriv');
	chmod 0755, tmpdir();
	my $ran = run('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', $NOTIFY, 'check-setup');
	is($ran->{status}, 0, 'not root: it says what it can') or diag($ran->{out});
	like($ran->{out}, qr/^  warning  root +some things can be seen by root only\n +do: +run this as root$/m, '... and that it cannot say all') or diag($ran->{out});
}
done_testing;
