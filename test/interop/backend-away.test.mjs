// A backend that is killed and comes back, as stock clients and operators see it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { connect, newestVariants, refused } from '../lib/client.mjs'
import { startServer } from '../lib/server.mjs'
import { within } from '../lib/wait.mjs'

const [anyVariant] = newestVariants
const auth = { token: TOKEN }
const LEAVERS = 40
// The breaker looks back 10 s, in which there are two good calls for each client.
const QUICK_BREAKER = { breaker_percent: 20, breaker_pause: '500ms' }

const linesOf = (server, message) => server.log.items.filter((line) => line.includes(`"msg":"${message}`)).length

test('what happens during an outage is told after it, and the log is short', async (t) => {
  const backend = await startBackend()
  const server = await startServer({ backend, config: { backend: QUICK_BREAKER } })
  t.after(() => server.stop())
  const resident = await connect(t, server, anyVariant, { auth })
  const leavers = await Promise.all(Array.from({ length: LEAVERS }, () => connect(t, server, anyVariant, { auth })))
  const ids = leavers.map(({ id }) => id)

  backend.stop()
  for (const { socket } of leavers) socket.disconnect()
  await server.log.find((line) => line.includes('breaker opened'), 'the breaker opens')
  const begin = Date.now()
  const error = await refused(t, server, anyVariant, { auth })
  assert.deepEqual([error.data.code, error.data.temporary], ['BACKEND_UNAVAILABLE', true])
  assert.ok(Date.now() - begin < 2_000, 'newcomers do not wait for a backend that is away')
  const [{ error: failed }] = await resident.ask('echo', 1)
  assert.deepEqual([failed.code, failed.temporary], ['BACKEND_UNAVAILABLE', true])

  const again = await startBackend(backend.address)
  t.after(again.stop)
  for (const id of ids) {
    const { request } = await again.of('OnDisconnected', id)
    assert.equal(request.reason, 'client namespace disconnect')
  }
  await server.log.find((line) => line.includes('breaker closed'), 'the breaker closes')
  assert.deepEqual(await resident.ask('echo', 2), [2])
  await connect(t, server, anyVariant, { auth })
  assert.deepEqual(['breaker opened', 'breaker closed'].map((message) => linesOf(server, message)), [1, 1])

  const metrics = await fetch(`${server.adminUrl}/metrics`).then((page) => page.text())
  for (const line of [
    'realtime_backend_breaker_state{backend="default"} 0',
    'realtime_backend_breaker_changes_total{backend="default",change="opened"} 1',
    'realtime_backend_breaker_changes_total{backend="default",change="closed"} 1',
    'realtime_backend_calls_in_flight{backend="default"} 0',
    'realtime_backend_calls_waiting{backend="default",lane="partings"} 0',
  ]) assert.ok(metrics.includes(`${line}\n`), `the metrics lack ${line}`)
})

test('a server ends in time though its backend is away', async (t) => {
  const backend = await startBackend()
  const server = await startServer({ backend })
  await Promise.all(newestVariants.map((variant) => connect(t, server, variant, { auth, reconnection: false })))
  backend.stop()
  await within(server.stop(), 'exit', 5_000)
})
