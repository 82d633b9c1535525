# Intent: clients of other languages, as Debian packages them, work through the proxy.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my ($a, $b) = (memcached(name => 'a'), memcached(name => 'b'));
my $p = proxy(servers => [$a], backups => [$b]);
$p->wait_current;

# Debian's own interpreters: the packages bring their modules to these.
my ($python) = grep { -x } '/usr/bin/python3';
my ($php)    = grep { -x } '/usr/bin/php';
my %interpreter = (python => $python, php => $php, perl => '/usr/bin/perl');

# [package, interpreter, how to see that it is there, program, arguments behind address and port]
my @clients = (
    ['python3-pymemcache', 'python', ['-c', 'import pymemcache'], 'pymemcache_client.py'],
    ['python3-pylibmc', 'python', ['-c', 'import pylibmc'], 'pylibmc_client.py'],
    ['python3-memcache', 'python', ['-c', 'import memcache'], 'memcache_client.py'],
    ['php-memcached', 'php', ['-r', 'exit(extension_loaded("memcached") ? 0 : 1);'], 'memcached.php'],
    ['libcache-memcached-perl', 'perl', ['-MCache::Memcached', '-e1'], 'memcached.pl', 'Cache::Memcached'],
    ['libcache-memcached-fast-perl', 'perl', ['-MCache::Memcached::Fast', '-e1'], 'memcached.pl', 'Cache::Memcached::Fast'],
);

$ENV{PYTHONDONTWRITEBYTECODE} = 1;
for my $client (@clients) {
	my ($package, $language, $probe, $program, @args) = @$client;
	my $by = $interpreter{$language};
	SKIP: {
		skip "needs $package", 1 if !$by || (run($by, @$probe)->{status} // 1) != 0;
		my $ran = run({seconds => 100}, $by, top() . "/tests/client/$program", own_ip(), $p->port, @args);
		my @lines = split /\n/, $ran->{out};
		for my $i (0 .. $#lines) {
			next if $lines[$i] !~ /^(not )?ok \d+ - (.*)/;
			ok(!$1, "$package: $2") or diag($lines[$i + 1] // '', $ran->{err});
		}
		is($ran->{status}, 0, "$package: all of it") or diag($ran->{err});
		like($ran->{out}, qr/^1\.\.\d+$/m, "$package: to the end");
	}
}
done_testing;
