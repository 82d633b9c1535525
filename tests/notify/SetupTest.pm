# SetupTest: what the tests of "memvip-notify check-setup" share. A machine that is set up as it should
# be, in namespaces of its own (NotifyTest): /etc and /usr/local are copies to write on, /run is empty,
# eth0 has 10.7.7.1 and the VIP, memcached answers there and on 10.7.7.2. A test breaks one thing and
# asks for its line.
package SetupTest;
use strict;
use warnings;

use NotifyTest;
use MemvipTest;
use Exporter qw(import);
use Test::More;

our @EXPORT = qw(machine check finds fine conf keepalived_conf $HOOKS $CONF $KEEPALIVED_CONF
    $NOTIFY pretend empty_servers);

our $HOOKS           = '/usr/local/libexec/keepalived';
our $CONF            = '/etc/memvip/memvip.conf';
our $KEEPALIVED_CONF = '/etc/keepalived/keepalived.conf';
our $NOTIFY          = "$HOOKS/memvip-notify";
my @servers;

my $conf = <<'END';
listen 10.7.7.7
port 12000
server 10.7.7.1:11211
backup 10.7.7.2:11211
user nobody
END

# advert_int: so that listening for adverts takes no time.
my $keepalived_conf = <<'END';
global_defs {
	vrrp_version 3
	vrrp_garp_master_refresh 2
	script_user root
	enable_script_security
}
vrrp_script memvip {
	script "HOOKS/memvip-vip-check"
	interval 1
	timeout 2
}
vrrp_instance memvip {
	state BACKUP
	nopreempt
	interface eth0
	virtual_router_id 58
	priority 150
	advert_int 0.02
	virtual_ipaddress {
		10.7.7.7/32
	}
	track_script {
		memvip
	}
	notify "HOOKS/memvip-notify"
}
END
$keepalived_conf =~ s/HOOKS/$HOOKS/g;

# Makes this namespace such a machine.
sub machine {
	my $own = tmpdir() . '/own';
	node();
	mkdir $own;
	NotifyTest::sh("mount -t tmpfs -o mode=755 tmpfs $own");
	for my $dir ('etc', 'usr/local') {
		(my $name = $dir) =~ tr{/}{-};
		mkdir "$own/$name$_" for '', '-work';
		NotifyTest::sh("mount -t overlay -o lowerdir=/$dir,upperdir=$own/$name,workdir=$own/$name-work overlay /$dir");
	}
	# The two hold it; its name is not needed, and would be in the way at the end.
	NotifyTest::sh("umount -l $own && mount -t tmpfs -o mode=755 tmpfs /run");
	NotifyTest::sh("chown root:root /etc /usr/local && chmod 755 /etc /usr/local && rm -rf /etc/memvip /etc/keepalived");
	NotifyTest::sh("install -d -m 755 /etc/memvip /etc/keepalived /usr/local/sbin /usr/local/libexec $HOOKS");
	install('proxy/memvip-proxy', '/usr/local/sbin/memvip-proxy');
	install('vip-check/memvip-vip-check', "$HOOKS/memvip-vip-check");
	install('notify/memvip-notify', $NOTIFY);
	NotifyTest::sh('ip addr add 10.7.7.2/24 dev eth0 && ip addr add 10.7.7.7/32 dev eth0');
	@servers = map { memcached(name => "memcached-$_", ip => $_, port => 11211) } '10.7.7.1', '10.7.7.2';
	reset_files();
}

# The two memcached as at first.
sub empty_servers { $_->restart for @servers }

sub install {
	my ($from, $to) = @_;
	NotifyTest::sh('cp ' . program($from) . " $to && chmod 755 $to");
}

sub reset_files {
	spew($CONF, $conf);
	spew($KEEPALIVED_CONF, $keepalived_conf);
}

# The files as they should be, changed by a sub on $_.
sub conf {
	my ($change) = @_;
	local $_ = $conf;
	$change->();
	spew($CONF, $_);
}

sub keepalived_conf {
	my ($change) = @_;
	local $_ = $keepalived_conf;
	$change->();
	spew($KEEPALIVED_CONF, $_);
}

# check-setup, in its own words. Its screen is lines "  VERDICT  SUBJECT TEXT", after each that is not
# ok one "do:", headlines, empty lines, and a sum that agrees with the exit status.
sub check {
	my (@args) = @_;
	my @options = ref $args[0] ? @{shift @args} : ();
	my $r = run({seconds => 60}, $NOTIFY, @options, 'check-setup', @args);
	my %n = (ok => 0, warning => 0, FAILED => 0);
	my ($last, @strange) = ('');
	for (split /\n/, $r->{out}) {
		if (/^  (ok|warning|FAILED) +(\S+) +\S/) {
			push @strange, "nothing to do about: $last" if $last ne '';
			$n{$1}++;
			$last = $1 eq 'ok' ? '' : $_;
		} elsif (/^ {11}do: {9}\S/) {
			$last = '';
		} elsif (/^\s/) {
			push @strange, $_;
		}
	}
	# Several lines that keepalived says may have one "do:" together.
	@strange = grep { !/^nothing to do about:.* keepalived / } @strange;
	push @strange, "nothing to do about: $last" if $last ne '';
	push @strange, "exit status $r->{status}, $n{FAILED} failed"
	    if !defined $r->{status} || $r->{status} != ($n{FAILED} > 0 ? 1 : 0);
	push @strange, "stderr: $r->{err}" if $r->{err} ne '';
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	if (@strange) {
		fail("the screen of check-setup @args");
		diag(map { "$_\n" } @strange, $r->{out});
	}
	return $r;
}

# One thing is wrong: exactly this line says so, with this to do, and nothing else is said but ok.
# more => [...]: lines that come of it too.
sub finds {
	my ($name, $verdict, $subject, $text, $todo, %opt) = @_;
	my $r = check($opt{options} // [], @{$opt{args} // []});
	my @lines = split /\n/, $r->{out};
	my @bad = grep { /^  (?:warning|FAILED) / } @lines;
	my ($at) = grep { $lines[$_] =~ /^  $verdict +$subject +(?:$text)/ } 0 .. $#lines;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $right = defined $at;
	my $do = $right ? $lines[$at + 1] // '' : '';
	$right &&= $do =~ /^ +do: +.*(?:$todo)/;
	my @more = @{$opt{more} // []};
	my @rest = grep { my $l = $_; !($right && $l eq $lines[$at]) && !grep { $l =~ $_ } @more } @bad;
	ok($right && !@rest, $name)
	    or diag("expected: $verdict $subject $text\ndo: $todo\nand nothing else; came:\n$r->{out}$r->{err}");
	is($r->{status}, $opt{status} // ($verdict eq 'FAILED' ? 1 : 0), '... and the exit status') if $right;
	reset_files();
	return $r;
}

# Nothing is wrong, and this line says something.
sub fine {
	my ($name, $subject, $text, @args) = @_;
	my $r = check(@args);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $well = $r->{out} =~ /^  ok +$subject +(?:$text)/m && $r->{out} !~ /^  (?:warning|FAILED)/m;
	ok($well, $name) or diag("expected: ok $subject $text, and nothing wrong; came:\n$r->{out}$r->{err}");
	is($r->{status}, 0, '... and the exit status') if $well;
	reset_files();
	return $r;
}

# A program of that name that comes before the real one, until pretend(NAME) alone.
sub pretend {
	my ($name, $script) = @_;
	my $dir = tmpdir() . '/pretend';
	if (!-d $dir) {
		mkdir $dir;
		$ENV{PATH} = "$dir:$ENV{PATH}";
	}
	unlink "$dir/$name";
	return if !defined $script;
	spew("$dir/$name", "#!/bin/sh\n$script\n");
	chmod 0755, "$dir/$name";
}

1;
