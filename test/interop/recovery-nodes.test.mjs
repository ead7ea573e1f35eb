// Stock clients that lose one server and come back at another one.

import assert from 'node:assert/strict'
import { createServer, connect as dial } from 'node:net'
import { after, test } from 'node:test'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { connect, newestVariants } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { metric } from '../lib/cluster.mjs'
import { startRedis } from '../lib/redis.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until } from '../lib/wait.mjs'

const redis = await startRedis()
const backend = await startBackend()
after(async () => {
  backend.stop()
  await redis.stop()
})
const config = {
  redis: { addresses: [redis.address], probe_interval: '200ms', call_timeout: '1s', dial_timeout: '500ms', lease: '2s' },
  socketio: { recovery: { enabled: true, store: 'redis' } },
}

const readiness = async (server) => (await fetch(`${server.adminUrl}/readyz`)).status
async function start(t, settings = config) {
  const server = await startServer({ backend, config: settings })
  await until(async () => await readiness(server) === 200, 'ready', 10_000)
  t.after(async () => server.gone || server.stop())
  return server
}

// startSwitch is an address that leads to one server, and later to another one.
async function startSwitch(t, server) {
  let to = server
  const open = new Set()
  const proxy = createServer((client) => {
    const [host, port] = to.address.split(':')
    const upstream = dial(port, host)
    for (const [a, b] of [[client, upstream], [upstream, client]]) {
      open.add(a)
      a.on('error', () => {}).on('close', () => {
        open.delete(a)
        b.destroy()
      })
      a.pipe(b)
    }
  })
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of open) socket.destroy()
    proxy.close()
  })
  return {
    url: `http://127.0.0.1:${proxy.address().port}`,
    turn: (server) => { to = server },
    cut: () => { for (const socket of open) socket.destroy() },
  }
}

// enter connects four clients through a switch.
async function enter(t, door, name, variant = newestVariants[1]) {
  const clients = await Promise.all([1, 2, 3, 4].map((n) => connect(t, door, variant, { auth: { token: TOKEN, user: `${name} ${n}`, rooms: [name] } })))
  await Promise.all(clients.map(({ id }) => backend.of('OnConnected', id)))
  return clients.map((client) => Object.assign(client, { was: client.id }))
}

const numbers = ({ inbox }) => inbox.items.filter(([name]) => name === 'n').map(([, n]) => n)
const upTo = (count) => Array.from({ length: count }, (_, n) => n)
const back = (clients) => Promise.all(clients.map(({ socket }) => socket.connected || next(socket, 'connect', 15_000)))

async function checkRecovered(clients, count) {
  await Promise.all(clients.map((client) => client.inbox.find(([name, n]) => name === 'n' && n === count - 1, 'the last')))
  for (const client of clients) {
    assert.equal(client.socket.recovered, true)
    assert.equal(client.id, client.was)
    assert.deepEqual(numbers(client), upTo(count))
  }
}

for (const [name, signal] of [['drained', 'SIGTERM'], ['killed', 'SIGKILL']]) {
  test(`a server is ${name} while events flow`, async (t) => {
    const [a, b] = [await start(t), await start(t)]
    const door = await startSwitch(t, a)
    const clients = await enter(t, door, name)
    const send = (n) => b.api.send({ target: { rooms: [name] }, event: eventOf('n', n) })
    let count = 0
    for (; count < 50; count += 1) await send(count)
    door.turn(b)
    a.gone = true
    a.signal(signal)
    for (; count < 150; count += 1) await send(count)
    await a.exited
    door.cut()
    for (; count < 200; count += 1) await send(count)
    await back(clients)
    for (; count < 220; count += 1) await send(count)
    await checkRecovered(clients, count)
    const { report } = await b.api.send({ target: { connection_ids: clients.map(({ id }) => id) }, event: eventOf('private') })
    assert.equal(report.matched, '4')
    const moved = await backend.of('OnConnected', clients[0].was, ({ recovered }) => recovered)
    assert.equal(moved.request.context.connection_id, clients[0].was)
    if (signal === 'SIGKILL') {
      await until(async () => await metric(b, 'realtime_registry_claims_total', '"done"') === 1, 'the dead server was told of', 15_000)
    }
    const lost = backend.calls.items.filter(({ method, request }) => method === 'OnDisconnected' && request.reason === 'node lost')
    assert.deepEqual(lost.map(({ request }) => request.context.connection_id), [], 'a connection that goes on has not ended')
  })
}

// endsOf are the reasons with which a backend was told of ends, by connection.
const endsOf = (clients) => clients.map(({ was }) => backend.calls.items
  .filter(({ method, request }) => method === 'OnDisconnected' && request.context.connection_id === was)
  .map(({ request }) => request.reason))

for (const [name, end, reason] of [
  ['leave', (_, clients) => clients.forEach(({ socket }) => socket.disconnect()), /^client namespace disconnect|^transport close/],
  ['are drained', (b) => fetch(`${b.adminUrl}/drain`, { method: 'POST' }), /^server shutting down/],
  ['lose that one as well', (b) => b.signal('SIGKILL'), /^node lost/],
]) {
  test(`clients whose server was killed come back at another one, and ${name} before anybody has noticed: each end is told once`, async (t) => {
    const slow = { ...config, redis: { ...config.redis, lease: '5s' }, shutdown: { window: '100ms' } }
    const [a, b, c] = [await start(t, slow), await start(t, slow), await start(t, slow)]
    const door = await startSwitch(t, a)
    const clients = await enter(t, door, name)
    await until(async () => await metric(a, 'realtime_registry_records_written_total') >= 4, 'registered')
    door.turn(b)
    a.gone = true
    a.signal('SIGKILL')
    await a.exited
    door.cut()
    await back(clients)
    await Promise.all(clients.map(({ was }) => backend.of('OnConnected', was, ({ recovered }) => recovered)))
    for (const { socket } of clients) socket.io.reconnection(false)
    b.gone = reason.test('node lost')
    await end(b, clients)
    const told = async () => await metric(c, 'realtime_registry_claims_total', '"done"') + (b.gone ? 0 : await metric(b, 'realtime_registry_claims_total', '"done"'))
    await until(async () => await told() === (b.gone ? 2 : 1), 'the dead are told of', 20_000)
    await Promise.all(clients.map(({ was }) => backend.of('OnDisconnected', was)))
    for (const reasons of endsOf(clients)) {
      assert.equal(reasons.length, 1, reasons)
      assert.match(reasons[0], reason)
    }
    assert.equal(await metric(c, 'realtime_registry_records_told_total') + (b.gone ? 0 : await metric(b, 'realtime_registry_records_told_total')), b.gone ? 4 : 0)
  })
}

test('clients leave a server that hangs, and end at another one: it comes to itself after its lease, and nobody tells again', async (t) => {
  const slow = { ...config, redis: { ...config.redis, lease: '8s' } }
  const [a, b] = [await start(t, slow), await start(t, slow)]
  const door = await startSwitch(t, a)
  const clients = await enter(t, door, 'hung')
  await until(async () => await metric(a, 'realtime_registry_records_written_total') >= 4, 'registered')
  door.turn(b)
  a.signal('SIGSTOP')
  t.after(() => a.signal('SIGCONT'))
  door.cut()
  await back(clients)
  await Promise.all(clients.map(({ was }) => backend.of('OnConnected', was, ({ recovered }) => recovered)))
  for (const { socket } of clients) socket.disconnect()
  await until(async () => await metric(b, 'realtime_registry_claims_total', '"done"') === 1, 'it counts as dead', 25_000)
  a.signal('SIGCONT')
  await until(async () => await metric(a, 'realtime_registry_generations_ended_total', '"claimed"') === 1, 'it knows', 10_000)
  await until(async () => await metric(a, 'realtime_engine_sessions') === 0, 'it has ended what it took for its clients', 10_000)
  assert.deepEqual(endsOf(clients).map((reasons) => reasons.length), clients.map(() => 1))
  assert.equal(await metric(b, 'realtime_registry_records_told_total'), 0)
  assert.equal(await metric(b, 'realtime_registry_records_parted_total'), 4)
})

test('the network moves clients that the first server still takes for its own, and back', async (t) => {
  const [a, b] = [await start(t), await start(t)]
  const door = await startSwitch(t, a)
  const clients = await enter(t, door, 'moved')
  let count = 0
  for (const [server, other] of [[b, a], [a, b], [b, a]]) {
    for (let n = 0; n < 20; n += 1, count += 1) await other.api.send({ target: { rooms: ['moved'] }, event: eventOf('n', count) })
    door.turn(server)
    const lost = Promise.all(clients.map(({ socket }) => next(socket, 'disconnect')))
    door.cut()
    await lost
    for (let n = 0; n < 20; n += 1, count += 1) await other.api.send({ target: { rooms: ['moved'] }, event: eventOf('n', count) })
    await back(clients)
  }
  await checkRecovered(clients, count)
  for (const server of [a, b]) { // wherever a connection is, every server reaches it
    const { matched } = await server.api.joinRoom({ target: { connection_ids: [clients[0].id] }, rooms: ['late'] })
    assert.equal(matched, '1')
  }
})

// startMonitor resolves, as published(text), when a message goes to a channel
// with a text in its name.
async function startMonitor(t) {
  const [host, port] = redis.address.split(':')
  const monitor = dial(port, host)
  t.after(() => monitor.destroy())
  let seen = ''
  monitor.setEncoding('latin1').on('data', (text) => { seen += text })
  monitor.write('MONITOR\r\n')
  await until(() => seen.startsWith('+OK'), 'monitored')
  return (text) => until(() => seen.split('\n').some((line) => /publish/i.test(line) && line.includes(text)), `published to ${text}`, 15_000)
}

test('a server is stopped for longer than its lease, and answers before it knows: every end is told once', async (t) => {
  const [a] = [await start(t), await start(t)]
  const clients = await enter(t, a, 'stopped')
  for (const { socket } of clients) socket.io.reconnection(false)
  const closed = Promise.all(clients.map(({ socket }) => next(socket, 'disconnect', 20_000)))
  await until(async () => await metric(a, 'realtime_registry_records_written_total') >= 4, 'registered')
  const published = await startMonitor(t)
  a.signal('SIGSTOP')
  t.after(() => a.signal('SIGCONT'))
  await published(`:o:/,${clients[0].id.slice(0, 4)}`) // who is back elsewhere?
  a.signal('SIGCONT') // its connections live on until it has found out
  await closed
  for (const { was } of clients) await backend.of('OnDisconnected', was)
  const ids = new Set(clients.map(({ was }) => was))
  const ends = backend.calls.items.filter(({ method, request }) => method === 'OnDisconnected' && ids.has(request.context.connection_id))
  assert.deepEqual(ends.map(({ request }) => request.reason), clients.map(() => 'node lost'))
})

// cutBusy connects a client whose backend has to do with its event for a time,
// and cuts it off.
async function cutBusy(t, timeout, lifetime) {
  const server = await startServer({ backend, config: { ...config, backend: { timeout } } })
  t.after(() => server.stop())
  await until(async () => await readiness(server) === 200, 'ready', 10_000)
  const client = await connect(t, server, newestVariants[1], { auth: { token: TOKEN, user: 'busy', rooms: [], lifetime } })
  const { id } = client
  await backend.of('OnConnected', id)
  await server.api.send({ target: { connection_ids: [id] }, event: eventOf('n', 0) })
  await client.event('n')
  client.socket.emit('hang', () => {})
  await backend.of('OnEvent', id)
  client.socket.io.engine.close()
  await next(client.socket, 'connect', 10_000)
  assert.equal(client.socket.recovered, true)
  return { server, client, id }
}

test('a backend that is slow with an event hears of the end before it hears of the return', async (t) => {
  const { id } = await cutBusy(t, '300ms')
  await backend.of('OnConnected', id, ({ recovered }) => recovered)
  const calls = backend.calls.items.filter(({ method, request }) => method.startsWith('On') && request.context.connection_id === id).map(({ method }) => method)
  assert.deepEqual(calls, ['OnConnected', 'OnEvent', 'OnDisconnected', 'OnConnected'])
})

test('a return that does not wait for the end is registered, and ends with its credential', async (t) => {
  const { server, client, id } = await cutBusy(t, '3s', 6_000)
  const expired = next(client.socket, 'disconnect', 15_000)
  await backend.of('OnDisconnected', id)
  await until(async () => await metric(server, 'realtime_gateway_lifecycle_calls_total', 'call="disconnected"') === 1, 'the backend has taken note')
  assert.equal(await metric(server, 'realtime_registry_records'), 1)
  await expired
  assert.equal(await metric(server, 'realtime_gateway_connections_expired_total'), 1)
})

test('connections that began at two servers and are at one: what is for both comes once', async (t) => {
  const [a, b, c] = [await start(t), await start(t), await start(t)]
  const door = await startSwitch(t, a)
  const moved = await enter(t, door, 'came')
  const stayed = await enter(t, b, 'stayed')
  door.turn(b)
  const lost = Promise.all(moved.map(({ socket }) => next(socket, 'disconnect')))
  door.cut()
  await lost
  await back(moved)
  await backend.of('OnConnected', moved[0].was, ({ recovered }) => recovered)
  const clients = [moved[0], stayed[0]]
  const target = { connection_ids: clients.map(({ id }) => id) }
  for (const client of clients) client.socket.on('question', (answer) => answer(client.id))
  const asked = await c.api.sendWithAck({ target, event: eventOf('question'), timeout: { seconds: 5 } })
  assert.equal(asked[0].start.matched, '2')
  assert.equal(asked.length, 3)
  const { report } = await c.api.send({ target, event: eventOf('recorded') })
  const quick = await c.api.send({ target, event: { ...eventOf('quick'), volatile: true } })
  await c.api.send({ target, event: eventOf('last') })
  for (const client of clients) {
    await client.event('last')
    const count = (name) => client.inbox.items.filter(([event]) => event === name).length
    assert.deepEqual(['question', 'recorded', 'quick'].map(count), [1, 1, 1])
  }
  for (const { matched, nodes } of [report, quick.report]) assert.deepEqual([matched, nodes], ['2', 2])
})

for (const [name, spoil] of [
  ['refused by the authenticator', async (client) => { client.socket.auth.token = 'another' }],
  ['another user', async (client) => { client.socket.auth.user = 'somebody else' }],
]) {
  test(`${name}: nothing is replayed`, async (t) => {
    const [a, b] = [await start(t), await start(t)]
    const door = await startSwitch(t, a)
    const [client] = await enter(t, door, name)
    await a.api.send({ target: { rooms: [name] }, event: eventOf('n', 0) })
    await client.event('n')
    door.turn(b)
    await spoil(client)
    const lost = next(client.socket, 'disconnect')
    const outcome = Promise.race(['connect', 'connect_error'].map((event) => new Promise((resolve) => client.socket.once(event, () => resolve(event)))))
    door.cut()
    await lost
    await a.api.send({ target: { rooms: [name] }, event: eventOf('n', 1) })
    if (await outcome === 'connect') {
      assert.equal(client.socket.recovered, false)
      assert.notEqual(client.id, client.was)
      await b.api.send({ target: { connection_ids: [client.id] }, event: eventOf('end') })
      await client.event('end')
    }
    assert.deepEqual(numbers(client).filter((n) => n === 1), [])
  })
}
