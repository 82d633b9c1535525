# pymemcache_client: pymemcache's client and its pool, through the proxy. Says one TAP line a check.
#
#   pymemcache_client.py HOST PORT
import sys

from checks import check, done
from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheClientError

where = (sys.argv[1], int(sys.argv[2]))
for kind in (Client, PooledClient):
    name = kind.__name__
    c = kind(where, timeout=10, default_noreply=False)
    check(name + ': set', c.set('p', b'one'), True)
    check(name + ': get', c.get('p'), b'one')
    check(name + ': add of what is there', c.add('p', b'x'), False)
    check(name + ': replace', c.replace('p', b'two'), True)
    check(name + ': append, prepend', (c.append('p', b'>'), c.prepend('p', b'<')), (True, True))
    value, token = c.gets('p')
    check(name + ': gets', value, b'<two>')
    check(name + ': cas', c.cas('p', b'three', token), True)
    check(name + ': cas with an old token', c.cas('p', b'four', token), False)
    check(name + ': cas of what is not there', c.cas('none', b'x', token), None)
    check(name + ': touch', (c.touch('p', 100), c.touch('none', 100)), (True, False))
    c.set('n', b'10')
    check(name + ': incr, decr', (c.incr('n', 5), c.decr('n', 1), c.incr('none', 1)), (15, 14, None))
    many = {'many%d' % i: b'v%d' % i for i in range(500)}
    check(name + ': set_many', c.set_many(many), [])
    check(name + ': get_many', c.get_many(list(many) + ['none']), many)
    check(name + ': gets_many', {k: v[0] for k, v in c.gets_many(list(many)).items()}, many)
    check(name + ': delete_many', (c.delete_many(list(many)), c.get_many(list(many))), (True, {}))
    check(name + ': delete', (c.delete('p'), c.delete('p'), c.get('p')), (True, False, None))
    big = bytes(range(256)) * 3000
    check(name + ': a large value', (c.set('big', big), c.get('big') == big), (True, True))
    check(name + ': noreply', (c.set('q', b'quiet', noreply=True), c.get('q')), (True, b'quiet'))
    check(name + ': version', c.version().startswith(b'1.'), True)
    if kind is Client:
        check(name + ': stats', c.stats()[b'pid'] > 0, True)
    try:
        c.get('k' * 251)
        check(name + ': a key too long', 'nothing', 'an error')
    except MemcacheClientError:
        check(name + ': a key too long', 1, 1)
    check(name + ': flush_all', (c.flush_all(), c.get('big')), (True, None))
    c.close()
done()
