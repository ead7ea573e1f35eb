// SIGTERM with clients of every kind connected.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownAddress } from '../lib/address.mjs'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { connect, variants } from '../lib/client.mjs'
import { endpoint, request } from '../lib/engine.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until, within } from '../lib/wait.mjs'

const readiness = (server) => fetch(`${server.adminUrl}/readyz`).then(({ status }) => status)

test('SIGTERM sends everybody away, in order, and ends with 0', async (t) => {
  const backend = await startBackend()
  t.after(backend.stop)
  const server = await startServer({ backend, config: { shutdown: { window: '500ms' } } })
  const clients = await Promise.all(variants.map((variant) =>
    connect(t, server, variant, { auth: { token: TOKEN }, reconnection: false })))
  const ids = clients.map(({ id }) => id)
  assert.equal(await readiness(server), 200)

  const ends = clients.map(({ socket }) => next(socket, 'disconnect', 10_000))
  const stopped = server.stop() // asserts the exit code
  await until(async () => await readiness(server) === 503, 'readyz flips while the process still runs')
  const newcomer = await request(endpoint(server))
  assert.equal(newcomer.status, 503)

  for (const [reason] of await Promise.all(ends)) assert.equal(reason, 'transport close')
  await within(stopped, 'exit', 10_000)
  for (const id of ids) {
    const { request: told } = await backend.of('OnDisconnected', id)
    assert.equal(told.reason, 'server shutting down')
  }
  assertDrainLogged(server, 'SIGTERM', clients.length)
})

// The log says once that a drain begins, and once that it has ended.
function assertDrainLogged(server, by, clients) {
  const lines = (text) => server.log.items.map((line) => JSON.parse(line)).filter(({ msg }) => msg === text)
  assert.deepEqual(lines('draining').map((line) => [line.level, line.asked_by, line.clients, line.window]), [['INFO', by, clients, 500e6]])
  assert.deepEqual(lines('drained').map(({ in_time }) => in_time), [true])
  assert.ok(lines('drained')[0].took > 0)
}

test('POST /drain sends everybody away, and SIGTERM finds nothing left to do', async (t) => {
  const server = await startServer({ config: { shutdown: { window: '500ms' } } })
  const { socket } = await connect(t, server, variants[0], { reconnection: false })
  const end = next(socket, 'disconnect', 10_000)
  const answer = await fetch(`${server.adminUrl}/drain`, { method: 'POST' })
  assert.equal(await answer.text(), 'drained\n')
  await end
  await server.stop()
  assertDrainLogged(server, 'POST /drain', 1)
})

test('clients come back by themselves to a server on the same address', async (t) => {
  const first = await startServer({ http: ownAddress() })
  const clients = await Promise.all(variants.map((variant) => connect(t, first, variant)))
  const ids = clients.map(({ id }) => id)
  const returned = clients.map(({ socket }) =>
    next(socket, 'disconnect', 10_000).then(() => next(socket, 'connect', 10_000)))
  await first.stop()
  const second = await startServer({ http: first.address })
  t.after(() => second.stop())
  await Promise.all(returned)
  for (const [i, client] of clients.entries()) {
    assert.notEqual(client.id, ids[i])
    assert.deepEqual(await client.ask('echo', i), [i])
  }
})

test('a second SIGTERM shortens the end', async (t) => {
  const server = await startServer({ config: { shutdown: { window: '15s', timeout: '20s' } } })
  await Promise.all(variants.map((variant) => connect(t, server, variant, { reconnection: false })))
  server.signal('SIGTERM')
  await until(async () => await readiness(server) === 503, 'readyz flips')
  await within(server.stop(), 'exit', 8_000)
})
