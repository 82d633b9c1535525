# Intent: keepalived accepts every sample configuration, and the two nodes' samples differ in
# router_id and priority only.
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
	unlike($text, qr/\@[A-Z]+\@/, "$name: no placeholder is left");
	my $conf = spew("$dir/$name", $text);
	my $ran = run('keepalived', '--config-test=' . tmpdir() . '/said', '-f', $conf);
	my $said = join "\n", grep { length } $ran->{out}, $ran->{err}, slurp(tmpdir() . '/said');
	is($ran->{status}, 0, "$name: keepalived accepts it") or diag($said);
	is($said, '', "$name: without a word");
	unlink tmpdir() . '/said';
	like($text, qr/^\s*nopreempt\b/m, "$name: nobody takes the VIP from a healthy node");
	like($text, qr/^\s*enable_script_security\b/m, "$name: script security is on");
}

# The test of the test: keepalived does notice what is wrong.
my $bad = slurp($samples[0]) =~ s/\@LIBEXECDIR\@/$dir/gr =~ s/virtual_router_id 58/virtual_router_id 580/r;
isnt(run('keepalived', '--config-test=/dev/null', '-f', spew("$dir/bad.conf", $bad))->{status}, 0,
    'a wrong one is refused');

my @lines = map { [split /\n/, slurp(top() . "/keepalived/keepalived-$_.conf.in")] } qw(primary backup);
is(scalar @{$lines[0]}, scalar @{$lines[1]}, 'primary and backup: as many lines');
my @differ = map { $lines[0][$_] =~ /^\s*(\S+)/ } grep { $lines[0][$_] ne ($lines[1][$_] // '') } 0 .. $#{$lines[0]};
is_deeply(\@differ, [qw(router_id priority)], '... that differ in router_id and priority');

# memvip.conf, as the three programs read it.
my $conf = top() . '/keepalived/memvip.conf';
my $ran = run(program('vip-check/memvip-vip-check'), '-v', '-c', $conf, '--run-dir', tmpdir(), 'vip');
is($ran->{status}, 1, 'memvip.conf: the check reads it') or diag($ran->{err});
like($ran->{out}, qr/^no: 192\.168\.58\.100 is not here$/, '... and finds the VIP in it');
my ($in_keepalived) = $lines[0] && slurp($samples[0]) =~ /virtual_ipaddress \{\s*([\d.]+)/;
my ($in_memvip) = slurp($conf) =~ /^listen (\S+)/m;
is($in_keepalived, $in_memvip, 'the VIP is the same in both');
SKIP: {
	my $proxy = program('proxy/memvip-proxy');
	skip 'memvip-proxy is not built', 1 if !-x $proxy;
	$ran = run($proxy, '-t', '-c', $conf);
	is($ran->{status}, 0, 'memvip.conf: the proxy accepts it') or diag($ran->{err});
}
done_testing;
