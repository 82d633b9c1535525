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
refused('server: no such host', 'no-host.invalid', '-D', '-s', 'no-host.invalid');
refused('nowhere to listen', 'nothing to listen on', @ok, '-p', '0');
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

my $help = run($proxy, '--help');
is($help->{status}, 0, '--help exits 0');
for my $letter (qw(h u g p s b l n D f i v)) {
	like($help->{out}, qr/^\s+-$letter, --/m, "... and has -$letter");
}
is(run($proxy, '-h')->{out}, $help->{out}, '-h is the same');
my $version = run($proxy, '-V');
is($version->{status}, 0, '-V exits 0');
like($version->{out}, qr/\Amemvip-proxy \d+\.\d+\.\d+\n\z/, '... and says the version');
done_testing;
