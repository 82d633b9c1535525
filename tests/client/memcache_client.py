# memcache_client: python-memcached through the proxy. Says one TAP line a check.
#
#   memcache_client.py HOST PORT
import sys

import memcache
from checks import check, done

c = memcache.Client(['%s:%s' % (sys.argv[1], sys.argv[2])], cache_cas=True, socket_timeout=10)
check('set', c.set('p', 'one'), True)
check('get', c.get('p'), 'one')
check('add of what is there', bool(c.add('p', 'x')), False)
check('replace', (bool(c.replace('p', 'two')), bool(c.replace('none', 'x'))), (True, False))
check('append, prepend', (c.append('p', '>'), c.prepend('p', '<'), c.get('p')), (True, True, '<two>'))
check('gets and cas', (c.gets('p'), c.cas('p', 'three'), c.get('p')), ('<two>', True, 'three'))
c.gets('p')
c.set('p', 'else')
check('cas with an old token', bool(c.cas('p', 'four')), False)
check('objects', (c.set('o', {'a': [1, None]}), c.get('o')), (True, {'a': [1, None]}))
c.set('n', 10)
check('incr, decr', (c.incr('n', 5), c.decr('n'), c.incr('none')), (15, 14, None))
many = {'many%d' % i: i for i in range(500)}
check('set_multi', c.set_multi(many), [])
check('get_multi', c.get_multi(list(many) + ['none']), many)
check('delete_multi', (c.delete_multi(list(many)), c.get_multi(list(many))), (1, {}))
check('touch', (c.touch('p', 100), c.touch('none', 100)), (1, 0))
check('delete', (c.delete('p'), c.get('p')), (1, None))
big = 'abcdefgh' * 90000
check('a large value', (c.set('big', big), c.get('big') == big), (True, True))
check('stats', int(c.get_stats()[0][1]['pid']) > 0, True)
c.flush_all()
check('flush_all', c.get('big'), None)
done()
