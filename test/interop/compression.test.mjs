// Compression of WebSocket messages and of polling answers, with the stock
// client.

import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'
import WebSocket from 'ws'
import { TOKEN } from '../lib/backend.mjs'
import { connect, newestVariants } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startWorld } from '../lib/world.mjs'

const { server } = await startWorld({ config: { socketio: { websocket_compression: { enabled: true } } } })

const auth = { token: TOKEN }
const text = 'said again and again, '.repeat(500)
const offers = [true, { threshold: 0 }, false]

for (const variant of newestVariants) {
  for (const perMessageDeflate of offers) {
    test(`${variant.name}: large events, both ways, offer ${JSON.stringify(perMessageDeflate)}`, async (t) => {
      const client = await connect(t, server, variant, { auth, perMessageDeflate })
      const [back] = await client.ask('echo', text)
      assert.equal(back, text)
      const bytes = Buffer.from(text)
      const [binary] = await client.ask('echo', bytes)
      assert.ok(bytes.equals(binary))
      for (const compress of [undefined, true, false]) {
        const event = { ...eventOf('large', text), ...(compress === undefined ? {} : { compress }) }
        const arrives = client.event('large')
        await server.api.send({ target: { connection_ids: [client.id] }, event })
        assert.equal((await arrives)[0], text)
      }
    })
  }
}

test('a message is sent compressed, and one that must not be is not', async () => {
  const socket = new WebSocket(`ws://${server.address}/socket.io/?EIO=4&transport=websocket`)
  const sizes = []
  const packets = []
  socket.on('message', (data) => packets.push(String(data)))
  await new Promise((resolve) => socket.once('open', resolve))
  assert.match(socket.extensions, /permessage-deflate/)
  const until = async (prefix) => {
    while (!packets.some((packet) => packet.startsWith(prefix))) await new Promise((resolve) => socket.once('message', resolve))
    return packets.find((packet) => packet.startsWith(prefix))
  }
  socket.send(`40${JSON.stringify(auth)}`)
  const id = JSON.parse((await until('40')).slice(2)).sid
  for (const compress of [true, false]) {
    packets.length = 0
    const before = socket._socket.bytesRead
    await server.api.send({ target: { connection_ids: [id] }, event: { ...eventOf('large', text), compress } })
    assert.equal(await until('42["large"'), `42["large",${JSON.stringify(text)}]`)
    sizes.push(socket._socket.bytesRead - before)
  }
  socket.close()
  assert.ok(sizes[0] < text.length / 10, `${sizes[0]} bytes compressed`)
  assert.ok(sizes[1] > text.length, `${sizes[1]} bytes plain`)
})

test('an answer to a poll is compressed as the client accepts it', async () => {
  const get = (query, encoding) =>
    new Promise((resolve, reject) => {
      const headers = { 'accept-encoding': encoding }
      http.get(`${server.url}/socket.io/?EIO=4&transport=polling${query}`, { headers }, async (response) => {
        const parts = []
        for await (const part of response) parts.push(part)
        resolve({ coding: response.headers['content-encoding'], body: Buffer.concat(parts) })
      }).once('error', reject)
    })
  const open = await get('', 'gzip')
  assert.equal(open.coding, undefined, 'a small answer stays as it is')
  const sid = JSON.parse(String(open.body).slice(1)).sid
  const post = (body) => fetch(`${server.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body })
  await post(`40${JSON.stringify(auth)}`)
  await get(`&sid=${sid}`, 'gzip')
  await post(`421${JSON.stringify(['echo', text])}`)
  const answer = await get(`&sid=${sid}`, 'gzip')
  assert.equal(answer.coding, 'gzip')
  assert.ok(answer.body.length < text.length / 10)
  await post('1')
})
