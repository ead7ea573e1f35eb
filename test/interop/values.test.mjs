// What goes in comes out: every kind of value, both ways.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOKEN } from '../lib/backend.mjs'
import { connect, variants } from '../lib/client.mjs'
import { Session, packets } from '../lib/engine.mjs'
import { eventOf, valueOf } from '../lib/grpc.mjs'
import { startWorld } from '../lib/world.mjs'

const { backend, server } = await startWorld()

const auth = { token: TOKEN }
const bytes = Buffer.from([0, 1, 0x1e, 0x7f, 0x80, 0xff, 10, 13])

const cases = {
  'falsy values': [0, '', false, null, -0],
  'no arguments': [],
  'unicode': ['ünïcödé', '漢字', '🙂👩‍👩‍👧', '\u2028\u2029\0', 'a\x1eb', '"\\'],
  'nested objects': [{ a: [{ b: { c: [[], {}] } }] }, [[1], [2, [3]]], { '': 1, ' ': 2 }],
  'numbers': [1.5, -1, 1e21, Number.MAX_SAFE_INTEGER, 5e-324],
  'text like a packet': ['42["x"]', '51-["x",{"_placeholder":true,"num":0}]', 'b4AAEC'],
  'a binary argument': [bytes],
  'no bytes at all': [Buffer.alloc(0)],
  'binary between others': [1, bytes, 'x', Buffer.from('second')],
  'nested binary': [{ list: [bytes, { deep: Buffer.from('deep') }], name: 'x' }, 'plain', [Buffer.from('z')]],
}

for (const variant of variants) {
  test(`${variant.name}: values from the client to the backend and back`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    for (const [what, args] of Object.entries(cases)) {
      await t.test(what, async () => {
        assert.deepEqual(await client.ask('echo', ...args), normal(args))
        const isThis = ({ event }) => event.name === 'echo' && sameText(event.args.map(valueOf), normal(args))
        await backend.of('OnEvent', client.id, isThis)
      })
    }
  })

  test(`${variant.name}: values from Send to the client`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    for (const [what, args] of Object.entries(cases)) {
      await t.test(what, async () => {
        const sent = await server.api.send({ target: { connection_ids: [client.id] }, event: eventOf(what, ...args) })
        assert.equal(sent.report.matched, '1')
        assert.deepEqual(await client.event(what), normal(args))
      })
    }
  })
}

// -0 is 0 in JSON.
const normal = (args) => args.map((value) => (value === 0 ? 0 : value))
const sameText = (a, b) => JSON.stringify(a) === JSON.stringify(b)

// JavaScript would round these; the server passes the text on as it is.
const EXACT = '{"id":9007199254740993,"b":1.10,"a":[18446744073709551615,-9223372036854775808,1e2]}'

test('JSON from Send reaches the wire byte for byte', async () => {
  const session = await Session.open(server)
  const { sid } = JSON.parse((await session.connect(JSON.stringify(auth))).slice(2))
  await server.api.send({ target: { connection_ids: [sid] }, event: { name: 'exact', args: [{ json: EXACT }] } })
  const { text } = await session.poll()
  assert.equal(text, `42["exact",${EXACT}]`)
})

test('JSON from the client reaches the backend and its acknowledgement byte for byte', async () => {
  const session = await Session.open(server)
  const { sid } = JSON.parse((await session.connect(JSON.stringify(auth))).slice(2))
  const poll = session.poll()
  assert.deepEqual((await session.post(`427["echo",${EXACT}]`)).text, 'ok')
  assert.deepEqual(packets((await poll).text), [`437[${EXACT}]`])
  const { request } = await backend.of('OnEvent', sid)
  assert.deepEqual(request.event.args.map(({ json }) => json), [EXACT])
  assert.equal(request.ack_requested, true)
})

test('a placeholder without its attachment is refused', async (t) => {
  const client = await connect(t, server, variants[0], { auth })
  const arg = { json: '{"_placeholder":true,"num":1}', attachments: [bytes] }
  const call = server.api.send({ target: { connection_ids: [client.id] }, event: { name: 'x', args: [arg] } })
  await assert.rejects(call, { code: 3 })
})
