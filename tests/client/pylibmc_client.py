# pylibmc_client: pylibmc, python over libmemcached, through the proxy. Says one TAP line a check.
#
#   pylibmc_client.py HOST PORT
import sys

import pylibmc
from checks import check, done

for how in ({}, {'tcp_nodelay': True, 'no_block': True}, {'ketama': True, 'cas': True}):
    name = ' '.join(sorted(how)) or 'plain'
    c = pylibmc.Client(['%s:%s' % (sys.argv[1], sys.argv[2])], behaviors=how)
    check(name + ': set', c.set('p', 'one'), True)
    check(name + ': get', c.get('p'), 'one')
    check(name + ': add of what is there', c.add('p', 'x'), False)
    check(name + ': replace', (c.replace('p', 'two'), c.replace('none', 'x')), (True, False))
    check(name + ': objects', (c.set('o', {'a': [1, None]}), c.get('o')), (True, {'a': [1, None]}))
    check(name + ': append', (c.set('b', b'a'), c.append('b', b'b'), c.get('b')), (True, True, b'ab'))
    c.set('n', 10)
    check(name + ': incr, decr', (c.incr('n', 5), c.decr('n')), (15, 14))
    many = {'many%d' % i: i for i in range(500)}
    check(name + ': set_multi', c.set_multi(many), [])
    check(name + ': get_multi', c.get_multi(list(many) + ['none']), many)
    check(name + ': delete_multi', (c.delete_multi(list(many)), c.get_multi(list(many))), (True, {}))
    if 'cas' in how:
        value, token = c.gets('p')
        check(name + ': gets', value, 'two')
        check(name + ': cas', (c.cas('p', 'three', token), c.get('p')), (True, 'three'))
        check(name + ': cas with an old token', c.cas('p', 'four', token), False)
    check(name + ': touch', (c.touch('p', 100), c.touch('none', 100)), (True, False))
    check(name + ': delete', (c.delete('p'), c.delete('p'), c.get('p')), (True, False, None))
    big = bytes(range(256)) * 3000
    check(name + ': a large value', (c.set('big', big), c.get('big') == big), (True, True))
    check(name + ': stats', int(c.get_stats()[0][1]['pid']) > 0, True)
    check(name + ': flush_all', (c.flush_all(), c.get('big')), (True, None))
done()
