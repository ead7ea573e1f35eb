// The server asks stock clients for acknowledgements: who answers, who does
// not, and what Node's own server makes of the same clients.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { connect, variants } from '../lib/client.mjs'
import { codes, eventOf, valueOf } from '../lib/grpc.mjs'
import { STOCK, startServer } from '../lib/server.mjs'
import { next } from '../lib/wait.mjs'

const backend = await startBackend()
after(() => backend.stop())
const servers = {}
for (const [name, bin] of [['ours', undefined], ['stock', STOCK]]) {
  servers[name] = await startServer({ backend, bin })
  after(() => servers[name].stop())
}

const auth = { token: TOKEN, user: 'ann', rooms: ['r'] }
const bytes = Buffer.from([0, 1, 0x1e, 0xff])

// ask returns what became of every connection of a target, by id: its answer,
// or why there is none.
async function ask(server, target, event = eventOf('well?'), timeout = 5_000) {
  const request = { target, event, timeout: { seconds: Math.floor(timeout / 1_000), nanos: (timeout % 1_000) * 1e6 } }
  const [{ start }, ...results] = await server.api.sendWithAck(request)
  assert.ok(start.message_id)
  assert.equal(Number(start.matched), results.length)
  return Object.fromEntries(results.map(({ ack, missing }) => [
    (ack ?? missing).connection_id,
    ack ? ack.args.map(valueOf) : missing.reason.replace('MISSING_ACK_REASON_', ''),
  ]))
}

for (const [whose, server] of Object.entries(servers)) {
  const one = ({ id }, ...more) => ask(server, { connection_ids: [id] }, ...more).then((all) => all[id])

  for (const variant of variants) {
    test(`${whose}, ${variant.name}: answers`, async (t) => {
      const client = await connect(t, server, variant, { auth })
      const { socket } = client
      await t.test('arguments both ways', async () => {
        socket.once('values', (...args) => args.pop()('got', ...args))
        const values = [0, '', null, { deep: [true] }, 'ü🙂']
        assert.deepEqual(await one(client, eventOf('values', ...values)), ['got', ...values])
      })
      await t.test('none at all', async () => {
        socket.once('silent', (ack) => ack())
        assert.deepEqual(await one(client, eventOf('silent')), [])
      })
      await t.test('binary', async () => {
        socket.once('bytes', (question, ack) => ack(question, { list: [bytes] }, Buffer.alloc(0)))
        assert.deepEqual(await one(client, eventOf('bytes', bytes)), [bytes, { list: [bytes] }, Buffer.alloc(0)])
      })
      await t.test('not answered', async () => {
        socket.once('ignored', () => {})
        assert.equal(await one(client, eventOf('ignored'), 100), 'TIMED_OUT')
      })
      await t.test('answered late', async () => {
        const asked = next(socket, 'late')
        assert.equal(await one(client, eventOf('late'), 100), 'TIMED_OUT')
        const [ack] = await asked
        ack('too late')
        assert.deepEqual(await client.ask('echo', 'goes on'), ['goes on'])
      })
      await t.test('answered twice', async () => {
        const send = socket.packet.bind(socket)
        socket.once('twice', (ack) => {
          socket.packet = (packet) => { // the stock client itself acknowledges once
            send(packet)
            send({ ...packet, data: ['again'] })
          }
          ack('once')
          socket.packet = send
        })
        assert.deepEqual(await one(client, eventOf('twice')), ['once'])
        socket.once('next', (ack) => ack('next'))
        assert.deepEqual(await one(client, eventOf('next')), ['next'])
      })
      await t.test('leaves meanwhile', async () => {
        socket.once('leave', () => socket.disconnect())
        assert.equal(await one(client, eventOf('leave')), 'DISCONNECTED')
      })
    })
  }

  test(`${whose}: a room, each its own answer`, async (t) => {
    const clients = await Promise.all(variants.map((variant) => connect(t, server, variant, { auth: { ...auth, rooms: [`${whose} all`] } })))
    clients.forEach(({ socket }, n) => socket.on('well?', (ack) => { if (n > 0) ack(n) }))
    const answers = await ask(server, { rooms: [`${whose} all`] }, eventOf('well?'), 500)
    assert.deepEqual(answers, Object.fromEntries(clients.map(({ id }, n) => [id, n > 0 ? [n] : 'TIMED_OUT'])))
  })

  test(`${whose}: volatile questions reach a client that is ready`, async (t) => {
    const client = await connect(t, server, variants.find(({ name }) => name === '4.8 websocket'), { auth })
    client.socket.on('quick', (ack) => ack('yes'))
    assert.deepEqual(await one(client, { ...eventOf('quick'), volatile: true }), ['yes'])
  })
}

test('ours: what nobody asked for is counted, and harms nobody', async (t) => {
  const server = servers.ours
  const client = await connect(t, server, variants.at(-1), { auth })
  const ignored = async () => {
    const text = await (await fetch(`${server.adminUrl}/metrics`)).text()
    return Number(/^realtime_acks_ignored_total (\d+)/m.exec(text)[1])
  }
  const before = await ignored()
  for (const id of [0, 12345, Number.MAX_SAFE_INTEGER]) client.socket.packet({ type: 3, id, data: ['invented'] })
  assert.deepEqual(await client.ask('echo', 1), [1])
  assert.equal(await ignored(), before + 3)
})

test('ours: a malformed acknowledgement ends the session', async (t) => {
  const client = await connect(t, servers.ours, variants.at(-1), { auth, reconnection: false })
  const ended = next(client.socket, 'disconnect')
  client.engine.write('43-1["negative id"]')
  assert.equal((await ended)[0], 'transport close')
})

test('ours: an empty target is no question to everybody', async () => {
  await assert.rejects(ask(servers.ours, {}), { code: codes.INVALID_ARGUMENT })
})
