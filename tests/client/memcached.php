<?php
// memcached: php's Memcached through the proxy, in the ways that it may be told to. Says one TAP line
// a check.
//
//   memcached.php HOST PORT

$count = $failed = 0;

function check($what, $got, $want)
{
	global $count, $failed;
	$count++;
	echo $got === $want ? '' : 'not ', "ok $count - $what\n";
	if ($got === $want)
		return;
	$failed++;
	echo '# expected ', substr(json_encode($want), 0, 200), ', got ', substr(json_encode($got), 0, 200), "\n";
}

$ways = [
	'plain' => [],
	'compatible' => [Memcached::OPT_LIBKETAMA_COMPATIBLE => true, Memcached::OPT_TCP_NODELAY => true],
	'no block, prefix' => [Memcached::OPT_NO_BLOCK => true, Memcached::OPT_PREFIX_KEY => 'app:'],
	'uncompressed' => [Memcached::OPT_COMPRESSION => false],
];
foreach ($ways as $name => $options) {
	$c = new Memcached();
	$c->setOptions($options);
	$c->addServer($argv[1], (int)$argv[2]);
	check("$name: set", $c->set('p', 'one'), true);
	check("$name: get", $c->get('p'), 'one');
	check("$name: add of what is there", $c->add('p', 'x'), false);
	check("$name: replace", [$c->replace('p', 'two'), $c->replace('none', 'x')], [true, false]);
	check("$name: objects", [$c->set('o', ['a' => [1, null, 2.5]]), $c->get('o')], [true, ['a' => [1, null, 2.5]]]);
	$c->set('n', 10);
	check("$name: increment, decrement", [$c->increment('n', 5), $c->decrement('n'), $c->increment('none')], [15, 14, false]);
	$got = $c->get('p', null, Memcached::GET_EXTENDED);
	check("$name: get with its cas", $got['value'], 'two');
	check("$name: cas", [$c->cas($got['cas'], 'p', 'three'), $c->get('p')], [true, 'three']);
	check("$name: cas with an old token", [$c->cas($got['cas'], 'p', 'four'), $c->getResultCode()], [false, Memcached::RES_DATA_EXISTS]);
	$many = [];
	for ($i = 0; $i < 500; $i++)
		$many["many$i"] = "v$i";
	check("$name: setMulti", $c->setMulti($many), true);
	check("$name: getMulti", $c->getMulti(array_merge(array_keys($many), ['none'])), $many);
	check("$name: getDelayed", [$c->getDelayed(array_keys($many), true), count($c->fetchAll())], [true, 500]);
	$c->deleteMulti(array_keys($many));
	check("$name: deleteMulti", $c->getMulti(array_keys($many)), []);
	check("$name: touch", [$c->touch('p', 100), $c->touch('none', 100)], [true, false]);
	check("$name: delete", [$c->delete('p'), $c->delete('p'), $c->get('p')], [true, false, false]);
	check("$name: a miss", $c->getResultCode(), Memcached::RES_NOTFOUND);
	$big = str_repeat(implode('', array_map('chr', range(0, 255))), 3000);
	check("$name: a large value", [$c->set('big', $big), $c->get('big') === $big], [true, true]);
	$stats = $c->getStats();
	check("$name: stats", is_array($stats) && reset($stats)['pid'] > 0, true);
	check("$name: version", count($c->getVersion()), 1);
	check("$name: flush", [$c->flush(), $c->get('big')], [true, false]);
	$c->quit();
}
echo "1..$count\n";
exit($failed ? 1 : 0);
