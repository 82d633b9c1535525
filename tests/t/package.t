# Intent: make deb makes a package that lintian has nothing against, that brings what it needs, has its
# configuration as conffiles, and starts, stops and restarts nothing by itself.
use strict;
use warnings;
# It compiles everything, and lintian takes its time.
BEGIN { $ENV{MEMVIP_TEST_LIMIT} //= 1800 }
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

for my $command (qw(dpkg-buildpackage dpkg-deb dh)) {
	plan(skip_all => "needs $command") if !has_command($command);
}
plan(skip_all => 'not with the sanitizers') if sanitized();
chdir top();
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
plan(skip_all => 'needs what the package is built with')
    if run('dpkg-checkbuilddeps', 'packaging/debian/control')->{status};

my $ran = run({seconds => 900}, 'make', 'deb');
is($ran->{status}, 0, 'make deb') or diag($ran->{out}, $ran->{err});
my ($version) = slurp('Makefile') =~ /^VERSION := (\S+)$/m;
my @debs = glob "build/memvip_${version}_*.deb";
is(scalar @debs, 1, '... one package') or BAIL_OUT("@debs");
my $control = tmpdir() . '/control';
is(run('dpkg-deb', '-e', $debs[0], $control)->{status}, 0, '... which dpkg reads');
is_deeply([sort map { s{.*/}{}r } glob "$control/*"], [qw(conffiles control md5sums)], '... without a script that is run at its installation');
is(slurp("$control/conffiles"), "/etc/memvip/memvip.conf\n", '... the configuration is a conffile');
like(slurp("$control/control"), qr/^Depends: .*\blibevent-core-.*\blibevent-extra-.*\bkeepalived \(>= 1:2\.0\)/m, '... what it needs');
like(slurp("$control/control"), qr/^Recommends: memcached \(>= 1\.6\)$/m, '... and what is usual beside it');
my @files = map { m{ \./(\S*[^/])$} ? "/$1" : () } split /\n/, run('dpkg-deb', '-c', $debs[0])->{out};
for my $file (qw(/usr/sbin/memvip-proxy /usr/libexec/keepalived/memvip-notify /usr/libexec/keepalived/memvip-vip-check
    /usr/lib/systemd/system/memvip-proxy@.service /usr/share/man/man7/memvip.7.gz /usr/share/doc/memvip/SETUP.gz /usr/share/doc/memvip/examples/keepalived-primary.conf
    /usr/share/doc/memvip/examples/memvip.rules.yml)) {
	ok(scalar(grep { $_ eq $file } @files), "... has $file");
}
is(join(' ', grep { m{^/usr/local} } @files), '', '... nothing in /usr/local');
SKIP: {
	skip 'needs lintian', 1 if !has_command('lintian');
	my ($changes) = glob "build/memvip_${version}_*.changes";
	$ran = run({seconds => 800}, 'lintian', '--fail-on', 'error,warning', $changes);
	is($ran->{status}, 0, '... lintian has nothing against it') or diag($ran->{out}, $ran->{err});
}
done_testing;
