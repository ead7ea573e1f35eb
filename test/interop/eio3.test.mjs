// Engine.IO 3 and Socket.IO's protocol 4 request by request, as clients of
// Socket.IO 2 make them, and as they would never. Every case runs against
// Node's stock server too.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { RawSocket, SEPARATOR, request } from '../lib/engine.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { ask } from '../lib/http.mjs'
import { STOCK, startServer } from '../lib/server.mjs'

const config = { namespaces: { '/': {}, '/chat': {} }, socketio: { allow_eio3: true } }
const ours = await startServer({ config })
after(() => ours.stop())
const stock = await startServer({ config, bin: STOCK })
after(() => stock.stop())

const path = (query) => `/socket.io/?${new URLSearchParams({ EIO: '3', transport: 'polling', ...query })}`

// text is a payload of text packets.
const text = (...packets) => packets.map((packet) => `${packet.length}:${packet}`).join('')

// part is one packet of a binary payload.
const part = (kind, data) => Buffer.concat([
  Buffer.from([kind, ...[...String(data.length)].map(Number), 255]), Buffer.from(data),
])

// Session is one polling session. Whoever takes no bytes says b64.
class Session {
  static async open(server, query) {
    const { text: body } = await ask(server, path(query))
    const [, length, packet] = /^(\d+):(.*)$/.exec(body)
    assert.equal(Number(length), packet.length, 'the OPEN packet comes alone')
    assert.equal(packet[0], '0')
    return new Session(server, JSON.parse(packet.slice(1)))
  }

  constructor(server, handshake) {
    this.server = server
    this.handshake = handshake
    this.path = path({ sid: handshake.sid })
  }

  poll() { return ask(this.server, this.path) }
  post(body, type = 'text/plain;charset=UTF-8') {
    return ask(this.server, this.path, { method: 'POST', body, headers: { 'content-type': type } })
  }
  postBytes(...parts) { return this.post(Buffer.concat(parts), 'application/octet-stream') }
}

async function connected(server, query) {
  const session = await Session.open(server, query)
  assert.equal((await session.poll()).text, '2:40')
  return session
}

const asWebSocket = (server, query) => new RawSocket(server, { EIO: '3', ...query })

const send = (server, id, ...event) => server.api.send({ target: { connection_ids: [id] }, event: eventOf(...event) })

const assertGone = async (session) => assert.deepEqual(JSON.parse((await session.poll()).text), { code: 1, message: 'Session ID unknown' })

const bytes = Buffer.from([1, 2, 255])
const binaryEvent = '451-7["echo",{"_placeholder":true,"num":0},"🙂"]'
const binaryAck = '461-7[{"_placeholder":true,"num":0},"🙂"]'

const cases = {
  async 'the handshake'(server) {
    for (const query of [{}, { b64: '1' }, { EIO: '2' }]) {
      const answer = await ask(server, path(query))
      assert.equal(answer.status, 200)
      assert.match(answer.headers['content-type'], /^text\/plain; charset=utf-8$/i)
      const { sid, ...rest } = JSON.parse(/^\d+:0(.*)$/.exec(answer.text)[1])
      assert.match(sid, /^[\w-]{20}$/)
      assert.deepEqual(rest, { upgrades: ['websocket'], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1_000_000 })
    }
  },

  async 'a request without a revision'(server) {
    assert.equal((await ask(server, '/socket.io/?transport=polling')).status, 200)
  },

  async 'a session keeps its revision'(server) {
    const session = await connected(server)
    const other = `/socket.io/?EIO=4&transport=polling&sid=${session.handshake.sid}`
    const answer = await ask(server, other)
    assert.deepEqual([answer.status, JSON.parse(answer.text)], [400, { code: 3, message: 'Bad request' }])
    assert.equal((await ask(server, other, { method: 'POST', body: '42["x"]' })).status, 400)
    await session.post(text('421["echo"]'))
    assert.equal((await session.poll()).text, text('431[]'))
  },

  async 'the server connects the client to / by itself'(server) {
    const socket = await asWebSocket(server).opened()
    const [open, connect] = await socket.frames.take(2)
    assert.deepEqual(JSON.parse(open.slice(1)).upgrades, [])
    assert.equal(connect, '40')
    socket.ws.close()
  },

  async 'packets with lengths in UTF-16 units, both ways'(server) {
    const session = await connected(server)
    const event = '421["echo","🙂ü"]'
    assert.equal((await session.post(text(event))).text, 'ok')
    assert.equal((await session.poll()).text, text('431["🙂ü"]'))
    await session.post(`0:${text('422["echo",2]', '423["echo",3]')}0:`)
    let heard = ''
    while (!heard.includes('433')) heard += (await session.poll()).text
    assert.equal(heard, text('432[2]', '433[3]'))
  },

  async 'bytes as base64'(server) {
    const session = await connected(server, { b64: '1' })
    await session.post(text(binaryEvent, `b4${bytes.toString('base64')}`))
    let heard = ''
    while (!heard.includes('b4')) {
      const answer = await session.poll()
      assert.match(answer.headers['content-type'], /^text\/plain/)
      heard += answer.text
    }
    assert.equal(heard, text(binaryAck, `b4${bytes.toString('base64')}`))
  },

  async 'bytes as bytes'(server) {
    const session = await connected(server)
    assert.equal((await session.postBytes(part(0, Buffer.from(binaryEvent)), part(1, [4, ...bytes]))).text, 'ok')
    const answer = await session.poll()
    assert.equal(answer.headers['content-type'], 'application/octet-stream')
    assert.deepEqual(answer.bytes, Buffer.concat([part(0, Buffer.from(binaryAck)), part(1, [4, ...bytes])]))
    await send(server, session.handshake.sid, 'text', '🙂')
    assert.equal((await session.poll()).text, text('42["text","🙂"]'), 'text without bytes is a text payload')
  },

  async 'bytes over a WebSocket'(server) {
    const socket = await asWebSocket(server).opened()
    await socket.frame('40')
    socket.send(binaryEvent)
    socket.ws.send(Buffer.from([4, ...bytes]))
    const frames = await socket.frames.take(4)
    assert.deepEqual(frames.slice(2), [binaryAck, Buffer.from([4, ...bytes])])
    socket.ws.close()
  },

  async 'bytes over a WebSocket as base64'(server) {
    const socket = await asWebSocket(server, { b64: '1' }).opened()
    await socket.frame('40')
    socket.send(binaryEvent)
    socket.send(`b4${bytes.toString('base64')}`)
    const frames = await socket.frames.take(4)
    assert.deepEqual(frames.slice(2), [binaryAck, `b4${bytes.toString('base64')}`])
    socket.ws.close()
  },

  async 'the client pings'(server) {
    const session = await connected(server)
    await session.post(text('2'))
    assert.equal((await session.poll()).text, text('3'))
    const socket = await asWebSocket(server).opened()
    socket.send('2anything')
    await socket.frame('3')
    socket.ws.close()
  },

  async 'the upgrade'(server) {
    const session = await connected(server)
    const socket = await asWebSocket(server, { sid: session.handshake.sid }).opened()
    const poll = session.poll()
    socket.send('2probe')
    await socket.frame('3probe')
    assert.equal((await poll).text, text('6'))
    socket.send('5')
    socket.send(binaryEvent)
    socket.ws.send(Buffer.from([4, ...bytes]))
    const frames = await socket.frames.take(3)
    assert.deepEqual(frames.slice(1), [binaryAck, Buffer.from([4, ...bytes])])
    assert.equal((await session.poll()).status, 400)
    socket.send('2')
    await socket.frame('3')
    socket.ws.close()
  },

  async 'another namespace, and one that does not exist'(server) {
    const socket = await asWebSocket(server).opened()
    socket.send('40/chat?token=x,')
    await socket.frame('40/chat,')
    socket.send('42/chat,1["echo","there"]')
    await socket.frame('43/chat,1["there"]')
    socket.send('40/nowhere')
    await socket.frame('44/nowhere,{"message":"Invalid namespace"}')
    socket.send('42/chat?token=x,2["echo"]')
    await socket.frame('43/chat,2[]')
    socket.ws.close()
  },

  async 'a second CONNECT ends the session'(server) {
    const session = await connected(server)
    const poll = session.poll()
    await session.post(text('40'))
    await poll
    await assertGone(session)
  },

  async 'two polls at once'(server) {
    const session = await connected(server)
    const answers = await Promise.all([session.poll(), session.poll()])
    const [winner] = answers.filter(({ status }) => status === 200)
    assert.equal(winner.text, text('1'))
    await assertGone(session)
  },

  async 'the client leaves'(server) {
    const session = await connected(server)
    const poll = session.poll()
    await session.post(text('1'))
    assert.equal((await poll).text, text('6'))
    await assertGone(session)
  },

  async 'the server closes'(server) {
    const session = await connected(server)
    await server.api.disconnect({ target: { connection_ids: [session.handshake.sid] }, allow_reconnect: true, last_event: eventOf('bye') })
    assert.equal((await session.poll()).text, text('42["bye"]'))
    assert.match((await session.poll()).text, /1:1$/)
  },
}

// What ends a session, sent after CONNECT.
const fatal = {
  'no length': '42["a"]',
  'a length that is none': 'x:42["a"]',
  'a body that is too short': '99:42["a"]',
  'nothing at all': '',
  'no packet type': text('x'),
  'an unknown packet type': text('9'),
  'a pong from the client': text('3'),
  'packets of Engine.IO 4': `42["a"]${SEPARATOR}42["b"]`,
  'an event for a namespace that was not joined': text('42/chat,["a"]'),
}

for (const [what, body] of Object.entries(fatal)) {
  cases[`ends the session: ${what}`] = async (server) => {
    const session = await connected(server)
    const poll = session.poll()
    await session.post(body)
    await poll
    await assertGone(session)
  }
}

for (const [name, run] of Object.entries(cases)) {
  test(`stock: ${name}`, () => run(stock))
  test(`ours: ${name}`, () => run(ours))
}

// Not what the stock server does: it counts "1e1" as 10, takes what is not
// UTF-8, and waits for the end of a length that never comes.
for (const [what, body] of Object.entries({
  'a length in another notation': Buffer.from('1e1:4xxxxxxxxx'),
  'half of a character': Buffer.from('2:4🙂'),
  'text that is not UTF-8': Buffer.from('323a34ff', 'hex'),
})) {
  test(`ours: ends the session: ${what}`, async () => {
    const session = await connected(ours)
    await session.post(body)
    await assertGone(session)
  })
}

test('off by default: code 5', async () => {
  const server = await startServer()
  try {
    for (const query of ['EIO=3&transport=polling', 'transport=polling', 'EIO=3&transport=polling&b64=1']) {
      const { status, text: body } = await request(`${server.url}/socket.io/?${query}`)
      assert.deepEqual([status, JSON.parse(body)], [400, { code: 5, message: 'Unsupported protocol version' }])
    }
  } finally {
    await server.stop()
  }
})
