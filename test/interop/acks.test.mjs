// Acknowledgements: the backend's answer, and what a client gets instead.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SECRET, TOKEN } from '../lib/backend.mjs'
import { connect, variants } from '../lib/client.mjs'
import { startWorld } from '../lib/world.mjs'

const { backend, server } = await startWorld({ config: { backend: { timeout: '1s' } } })

const auth = { token: TOKEN }

for (const variant of variants) {
  test(`${variant.name}: acknowledgements`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    await t.test('several arguments', async () => {
      assert.deepEqual(await client.ask('several'), [1, 'two', { three: 3 }, null])
    })
    await t.test('no argument', async () => {
      assert.deepEqual(await client.ask('anything'), [])
    })
    await t.test('a failing backend', async () => {
      const [{ error }, ...more] = await client.ask('fail', 'INTERNAL')
      assert.deepEqual(more, [])
      assert.deepEqual([error.code, error.temporary], ['BACKEND_ERROR', false])
      assert.equal(typeof error.reason, 'string')
      assert.ok(!JSON.stringify(error).includes(SECRET), 'the text of the backend stays private')
    })
    await t.test('many at once, each its own answer', async () => {
      const numbers = Array.from({ length: 50 }, (_, n) => n)
      const answers = await Promise.all(numbers.map((n) => client.ask('echo', n)))
      assert.deepEqual(answers, numbers.map((n) => [n]))
    })
  })
}

const [anyVariant] = variants

test('a backend that is slow', async (t) => {
  const client = await connect(t, server, anyVariant, { auth })
  const [{ error }] = await client.ask('hang')
  assert.deepEqual([error.code, error.temporary], ['BACKEND_TIMEOUT', true])
  assert.deepEqual(await client.ask('echo', 'next'), ['next'], 'the connection goes on')
})

test('a backend that answers UNAVAILABLE', async (t) => {
  const client = await connect(t, server, anyVariant, { auth })
  const [{ error }] = await client.ask('fail', 'UNAVAILABLE')
  assert.deepEqual([error.code, error.temporary], ['BACKEND_UNAVAILABLE', true])
})

test('a backend without OnEvent acknowledges with nothing', async (t) => {
  const client = await connect(t, server, anyVariant, { auth })
  assert.deepEqual(await client.ask('fail', 'UNIMPLEMENTED'), [])
})

test('a backend whose acknowledgement is no JSON', async (t) => {
  const client = await connect(t, server, anyVariant, { auth })
  const [{ error }] = await client.ask('nonsense')
  assert.equal(error.code, 'BACKEND_INVALID_REPLY')
})

test('an event without acknowledgement gets none', async (t) => {
  const client = await connect(t, server, anyVariant, { auth })
  client.socket.emit('echo', 'no answer')
  const { request } = await backend.of('OnEvent', client.id)
  assert.equal(request.ack_requested, false)
  assert.deepEqual(await client.ask('echo', 'answer'), ['answer'])
  assert.deepEqual(client.inbox.items, [])
})
