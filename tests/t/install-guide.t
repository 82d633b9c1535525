# Intent: the blocks of INSTALL, pasted as they are on two nodes, lead to what they promise: check-setup and status find all well, the value is stored, and the outage that it proposes is none.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipCluster;
use MemvipTest;
use Test::More;

plan(skip_all => 'not with the sanitizers') if sanitized();
cluster_up('--idle');

# What a step of INSTALL has to be pasted: its lines that are indented by four, block by block.
my %blocks;
for my $step (split /^(?=\d\. )/m, slurp(top() . '/INSTALL') =~ s/^Other set-ups.*//msr) {
	my ($number) = $step =~ /^(\d)\. / or next;
	my $text = '';
	for (split /\n/, $step) {
		if (/^    (.*)/) {
			$text .= "$1\n";
		} elsif ($text ne '') {
			push @{$blocks{$number}}, $text;
			$text = '';
		}
	}
	push @{$blocks{$number}}, $text if $text ne '';
}
is(join(' ', map { "$_:" . @{$blocks{$_}} } sort keys %blocks), '1:2 2:2 3:2 4:1 5:1 6:3', 'INSTALL has the steps and blocks that are known here');
like($blocks{2}[0], qr/^apt-get install .*\bkeepalived memcached\b/m, 'the packages of Debian');
like($blocks{2}[1], qr/^dnf install .*\bkeepalived memcached\b/m, '... and of RHEL');
like($blocks{3}[0], qr/^make deb && apt-get install/m, 'memvip as a package');

# README has the same, shorter.
my $install = join "\n", map { join '', @$_ } values %blocks;
my %said = map { s/^\s+//r => 1 } split /\n/, $install;
my ($short) = slurp(top() . '/README.md') =~ /^(## Set-up on two machines.*?)^## /ms;
my @lines = map { split /\n/ } ($short // '') =~ /^```sh\n(.*?)^```$/msg;
cmp_ok(scalar @lines, '>', 20, 'README has a set-up');
is(join("\n", grep { !$said{s/^\s+//r} } @lines), '', '... in the words of INSTALL');

# Stand-ins for what a namespace does not have: systemd, which runs the two services, and a machine of
# its own to compile on (the programs are there already; make installs them).
my $tools = tmpdir() . '/bin';
mkdir $tools;
chmod 0755, tmpdir();
spew("$tools/systemctl", <<'END');
#!/bin/bash
set -e
case "$*" in
'enable memcached' | 'enable keepalived') ;;
'restart memcached' | 'stop memcached')
	if [ -e /run/memcached.pid ]; then
		kill "$(cat /run/memcached.pid)" && while kill -0 "$(cat /run/memcached.pid)" 2>/dev/null; do sleep 0.05; done
		rm /run/memcached.pid
	fi
	[ "$1" != stop ] || exit 0
	# shellcheck disable=SC2046 # a word an option, as Debian's unit reads the file
	setsid memcached $(sed -e '/^#/d' -e '/^-d$/d' -e '/^logfile/d' -e '/^-P/d' -e 's/^-u .*/-u nobody/' /etc/memcached.conf) </dev/null >/dev/null 2>&1 &
	echo $! >/run/memcached.pid
	;;
'restart keepalived')
	# As memvip-cluster starts it; in a crowd it needs precedence.
	sed -i '/^global_defs/a\	vrrp_priority -20' /etc/keepalived/keepalived.conf
	keepalived --log-detail --vrrp --pid /run/keepalived.pid --vrrp_pid /run/keepalived-vrrp.pid </dev/null >/dev/null 2>&1
	;;
*)
	echo "systemctl $*: not here" >&2
	exit 1
	;;
esac
END
chmod 0755, "$tools/systemctl";

# Pastes on a node. The file of Debian's package; where there is none, it is made.
sub paste {
	my ($node, $name, @text) = @_;
	my $script = join '', "set -e\ncd " . top() . "\nPATH=$tools:/usr/local/libexec/keepalived:/usr/local/sbin:\$PATH:/usr/sbin:/sbin\n",
	    "unset MAKEFLAGS MAKELEVEL MFLAGS\n", @text;
	my $ran = node($node, 'bash', '-c', $script);
	is($ran->{status}, 0, "$name, on $node") or diag("$script\n$ran->{out}$ran->{err}");
	return $ran->{out};
}

my $here = join '', @{$blocks{1}};
my %role = (a => 'primary', b => 'backup');
for my $node ('a', 'b') {
	# What memvip-cluster has put there is not what this is about.
	node($node, 'sh', '-c', "rm -rf /etc/memvip /etc/keepalived/* /usr/local/sbin/memvip* /usr/local/libexec/keepalived
	    printf -- '-d\\n-m 64\\n-p 11211\\n-u memcache\\n-l 127.0.0.1\\n-l ::1\\n' >/etc/memcached.conf; rm -f /run/nologin");
	like(paste($node, 'step 1, addresses', $here), qr/^this is the $role{$node}, 192\.168\.58\.13\d on eth0$/m, '... finds the node');
	paste($node, 'steps 3, 4, 5', $here, $blocks{3}[1] =~ s{-x /usr/sbin/restorecon}{-x /nowhere/restorecon}r, $blocks{4}[0], $blocks{5}[0]);
	like(node($node, 'cat', '/etc/keepalived/keepalived.conf')->{out}, qr{"/usr/local/libexec/keepalived/memvip-notify"}, '... the hook by its path');
}
my $path = "P=/usr/local\n";
for my $node ('a', 'b') {
	my ($check, $start) = $blocks{6}[0] =~ /^(\S.*check-setup\n)(systemctl.*\n)\z/ or die "step 6: $blocks{6}[0]";
	my $out = paste($node, 'step 6, check-setup', $here, $path, $check);
	unlike($out, qr/FAILED/, '... nothing has failed') or diag($out);
	paste($node, '... start', $here, $path, $start);
}
settles(vip_nodes() || 'a', 'the nodes serve');
for my $node ('a', 'b') {
	wait_for("status on $node is well", sub { node($node, '/usr/local/libexec/keepalived/memvip-notify', 'status')->{status} == 0 });
	like(paste($node, 'step 6, status', $here, $path, $blocks{6}[1]), qr/^memvip: all is well$/m, '... all is well');
}
SKIP: {
	skip 'needs nc', 2 if !has_command('nc');
	like(paste('client', 'step 6, a value', $here =~ s/^echo.*//mr, $blocks{6}[2]), qr/^STORED\r?\nVALUE a 0 5\r?\nhello\r?\nEND\r?\n/m, '... is stored and read');
}
my $c = client($VIP);
is($c->ask("set kept 0 0 1\r\n1\r\n"), "STORED\r\n", 'another value');
my $owner = vip_nodes();
paste($owner, 'the outage: memcached stopped', "systemctl stop memcached\n");
is(value_of($VIP, 'kept'), '1', '... the value is read');
is($c->ask("get kept\r\n"), "VALUE kept 0 1\r\n1\r\nEND\r\n", '... on the same connection');
done_testing;
