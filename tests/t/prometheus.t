# Intent: the samples for Prometheus are right, and each alert comes when it should, and only then.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

plan skip_all => 'needs promtool' if !has_command('promtool');
chdir top() . '/packaging/prometheus';
for my $check (['check', 'config', 'prometheus.yml'], ['check', 'rules', 'memvip.rules.yml'],
    ['test', 'rules', 'memvip.rules.test.yml']) {
	my $ran = run({seconds => 60}, 'promtool', @$check);
	is($ran->{status}, 0, "promtool @$check") or diag($ran->{out}, $ran->{err});
}

# Each alert is tried, and what it looks at is there.
my $rules = slurp('memvip.rules.yml');
my $tests = slurp('memvip.rules.test.yml');
my @alerts = $rules =~ /- alert: (\w+)/g;
cmp_ok(scalar @alerts, '>=', 4, 'there are alerts');
for my $alert (@alerts) {
	like($tests, qr/alertname: $alert, exp_alerts: \[\]/, "$alert: when it is not to come");
	like($tests, qr/alertname: $alert\n +exp_alerts:\n/, '... and when it is');
}
my ($m, $port) = (memcached(), free_port());
my $p = proxy(servers => [$m], args => ['--metrics', own_ip() . ":$port"]);
my $c = client(own_ip() . ":$port");
$c->send("GET /metrics HTTP/1.1\r\n\r\n");
my %there = map { $_ => 1 } $c->until(qr/\A(?!)/) =~ /^(memvip_\w+)/mg;
my %asked = map { $_ => 1 } $rules =~ /(memvip_\w+)/g;
is_deeply([grep { !$there{$_} } sort keys %asked], [], 'the proxy shows what they look at');
$p->end;
done_testing;
