# Intent: what the programs take is in their manual pages, and what the pages name the programs take:
# options with their letters, values and defaults, names of the file, commands and modes. The pages are free of errors, and refer to pages that are there.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

chdir top();
my %page = map { m{([^/]+)\z} => $_ } glob 'doc/*.7 keepalived/*.5 proxy/*.8 vip-check/*.8 notify/*.8';
my %program = (
    'memvip-proxy'     => 'proxy/memvip-proxy',
    'memvip-vip-check' => 'vip-check/memvip-vip-check',
    'memvip-notify'    => 'notify/memvip-notify');
is_deeply([sort keys %page], [sort 'memvip.7', 'memvip.conf.5', map { "$_.8" } keys %program], 'every page is there');

# A line of mdoc as words, without its quotes and escapes.
sub plain {
	my ($line) = @_;
	$line =~ s/\\&//g;
	$line =~ s/\\-/-/g;
	return [grep { defined } $line =~ /"([^"]*)"|(\S+)/g];
}

# What a page lists: {long name => {letter, value, text}}, by its lines ".It Fl l , \-long Ar value".
sub options_of_page {
	my ($text) = @_;
	my %options;
	while ($text =~ /^\.It (Fl .*)\n((?:(?!\.It |\.El|\.Sh|\.Ss).*\n)*)/mg) {
		my ($words, $body) = (plain($1), $2);
		my ($letter, $long, $value) = ('', undef, 0);
		for (@$words) {
			if    (/^-(\w[\w-]*)$/) { $long = $1 }
			elsif (/^[A-Za-z]$/)   { $letter = $_ }
			elsif (/^(?:Ar|Cm)$/)  { $value = 1 }
		}
		next if !defined $long;
		$options{$long} = {letter => $letter, value => $value, text => $body};
	}
	return \%options;
}

# The same, as --help has it: "  -l, --listen IP     text (default)".
sub options_of_help {
	my ($text) = @_;
	my %options;
	while ($text =~ /^  (?:-(\w), |    )--([\w-]+)( \S+)? +(\S.*)$/mg) {
		$options{$2} = {letter => $1 // '', value => defined $3 ? 1 : 0, text => $4};
	}
	return \%options;
}

my (%help, %options);
for my $name (sort keys %program) {
	my $ran = run(program($program{$name}), '--help');
	$help{$name} = $ran->{out};
	my $code = $options{$name} = options_of_help($ran->{out});
	my $page = options_of_page(slurp($page{"$name.8"}));
	cmp_ok(scalar keys %$code, '>=', 7, "$name has options");
	is_deeply([sort keys %$page], [sort keys %$code], "$name(8) lists its options, and no others");
	for my $long (sort grep { $page->{$_} } keys %$code) {
		my ($c, $p) = ($code->{$long}, $page->{$long});
		is($p->{letter}, $c->{letter}, "$name(8): --$long: its letter");
		is($p->{value}, $c->{value}, "$name(8): --$long: whether it takes a value");
		# "(500)", "(256m)", "(0: unlimited)": the default.
		my ($default) = $c->{text} =~ /\((\d+\w*|both|\/\S+?)[):;]/ or next;
		like($p->{text}, qr/(?<![\w])\Q$default\E(?!\w)|\@RUNDIR\@\/memvip/, "$name(8): --$long: its default, $default");
	}
}

# memvip.conf(5): what a file may hold is what a program says of a file that holds it.
my %names = map { $_ => 1 } map { keys %$_ } values %options;
my %page_names;
my $conf = slurp($page{'memvip.conf.5'});
while ($conf =~ /^\.It (Ic .*)$/mg) {
	my $words = plain($1);
	for (0 .. $#$words - 1) {
		$page_names{$words->[$_ + 1]} = 1 if $words->[$_] eq 'Ic';
	}
}
my (%taken, %stranger);
for my $name (sort(keys %names), 'no-such-name') {
	my $file = spew('one.conf', "$name\n");
	my $said = run(program($program{'memvip-proxy'}), '-t', '-s', '127.0.0.1', '-c', $file)->{err};
	$stranger{$name} = 1 if $said =~ /unknown option/;
	$taken{$name} = 1 if $said !~ /unknown option|only on the command line/;
}
is_deeply(\%stranger, {'no-such-name' => 1}, 'the programs know each of their names in the file');
is_deeply([sort keys %page_names], [sort keys %taken], 'memvip.conf(5) lists the names of the file, and no others');

# memvip-notify's commands, memvip-vip-check's modes.
sub listed {
	my ($page) = @_;
	return sort map { /^\.It Cm (\S+)/ ? $1 : () } split /\n/, slurp($page);
}
my @commands = sort grep { !/^INSTANCE/ } $help{'memvip-notify'} =~ /^(?:usage:)? +memvip-notify \[options\] ([\w-]+)/mg;
cmp_ok(scalar @commands, '>=', 4, 'memvip-notify has commands');
is_deeply([grep { $_ ne 'INSTANCE' } listed($page{'memvip-notify.8'})], \@commands, 'memvip-notify(8) lists its commands, and no others');
# A script reads status --json: each member is in the page, and the page's are there.
my @members = do { my %n = map { $_ => 1 } slurp('notify/status.c') =~ /(?:json_\w+\(out, "|\\")(\w+)(?:\\":|",)/g; sort keys %n };
cmp_ok(scalar @members, '>=', 15, 'status --json has members');
my ($section) = slurp($page{'memvip-notify.8'}) =~ /^\.Sh STATUS FOR SCRIPTS\n(.*?)^\.Sh /ms;
my %in_page = map { $_ => 1 } map { grep { /^\w+$/ } split ' ', s/^(?:\.It )?Va //r } ($section // '') =~ /^((?:\.It Va|Va|\.Va) .*)$/mg;
is_deeply([sort keys %in_page], \@members, 'memvip-notify(8) lists them, and no others');
my @modes = sort $help{'memvip-vip-check'} =~ /^  (\w+) {2,}\S/mg;
is(scalar @modes, 4, 'memvip-vip-check has modes');
is_deeply([listed($page{'memvip-vip-check.8'})], \@modes, 'memvip-vip-check(8) lists its modes, and no others');

# Each page by itself.
for my $name (sort keys %page) {
	my $text = slurp($page{$name});
	my @to = $text =~ /^\.Xr (memvip\S*) (\d)/mg;
	push @to, $text =~ / Xr (memvip\S*) (\d)/g;
	my %missing;
	while (my ($to, $section) = splice @to, 0, 2) {
		$missing{"$to($section)"} = 1 if !$page{"$to.$section"};
	}
	is(join(' ', sort keys %missing), '', "$name refers to pages that are there");
	like($text, qr/^\.Dd \w+ \d+, \d{4}\n\.Dt \U@{[$name =~ s{\.\d\z}{}r]}\E \d\n\.Os$/m, '... and begins as it should');
	my %filled = map { $_ => 1 } qw(SBINDIR LIBEXECDIR HOOKDIR SYSCONFDIR RUNDIR DOCDIR);
	is(join(' ', grep { !$filled{$_} } $text =~ /\@([A-Z]+)\@/g), '', '... and has no folder that is not filled in');
	is(join("\n", grep { m{(?:^|[\s"])/(?:usr/local|etc/memvip|run/memvip)} } split /\n/, $text), '', '... nor one that is written out');
	SKIP: {
		skip 'needs mandoc', 1 if !has_command('mandoc');
		# What pages are installed here is no matter of this one.
		my $ran = run('mandoc', '-Tlint', $page{$name});
		is(join("\n", grep { !/referenced manual not found|outdated mandoc\.db/ } split /\n/, $ran->{out} . $ran->{err}), '',
		    '... and mandoc has no complaint');
	}
}
done_testing;
