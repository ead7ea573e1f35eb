// What servers on one Redis do when it, the network or one of them fails.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startBackend } from '../lib/backend.mjs'
import { enter, matched, metric, notReady, readiness, ready, startNode } from '../lib/cluster.mjs'
import { ACL } from '../lib/documented.mjs'
import { errorDetails, eventOf } from '../lib/grpc.mjs'
import { startProxy } from '../lib/proxy.mjs'
import { startRedis } from '../lib/redis.mjs'
import { until } from '../lib/wait.mjs'

const backend = await startBackend()
after(() => backend.stop())

// world starts a Redis and servers on it, each behind what way says.
async function world(t, ways = [undefined, undefined], { config, section } = {}) {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const proxies = await Promise.all(ways.map((way) => way && startProxy(t, redis)))
  const servers = await Promise.all(proxies.map((proxy) => startNode(backend, { addresses: [(proxy ?? redis).address], ...section }, config)))
  t.after(() => Promise.all(servers.map((server) => server.stop())))
  await ready(...servers)
  return { redis, proxies, servers }
}

const unavailable = (error) => errorDetails(error).ErrorInfo?.reason === 'CLUSTER_UNAVAILABLE' && errorDetails(error).RetryInfo !== undefined

test('Redis is absent at the start: each server works for itself, and they become one when it comes', async (t) => {
  const redis = await startRedis()
  await redis.kill()
  t.after(() => redis.stop())
  const [one, two] = await Promise.all([1, 2].map(() => startNode(backend, { addresses: [redis.address] })))
  t.after(() => Promise.all([one.stop(), two.stop()]))
  const { ready: well, text } = await readiness(one)
  assert.equal(well, false)
  assert.match(text, /^degraded: /)
  const [here, there] = await Promise.all([one, two].map((server, i) => enter(t, backend, server, `early ${i}`, ['early'])))
  assert.deepEqual(await here.ask('echo', 1), [1])
  await assert.rejects(one.api.send({ target: { rooms: ['early'] }, event: eventOf('alone') }), unavailable)
  await here.event('alone')
  await redis.start()
  await ready(one, two)
  await until(async () => await matched(one, 'early', 'together') === 2, 'one cluster')
  await there.event('together')
})

test('10,000 rooms are heard again, each once, after all connections to Redis were cut', async (t) => {
  const { redis, servers: [one, two] } = await world(t)
  const rooms = Array.from({ length: 10_000 }, (_, i) => `room ${i}`)
  const clients = await Promise.all(Array.from({ length: 10 }, (_, i) => enter(t, backend, two, `many ${i}`, rooms.slice(i * 1_000, (i + 1) * 1_000))))
  const subscribed = (state) => metric(two, 'realtime_redis_subscriptions', `"${state}"`)
  const wanted = await subscribed('wanted')
  assert.ok(wanted >= 10_000, `${wanted}`)
  const lost = await metric(two, 'realtime_redis_health_changes_total', '"degraded"')
  for (const type of ['pubsub', 'normal']) await redis.command('CLIENT', 'KILL', 'TYPE', type)
  await until(async () => await metric(two, 'realtime_redis_health_changes_total', '"degraded"') > lost, 'the loss is known', 10_000)
  await ready(one, two)
  await until(async () => await subscribed('confirmed') === wanted, 'all is confirmed', 10_000)
  for (let from = 0; from < rooms.length; from += 500) {
    await Promise.all(rooms.slice(from, from + 500).map(async (room) => assert.equal(await matched(one, room, 'again', room), 1)))
  }
  await one.api.broadcast({ event: eventOf('end') })
  await Promise.all(clients.map((client) => client.event('end')))
  const heard = clients.flatMap(({ inbox }) => inbox.items).filter(([name]) => name === 'again').map(([, room]) => room)
  assert.equal(heard.length, rooms.length)
  assert.deepEqual(new Set(heard), new Set(rooms))
})

test('order: what was said to be delivered arrives once and in order, while connections are cut', async (t) => {
  const { redis, servers: [one, two] } = await world(t)
  const client = await enter(t, backend, two, 'reader', ['stream'])
  const promised = []
  for (let n = 0; n < 1_500; n += 1) {
    if (n % 500 === 250) await redis.command('CLIENT', 'KILL', 'TYPE', n % 1_000 === 250 ? 'pubsub' : 'normal')
    try {
      const { report } = await one.api.send({ target: { rooms: ['stream'] }, event: eventOf('n', n) })
      if (report.matched === '1') promised.push(n)
    } catch (error) {
      assert.ok(unavailable(error), error)
    }
  }
  await ready(one, two)
  await until(async () => await matched(one, 'stream', 'end') === 1, 'both are one again')
  await client.event('end')
  const heard = client.inbox.items.filter(([name]) => name === 'n').map(([, n]) => n)
  assert.deepEqual(heard, [...new Set(heard)].sort((a, b) => a - b), 'once, and in order')
  const lost = promised.filter((n) => !heard.includes(n))
  assert.deepEqual(lost, [], 'promised and lost')
  assert.ok(promised.length > 1_000, `only ${promised.length} arrived`)
})

test('a black hole between a server and Redis: calls end in time, and the server is not ready', async (t) => {
  const { proxies: [, hole], servers: [one, two] } = await world(t, [undefined, 'proxy'])
  const [here, there] = await Promise.all([one, two].map((server, i) => enter(t, backend, server, `hole ${i}`, ['hole'])))
  hole.blackHole(true)
  const { report } = await one.api.send({ target: { rooms: ['hole'] }, event: eventOf('to the hole') }, 2_000)
  assert.deepEqual([report.matched, report.nodes, report.nodes_answered], ['1', 2, 1])
  await notReady(two)
  await assert.rejects(two.api.send({ target: { rooms: ['hole'] }, event: eventOf('from the hole') }, 3_000), unavailable)
  assert.equal((await two.api.countConnections({ room: 'hole' }, 3_000)).coverage.partial, true)
  assert.equal((await readiness(one)).ready, true)
  hole.blackHole(false)
  await ready(two)
  await until(async () => await matched(two, 'hole', 'back') === 2, 'both are one again')
  for (const client of [here, there]) await client.event('back')
  const times = (client, event) => client.inbox.items.filter(([name]) => name === event).length
  assert.deepEqual([times(here, 'to the hole'), times(there, 'from the hole')], [1, 1])
  assert.ok(times(there, 'to the hole') <= 1 && times(here, 'from the hole') <= 1)
})

test('a Redis that is stopped, and goes on', async (t) => {
  const { redis, servers: [one, two] } = await world(t)
  const clients = await Promise.all([one, two].map((server, i) => enter(t, backend, server, `stopped ${i}`, ['stopped'])))
  redis.signal('SIGSTOP')
  await assert.rejects(one.api.send({ target: { rooms: ['stopped'] }, event: eventOf('meanwhile') }, 3_000), unavailable)
  await Promise.all([one, two].map(notReady))
  redis.signal('SIGCONT')
  await ready(one, two)
  await until(async () => await matched(one, 'stopped', 'after') === 2, 'both are one again')
  await matched(two, 'stopped', 'end')
  for (const client of clients) {
    await client.event('end')
    assert.ok(client.inbox.items.filter(([name]) => name === 'meanwhile').length <= 1)
  }
})

test('a server that is stopped makes no call fail, and is one of them when it goes on', async (t) => {
  const { servers: [one, two] } = await world(t)
  const [, there] = await Promise.all([one, two].map((server, i) => enter(t, backend, server, `pause ${i}`, ['pause'])))
  two.signal('SIGSTOP')
  t.after(() => two.signal('SIGCONT'))
  const { report } = await one.api.send({ target: { rooms: ['pause'] }, event: eventOf('during') }, 1_000)
  assert.deepEqual([report.matched, report.nodes, report.nodes_answered, report.degraded], ['1', 2, 1, false])
  const listed = await one.api.listConnections({ room: 'pause' }, 1_000)
  assert.deepEqual([listed.connections.length, listed.coverage.partial], [1, true])
  two.signal('SIGCONT')
  await there.event('during')
  await until(async () => await matched(one, 'pause', 'after') === 2, 'both are one again')
})

test('a slow Redis: nothing is lost or piles up', async (t) => {
  const { proxies, servers: [one, two] } = await world(t, ['proxy', 'proxy'])
  const clients = await Promise.all([one, two].map((server, i) => enter(t, backend, server, `slow ${i}`, ['slow'])))
  const before = await metric(one, 'go_goroutines')
  for (const proxy of proxies) proxy.slow(100)
  const late = await enter(t, backend, one, 'late', ['slow'])
  const sends = await Promise.all(Array.from({ length: 200 }, (_, n) => one.api.send({ target: { rooms: ['slow'] }, event: eventOf('n', n) })))
  for (const { report } of sends) assert.deepEqual([report.matched, report.nodes_answered], ['3', 2])
  for (const proxy of proxies) proxy.slow(0)
  await one.api.send({ target: { rooms: ['slow'] }, event: eventOf('end') })
  for (const client of [...clients, late]) {
    await client.event('end')
    assert.equal(client.inbox.items.filter(([name]) => name === 'n').length, 200)
  }
  await until(async () => await metric(one, 'go_goroutines') < before + 50, 'goroutines end')
})

test('deployments with different prefixes do not hear each other', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const [blue, green] = await Promise.all(['blue', 'green'].map((prefix) => startNode(backend, { addresses: [redis.address], prefix })))
  t.after(() => Promise.all([blue.stop(), green.stop()]))
  await ready(blue, green)
  const clients = await Promise.all([blue, green].map((server) => enter(t, backend, server, 'same', ['same'])))
  const { report } = await blue.api.send({ target: { rooms: ['same'] }, event: eventOf('blue') })
  assert.deepEqual([report.matched, report.nodes], ['1', 1])
  assert.equal(await matched(green, 'same', 'green'), 1)
  await green.api.broadcast({ event: eventOf('end') })
  await blue.api.broadcast({ event: eventOf('end') })
  for (const [i, client] of clients.entries()) {
    await client.event('end')
    assert.deepEqual(client.inbox.items.map(([name]) => name), [['blue', 'green'][i], 'end'])
  }
})

test('an ACL user with the rules of the documentation; rules and password that change', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const dir = mkdtempSync(join(tmpdir(), 'realtime-password-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const password_file = join(dir, 'password')
  writeFileSync(password_file, 'the first\n')
  await redis.command('ACL', 'SETUSER', 'realtime', ...ACL.server, 'resetpass', '>the first')
  const servers = await Promise.all([1, 2].map(() => startNode(backend, { addresses: [redis.address], username: 'realtime', password_file })))
  t.after(() => Promise.all(servers.map((server) => server.stop())))
  const [one, two] = servers
  await ready(one, two)
  for (const server of servers) await until(async () => await metric(server, 'realtime_registry_joined') === 1, 'it has its place')
  const client = await enter(t, backend, two, 'acl', ['acl'])
  await until(async () => await metric(two, 'realtime_registry_records_written_total') === 1, 'the connection is registered')
  assert.equal(await matched(one, 'acl', 'allowed'), 1)
  assert.equal((await one.api.revokeUser({ user_id: 'somebody' })).matched, '0')
  await until(async () => await metric(two, 'realtime_revocations_following') === 1, 'it hears of revocations')

  await redis.command('ACL', 'SETUSER', 'realtime', '-publish')
  await assert.rejects(one.api.send({ target: { rooms: ['acl'] }, event: eventOf('denied') }), unavailable)
  await notReady(one)
  assert.match((await readiness(one)).text, /NOPERM/)
  await redis.command('ACL', 'SETUSER', 'realtime', '+publish')
  await ready(one, two)
  assert.equal(await matched(one, 'acl', 'allowed again'), 1)

  await redis.command('ACL', 'SETUSER', 'realtime', 'resetpass', '>the second')
  for (const type of ['pubsub', 'normal']) await redis.command('CLIENT', 'KILL', 'TYPE', type)
  await Promise.all(servers.map(notReady))
  writeFileSync(password_file, 'the second\n')
  await ready(one, two)
  await until(async () => await matched(one, 'acl', 'with a new password') === 1, 'both are one again')
  await client.event('with a new password')
})

test('recovery in Redis needs no more than the rules of the documentation', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  await redis.command('ACL', 'SETUSER', 'realtime', ...ACL.server, ...ACL.recovery)
  const recovery = { enabled: true, store: 'redis' }
  const section = { addresses: [redis.address], username: 'realtime', password: 'secret' }
  const servers = await Promise.all([1, 2].map(() => startNode(backend, section, { socketio: { recovery } })))
  t.after(() => Promise.all(servers.map((server) => server.stop())))
  await ready(...servers)
  for (const server of servers) await until(async () => await metric(server, 'realtime_journal_following') === 1, 'it follows the journal')
  const client = await enter(t, backend, servers[1], 'acl', ['journal'])
  assert.equal(await matched(servers[0], 'journal', 'allowed'), 1)
  await until(async () => await metric(servers[1], 'realtime_journal_tickets_total', '"saved"') > 0, 'a ticket is written')
  client.socket.disconnect()
  await until(async () => await redis.command('KEYS', 'realtime*ticket*') === '', 'the ticket is dropped')
})

// What messages do not need, and so their probe does not miss.
for (const [what, deny, allow, reason, stopped, again] of [
  ['keys', 'resetkeys', '~realtime:*', /registry: join \(EVAL of realtime:\{registry\}:nodes\).*NOPERM/, 'registry cannot be reached', 'registry is reached again'],
  ['scripts', '-eval', '+eval', /registry: join .*NOPERM.*eval/, 'registry cannot be reached', 'registry is reached again'],
  ['streams', '-@stream', '+@stream', /journal: .*can't run this command/, 'recovery across nodes does not work', 'recovery across nodes works again'],
]) {
  test(`a rule about ${what} is missing: the server is not ready, and says once what Redis has refused`, async (t) => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    await redis.command('ACL', 'SETUSER', 'realtime', ...ACL.server, ...ACL.recovery, deny)
    const server = await startNode(backend, { addresses: [redis.address], username: 'realtime', password: 'secret', lease: '2s' },
      { socketio: { recovery: { enabled: true, store: 'redis' } } })
    t.after(() => server.stop())
    const lines = (msg) => server.log.items.map((line) => JSON.parse(line)).filter((line) => line.msg === msg)
    await until(async () => reason.test((await readiness(server)).text), 'it says why', 10_000)
    assert.equal((await readiness(server)).ready, false)
    await until(() => redis.command('ACL', 'LOG').then((log) => (log.match(/reason/g) ?? []).length > 0), 'Redis has refused')
    const before = lines(stopped).length
    await redis.command('ACL', 'LOG', 'RESET')
    await until(async () => await redis.command('ACL', 'LOG') !== '', 'it tries again')
    const [first] = lines(stopped)
    assert.equal(first.level, 'WARN')
    assert.match(first.error, /NOPERM|can't run this command/)
    assert.equal(lines(stopped).length, before)
    await redis.command('ACL', 'SETUSER', 'realtime', allow)
    await ready(server)
    await until(() => lines(again).length > 0, 'it says that it works')
    assert.equal(new Set(lines(stopped).map(({ operation }) => operation)).size, lines(stopped).length, 'each was said once')
  })
}

const lost = (...ids) => backend.calls.items
  .filter(({ method, request }) => method === 'OnDisconnected' && request.reason === 'node lost' && ids.includes(request.context.connection_id))
  .map(({ request }) => request.context.connection_id)

test('Redis has no memory left: events flow, nobody counts as dead, and all is registered later', async (t) => {
  const { redis, servers: [one, two] } = await world(t, undefined, { section: { lease: '1s' } })
  const resident = await enter(t, backend, two, 'before', ['memory'])
  await redis.command('CONFIG', 'SET', 'maxmemory', '1')
  const late = await enter(t, backend, two, 'meanwhile', ['memory'])
  for (const server of [one, two]) {
    await until(async () => await metric(server, 'realtime_registry_renewals_total', '"failed"') >= 8, 'more than a lease has passed', 20_000)
  }
  assert.match((await readiness(one)).text, /registry: .*OOM/)
  assert.equal(await matched(one, 'memory', 'meanwhile'), 2)
  for (const client of [resident, late]) await client.event('meanwhile')
  await redis.command('CONFIG', 'SET', 'maxmemory', '0')
  for (const server of [one, two]) await until(async () => await metric(server, 'realtime_registry_joined') === 1, 'joined again', 10_000)
  await until(async () => await metric(one, 'realtime_registry_nodes') === 2, 'both are there', 10_000)
  await ready(one, two)
  assert.equal(await matched(one, 'memory', 'end'), 2)
  assert.deepEqual(lost(resident.id, late.id), [])
})

test('all servers are killed and start again: clients come back, and every end is told once', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const start = (http) => startNode(backend, { addresses: [redis.address], lease: '1s' }, undefined, http)
  const before = await Promise.all([start(), start()])
  await ready(...before)
  const clients = await Promise.all(before.map((server, i) => enter(t, backend, server, `phoenix ${i}`, ['phoenix'])))
  const ids = clients.map(({ id }) => id)
  for (const server of before) {
    await until(async () => await metric(server, 'realtime_registry_records_written_total') === 1, 'its connection is registered')
  }
  for (const server of before) server.signal('SIGKILL')
  await Promise.all(before.map(({ exited }) => exited))
  const servers = await Promise.all(before.map(({ address }) => start(address)))
  t.after(() => Promise.all(servers.map((server) => server.stop())))
  await ready(...servers)
  await until(() => lost(...ids).length === 2, 'the ends are told', 15_000)
  await until(async () => await matched(servers[0], 'phoenix', 'again') === 2, 'clients are back', 15_000)
  for (const client of clients) await client.event('again')
  assert.deepEqual(lost(...ids).sort(), [...ids].sort())
})
