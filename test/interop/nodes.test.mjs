// Servers that die, pause, drain and meet, beside others that live on: backends
// hear of the end of every connection, once.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { startBalancer } from '../lib/balancer.mjs'
import { connect, newestVariants } from '../lib/client.mjs'
import { metric, readiness } from '../lib/cluster.mjs'
import { endpoint, request } from '../lib/engine.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startRedis } from '../lib/redis.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until, within } from '../lib/wait.mjs'

const redis = await startRedis()
const backend = await startBackend()
const shared = {
  redis: { addresses: [redis.address], probe_interval: '200ms', call_timeout: '1s', dial_timeout: '500ms', lease: '2s' },
}
const [, websocket] = newestVariants

const nodes = () => metric(one, 'realtime_registry_nodes')
const claims = async () => await metric(one, 'realtime_registry_claims_total', '"done"') + await metric(two, 'realtime_registry_claims_total', '"done"')

async function start(config) {
  const server = await startServer({ backend, config: { ...shared, ...config } })
  await until(async () => (await readiness(server)).ready && await metric(server, 'realtime_registry_joined') === 1, 'ready', 10_000)
  return server
}
const [one, two] = [await start(), await start()]
after(async () => {
  await Promise.all([one.stop(), two.stop()])
  backend.stop()
  await redis.stop()
})

// enter connects clients, and returns them once they are registered.
async function enter(t, server, users, options) {
  const clients = await Promise.all(users.map((user) =>
    connect(t, server, websocket, { auth: { token: TOKEN, user, rooms: ['all'], metadata: { fields: { is: { stringValue: user } } } }, ...options })))
  for (const client of clients) {
    client.firstId = client.id
    client.told = (await backend.of('OnConnected', client.id)).request.context
  }
  await Promise.all((server.servers ?? [server]).map((at) => until(() => registered(at), 'all are registered')))
  return clients
}

async function registered(server) {
  const [written, removed, there] = await Promise.all(['records_written_total', 'records_removed_total', 'records']
    .map((name) => metric(server, `realtime_registry_${name}`)))
  return written - removed >= there
}

// ends are what the backend was told of the ends of connections, by id.
const ends = (ids) => Object.fromEntries(ids.map((id) => [id, backend.calls.items
  .filter(({ method, request: { context } }) => method === 'OnDisconnected' && context.connection_id === id)
  .map(({ request: told }) => told)]))

function assertToldOnce(ids, reason) {
  for (const [id, told] of Object.entries(ends(ids))) {
    assert.deepEqual(told.map((end) => end.reason), [reason], id)
  }
}

test('a server is killed: each of its connections is told once, and no other', async (t) => {
  const before = await claims()
  const survivors = await enter(t, one, ['s1', 's2'])
  const victim = await start({ node_id: 'victim' })
  const clients = await enter(t, victim, Array.from({ length: 40 }, (_, i) => `v${i}`), { reconnection: false })
  victim.signal('SIGKILL')
  await victim.exited
  await until(async () => await claims() === before + 1, 'told', 15_000)
  assertToldOnce(clients.map(({ id, firstId }) => id ?? firstId), 'node lost')
  for (const { firstId, told } of clients) {
    const [{ context, duration, disconnected_at }] = ends([firstId])[firstId]
    assert.deepEqual(context, { ...told, attempt: 1 })
    assert.equal(context.node_id, 'victim')
    assert.ok(duration && disconnected_at)
  }
  assert.equal(await nodes(), 2)
  assert.deepEqual(Object.values(ends(survivors.map(({ id }) => id))).flat(), [])
})

test('a server is ended: it tells itself, and nobody else does', async (t) => {
  const before = await claims()
  const leaving = await start()
  const clients = await enter(t, leaving, ['a', 'b', 'c'], { reconnection: false })
  await leaving.stop()
  await until(async () => await nodes() === 2, 'others know')
  assertToldOnce(clients.map(({ firstId }) => firstId), 'server shutting down')
  // A node that is lost later is told of, and this one is not.
  const victim = await start()
  const [last] = await enter(t, victim, ['last'], { reconnection: false })
  victim.signal('SIGKILL')
  await backend.of('OnDisconnected', last.firstId)
  await until(async () => await claims() === before + 1, 'one claim')
  assertToldOnce(clients.map(({ firstId }) => firstId), 'server shutting down')
})

test('a server is stopped for longer than its lease: told once, clients come back, a new generation', async (t) => {
  const before = await claims()
  const paused = await start({ node_id: 'paused' })
  const clients = await enter(t, paused, ['p1', 'p2', 'p3', 'p4'])
  const [quitter] = await enter(t, paused, ['quitter'], { reconnection: false })
  const ids = [...clients, quitter].map(({ firstId }) => firstId)
  const closed = clients.map(({ socket }) => next(socket, 'disconnect', 20_000))
  const returned = clients.map(({ socket }) => next(socket, 'disconnect', 20_000).then(() => next(socket, 'connect', 20_000)))
  paused.signal('SIGSTOP')
  t.after(() => paused.signal('SIGCONT'))
  await until(async () => await claims() === before + 1, 'told', 15_000)
  quitter.socket.disconnect() // which the server reads before it knows that it is fenced
  paused.signal('SIGCONT')
  for (const [reason] of await Promise.all(closed)) assert.equal(reason, 'transport close')
  await Promise.all(returned)
  for (const client of clients) {
    assert.notEqual(client.id, client.firstId)
    const { request: { context } } = await backend.of('OnConnected', client.id)
    const [{ context: lost }] = ends([client.firstId])[client.firstId]
    assert.deepEqual([lost.generation, lost.node_id], [client.told.generation, 'paused'])
    assert.ok(BigInt(context.generation) >= BigInt(lost.generation))
  }
  await until(async () => await metric(paused, 'realtime_registry_joined') === 1, 'joined anew')
  const [late] = await enter(t, paused, ['late'], { reconnection: false })
  assert.ok(BigInt(late.told.generation) > BigInt(clients[0].told.generation))
  assert.equal(await metric(paused, 'realtime_registry_generations_ended_total', 'claimed'), 1)
  const again = clients.map(({ id, socket }) => {
    socket.io.reconnection(false)
    return id
  })
  await paused.stop()
  assertToldOnce(ids, 'node lost')
  assertToldOnce([...again, late.firstId], 'server shutting down')
})

test('two processes with one node id: the former gives way, and says so', async (t) => {
  const former = await start({ node_id: 'twin' })
  const [client] = await enter(t, former, ['former'], { reconnection: false })
  const closed = next(client.socket, 'disconnect', 15_000)
  const latter = await start({ node_id: 'twin' })
  const [resident] = await enter(t, latter, ['latter'])
  assert.deepEqual((await closed)[0], 'transport close')
  await backend.of('OnDisconnected', client.firstId, ({ reason }) => reason === 'node lost')
  const { ready: stillReady, text: why } = await readiness(former)
  assert.deepEqual([stillReady, why], [false, 'not ready: another process has the same node_id'])
  await until(async () => (await request(endpoint(former))).status === 503, 'newcomers are refused')
  await former.log.find((line) => line.includes('another process has the same node_id, this one takes no more clients'), 'the log says it')
  await former.stop()
  assertToldOnce([client.firstId], 'node lost')
  assert.ok(BigInt(resident.told.generation) > BigInt(client.told.generation))
  assert.deepEqual(ends([resident.id])[resident.id], [])
  assert.deepEqual(await resident.ask('echo', 1), [1])
  resident.socket.disconnect()
  await latter.stop()
})

test('rolling restart: clients go elsewhere, evenly, and every end is told once', async (t) => {
  const roll = (n) => start({ node_id: `roll-${n}`, shutdown: { window: '300ms' } })
  const servers = await Promise.all([0, 1, 2].map(roll))
  t.after(() => Promise.all(servers.map((server) => server.stop())))
  const balancer = await startBalancer(t, servers)
  const before = await claims()
  const clients = await enter(t, balancer, Array.from({ length: 12 }, (_, i) => `r${i}`))
  const ended = []
  const notReady = []
  let draining
  for (const { socket, firstId } of clients) {
    socket.on('connect', () => { socket.was = socket.id })
    socket.was = firstId
    socket.on('disconnect', (reason) => {
      ended.push([socket.was, reason])
      notReady.push(readiness(draining).then(({ ready }) => ready))
    })
  }
  let sending = true
  let sent = 0
  const steady = (async () => {
    for (; sending; sent += 1) {
      const { report } = await one.api.send({ target: { rooms: ['all'] }, event: eventOf('steady', sent) })
      assert.equal(report.degraded, false)
    }
  })()
  for (const n of [0, 1, 2]) {
    draining = servers[0]
    const drained = await within(fetch(`${draining.adminUrl}/drain`, { method: 'POST' }), 'drain', 15_000)
    assert.deepEqual([drained.status, await drained.text()], [200, 'drained\n'])
    assert.equal(await metric(draining, 'realtime_engine_sessions'), 0)
    await until(() => clients.every(({ socket }) => socket.connected), 'all are back', 15_000)
    servers.shift()
    await draining.stop()
    servers.push(await roll(n))
  }
  sending = false
  await steady
  assert.ok(sent > 10)
  await one.api.send({ target: { rooms: ['all'] }, event: eventOf('end') })
  await Promise.all(clients.map((client) => client.event('end')))
  assert.ok(ended.length >= clients.length)
  for (const [id, reason] of ended) assert.equal(reason, 'transport close', id)
  assert.deepEqual(new Set(await Promise.all(notReady)), new Set([false]))
  assertToldOnce(ended.map(([id]) => id), 'server shutting down')
  assert.equal(await claims(), before)
  for (const { socket } of clients) {
    socket.off('disconnect')
    socket.io.reconnection(false)
  }
})

test('a page cannot drain a server', async () => {
  const foreign = await fetch(`${one.adminUrl}/drain`, { method: 'POST', headers: { origin: 'https://theirs.example' } })
  assert.equal(foreign.status, 403)
  assert.equal((await fetch(`${one.adminUrl}/drain`)).status, 405)
  assert.equal((await readiness(one)).ready, true)
})

// The last test, since it empties the Redis of the others.
test('Redis loses everything: all are registered again, and nobody is told as lost', async (t) => {
  const before = await claims()
  const victim = await start()
  const clients = await enter(t, victim, ['f1', 'f2'], { reconnection: false })
  const residents = await enter(t, one, ['f3'])
  await redis.kill()
  await redis.start()
  await until(async () => (await Promise.all([one, two, victim].map((server) => metric(server, 'realtime_registry_generations_ended_total', 'forgotten')))).every((n) => n === 1), 'forgotten', 15_000)
  await until(async () => await nodes() === 3 && await metric(victim, 'realtime_registry_joined') === 1, 'all are back', 15_000)
  await until(async () => await metric(victim, 'realtime_registry_records_written_total') === 4, 'written again')
  assert.deepEqual(Object.values(ends([...clients, ...residents].map(({ firstId }) => firstId))).flat(), [])
  assert.ok(clients.every(({ socket }) => socket.connected))
  // What was registered again is told when its node dies.
  victim.signal('SIGKILL')
  await until(async () => await claims() === before + 1, 'told', 15_000)
  assertToldOnce(clients.map(({ firstId }) => firstId), 'node lost')
  assert.deepEqual(ends([residents[0].id])[residents[0].id], [])
})
