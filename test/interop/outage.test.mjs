// A backend that is away: who is in stays in, and newcomers meet the policy of
// their namespace. The backend is a process that is killed, or stopped and goes
// on.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { TOKEN } from '../lib/backend.mjs'
import { Client, connect, newestVariants, refused, secondVariants, variants } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startRemoteBackend } from '../lib/remote-backend.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until, within } from '../lib/wait.mjs'

const HELD = { close_after: '200ms' }

const backend = await startRemoteBackend()
const server = await startServer({
  backend,
  config: {
    backend: { timeout: '500ms' },
    socketio: { allow_eio3: true },
    namespaces: {
      '/': { outage: { policy: 'close', ...HELD } },
      '/refuse': { outage: {} },
      '/close': { outage: { policy: 'close', ...HELD } },
      '/stale': { outage: { policy: 'stale', otherwise: 'close', ...HELD } },
      '/anonymous': { outage: { policy: 'anonymous', rooms: ['lobby'] } },
    },
  },
})
const patient = await startServer({
  backend,
  config: { backend: { timeout: '20s' }, namespaces: { '/': { outage: { coalesce: true } } } },
})
after(() => Promise.all([server.stop(), patient.stop()]).finally(backend.kill))

const namespaces = ['/refuse', '/close', '/stale', '/anonymous']

// metric is the sum of a metric of a namespace.
async function metric(of, name, labels) {
  const text = await (await fetch(`${of.adminUrl}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

const authOf = (user) => ({ token: TOKEN, user })

// sentAway lets a client knock until it was sent away twice, and fails if it is told
// a connect_error.
async function sentAway(client) {
  client.socket.once('connect_error', (error) => assert.fail(`told ${error.message}`))
  for (let times = 0; times < 2; times += 1) {
    const [reason] = await next(client.socket, 'disconnect')
    assert.equal(reason, 'transport close')
  }
  return client
}

const ways = {
  'is killed': [backend.kill, backend.start],
  'is stopped': [backend.stop, backend.resume],
}

for (const [way, [leave, comeBack]] of Object.entries(ways)) {
  test(`a backend that ${way}`, async (t) => {
    const all = (make) => Promise.all(newestVariants.map((variant) => make(variant)))
    const residents = (await Promise.all(namespaces.map((namespace) => all((variant) => (
      connect(t, server, variant, { namespace, auth: authOf(`resident ${way}`) })
    ))))).flat()
    const ids = residents.map(({ id }) => id)
    const stay = async (word) => {
      for (const namespace of namespaces) {
        await server.api.send({ target: { namespace, users: [`resident ${way}`] }, event: eventOf(word) })
      }
      for (const resident of residents) await resident.event(word)
      assert.deepEqual(residents.map(({ id }) => id), ids)
    }
    const known = ({ transport }) => authOf(`known ${transport} ${way}`)
    for (const client of await all((variant) => connect(t, server, variant, { namespace: '/stale', auth: known(variant) }))) {
      client.socket.disconnect()
    }

    await leave()
    const told = all((variant) => refused(t, server, variant, { namespace: '/refuse', auth: authOf('newcomer') }))
    const closed = all((variant) => sentAway(new Client(t, server, variant, { namespace: '/close', auth: authOf('newcomer') })))
    const stale = all((variant) => connect(t, server, variant, { namespace: '/stale', auth: known(variant) }))
    const strangers = all((variant) => sentAway(new Client(t, server, variant, { namespace: '/stale', auth: authOf(`stranger ${way}`) })))
    const guests = all((variant) => connect(t, server, variant, { namespace: '/anonymous', auth: authOf('newcomer') }))

    for (const error of await told) {
      assert.deepEqual(error.data, { code: 'BACKEND_UNAVAILABLE', reason: error.message, temporary: true })
    }
    for (const client of await stale) {
      const { connection } = await server.api.getConnection({ namespace: '/stale', connection_id: client.id })
      assert.equal(connection.user_id, `known ${client.transport} ${way}`)
    }
    for (const client of await guests) {
      const { connection } = await server.api.getConnection({ namespace: '/anonymous', connection_id: client.id })
      assert.deepEqual([connection.user_id, connection.rooms], ['', ['lobby']])
      assert.match(JSON.stringify(connection.metadata), /anonymous/)
    }
    const waiting = [...(await closed), ...(await strangers)]
    await stay('during')
    for (const namespace of namespaces) {
      assert.equal(await metric(server, 'realtime_outage_active', `"${namespace}"`), 1, namespace)
    }

    const back = Promise.all(waiting.map(({ socket }) => until(() => socket.connected, 'comes back by itself', 20_000)))
    await comeBack()
    await back
    await stay('after')
    await until(async () => {
      for (const namespace of namespaces) {
        const client = await connect(t, server, newestVariants[0], { namespace, auth: authOf('later') }).catch(() => {})
        client?.socket.disconnect()
      }
      const active = await Promise.all(namespaces.map((namespace) => metric(server, 'realtime_outage_active', `"${namespace}"`)))
      return active.every((value) => value === 0)
    }, 'the outage is over', 15_000)
    const lines = server.log.items.map((line) => JSON.parse(line))
    for (const namespace of namespaces) {
      const said = (words) => lines.filter(({ msg, namespace: where }) => where === namespace && msg.includes(words)).length
      const times = Object.keys(ways).indexOf(way) + 1 // this and those before
      assert.deepEqual([said('policy decides'), said('authenticated again')], [times, times], namespace)
    }
  })
}

// Clients of every version, and those of Socket.IO 2, know only the end of their
// connection.
test('every client comes back by itself', async (t) => {
  await backend.kill()
  const clients = [...variants, ...secondVariants].map((variant) => new Client(t, server, variant, { auth: authOf('any') }))
  const closed = () => metric(server, 'realtime_outage_newcomers_total', '"/",outcome="closed"')
  await until(async () => await closed() >= 2 * clients.length, 'all are sent away')
  assert.ok(!clients.some(({ socket }) => socket.connected))
  await backend.start()
  for (const { socket } of clients) await until(() => socket.connected, 'connect', 20_000)
})

test('a client with another namespace stays, and is told', async (t) => {
  const variant = newestVariants.find(({ transport }) => transport === 'websocket')
  const client = await connect(t, server, variant, { namespace: '/refuse', auth: authOf('two') })
  await backend.kill()
  const other = client.socket.io.socket('/close', { auth: authOf('two') })
  const [error] = await next(other, 'connect_error')
  assert.equal(error.data.temporary, true)
  assert.ok(client.socket.connected)
  await backend.start()
})

const STORM = 200

for (const [what, token, calls] of [
  [`${STORM} credentials, which are as many calls`, (i) => `own ${i}`, STORM],
  ['one credential, which is one call', () => 'same', 1],
]) {
  test(`a storm of ${what}`, async (t) => {
    const variant = newestVariants.find(({ transport }) => transport === 'websocket')
    backend.stop() // until all are at the door
    const clients = Array.from({ length: STORM }, (_, i) => (
      new Client(t, patient, variant, { auth: { ...authOf(`storm of ${calls}`), storm: token(i) } })
    ))
    const atTheDoor = async () => (
      await metric(patient, 'realtime_outage_coalesced_total', '"/"') === STORM - calls
        && await metric(patient, 'realtime_backend_calls_in_flight', '"default"') >= calls
    )
    await until(atTheDoor, 'all are at the door', 15_000).finally(backend.resume)
    await within(Promise.all(clients.map((client) => client.connected())), 'all get in', 15_000)
    assert.equal(new Set(clients.map(({ id }) => id)).size, STORM)
    assert.equal(await backend.asked(`"storm of ${calls}"`), calls)
    const { connections } = await patient.api.countConnections({ user_id: `storm of ${calls}` })
    assert.ok(Number(connections) >= STORM)
  })
}
