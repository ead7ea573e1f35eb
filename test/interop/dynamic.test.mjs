// Namespaces that exist by a pattern, ours beside Node's `io.of(/regex/)` with
// `cleanupEmptyChildNamespaces`.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { Client, connect, newestVariants, refused } from '../lib/client.mjs'
import { codes, eventOf } from '../lib/grpc.mjs'
import { STOCK, startServer } from '../lib/server.mjs'
import { next, until } from '../lib/wait.mjs'

const PATTERN = String.raw`^/tenant-\w+$`
const auth = { token: TOKEN }
const config = { namespaces: { '/': {}, '/tenant-fixed': {}, [PATTERN]: {} } }

const backend = await startBackend()
const servers = { stock: await startServer({ backend, config, bin: STOCK }), ours: await startServer({ backend, config }) }
for (const server of Object.values(servers)) after(() => server.stop())
after(() => backend.stop())

const count = async (server, namespace) => Number((await server.api.countConnections({ namespace })).connections)
const send = (server, namespace, id, ...event) =>
  server.api.send({ target: { namespace, connection_ids: [id] }, event: eventOf(...event) })

let names = 0
const fresh = () => `/tenant-${process.pid}_${names += 1}`

const cases = {
  async 'a client connects, speaks and hears'(t, server, variant) {
    const namespace = fresh()
    const client = await connect(t, server, variant, { namespace, auth: { ...auth, rooms: ['r'] } })
    assert.equal(client.id.length, 20)
    assert.deepEqual(await client.ask('echo', 1, Buffer.from('two')), [1, Buffer.from('two')])
    assert.equal((await backend.of('Authenticate', client.id)).request.context.namespace, namespace)
    const { report } = await server.api.send({ target: { namespace, rooms: ['r'] }, event: eventOf('hello', namespace) })
    assert.equal(report.matched, '1')
    assert.deepEqual(await client.event('hello'), [namespace])
  },

  async 'children of a pattern hear nothing of each other'(t, server, variant) {
    const [one, other] = [fresh(), fresh()]
    const here = await connect(t, server, variant, { namespace: one, auth: { ...auth, rooms: ['r'] } })
    const there = await connect(t, server, variant, { namespace: other, auth: { ...auth, rooms: ['r'] } })
    await server.api.send({ target: { namespace: one, rooms: ['r'] }, event: eventOf('one') })
    await here.event('one')
    assert.deepEqual(await there.ask('echo', 'after'), ['after'])
    assert.deepEqual(there.inbox.items, [])
  },

  async 'several of them share one connection'(t, server, variant) {
    const root = await connect(t, server, variant, { auth })
    for (const namespace of [fresh(), fresh()]) {
      const socket = root.socket.io.socket(namespace, { auth })
      t.after(() => socket.disconnect())
      await next(socket, 'connect')
      const heard = next(socket, 'you')
      await send(server, namespace, socket.id, 'you', 1)
      assert.deepEqual(await heard, [1])
      socket.disconnect()
      await until(async () => await count(server, namespace) === 0, 'it is empty')
    }
    assert.deepEqual(await root.ask('echo', 'still here'), ['still here'])
  },

  async 'a name that no pattern matches'(t, server, variant) {
    for (const namespace of ['/tenant-', '/tenant-a-b', '/my/tenant-a', '/TENANT-a']) {
      const error = await refused(t, server, variant, { namespace, auth })
      assert.deepEqual([error.message, error.data], ['Invalid namespace', undefined], namespace)
    }
  },

  async 'a refused client hears why'(t, server, variant) {
    const error = await refused(t, server, variant, { namespace: fresh(), auth: { token: 'wrong' } })
    assert.deepEqual([error.message, error.data.code], ['The token is not valid', 'BAD_TOKEN'])
  },

  async 'whoever was told that it is in can be reached, however often it comes and goes'(t, server, variant) {
    const namespace = fresh()
    const client = new Client(t, server, variant, { namespace, auth })
    for (let n = 0; n < 20; n += 1) {
      await client.connected()
      await send(server, namespace, client.id, `visit ${n}`)
      await client.event(`visit ${n}`)
      client.socket.disconnect().connect()
    }
    await client.connected()
  },

  async 'a name of the configuration goes before the pattern'(t, server, variant) {
    const client = await connect(t, server, variant, { namespace: '/tenant-fixed', auth })
    const { id } = client
    client.socket.disconnect()
    await backend.of('OnDisconnected', id)
    assert.equal(await count(server, '/tenant-fixed'), 0)
  },
}

for (const [whose, server] of Object.entries(servers)) {
  for (const variant of newestVariants) {
    for (const [what, run] of Object.entries(cases)) test(`${whose}, ${variant.name}: ${what}`, (t) => run(t, server, variant))
  }
}

const { ours } = servers
const [anyVariant] = newestVariants

// metrics are the lines of our metrics that speak of namespaces.
async function metrics(server) {
  const text = await (await fetch(`${server.adminUrl}/metrics`)).text()
  return text.split('\n').filter((line) => /^realtime_\w+\{.*(namespace|pattern)=/.test(line))
}

test('ours: the API knows every name that the pattern matches', async () => {
  const namespace = fresh()
  const { report } = await ours.api.broadcast({ namespace, event: eventOf('x') })
  assert.equal(report.matched, '0')
  assert.deepEqual((await ours.api.listRooms({ namespace })).rooms, [])
  await assert.rejects(ours.api.broadcast({ namespace: '/tenant-', event: eventOf('x') }), { code: codes.NOT_FOUND })
})

test('ours: lists and counts', async (t) => {
  const namespace = fresh()
  const client = await connect(t, ours, anyVariant, { namespace, auth: { ...auth, rooms: ['a', 'b'], user: 'ann' } })
  const { rooms } = await ours.api.listRooms({ namespace })
  assert.deepEqual(rooms.map(({ name }) => name), ['a', 'b'])
  const { connections } = await ours.api.listConnections({ namespace, user_id: 'ann' })
  assert.deepEqual(connections.map(({ id, namespace: where }) => [id, where]), [[client.id, namespace]])
})

test('ours: metrics show the pattern, never a name', async (t) => {
  await connect(t, ours, anyVariant, { namespace: fresh(), auth })
  await connect(t, ours, anyVariant, { namespace: '/tenant-fixed', auth })
  const lines = await metrics(ours)
  assert.ok(lines.some((line) => line.startsWith('realtime_dynamic_namespaces{pattern="^/tenant-\\\\w+$"}')), lines.join('\n'))
  assert.ok(lines.includes('realtime_sockets{namespace="/tenant-fixed"} 1'), 'a name goes before the pattern')
  assert.deepEqual(lines.filter((line) => /"\/tenant-(?!fixed)/.test(line)), [])
})

test('ours: as many as socketio.max_dynamic_namespaces', async (t) => {
  const small = await startServer({ backend, config: { ...config, socketio: { max_dynamic_namespaces: 2 } } })
  t.after(() => small.stop())
  const names = [fresh(), fresh(), fresh()]
  const [first] = await Promise.all(names.slice(0, 2).map((namespace) => connect(t, small, anyVariant, { namespace, auth })))
  await connect(t, small, anyVariant, { namespace: names[0], auth }) // there is place within
  const late = new Client(t, small, anyVariant, { namespace: names[2], auth })
  const [error] = await next(late.socket, 'connect_error')
  assert.deepEqual([error.message, error.data.code, error.data.temporary], ['Too many namespaces', 'NAMESPACE_LIMIT', true])
  const asked = backend.calls.items.filter(({ method, request }) =>
    method === 'Authenticate' && request.context.namespace === names[2])
  assert.deepEqual(asked, [], 'the backend was not asked in vain')
  const { connections } = await small.api.listConnections({ namespace: names[0] })
  await small.api.disconnect({ target: { namespace: names[0], connection_ids: connections.map(({ id }) => id) } })
  await until(() => first.socket.disconnected, 'they are put out')
  late.socket.connect()
  await late.connected()
  assert.match((await metrics(small)).join('\n'), /realtime_dynamic_namespaces\{.*\} 2$/m)
})

test('ours: as many as socketio.max_namespaces for one client', async (t) => {
  const small = await startServer({ backend, config: { ...config, socketio: { max_namespaces: 2 } } })
  t.after(() => small.stop())
  const root = await connect(t, small, anyVariant, { auth })
  const [second, third] = [fresh(), fresh()].map((namespace) => root.socket.io.socket(namespace, { auth }))
  t.after(() => [second, third].forEach((socket) => socket.disconnect()))
  const [[error]] = await Promise.all([next(third, 'connect_error'), next(second, 'connect')])
  assert.deepEqual([error.message, error.data.code], ['Too many namespaces', 'CLIENT_NAMESPACE_LIMIT'])
  assert.deepEqual(await root.ask('echo', 'still here'), ['still here'])
})
