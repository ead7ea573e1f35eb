// A load balancer that is not sticky before two servers with one Redis: whatever
// comes to the server that does not have the session is brought to the other.

import assert from 'node:assert/strict'
import http from 'node:http'
import { after, test } from 'node:test'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { inTurn, neverHome, startRequestBalancer } from '../lib/request-balancer.mjs'
import { Client, MSGPACK, connect, msgpackVariants, newestVariants, secondVariants } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { POLLING, ask, sidOf } from '../lib/http.mjs'
import { startRedis } from '../lib/redis.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until } from '../lib/wait.mjs'

const LONG_MS = 30_000

const redis = await startRedis()
const backend = await startBackend()
const start = (relay) => startServer({ backend, config: {
  redis: { addresses: [redis.address], probe_interval: '200ms', call_timeout: '1s', dial_timeout: '500ms', lease: '2s' },
  socketio: { allow_eio3: true, trusted_proxies: ['127.0.0.1/32'] },
  http: { msgpack_paths: [MSGPACK] },
  relay,
} })
const [one, two] = [await start(), await start()]
after(async () => {
  await Promise.all([one.stop(), two.stop()])
  backend.stop()
  await redis.stop()
})

const readiness = async (server) => (await fetch(`${server.adminUrl}/readyz`)).status
const ready = (server) => until(async () => await readiness(server) === 200, 'ready', 10_000)

// metric is the value of a metric, in all servers together.
async function metric(name, ...servers) {
  let sum = 0
  for (const server of servers) {
    const text = await (await fetch(`${server.adminUrl}/metrics`)).text()
    sum += Number(text.split('\n').find((line) => line.startsWith(name)).split(' ').at(-1))
  }
  return sum
}
const relayed = (outcome, ...servers) => metric(`realtime_relay_requests_total{outcome="${outcome}"}`, ...servers)
const inFlight = (kind, ...servers) => metric(`realtime_relay_in_flight{kind="${kind}"}`, ...servers)

// brought counts what has come to its owner by another server: requests that
// were answered, and WebSockets, which are not while they are open.
const brought = async (...servers) => await relayed('answered', ...servers) + await inFlight('websocket', ...servers)

const meet = (servers) => Promise.all(servers.map((server) => until(
  async () => await metric('realtime_registry_nodes ', server) >= servers.length, 'all servers know each other', 10_000,
)))

await Promise.all([one, two].map(ready))
await meet([one, two])

const upTo = (n) => Array.from({ length: n }, (_, i) => i)
const auth = (room) => ({ token: TOKEN, user: room, rooms: [room] })
const numbers = (client) => client.inbox.items.filter(([name]) => name === 'n').map(([, n]) => n)

// forwarded is what the backend was told of a connection, in its order.
const forwarded = (id) => backend.calls.items
  .filter(({ method, request: { context, event } }) =>
    method === 'OnEvent' && context.connection_id === id && event.name === 'n')
  .map(({ request }) => Number(request.event.args[0].json))

const COUNT = 200

// exchange has a client and the backend say much to each other, and checks that
// everything arrives once, in order.
async function exchange(client, room) {
  const large = Buffer.alloc(700_000, 7)
  for (const n of upTo(COUNT)) {
    client.socket.emit('n', n, Buffer.from([n]))
    await [one, two][n % 2].api.send({ target: { rooms: [room] }, event: eventOf('n', n, Buffer.from([n])) })
  }
  await until(() => numbers(client).length >= COUNT, 'all events', LONG_MS)
  assert.deepEqual(numbers(client), upTo(COUNT))
  assert.deepEqual(client.inbox.items.filter(([name]) => name === 'n').map(([, , bytes]) => [...Buffer.from(bytes)]), upTo(COUNT).map((n) => [n]))
  const [echo] = await client.ask('echo', large)
  assert.deepEqual(Buffer.from(echo), large)
  assert.deepEqual(forwarded(client.id), upTo(COUNT))
}

const variants = [...newestVariants, ...msgpackVariants, ...secondVariants].filter(({ transport }) => transport !== 'websocket')
const ways = { 'each request to the next server': inTurn, 'no request to its own server': neverHome }

for (const variant of variants) {
  for (const [way, choose] of Object.entries(ways)) {
    test(`${variant.name}: ${way}`, async (t) => {
      const balancer = await startRequestBalancer(t, [one, two], choose())
      const before = await brought(one, two)
      const room = `${variant.name} ${way}`
      const client = await connect(t, balancer, variant, { auth: auth(room) })
      const whole = client.transport === 'upgrade' && choose === neverHome
      if (whole) assert.equal(await inFlight('websocket', two), 1)
      await exchange(client, room)
      assert.ok(await brought(one, two) > before, 'some requests were relayed')
      const { id } = client
      client.socket.disconnect()
      const { request } = await backend.of('OnDisconnected', id)
      assert.equal(request.reason, 'client namespace disconnect')
      await until(async () => await inFlight('request', one, two) + await inFlight('websocket', one, two) === 0, 'nothing is under way')
    })
  }
}

test('an upgrade under load loses and reorders nothing', async (t) => {
  const [, , variant] = newestVariants
  for (const round of upTo(5)) {
    const balancer = await startRequestBalancer(t, [one, two], round % 2 ? inTurn() : neverHome())
    const room = `load ${round}`
    const client = new Client(t, balancer, variant, { auth: auth(room) })
    await next(client.socket, 'connect')
    let upgraded = client.engine.transport.name === 'websocket'
    client.engine.once('upgrade', () => { upgraded = true })
    let count = 0
    for (let later = 0; later < 50; later += upgraded ? 1 : 0) {
      client.socket.emit('n', count)
      await one.api.send({ target: { rooms: [room] }, event: eventOf('n', count) })
      count += 1
    }
    await client.ask('echo', 'all emitted before this are through')
    await until(() => numbers(client).length >= count, 'all events')
    assert.deepEqual(numbers(client), upTo(count))
    assert.deepEqual(forwarded(client.id), upTo(count))
  }
})

test('the address of a client is its own, whatever brings its requests', async (t) => {
  const balancer = await startRequestBalancer(t, [one, two], inTurn())
  for (const [i, variant] of newestVariants.entries()) {
    const localAddress = `127.9.9.${i + 1}`
    const client = await connect(t, balancer, variant, {
      auth: auth('address'), agent: new http.Agent({ localAddress }),
    })
    const { request } = await backend.of('OnConnected', client.id)
    const { connection } = await one.api.getConnection({ connection_id: request.context.connection_id })
    assert.equal(connection.remote_address, localAddress)
  }
})

test('who forges the header of a relayed request gets nowhere, and harms nobody', async () => {
  const sid = sidOf(await ask(one, POLLING, { headers: { 'realtime-relayed': '1' } }))
  const session = `${POLLING}&sid=${sid}`
  const before = await relayed('relayed already', two)
  const forged = await ask(two, session, { headers: { 'realtime-relayed': '1', 'x-forwarded-for': '10.0.0.1' } })
  assert.deepEqual([forged.status, JSON.parse(forged.text).code], [400, 1])
  assert.equal(await relayed('relayed already', two), before + 1)
  assert.equal((await ask(two, session, { method: 'POST', body: '40' })).text, 'ok')
  assert.equal((await ask(one, session, { headers: { 'realtime-relayed': '1' } })).status, 200)
})

test('an id that no server has made is unknown everywhere', async () => {
  for (const server of [one, two]) {
    const { status, text } = await ask(server, `${POLLING}&sid=....0123456789abcdef`)
    assert.deepEqual([status, JSON.parse(text).code], [400, 1])
  }
})

test('a client of a server that has just started finds it through another', async (t) => {
  const third = await start()
  t.after(() => third.stop())
  await until(async () => await metric('realtime_registry_joined', third) === 1, 'it has joined')
  const balancer = await startRequestBalancer(t, [third, two], neverHome())
  const client = await connect(t, balancer, newestVariants[0], { auth: auth('new') })
  assert.deepEqual(await client.ask('echo', 'found'), ['found'])
})

test('without Redis what is known is still reached', async (t) => {
  const balancer = await startRequestBalancer(t, [one, two], neverHome())
  const client = await connect(t, balancer, newestVariants[0], { auth: auth('outage') })
  await redis.kill()
  await until(async () => await readiness(two) === 503, 'not ready', 10_000)
  assert.deepEqual(await client.ask('echo', 'still here'), ['still here'])
  await redis.start()
  await Promise.all([one, two].map(ready))
  assert.deepEqual(await client.ask('echo', 'and now'), ['and now'])
  await meet([one, two])
})

// Ends of the server that has the session, as its clients see them.
const ends = {
  killed: { signal: 'SIGKILL', late: async () => {} },
  stopped: { signal: 'SIGSTOP', late: async (server) => server.signal('SIGCONT') },
  shutdown: { signal: 'SIGTERM', late: async () => {} },
}

for (const variant of newestVariants.filter(({ transport }) => transport !== 'websocket')) {
  for (const [name, { signal, late }] of Object.entries(ends)) {
    test(`${variant.name}: the server of a session is ${name}, and its client comes back to another`, async (t) => {
      const third = await start()
      t.after(async () => {
        if (signal === 'SIGSTOP') await third.stop()
      })
      await ready(third)
      await meet([one, two, third])
      const balancer = await startRequestBalancer(t, [third, two], neverHome())
      const client = await connect(t, balancer, variant, { auth: auth('end') })
      const { id } = client
      await until(async () => await inFlight(client.transport === 'upgrade' ? 'websocket' : 'request', two) === 1, 'relayed')
      balancer.servers = [one, two]
      const back = next(client.socket, 'connect', LONG_MS)
      const gone = next(client.socket, 'disconnect', LONG_MS)
      third.signal(signal)
      const [reason] = await gone
      assert.match(reason, /^transport (close|error)$/)
      await back
      assert.notEqual(client.id, id)
      assert.deepEqual(await client.ask('echo', 'again'), ['again'])
      await late(third)
    })
  }

  test(`${variant.name}: the server in between ends, and its client comes back`, async (t) => {
    const third = await start()
    await ready(third)
    await meet([one, two, third])
    const balancer = await startRequestBalancer(t, [one, third], neverHome())
    const client = await connect(t, balancer, variant, { auth: auth('between') })
    await until(async () => await inFlight(client.transport === 'upgrade' ? 'websocket' : 'request', third) === 1, 'relayed')
    balancer.servers = [one, two]
    const back = next(client.socket, 'connect', LONG_MS)
    await third.stop()
    await back
    assert.deepEqual(await client.ask('echo', 'again'), ['again'])
  })
}

test('a server that does not relay tells clients that their session is unknown', async (t) => {
  const third = await start({ enabled: false })
  t.after(() => third.stop())
  await ready(third)
  const { status, text } = await ask(third, `${POLLING}&sid=${sidOf(await ask(one, POLLING))}`)
  assert.deepEqual([status, JSON.parse(text).code], [400, 1])
})

test('as many requests as allowed are under way', async (t) => {
  const third = await start({ max_in_flight: 2 })
  t.after(() => third.stop())
  await ready(third)
  await meet([one, third])
  const sids = await Promise.all(upTo(3).map(async () => sidOf(await ask(one, POLLING))))
  const polls = sids.slice(0, 2).map((sid) => ask(third, `${POLLING}&sid=${sid}`))
  await until(async () => await inFlight('request', third) === 2, 'two polls wait')
  const refused = await ask(third, `${POLLING}&sid=${sids[2]}`, { method: 'POST', body: '40' })
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1'])
  for (const sid of sids.slice(0, 2)) assert.equal((await ask(one, `${POLLING}&sid=${sid}`, { method: 'POST', body: `40${JSON.stringify(auth('many'))}` })).text, 'ok')
  for (const { status, text } of await Promise.all(polls)) assert.deepEqual([status, text.slice(0, 2)], [200, '40'])
  assert.equal((await ask(third, `${POLLING}&sid=${sids[2]}`, { method: 'POST', body: '40' })).text, 'ok')
})
