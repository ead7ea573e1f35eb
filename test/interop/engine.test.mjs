// Engine.IO request by request. Every case runs against Node's stock server
// too, so that nothing is expected of ours that clients are not used to.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { RawSocket, Session, endpoint, packets, request } from '../lib/engine.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { STOCK, startServer } from '../lib/server.mjs'
import { until } from '../lib/wait.mjs'

const MAX_PAYLOAD = 1_000_000

const errors = [
  [0, 'Transport unknown'],
  [1, 'Session ID unknown'],
  [2, 'Bad handshake method'],
  [3, 'Bad request'],
  [4, 'Forbidden'],
  [5, 'Unsupported protocol version'],
]

function assertRefused(response, code) {
  assert.equal(response.status, code === 4 ? 403 : 400)
  assert.deepEqual(JSON.parse(response.text), { code, message: errors[code][1] })
  assert.match(response.headers.get('content-type'), /^application\/json/)
}

const assertGone = async (session) => assertRefused(await session.poll(), 1)

// connected is a session in the namespace `/`, and the id of its socket.
async function connected(server) {
  const session = await Session.open(server)
  const answer = await session.connect()
  return { session, id: JSON.parse(answer.slice(2)).sid }
}

// upgraded is a session whose WebSocket has taken over.
async function upgraded(server) {
  const { session, id } = await connected(server)
  const socket = await session.websocket().opened()
  socket.send('2probe')
  await socket.frame('3probe')
  const poll = session.poll()
  socket.send('5')
  await poll
  return { session, id, socket }
}

// farewell ends a connection so that its client comes back, after a last event.
const farewell = (server, id, name) => server.api.disconnect({
  target: { connection_ids: [id] }, allow_reconnect: true, last_event: eventOf(name),
})

const send = (server, id, name) => server.api.send({ target: { connection_ids: [id] }, event: eventOf(name) })

// chunked is a request body without a Content-Length.
async function* chunked(size) {
  const piece = 'x'.repeat(50_000)
  yield '4'
  for (let sent = 1; sent < size; sent += piece.length) yield piece
}

const cases = {
  async 'the handshake'(server) {
    const response = await request(endpoint(server))
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type'), /^text\/plain; charset=utf-8$/i)
    assert.equal(response.text[0], '0')
    const { sid, ...rest } = JSON.parse(response.text.slice(1))
    assert.match(sid, /^[\w-]{20}$/)
    assert.deepEqual(rest, {
      upgrades: ['websocket'], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: MAX_PAYLOAD,
    })
  },

  async 'the handshake on a WebSocket'(server) {
    const socket = new RawSocket(server, {})
    const [open] = await socket.frames.take(1)
    assert.equal(open[0], '0')
    assert.deepEqual(JSON.parse(open.slice(1)).upgrades, [])
    socket.send('40')
    const [, connect] = await socket.frames.take(2)
    assert.match(connect, /^40\{"sid":"[\w-]{20}"\}$/)
    socket.ws.close()
  },

  async 'error 0: no such transport'(server) {
    assertRefused(await request(endpoint(server, { transport: 'carrier-pigeon' })), 0)
    assertRefused(await request(`${server.url}/socket.io/?EIO=4`), 0)
  },

  async 'error 1: no such session'(server) {
    assertRefused(await request(endpoint(server, { sid: 'AAAAAAAAAAAAAAAAAAAA' })), 1)
    assertRefused(await request(endpoint(server, { sid: 'x' }), { method: 'POST', body: '40' }), 1)
  },

  async 'error 2: the first request is no GET'(server) {
    assertRefused(await request(endpoint(server), { method: 'POST', body: '40' }), 2)
  },

  async 'error 3: polling after the upgrade'(server) {
    const { session, socket } = await upgraded(server)
    assertRefused(await session.poll(), 3)
    assertRefused(await session.post('2'), 3)
    socket.ws.close()
  },

  async 'error 5: another protocol version'(server) {
    assertRefused(await request(endpoint(server, { EIO: '3' })), 5)
    assertRefused(await request(`${server.url}/socket.io/?transport=polling`), 5)
  },

  async 'a refused WebSocket handshake'(server) {
    const socket = new RawSocket(server, { sid: 'AAAAAAAAAAAAAAAAAAAA' })
    const [status, connection] = await new Promise((resolve) => {
      socket.ws.once('unexpected-response', (_, response) => resolve([response.statusCode, response.headers.connection]))
    })
    assert.equal(status, 400)
    assert.equal(connection, 'close')
    socket.ws.terminate()
  },

  async 'CONNECT and an event'(server) {
    const session = await Session.open(server)
    const post = await session.post('40')
    assert.deepEqual([post.status, post.text], [200, 'ok'])
    assert.match((await session.poll()).text, /^40\{"sid":"[\w-]{20}"\}$/)
    await session.post('421["echo",1,"two"]')
    assert.equal((await session.poll()).text, '431[1,"two"]')
  },

  async 'several packets in one body, both ways'(server) {
    const { session } = await connected(server)
    await session.post(['420["echo","a"]', '421["echo","b"]', '422["echo"]'].join('\x1e'))
    const answers = []
    while (answers.length < 3) answers.push(...packets((await session.poll()).text))
    assert.deepEqual(answers, ['430["a"]', '431["b"]', '432[]'])
  },

  async 'binary in a polling body'(server) {
    const { session } = await connected(server)
    await session.post('451-7["echo",{"_placeholder":true,"num":0}]\x1ebAQID')
    const answers = []
    while (answers.length < 2) answers.push(...packets((await session.poll()).text))
    assert.deepEqual(answers, ['461-7[{"_placeholder":true,"num":0}]', 'bAQID'])
  },

  async 'an unknown namespace'(server) {
    const session = await Session.open(server)
    await session.post('40/nowhere,')
    assert.equal((await session.poll()).text, '44/nowhere,{"message":"Invalid namespace"}')
    assert.match(await session.connect(), /^40\{/)
  },

  async 'leaving the namespace keeps the transport'(server) {
    const { session, id } = await connected(server)
    await session.post('41')
    const again = await session.connect()
    assert.match(again, /^40\{"sid":"[\w-]{20}"\}$/)
    assert.notEqual(JSON.parse(again.slice(2)).sid, id)
  },

  async 'two polls at once'(server) {
    const { session } = await connected(server)
    const [first, second] = await Promise.all([session.poll(), session.poll()])
    const [winner, loser] = first.status === 200 ? [first, second] : [second, first]
    assert.deepEqual([winner.status, winner.text], [200, '1'])
    assert.equal(loser.status, 400)
    await assertGone(session)
  },

  async 'a poll that is cut ends the session'(server) {
    const { session } = await connected(server)
    await session.cutPoll()
    await until(async () => (await session.post('3')).status === 400, 'the session ends')
    await assertGone(session)
  },

  async 'a POST over the limit'(server) {
    const session = await Session.open(server)
    const { status } = await session.post('4'.repeat(MAX_PAYLOAD + 1))
    assert.equal(status, 413)
  },

  async 'a POST over the limit, in chunks'(server) {
    const session = await Session.open(server)
    const options = { duplex: 'half' }
    const outcome = await session.post(chunked(MAX_PAYLOAD * 1.2), options).then(({ status }) => status, () => 'cut off')
    assert.ok(outcome === 413 || outcome === 'cut off', `outcome ${outcome}`)
  },

  async 'a POST at the limit'(server) {
    const { session } = await connected(server)
    const frame = '42["n",""]'
    const { status } = await session.post(frame.replace('""', `"${'x'.repeat(MAX_PAYLOAD - frame.length)}"`))
    assert.equal(status, 200)
  },

  async 'the close packet'(server) {
    const { session } = await connected(server)
    const poll = session.poll()
    await session.post('1')
    assert.equal((await poll).text, '6')
    await assertGone(session)
  },

  async 'a poll while probing gets a noop soon'(server) {
    const { session } = await connected(server)
    const socket = await session.websocket().opened()
    socket.send('2probe')
    await socket.frame('3probe')
    assert.equal((await session.poll()).text, '6')
    socket.ws.close()
  },

  async 'after the upgrade packets come on the WebSocket'(server) {
    const { id, socket } = await upgraded(server)
    await send(server, id, 'hello')
    await socket.frame('42["hello"]')
    socket.send('423["echo",1]')
    await socket.frame('433[1]')
    socket.ws.close()
  },

  async 'what waits during the probe is not lost'(server) {
    const { session, id } = await connected(server)
    const socket = await session.websocket().opened()
    socket.send('2probe')
    await socket.frame('3probe')
    for (const name of ['a', 'b', 'c']) await send(server, id, name)
    socket.send('5')
    const late = await session.poll()
    if (late.status === 200) assert.equal(late.text, '6')
    const frames = await socket.frames.take(4)
    assert.deepEqual(frames, ['3probe', '42["a"]', '42["b"]', '42["c"]'])
    socket.ws.close()
  },

  async 'an abandoned upgrade leaves polling as it was'(server) {
    const { session, id } = await connected(server)
    const socket = await session.websocket().opened()
    socket.send('2probe')
    await socket.frame('3probe')
    const during = []
    await send(server, id, 'during')
    while (!during.includes('42["during"]')) during.push(...packets((await session.poll()).text))
    assert.ok(during.every((packet) => packet === '6' || packet === '42["during"]'), `got ${during}`)
    await session.post('421["echo"]')
    while (!during.includes('431[]')) during.push(...packets((await session.poll()).text))

    socket.ws.terminate()
    await socket.whenClosed()
    const after = []
    await send(server, id, 'after')
    while (!after.includes('42["after"]')) after.push(...packets((await session.poll()).text))
    assert.ok(after.every((packet) => packet === '6' || packet === '42["after"]'), `got ${after}`)
  },

  // A stock client handles events later than a close packet in the same body.
  async 'a last event and the close packet come in bodies of their own'(server) {
    const { session, id } = await connected(server)
    const poll = session.poll()
    await farewell(server, id, 'bye')
    assert.equal((await poll).text, '42["bye"]')
    const rest = packets((await session.poll()).text)
    assert.ok(rest.includes('1'), `got ${rest}`)
  },

  async 'a last event during the upgrade is not lost'(server) {
    const { session, id } = await connected(server)
    const socket = await session.websocket().opened()
    socket.send('2probe')
    await socket.frame('3probe')
    await farewell(server, id, 'bye')
    socket.send('5')
    await socket.frame('42["bye"]')
    await socket.whenClosed()
  },

  async 'a second WebSocket for a session is closed, the first goes on'(server) {
    const { session, id, socket } = await upgraded(server)
    const second = session.websocket()
    await second.whenClosed()
    assert.deepEqual(second.frames.items, [])
    await send(server, id, 'still here')
    await socket.frame('42["still here"]')
    socket.ws.close()
  },

  async 'a message over the limit closes the WebSocket'(server) {
    const socket = await new RawSocket(server, {}).opened()
    await socket.frames.take(1)
    socket.send('4'.repeat(MAX_PAYLOAD + 1))
    assert.equal(await socket.whenClosed(), 1009)
  },
}

// What ends a session, sent after CONNECT.
const fatal = {
  'no packet type': 'x',
  'an unknown packet type': '9',
  'a ping from the client': '2',
  'an unknown Socket.IO type': '4x',
  'an event that is no array': '42{"a":1}',
  'an event without a name': '42[]',
  'an event that is no JSON': '42["a"',
  'a reserved event name': '42["connect"]',
  'a bad acknowledgement': '431{"a":1}',
  'an event for a namespace that was not joined': '42/chat,["a"]',
  'a placeholder without a number': '451-["a",{"_placeholder":true,"num":"x"}]\x1ebAQID',
  'a placeholder out of range': '451-["a",{"_placeholder":true,"num":5}]\x1ebAQID',
  'too many attachments': '4511-["a"]',
  'an attachment nobody announced': 'bAQID',
  'text when an attachment is due': '451-["a",{"_placeholder":true,"num":0}]\x1e42["b"]',
}

for (const [what, packet] of Object.entries(fatal)) {
  cases[`ends the session: ${what}`] = async (server) => {
    const { session } = await connected(server)
    const poll = session.poll()
    await session.post(packet)
    await poll
    await assertGone(session)
  }
}

cases['ends the session: an event before CONNECT'] = async (server) => {
  const session = await Session.open(server)
  const poll = session.poll()
  await session.post('42["a"]')
  await poll
  await assertGone(session)
}

const ours = await startServer()
after(() => ours.stop())
const stock = await startServer({ bin: STOCK })
after(() => stock.stop())

for (const [name, run] of Object.entries(cases)) {
  test(`stock: ${name}`, () => run(stock))
  test(`ours: ${name}`, () => run(ours))
}
