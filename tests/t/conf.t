# Intent: an option or a line that is wrong is named, with its place, and the exit code is 2.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use MemvipTest;
use Test::More;

my $proxy = program('proxy/memvip-proxy');

# One line on standard error that says all of it, and exit code 2, at once.
sub refused {
	my ($name, $said, @args) = @_;
	my $ran = run($proxy, @args);
	is($ran->{status}, 2, "$name: exit 2") or diag("it said: $ran->{err}");
	like($ran->{err}, qr/\Amemvip-proxy: [^\n]*\Q$said\E[^\n]*\n\z/, '... and one line says why');
	is($ran->{out}, '', '... nothing on standard output');
}

my @ok = ('-D', '-s', '127.0.0.1:1');
refused('unknown letter',   '-z', @ok, '-z');
refused('unknown word',     '--nonsense', @ok, '--nonsense');
refused('value missing',    '-p', @ok, '-p');
refused('value not wanted', '--foreground=1', @ok, '--foreground=1');
refused('not a number',     "-p: 'x'", @ok, '-p', 'x');
refused('out of range',     "-p: '65536'", @ok, '-p', '65536');
refused('not an address',   "-l: 'nowhere'", @ok, '-l', 'nowhere');
refused('an operand',       'extra', @ok, 'extra');
refused('no server',        'server', '-D');
refused('server: bad port', '127.0.0.1:99999', '-D', '-s', '127.0.0.1:99999');
refused('backup: bad port', '127.0.0.1:x', @ok, '-b', '127.0.0.1:x');
refused('server: no such host, weighted', 'no-host.invalid:1:2', '-D', '-k', '-s', 'no-host.invalid:1:2');
refused('server: neither', 'neither HOST:PORT nor', '-D', '-s', '127.0.0.1:1:2:3');
refused('a weight without -k', "server: '127.0.0.1:1:2': a weight is for ketama (-k) only", '-D', '-s', '127.0.0.1:1:2');
refused('... in the list of backups', "backup: '[::1]:1:2': a weight", @ok, '-b', '[::1]:1:2');
refused('weight: none', "'127.0.0.1:1:': weight", '-k', '-D', '-s', '127.0.0.1:1:');
refused('weight: 0', 'weight is not 1 to 4294967295', '-k', '-D', '-s', '127.0.0.1:1:0');
refused('weight: too big', 'weight is not', '-k', '-D', '-s', '127.0.0.1:1:4294967296');
refused('weight: no number', 'weight is not', '-k', '-D', '-s', '[::1]:1:x');
refused('given twice, of other weights', "'127.0.0.1:1:3': given twice", '-k', @ok, '-s', '127.0.0.1:1:3');
refused('server: no such host', 'no-host.invalid', '-D', '-s', 'no-host.invalid');
refused('nowhere to listen', 'nothing to listen on', @ok, '-p', '0');
refused('metrics: no port', "--metrics: '127.0.0.1': no port is given", @ok, '--metrics', '127.0.0.1');
refused('metrics: port 0', "--metrics: '0': port is not 1 to 65535", @ok, '--metrics', '0');
refused('metrics: port too high', "--metrics: ':65536': port", @ok, '--metrics', ':65536');
refused('metrics: port is no number', "--metrics: '[::1]:x': port", @ok, '--metrics', '[::1]:x');
refused('metrics: a name', "--metrics: 'localhost:9150': not an IP address", @ok, '--metrics', 'localhost:9150');
refused('metrics: nothing', '--metrics: ', @ok, '--metrics', '');
refused('metrics: the clients\' port', 'metrics: clients are served', @ok, '-l', '127.0.0.1', '-p', '9150', '--metrics', $_)
    for qw(9150 :9150 127.0.0.1:9150 0.0.0.0:9150);
is(run($proxy, '-t', @ok, '-l', '127.0.0.1', '-p', '9150', '--metrics', $_)->{status}, 0, "metrics: $_ is taken")
    for qw(9151 :9151 127.0.0.2:9150 0.0.0.0:9151 [::1]:9150);
refused('no such file',     '/nonexistent.conf: No such file', '-c', '/nonexistent.conf');
refused('unix path too long', 'x' x 100, @ok, '-p', '0', '-f', '/tmp/' . 'x' x 200);

# The file: FILE:LINE.
my @lines = (
    ["port 1\nprot 2\n", 2, 'prot: unknown option'],
    ["# comment\n\nport x\n", 3, "port: 'x'"],
    ["server\n", 1, 'server: needs a value'],
    ["port 1\nport 2\n", 2, 'port: given twice'],
    ["foreground yes\n", 1, 'foreground: takes no value'],
    ["listen 10.0.0.1:5\n", 1, 'without port'],
    ["server a b\n", 1, "then 'b'"],
    ["port 1\nserver 127.0.0.1:99999\n", 2, "server: '127.0.0.1:99999': port"],
    ["ketama\n\nbackup a:1:0\n", 3, "backup: 'a:1:0': weight"],
    ["port 1\nmetrics nowhere:1\n", 2, "metrics: 'nowhere:1': not an IP address"],
    ["ketama yes\n", 1, 'ketama: takes no value'],
);
for my $case (@lines) {
	my ($text, $line, $said) = @$case;
	my $file = spew('test.conf', $text);
	refused("file: $said", $said, '-t', '-c', $file);
	refused("file: $said: its place", "$file:$line: ", '-t', '-c', $file);
}

# A file that is right, and what -t says of it.
my $good = spew('good.conf', "# both nodes\nlisten 127.0.0.1\nport 12000\nserver 127.0.0.1:1\n"
    . "backup 127.0.0.1:2\ncheck-timeout 500\nkeep-vip\n");
is(run($proxy, '-t', '-c', $good)->{status}, 0, '-t: a good file');
refused('-t: a bad one', "$good:1: ", '-t', '-c', spew($good, "nonsense\n"));

# Ketama and weights, on the command line and in the file.
is(run($proxy, '-t', '-k', '-s', '127.0.0.1:1:2', '-s', '[::1]:1:3', '-s', '127.0.0.1', '-b', '::1')->{status},
    0, '-k: weights');
my $light = run($proxy, '-t', '-c', spew('light.conf', "ketama\nserver 127.0.0.1:1\nserver 127.0.0.1:2:1000\n"));
is($light->{status}, 0, 'ketama: a weight of next to nothing is taken');
like($light->{err}, qr/\Amemvip-proxy: [^\n]*'127\.0\.0\.1:1': its weight is too small[^\n]*\n\z/,
    '... and one line says what comes of it');
my $weighted = spew('weighted.conf', "server 127.0.0.1:1:2\n");
refused('file: a weight without ketama', "'127.0.0.1:1:2'", '-t', '-c', $weighted);
is(run($proxy, '-t', '-k', '-c', $weighted)->{status}, 0, '... with -k on the command line');

my $help = run($proxy, '--help');
is($help->{status}, 0, '--help exits 0');
for my $letter (qw(h u g p s b l n D k f i v)) {
	like($help->{out}, qr/^\s+-$letter, --/m, "... and has -$letter");
}
is(run($proxy, '-h')->{out}, $help->{out}, '-h is the same');
my $version = run($proxy, '-V');
is($version->{status}, 0, '-V exits 0');
like($version->{out}, qr/\Amemvip-proxy \d+\.\d+\.\d+\n\z/, '... and says the version');
done_testing;
