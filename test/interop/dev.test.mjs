// What a server without a backend offers to its demo page.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { connect, newestVariants } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startServer } from '../lib/server.mjs'

const server = await startServer()
after(() => server.stop())

// Where development servers serve pages, and files; and where they do not.
for (const [origin, welcome] of [
  ['http://localhost:5173', true],
  ['http://127.0.0.1', true],
  ['null', true],
  ['http://localhost.evil.example', false],
  ['https://evil.example', false],
]) {
  test(`a page of ${origin} may ${welcome ? '' : 'not '}connect`, async () => {
    const response = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } })
    assert.equal(response.status, welcome ? 200 : 403)
    assert.equal(response.headers.get('access-control-allow-origin'), welcome ? origin : null)
    await response.text()
  })
}

const malformed = {
  'no payload': [],
  'null': [null],
  'a string': ['sports'],
  'no rooms': [{}],
  'an empty list': [{ rooms: [] }],
  'a room that is no string': [{ rooms: [1] }],
  'a room without a name': [{ rooms: [null] }],
  'rooms that are no list': [{ rooms: 'sports' }],
  'bytes': [Buffer.from('sports')],
  'two payloads': [{ rooms: ['a'] }, { rooms: ['b'] }],
}

for (const variant of newestVariants) {
  test(`${variant.name}: an anonymous client starts in news, joins and leaves`, async (t) => {
    const client = await connect(t, server, variant)
    const room = `sports ${variant.name}`
    await server.api.send({ target: { rooms: ['news'] }, event: eventOf('hello') })
    await client.event('hello')
    assert.deepEqual(await client.ask('join', { rooms: [room] }), [{ rooms: [room], refused: [] }])
    assert.equal((await server.api.send({ target: { rooms: [room] }, event: eventOf('goal') })).report.matched, '1')
    await client.event('goal')
    assert.deepEqual(await client.ask('leave', { rooms: [room, 'never joined'] }), [{ rooms: [room, 'never joined'], refused: [] }])
    assert.equal((await server.api.send({ target: { rooms: [room] }, event: eventOf('goal') })).report.matched, '0')
    assert.deepEqual(await client.ask('echo', 1, null), [1, null])
  })

  test(`${variant.name}: a malformed join or leave is answered, and harmless`, async (t) => {
    const client = await connect(t, server, variant)
    const { id } = client
    for (const event of ['join', 'leave']) {
      for (const [what, args] of Object.entries(malformed)) {
        const [{ error }] = await client.ask(event, ...args)
        assert.equal(error.code, 'INVALID_PAYLOAD', `${event} with ${what}`)
        assert.ok(error.reason)
      }
    }
    assert.deepEqual(await client.ask('join', { rooms: [''] }), [{ rooms: [], refused: [{ room: '', code: 'ROOM_INVALID' }] }])
    const hundred = (i) => ({ rooms: Array.from({ length: 100 }, (_, n) => `room ${100 * i + n}`) })
    for (let i = 0; i < 9; i += 1) await client.ask('join', hundred(i))
    const [{ error }] = await client.ask('join', hundred(9))
    assert.equal(error.code, 'TOO_MANY_ROOMS')
    client.socket.emit('join', null) // without an acknowledgement
    assert.deepEqual(await client.ask('join', { rooms: ['news'] }), [{ rooms: ['news'], refused: [] }])
    assert.equal(client.id, id)
  })

  test(`${variant.name}: an event that nobody takes`, async (t) => {
    const client = await connect(t, server, variant)
    const [{ error }] = await client.ask('no such event')
    assert.deepEqual([error.code, error.temporary], ['NO_BACKEND', false])
  })
}
