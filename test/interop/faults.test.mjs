// A backend in trouble keeps newcomers out for a while, and nobody else.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SECRET, TOKEN, startBackend } from '../lib/backend.mjs'
import { Client, connect, newestVariants, refused, variants } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { next, until } from '../lib/wait.mjs'
import { startWorld } from '../lib/world.mjs'

const MAX_ROOMS = 1_000

const { backend, server } = await startWorld({ config: { backend: { timeout: '1s' } } })

const auth = { token: TOKEN }
const [anyVariant] = newestVariants

// untouched runs a body and shows that clients which were there before it did
// not notice.
async function untouched(t, body) {
  const residents = await Promise.all(newestVariants.map((variant) => connect(t, server, variant, { auth })))
  const ids = residents.map(({ id }) => id)
  await body()
  await server.api.send({ target: { connection_ids: ids }, event: eventOf('still here') })
  for (const resident of residents) await resident.event('still here')
  assert.deepEqual(residents.map(({ id }) => id), ids)
}

function assertTemporary(error, code) {
  assert.equal(error.data.temporary, true)
  assert.equal(error.data.code, code)
  assert.equal(error.data.reason, error.message)
  assert.ok(!JSON.stringify([error.message, error.data]).includes(SECRET), 'the text of the backend stays private')
}

const broken = {
  'fails': [{ how: 'fail', code: 'INTERNAL' }, 'BACKEND_UNAVAILABLE'],
  'is unavailable': [{ how: 'fail', code: 'UNAVAILABLE' }, 'BACKEND_UNAVAILABLE'],
  'is no backend': [{ how: 'fail', code: 'UNIMPLEMENTED' }, 'BACKEND_UNAVAILABLE'],
  'is too slow': [{ how: 'hang' }, 'BACKEND_UNAVAILABLE'],
  'neither accepts nor refuses': [{ how: 'silent' }, 'BACKEND_INVALID_REPLY'],
  'names too many rooms': [{ how: 'crowd', count: MAX_ROOMS + 1 }, 'BACKEND_INVALID_REPLY'],
  'lets a credential end in the past': [{ token: TOKEN, lifetime: -10_000 }, 'BACKEND_INVALID_REPLY'],
  'sends an event with a reserved name': [{ token: TOKEN, events: [['disconnect']] }, 'BACKEND_INVALID_REPLY'],
}

for (const [what, [how, code]] of Object.entries(broken)) {
  test(`a backend that ${what}`, (t) => untouched(t, async () => {
    const errors = await Promise.all(newestVariants.map((variant) => refused(t, server, variant, { auth: how })))
    for (const error of errors) assertTemporary(error, code)
  }))
}

test('as many rooms as are allowed', async (t) => {
  const client = await connect(t, server, anyVariant, { auth: { how: 'crowd', count: MAX_ROOMS } })
  const { connection } = await server.api.getConnection({ connection_id: client.id })
  assert.equal(connection.rooms.length, MAX_ROOMS)
})

test('a client that leaves while the backend thinks', async (t) => {
  const { socket } = new Client(t, server, anyVariant, { auth: { how: 'hang', from: 'the impatient' } })
  await backend.calls.find(({ request }) => request.handshake?.claims.auth_json.includes('the impatient'), 'Authenticate')
  const before = await server.api.countConnections({})
  socket.disconnect()
  await connect(t, server, anyVariant, { auth })
  assert.equal(Number((await server.api.countConnections({})).connections), Number(before.connections) + 1)
})

for (const variant of variants) {
  test(`${variant.name}: refused for now, let in later`, async (t) => {
    const client = new Client(t, server, variant, { auth: { how: 'fail', code: 'UNAVAILABLE' } })
    const [error] = await next(client.socket, 'connect_error')
    assertTemporary(error, 'BACKEND_UNAVAILABLE')
    client.socket.auth = auth
    client.socket.connect()
    await next(client.socket, 'connect')
  })
}

// The last test, since it ends the backend of the others.
test('a backend that is down, and comes back', (t) => untouched(t, async () => {
  const resident = await connect(t, server, anyVariant, { auth })
  backend.stop()
  assertTemporary(await refused(t, server, anyVariant, { auth }), 'BACKEND_UNAVAILABLE')
  const [{ error }] = await resident.ask('echo', 1)
  assert.deepEqual([error.code, error.temporary], ['BACKEND_UNAVAILABLE', true])

  const again = await startBackend(backend.address)
  t.after(again.stop)
  await until(() => connect(t, server, anyVariant, { auth }).catch(() => false), 'newcomers get in again', 15_000)
  assert.deepEqual(await resident.ask('echo', 2), [2])
}))
