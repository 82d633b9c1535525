# Intent: keepalived accepts every sample configuration, and the two nodes' samples differ in
# router_id, priority and, for unicast, the addresses only.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

own_net();
plan(skip_all => 'needs keepalived') if !has_command('keepalived');

# Script security looks at every folder of a script's path: one of root's own, as an installed one.
my $dir = "/run/memvip-samples-$$";
mkdir $dir, 0755 or die "$dir: $!\n";
mkdir "$dir/keepalived", 0755;
END { system('rm', '-rf', $dir) if defined $dir }

for my $name (qw(memvip-vip-check memvip-notify)) {
	spew("$dir/keepalived/$name", "#!/bin/sh\nexit 0\n");
	chmod 0755, "$dir/keepalived/$name";
}
run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1');
run('ip', 'link', 'set', $_, 'up') for qw(eth0 eth1);
run('ip', 'addr', 'add', '192.168.58.135/24', 'dev', 'eth0');

my @samples = sort glob top() . '/keepalived/*.conf.in';
cmp_ok(scalar @samples, '>=', 2, 'there are samples');
my $n = 0;
for my $sample (@samples) {
	my ($name) = $sample =~ m{([^/]+)\.in\z};
	my $text = slurp($sample);
	$text =~ s/\@LIBEXECDIR\@/$dir/g;
	$text =~ s/\@SYSCONFDIR\@/$dir/g;
	unlike($text, qr/\@[A-Z]+\@/, "$name: no placeholder is left");
	my $conf = spew("$dir/$name", $text);
	my $ran = run('keepalived', '--config-test=' . tmpdir() . '/said', '-f', $conf);
	my $said = join "\n", grep { length } $ran->{out}, $ran->{err}, slurp(tmpdir() . '/said');
	is($ran->{status}, 0, "$name: keepalived accepts it") or diag($said);
	is($said, '', "$name: without a word");
	unlink tmpdir() . '/said';
	# With two VIPs each goes home, to spread the load, but not soon.
	like($text, $name =~ /-two-/ ? qr/^\s*preempt_delay \d\d/m : qr/^\s*nopreempt\b/m,
	    "$name: nobody takes the VIP from a healthy node");
	like($text, qr/^\s*enable_script_security\b/m, "$name: script security is on");
	like($text, qr/^\s*vrrp_garp_master_refresh \d\b/m, "$name: clients are told again where the VIP is");
}

# The test of the test: keepalived does notice what is wrong.
my $bad = slurp($samples[0]) =~ s/\@LIBEXECDIR\@/$dir/gr =~ s/virtual_router_id 58/virtual_router_id 580/r;
isnt(run('keepalived', '--config-test=/dev/null', '-f', spew("$dir/bad.conf", $bad))->{status}, 0,
    'a wrong one is refused');

# What may differ between the two nodes: the first word of each line that does.
my %differ = (
    ''         => [qw(router_id priority)],
    'ipv6-'    => [qw(router_id priority)],
    'two-'     => [qw(router_id priority priority)],
    'unicast-' => [qw(router_id priority unicast_src_ip), '192.168.58.NODE']);
is_deeply([sort map { m{/keepalived-(.*)primary} } @samples], [sort keys %differ], 'every kind of sample is looked at');
for my $kind (sort keys %differ) {
	my @lines = map { [split /\n/, slurp(top() . "/keepalived/keepalived-$kind$_.conf.in")] } qw(primary backup);
	is(scalar @{$lines[0]}, scalar @{$lines[1]}, "$kind: primary and backup: as many lines");
	my @differ = map { $lines[0][$_] =~ /^\s*(\S+)/ } grep { $lines[0][$_] ne ($lines[1][$_] // '') } 0 .. $#{$lines[0]};
	is_deeply([map { s/\.13[25]$/.NODE/r } @differ], $differ{$kind}, "... that differ in @{$differ{$kind}}");
}

# The files for the three programs, as these read them: the VIP is the same as in keepalived.conf.
my %conf = (
    'memvip.conf'      => ['keepalived-primary.conf.in', 'keepalived-unicast-primary.conf.in'],
    'memvip-ipv6.conf' => ['keepalived-ipv6-primary.conf.in'],
    'memvip_1.conf'    => ['keepalived-two-primary.conf.in'],
    'memvip_2.conf'    => ['keepalived-two-primary.conf.in']);
is_deeply([sort map { m{([^/]+)\z} } glob top() . '/keepalived/*.conf'], [sort keys %conf], 'every file for memvip is looked at');
for my $name (sort keys %conf) {
	my $conf = top() . "/keepalived/$name";
	my ($vip) = slurp($conf) =~ /^listen (\S+)$/m;
	my $ran = run(program('vip-check/memvip-vip-check'), '-v', '-c', $conf, '--run-dir', tmpdir(), 'vip');
	is($ran->{status}, 1, "$name: the check reads it") or diag($ran->{err});
	like($ran->{out}, qr/^no: \Q$vip\E is not here$/, '... and finds the VIP in it');
	like(slurp(top() . "/keepalived/$_"), qr{^\s*\Q$vip\E/\d+\s}m, "... which is in $_ too") for @{$conf{$name}};
	SKIP: {
		my $proxy = program('proxy/memvip-proxy');
		skip 'memvip-proxy is not built', 1 if !-x $proxy;
		$ran = run($proxy, '-t', '-c', $conf);
		is($ran->{status}, 0, '... the proxy accepts it') or diag($ran->{err});
	}
}
done_testing;
