// Clients that are connected first and say later who they are, as those of the
// Ignis framework do. The tests named `keeps:` are what its component does; those
// named `fault` are what was found wrong with it, and is right here.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import second from 'socket.io-client-2-5'
import { Cluster } from '../cluster/lib/peers.mjs'
import { SECRET, startBackend } from '../lib/backend.mjs'
import { metric, notReady, ready, startNode } from '../lib/cluster.mjs'
import { argOf, codes, eventOf, valueOf } from '../lib/grpc.mjs'
import { IgnisClient, TIME, enter } from '../lib/ignis.mjs'
import { startRedis } from '../lib/redis.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until, within } from '../lib/wait.mjs'

const REFUSED = 'Invalid token to authenticate! Please login again!'
const BROKEN = 'Failed to authenticate connection! Please login again!'
const DEFAULT_ROOMS = ['io-default', 'io-notification']
const KEY = '0123456789abcdef0123456789abcdef'

const failure = (code) => Object.assign(new Error(SECRET), { code, details: SECRET })

// What the backend says of a client, by auth.how; the rest of auth is Accept.
const authenticators = {
  accept: ({ how, ...accept }) => ({ accept: { user_id: 'ada', ...accept } }),
  refuse: () => ({ refuse: { code: 'BAD_TOKEN', message: 'Not you' } }),
  fail: () => { throw failure(codes.INTERNAL) },
  silent: () => ({}),
  crowd: () => ({ accept: { rooms: Array.from({ length: 10_000 }, (_, i) => `room ${i}`) } }),
  hang: () => {},
}

// Replies that a test holds back, by connection.
const held = new Map()
const release = async (id, answer) => (await until(() => held.get(id), `${id} is asked for`))(answer)

const backend = await startBackend(undefined, {
  Authenticate({ context, handshake, payload }, reply) {
    const { how = 'accept', ...auth } = { ...JSON.parse(handshake.claims.auth_json), ...(payload[0]?.json && JSON.parse(payload[0].json)?.answer) }
    if (how === 'hold') return void held.set(context.connection_id, (answer) => reply(null, answer))
    return authenticators[how]({ how, ...auth })
  },
  OnConnected({ context }, reply) {
    if (context.user_id === 'fails later') throw failure(codes.INTERNAL)
    if (context.user_id === 'waits') return void held.set(context.connection_id, () => reply(null, {}))
    return {}
  },
  OnEvent: ({ event }) => {
    if (event.name === 'throw') throw failure(codes.INTERNAL)
    return { ack: event.args }
  },
  // The rooms that begin with "open" are for everybody.
  AuthorizeJoin({ context, rooms }, reply) {
    if (rooms.includes('open throw')) throw failure(codes.INTERNAL)
    if (rooms.includes('open more')) return { allowed_rooms: [...rooms, 'another'] }
    const allowed = { allowed_rooms: rooms.filter((room) => room.startsWith('open') || room.length === 20) }
    if (rooms.includes('open hold')) return void held.set(context.connection_id, () => reply(null, allowed))
    return allowed
  },
})
after(() => backend.stop())

const quickNames = { authenticate: 'login', authenticated: 'welcome', unauthenticated: 'go away', ping: 'tick', join: 'enter', leave: 'exit' }
const namespaces = {
  '/': { auth_mode: 'event', join: { policy: 'backend', reserved_prefixes: ['io-'], max_rooms: 8 } },
  '/denied': { auth_mode: 'event' },
  '/tokens': { auth_mode: 'event', jwt: { keys: [{ secret: KEY }] } },
  '/quick': {
    auth_mode: 'event',
    event_mode: {
      timeout: '500ms', ping_interval: '50ms', rooms: ['foyer'], messages: { refused: 'No.', broken: 'Later.' },
      events: { authenticate: 'login', authenticated: 'welcome', unauthenticated: 'go away', ping: 'tick' },
    },
    join: { policy: 'patterns', patterns: ['^team-\\d+$', '^of-{user}$'], events: { join: 'enter', leave: 'exit' } },
  },
}
const config = {
  http: { paths: ['/io', '/socket.io'] },
  namespaces,
  socketio: {
    close_timeout: '500ms', disconnect_grace: '200ms', recovery: { enabled: true }, allow_eio3: true,
    ping_interval: '20s', ping_timeout: '10s', max_http_buffer_size: 500_000, connect_timeout: '30s',
    websocket_compression: { enabled: true, threshold: 1024 },
    cors: { origins: ['https://app.example'], credentials: true },
  },
  api: { headers: ['user-agent', 'x-tenant'] },
}
const server = await startServer({ backend, config })
after(() => server.stop())

const authenticate = (id) => backend.of('Authenticate', id)
const connectionOf = (id) => server.api.getConnection({ connection_id: id }).then(({ connection }) => connection)
const unknown = (id) => assert.rejects(server.api.getConnection({ connection_id: id }), { code: codes.NOT_FOUND })
const isTime = (text) => assert.match(text, TIME)

// after a client's last word everything before it was handled.
const settled = (client) => client.ask('settled', 1)

describe('keeps', () => {
  test('keeps: the path is configurable, and /io is one', async (t) => {
    for (const path of ['/io', '/io/', '/socket.io']) {
      const client = await enter(t, server, { path })
      assert.equal(await client.ask('echo', path), path)
    }
  })

  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    test(`keeps: the life cycle, over ${transports}`, async (t) => {
      const client = await new IgnisClient(t, server, { transports, auth: { how: 'hold' } }).connected()
      assert.equal(client.state, 'unauthorized')
      await unknown(client.id)
      client.authenticate({ said: ['this'] }, 'and that')
      assert.equal(client.state, 'authenticating')
      const { request } = await authenticate(client.id)
      assert.equal(request.cause, 'AUTHENTICATE_CAUSE_EVENT')
      assert.deepEqual(request.payload.map(valueOf), [{ said: ['this'] }, 'and that'])
      await release(client.id, { accept: { user_id: 'ada' } })
      await client.event('authenticated')
      assert.equal(client.state, 'authenticated')
      assert.equal((await connectionOf(client.id)).user_id, 'ada')
    })
  }

  test('keeps: the time limit is 10 s', async (t) => {
    const client = await new IgnisClient(t, server, {}).connected()
    const begin = performance.now()
    assert.equal(await client.ended(15_000), 'io server disconnect')
    const took = performance.now() - begin
    assert.ok(took > 9_500 && took < 12_000, `${took} ms`)
    assert.deepEqual(client.inbox.items, [])
  })

  test('keeps: the time limit cuts off a call that is under way', async (t) => {
    const client = await new IgnisClient(t, server, { namespace: '/quick', names: quickNames, auth: { how: 'hold' } }).connected()
    const { id } = client
    client.authenticate()
    assert.equal(await client.ended(), 'io server disconnect')
    assert.deepEqual(client.heard, ['go away'])
    assert.equal(client.inbox.items[0][1].message, 'Later.')
    await release(id, { accept: { rooms: ['late'] } }) // is dropped
    const { rooms } = await server.api.listRooms({ namespace: '/quick', prefix: 'late' })
    assert.deepEqual(rooms, [])
    assert.ok(await metric(server, 'realtime_gateway_authentications_total', 'verdict="late"') > 0)
  })

  test('keeps: on success rooms, authenticated, first events, ping now and again, OnConnected', async (t) => {
    const auth = { rooms: ['own'], events: [eventOf('first', 1)] }
    const client = await enter(t, server, { auth })
    const { id } = client
    const [, , ping] = await client.inbox.take(3)
    assert.deepEqual(client.heard.slice(0, 3), ['authenticated', 'first', 'ping'])
    assert.deepEqual(Object.keys(client.inbox.items[0][1]), ['id', 'time'])
    assert.equal(client.inbox.items[0][1].id, id)
    isTime(client.inbox.items[0][1].time)
    assert.deepEqual(Object.keys(ping[1]), ['time'])
    isTime(ping[1].time)
    await backend.of('OnConnected', id)
    assert.deepEqual((await connectionOf(id)).rooms, [...DEFAULT_ROOMS, 'own'])

    const quick = await enter(t, server, { namespace: '/quick', names: quickNames })
    await until(() => quick.heard.filter((name) => name === 'tick').length >= 4, 'four pings')
    const { connection } = await server.api.getConnection({ namespace: '/quick', connection_id: quick.id })
    assert.deepEqual(connection.rooms, ['foyer'])
  })

  for (const [how, message] of Object.entries({ refuse: REFUSED, fail: BROKEN, silent: BROKEN, crowd: BROKEN })) {
    test(`keeps: unauthenticated, then the end, if the backend answers with: ${how}`, async (t) => {
      const client = new IgnisClient(t, server, { auth: { how } })
      const { name, data } = await client.login()
      assert.equal(name, 'unauthenticated')
      assert.deepEqual(Object.keys(data), ['message', 'time'])
      assert.equal(data.message, message)
      isTime(data.time)
      assert.equal(await client.ended(), 'io server disconnect')
      assert.deepEqual(client.heard, ['unauthenticated'])
    })
  }

  test('keeps: authenticate in another state is ignored, and a result that is too late dropped', async (t) => {
    const client = await new IgnisClient(t, server, { auth: { how: 'hold' } }).connected()
    const { id } = client
    for (let i = 0; i < 3; i += 1) client.socket.emit('authenticate')
    await release(id, { accept: {} })
    await client.event('authenticated')
    client.socket.emit('authenticate')
    assert.equal((await client.ask('authenticate')).error.code, 'ALREADY_AUTHENTICATED')
    await settled(client)
    assert.equal(client.heard.filter((name) => name === 'authenticated').length, 1)
    assert.equal(backend.calls.items.filter(({ method, request }) => method === 'Authenticate' && request.context.connection_id === id).length, 1)

    const leaver = await new IgnisClient(t, server, { auth: { how: 'hold' } }).connected()
    const left = leaver.id
    leaver.authenticate()
    await authenticate(left)
    leaver.socket.disconnect()
    await release(left, { accept: { user_id: 'leaver', rooms: ['of the leaver'] } })
    await settled(client)
    await unknown(left)
    assert.deepEqual((await server.api.listRooms({ prefix: 'of the leaver' })).rooms, [])
  })

  test('keeps: who reconnects has a new id and no rooms, and must authenticate again', async (t) => {
    const client = await enter(t, server, { auth: { rooms: ['before'] } })
    const { id } = client
    client.socket.io.engine.close()
    await next(client.socket, 'connect')
    assert.equal(client.state, 'unauthorized')
    assert.notEqual(client.id, id)
    assert.ok(!client.socket.recovered)
    await unknown(client.id)
    assert.deepEqual((await server.api.listRooms({ prefix: 'before' })).rooms, [])
    client.inbox.items.length = 0
    assert.equal((await client.login()).name, 'authenticated')
    await connectionOf(client.id)
  })

  test('keeps: clients join and leave, as the policy allows; without one nothing is allowed', async (t) => {
    const client = await enter(t, server, {})
    client.join('open a', 'closed')
    client.leave('io-notification')
    await settled(client)
    assert.deepEqual((await connectionOf(client.id)).rooms, ['io-default', 'open a'])
    assert.deepEqual(await client.ask('join', { rooms: ['open b', 'closed', 'io-x', 'tab\t'] }), {
      rooms: ['open b'],
      refused: [{ room: 'io-x', code: 'ROOM_RESERVED' }, { room: 'tab\t', code: 'ROOM_INVALID' }, { room: 'closed', code: 'ROOM_DENIED' }],
    })
    assert.deepEqual(await client.ask('leave', { rooms: ['open a'] }), { rooms: ['open a'], refused: [] })
    assert.deepEqual((await connectionOf(client.id)).rooms, ['io-default', 'open b'])

    const denied = await enter(t, server, { namespace: '/denied' })
    assert.deepEqual(await denied.ask('join', { rooms: ['open a'] }), { rooms: [], refused: [{ room: 'open a', code: 'ROOM_DENIED' }] })

    const quick = await enter(t, server, { namespace: '/quick', names: quickNames, auth: { user_id: 'a.c' } })
    assert.deepEqual(await quick.ask('enter', { rooms: ['team-1', 'team-x', 'of-a.c', 'of-abc'] }), {
      rooms: ['team-1', 'of-a.c'],
      refused: [{ room: 'team-x', code: 'ROOM_DENIED' }, { room: 'of-abc', code: 'ROOM_DENIED' }],
    })
    assert.deepEqual(await quick.ask('exit', { rooms: ['team-1'] }), { rooms: ['team-1'], refused: [] })
  })

  test('keeps: the handshake of the call', async (t) => {
    const before = Date.now()
    const extraHeaders = { 'X-Tenant': 'red', 'Origin': 'https://app.example', 'X-Secret': SECRET }
    const client = await enter(t, server, { auth: { token: 't' }, query: { v: '1' }, extraHeaders })
    const { request: { handshake: { claims, observed } } } = await authenticate(client.id)
    assert.equal(claims.headers['x-tenant'], 'red')
    assert.equal(claims.headers['x-secret'], undefined)
    assert.deepEqual(JSON.parse(claims.auth_json), { token: 't' })
    assert.equal(claims.query.v, '1')
    assert.equal(observed.remote_address, '127.0.0.1')
    assert.equal(observed.cross_origin, true)
    assert.equal(observed.secure, false)
    assert.match(observed.url, /^\/io\/\?/)
    const issued = Number(observed.time.seconds) * 1_000 + observed.time.nanos / 1e6
    assert.ok(issued >= before - 1 && issued <= Date.now(), `${issued}`)
  })

  test('keeps: a send goes to a connection or a room, compressed', async (t) => {
    const client = await enter(t, server, { perMessageDeflate: true })
    await client.ask('join', { rooms: ['open news'] })
    const text = 'abcdefgh'.repeat(200)
    const squeezed = await metric(server, 'realtime_engine_compression_input_bytes_total')
    await server.api.send({ target: { connection_ids: [client.id] }, event: eventOf('to me', { text }) })
    await server.api.send({ target: { rooms: ['open news'] }, event: eventOf('to the room', { text }) })
    assert.deepEqual(await client.event('to me'), [{ text }])
    assert.deepEqual(await client.event('to the room'), [{ text }])
    assert.ok(await metric(server, 'realtime_engine_compression_input_bytes_total') >= squeezed + 2 * text.length)
  })

  test('keeps: the options of the server', async (t) => {
    const response = await fetch(`${server.url}/io/?EIO=4&transport=polling`, { headers: { origin: 'https://app.example' } })
    const opened = JSON.parse((await response.text()).slice(1))
    assert.deepEqual([opened.pingInterval, opened.pingTimeout, opened.maxPayload], [20_000, 10_000, 500_000])
    assert.equal(response.headers.get('access-control-allow-origin'), 'https://app.example')
    const strange = await fetch(`${server.url}/io/?EIO=4&transport=polling`, { headers: { origin: 'https://other.example' } })
    assert.equal(strange.status, 403)
    await strange.text()
    const one = await startServer({ backend, config: { ...config, socketio: { close_timeout: '500ms', transports: ['polling'], connect_timeout: '100ms' } } })
    t.after(() => one.stop())
    const client = await enter(t, one, { transports: ['polling'] })
    assert.equal(client.socket.io.engine.transport.name, 'polling')
    const refused = await fetch(`${one.url}/io/?EIO=4&transport=websocket`)
    assert.equal((await refused.json()).message, 'Transport unknown')
    const silent = JSON.parse((await (await fetch(`${one.url}/io/?EIO=4&transport=polling`)).text()).slice(1))
    const end = await fetch(`${one.url}/io/?EIO=4&transport=polling&sid=${silent.sid}`)
    assert.ok(['1', '6'].includes((await end.text())[0]), 'closed after connect_timeout')
  })

  test('keeps: a token in the payload is checked without a backend', async (t) => {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const unsigned = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'ada', exp: Math.floor(Date.now() / 1_000) + 60 })}`
    const token = `${unsigned}.${createHmac('sha256', KEY).update(unsigned).digest('base64url')}`
    const client = await enter(t, server, { namespace: '/tokens' }, { token })
    const { connection } = await server.api.getConnection({ namespace: '/tokens', connection_id: client.id })
    assert.equal(connection.user_id, 'ada')
    const stranger = new IgnisClient(t, server, { namespace: '/tokens', auth: { token } })
    assert.equal((await stranger.login({ token: `${token}x` })).data.message, REFUSED)
  })
})

test('clients of Socket.IO 2 say later who they are, too', async (t) => {
  const open = async () => {
    const socket = second(server.url, { path: '/io', transports: ['websocket'], forceNew: true, reconnection: false })
    t.after(() => socket.disconnect())
    await next(socket, 'connect')
    return socket
  }
  const welcome = await open()
  welcome.emit('authenticate')
  const [{ id }] = await next(welcome, 'authenticated')
  assert.deepEqual((await connectionOf(id)).rooms, DEFAULT_ROOMS)
  const stranger = await open()
  stranger.emit('authenticate', { answer: { how: 'refuse' } })
  const ended = next(stranger, 'disconnect')
  assert.equal((await next(stranger, 'unauthenticated'))[0].message, REFUSED)
  assert.equal((await ended)[0], 'io server disconnect')
})

describe('faults', () => {
  test('fault 1: 250 of 250 clients hear that they are refused', async (t) => {
    const outcomes = await Promise.all(Array.from({ length: 250 }, async (_, i) => {
      const transports = [['websocket'], ['polling']][i % 2]
      const client = new IgnisClient(t, server, { transports, auth: { how: i % 3 ? 'refuse' : 'fail' }, reconnection: false })
      const { name } = await client.login()
      return [name, await client.ended()].join()
    }))
    assert.deepEqual([...new Set(outcomes)], ['unauthenticated,io server disconnect'])
  })

  test('fault 2: a send without a destination is refused, and a broadcast is for the authenticated', async (t) => {
    const stranger = await new IgnisClient(t, server, {}).connected()
    const client = await enter(t, server, {})
    for (const target of [undefined, {}, { namespace: '/' }]) {
      await assert.rejects(server.api.send({ target, event: eventOf('to nobody') }), { code: codes.INVALID_ARGUMENT })
    }
    await server.api.broadcast({ event: eventOf('to all') })
    await client.event('to all')
    stranger.authenticate()
    await stranger.event('ping')
    assert.deepEqual(stranger.heard, ['authenticated', 'ping'])
    assert.ok(!client.heard.includes('to nobody'))
  })

  test('fault 3: what is malformed, or makes a callback throw, is answered to that client', async (t) => {
    const witness = await enter(t, server, {})
    const client = await enter(t, server, {})
    for (const payload of [null, 1, 'lobby', [], {}, { rooms: 'lobby' }, { rooms: null }, { rooms: [1] }, { rooms: [null] }, { rooms: { length: 5 } }, Buffer.from('x')]) {
      for (const event of ['join', 'leave']) {
        client.socket.emit(event, payload)
        assert.equal((await client.ask(event, payload)).error.code, 'INVALID_PAYLOAD', JSON.stringify(payload))
      }
    }
    assert.equal((await client.ask('join', { rooms: ['open throw'] })).error.code, 'BACKEND_ERROR')
    assert.equal((await client.ask('join', { rooms: ['open more'] })).error.code, 'BACKEND_INVALID_REPLY')
    assert.equal((await client.ask('throw')).error.code, 'BACKEND_ERROR')
    assert.deepEqual((await connectionOf(client.id)).rooms, DEFAULT_ROOMS)
    for (const payload of [[], [null], [1, 2], ['x'], [Buffer.from('x')], [[[]]], [{ deep: { er: null } }]]) {
      const other = await new IgnisClient(t, server, {}).connected()
      assert.equal((await other.ask('authenticate', ...payload)).id, other.id)
    }
    const early = await new IgnisClient(t, server, {}).connected()
    assert.equal((await early.ask('join', { rooms: ['open a'] })).error.code, 'UNAUTHENTICATED')
    early.socket.emit('join', null)
    assert.equal(await witness.ask('echo', 'still here'), 'still here')
    assert.equal(await metric(server, 'realtime_handler_panics_total'), 0)
  })

  test('fault 6: an error in OnConnected does not undo the login', async (t) => {
    const client = await enter(t, server, { auth: { user_id: 'fails later' } })
    await backend.of('OnConnected', client.id)
    assert.equal(await client.ask('echo', 1), 1)
    assert.deepEqual(client.ends.items, [])
  })

  test('fault 7: what a client emits right after authenticated is held, in order', async (t) => {
    const client = new IgnisClient(t, server, { auth: { user_id: 'waits' } })
    client.socket.on('authenticated', () => {
      for (let n = 0; n < 20; n += 1) client.socket.emit('n', n)
    })
    await client.login()
    const { id } = client
    const { at } = await backend.of('OnConnected', id)
    const events = () => backend.calls.items.filter(({ method, request }) => method === 'OnEvent' && request.context.connection_id === id)
    const last = settled(client) // waits as the others do
    await enter(t, server, {}) // the server has done something else meanwhile
    assert.equal(events().length, 0)
    await release(id)
    await last
    assert.ok(events().every((event) => event.at >= at))
    assert.deepEqual(events().slice(0, 20).map(({ request }) => valueOf(request.event.args[0])), Array.from({ length: 20 }, (_, n) => n))
  })

  test('fault 8: who joins a room by the name of another\'s id or user receives nothing of theirs', async (t) => {
    const victim = await enter(t, server, { auth: { user_id: 'open victim' } })
    const thief = await enter(t, server, {})
    assert.deepEqual((await thief.ask('join', { rooms: [victim.id, 'open victim'] })).rooms, [victim.id, 'open victim'])
    await server.api.send({ target: { connection_ids: [victim.id] }, event: eventOf('secret') })
    await server.api.send({ target: { users: ['open victim'] }, event: eventOf('secret too') })
    await server.api.send({ target: { connection_ids: [thief.id, victim.id] }, event: eventOf('end') })
    await victim.event('end')
    await thief.event('end')
    assert.deepEqual(victim.heard.slice(2), ['secret', 'secret too', 'end'])
    assert.deepEqual(thief.heard.slice(2), ['end'])
  })

  test('fault 9: falsy data is delivered', async (t) => {
    const client = await enter(t, server, {})
    const falsy = [false, 0, '', null]
    for (const value of falsy) await server.api.send({ target: { connection_ids: [client.id] }, event: eventOf('falsy', value) })
    await server.api.send({ target: { connection_ids: [client.id] }, event: { name: 'nothing' } })
    await client.event('nothing')
    assert.deepEqual(client.inbox.items.filter(([name]) => name === 'falsy').map(([, value]) => value), falsy)
    for (const value of falsy) assert.equal(await client.ask('echo', value), value)
  })

  test('fault 10: a login has a user, metadata and an end', async (t) => {
    const seconds = Math.floor(Date.now() / 1_000) + 2
    const client = await enter(t, server, {
      reconnection: false,
      auth: { user_id: 'grace', metadata: { fields: { plan: { stringValue: 'free', kind: 'stringValue' } } }, expires_at: { seconds } },
    })
    const connection = await connectionOf(client.id)
    assert.equal(connection.user_id, 'grace')
    assert.equal(connection.metadata.fields.plan.stringValue, 'free')
    assert.equal(Number(connection.expires_at.seconds), seconds)
    assert.equal((await backend.of('OnConnected', client.id)).request.context.metadata.fields.plan.stringValue, 'free')
    const { id } = client
    assert.equal(await client.ended(), 'transport close')
    assert.equal((await backend.of('OnDisconnected', id)).request.reason, 'credential expired')
  })

  test('fault 11: a connection that the server has ended is closed after a short grace', async (t) => {
    const refused = new IgnisClient(t, server, { auth: { how: 'refuse' } })
    const engine = refused.socket.io.engine
    await refused.login()
    await within(new Promise((resolve) => { engine.readyState === 'closed' ? resolve() : engine.on('close', resolve) }), 'the transport is closed')

    // A client that does not close its own side.
    const client = await enter(t, server, { reconnection: false })
    const { engine: open } = client.socket.io
    client.socket.io._close = () => {}
    client.socket.io._destroy = () => {}
    const closed = next(open, 'close')
    await server.api.disconnect({ target: { connection_ids: [client.id] } })
    await client.ended()
    await closed
  })

  test('fault 12: at a shutdown clients are told to come back', async (t) => {
    const one = await startServer({ backend, config: { ...config, shutdown: { window: '100ms', timeout: '10s' } } })
    const clients = await Promise.all([1, 2, 3].map(() => enter(t, one, {})))
    const stranger = await new IgnisClient(t, one, {}).connected()
    await one.stop()
    for (const client of [...clients, stranger]) {
      assert.equal(await client.ended(), 'transport close')
      assert.equal(client.socket.active, true, 'the client tries to come back')
    }
  })

  test('fault 13: CORS with * and credentials does not start, and headers are never logged', async (t) => {
    await assert.rejects(
      startServer({ backend, config: { ...config, socketio: { cors: { origins: ['*'], credentials: true } } } }),
      /exited with 2/,
    )
    const one = await startServer({ backend, config: { ...config, log: { level: 'debug' } } })
    t.after(() => one.stop())
    const secrets = { header: 'secret of a header', auth: 'secret of auth', payload: 'secret of a payload', event: 'secret of an event' }
    const options = { extraHeaders: { 'X-Tenant': secrets.header, 'Cookie': secrets.header }, auth: { token: secrets.auth } }
    const client = await enter(t, one, options, { token: secrets.payload })
    await client.ask('echo', secrets.event)
    const refused = new IgnisClient(t, one, { ...options, auth: { how: 'fail', token: secrets.auth } })
    await refused.login({ token: secrets.payload })
    await refused.ended()
    const log = one.log.items.join('\n')
    assert.ok(log.length > 0)
    for (const secret of Object.values(secrets)) assert.ok(!log.includes(secret), secret)
  })

  test('fault 14: there are limits, metrics and lists', async (t) => {
    const client = await enter(t, server, { auth: { user_id: 'limited' } })
    const rooms = (n) => ({ rooms: Array.from({ length: n }, (_, i) => `open ${i}`) })
    assert.equal((await client.ask('join', rooms(7))).error.code, 'TOO_MANY_ROOMS')
    assert.equal((await client.ask('join', rooms(101))).error.code, 'INVALID_PAYLOAD')
    assert.equal((await client.ask('join', rooms(6))).rooms.length, 6)
    assert.equal((await client.ask('join', { rooms: ['x'.repeat(129)] })).refused[0].code, 'ROOM_INVALID')
    for (const verdict of ['accepted', 'refused', 'broken']) {
      assert.ok(await metric(server, 'realtime_gateway_authentications_total', `verdict="${verdict}"`) > 0, verdict)
    }
    const waiting = await metric(server, 'realtime_lobby_sockets', 'namespace="/"')
    await new IgnisClient(t, server, {}).connected()
    assert.equal(await metric(server, 'realtime_lobby_sockets', 'namespace="/"'), waiting + 1)
    const { connections } = await server.api.listConnections({ user_id: 'limited' })
    assert.deepEqual(connections.map(({ id }) => id), [client.id])
  })
})

describe('several instances', async () => {
  const redis = await startRedis()
  const bridged = { ...config, bridge: { dialect: 'classic' } }
  const [one, two] = await Promise.all([1, 2].map(() => startNode(backend, { addresses: [redis.address] }, bridged)))
  const cluster = new Cluster(`redis://${redis.address}`)
  after(async () => {
    await Promise.all([one.stop(), two.stop()])
    await cluster.close()
    await redis.stop()
  })
  await ready(one, two)

  // member is a client in a room that both nodes know of.
  async function member(t, node, room) {
    const client = await enter(t, node, {})
    assert.deepEqual((await client.ask('join', { rooms: [room] })).rooms, [room])
    return client
  }

  test('keeps: several instances, and the emitter of Node reaches all browsers', async (t) => {
    const clients = [await member(t, one, 'open all'), await member(t, two, 'open all')]
    const stranger = await new IgnisClient(t, one, {}).connected()
    const emitter = await cluster.emitter()
    // What the framework's send() does with {destination, payload: {topic, data}}.
    emitter.compress(true).to(clients[1].id).emit('topic', { to: 'id' })
    emitter.compress(true).to('open all').emit('topic', { to: 'room' })
    emitter.compress(true).emit('topic', { to: 'all' })
    await one.api.send({ target: { rooms: ['open all'] }, event: eventOf('from the api') })
    for (const client of clients) {
      await client.event('from the api')
      await client.inbox.find(([, data]) => data?.to === 'all', 'all')
    }
    const topics = (client) => client.inbox.items.filter(([name]) => name === 'topic').map(([, { to }]) => to)
    assert.deepEqual(topics(clients[0]), ['room', 'all'])
    assert.deepEqual(topics(clients[1]), ['id', 'room', 'all'])
    stranger.authenticate()
    await stranger.event('ping')
    assert.deepEqual(stranger.heard, ['authenticated', 'ping'])
    const { connections } = await two.api.listConnections({ room: 'open all' })
    assert.deepEqual(connections.map(({ id }) => id).sort(), clients.map(({ id }) => id).sort())
  })

  test('fault 4: a restart of Redis ends nothing', async (t) => {
    const [here, there] = [await member(t, one, 'open lasting'), await member(t, two, 'open lasting')]
    await redis.kill()
    await Promise.all([notReady(one), notReady(two)])
    await one.api.send({ target: { rooms: ['open lasting'] }, event: eventOf('local'), allow_degraded: true })
    await here.event('local')
    assert.equal(await here.ask('echo', 'alive'), 'alive')
    const newcomer = await enter(t, one, {})
    assert.deepEqual((await newcomer.ask('join', { rooms: ['open lasting'] })).rooms, ['open lasting'])
    await redis.start()
    await ready(one, two)
    await until(async () => (await one.api.send({ target: { rooms: ['open lasting'] }, event: eventOf('again') })).report.matched === '3', 'one cluster')
    await there.event('again')
    const emitter = await cluster.emitter()
    await until(async () => {
      emitter.to('open lasting').emit('from node')
      return there.heard.includes('from node') && here.heard.includes('from node')
    }, 'the emitter is heard')
    assert.deepEqual([here, there].flatMap(({ ends }) => ends.items), [])
  })

  test('fault 5: what is sent in two ways to one client keeps its order', async (t) => {
    const client = await member(t, two, 'open order')
    const emitter = await cluster.emitter()
    for (let n = 0; n < 100; n += 1) {
      await one.api.send({ target: n % 2 ? { rooms: ['open order'] } : { connection_ids: [client.id] }, event: eventOf('api', n) })
      emitter.to(n % 2 ? 'open order' : client.id).emit('emitter', n)
    }
    const of = (name) => client.inbox.items.filter(([event]) => event === name).map(([, n]) => n)
    await until(() => of('api').length + of('emitter').length === 200, 'all events')
    for (const name of ['api', 'emitter']) assert.deepEqual(of(name), Array.from({ length: 100 }, (_, n) => n))
  })

  test('fault 8: nobody joins what could be the id of another, where Node shares the names', async (t) => {
    const victim = await enter(t, two, {})
    const thief = await enter(t, one, {})
    assert.deepEqual(await thief.ask('join', { rooms: [victim.id] }), { rooms: [], refused: [{ room: victim.id, code: 'ROOM_RESERVED' }] })
    const emitter = await cluster.emitter()
    emitter.to(victim.id).emit('secret')
    emitter.emit('end')
    await Promise.all([victim, thief].map((client) => client.event('end')))
    assert.ok(victim.heard.includes('secret') && !thief.heard.includes('secret'))
  })

  test('fault 14: a node hears only what its clients are members of', async (t) => {
    await member(t, one, 'open here')
    const heard = () => metric(two, 'realtime_cluster_messages_received_total', 'channel="room"')
    const before = await heard()
    for (let n = 0; n < 10; n += 1) assert.equal((await one.api.send({ target: { rooms: ['open here'] }, event: eventOf('n', n) })).report.matched, '1')
    assert.equal(await heard(), before)
    assert.equal((await two.api.send({ target: { rooms: ['open here'] }, event: eventOf('n', 10) })).report.matched, '1')
  })
})

describe('failures of the backend', () => {
  test('a reply that comes when the client has left: no join is left over', async (t) => {
    const client = await enter(t, server, {})
    const { id } = client
    client.join('open hold', 'open leak')
    await backend.of('AuthorizeJoin', id)
    client.socket.disconnect()
    await until(() => server.api.getConnection({ connection_id: id }).then(() => false, () => true), 'it has left')
    await release(id)
    await backend.of('OnDisconnected', id) // the last task of the connection
    assert.deepEqual((await server.api.listRooms({ prefix: 'open leak' })).rooms, [])
  })

  test('a backend that is away, silent or garbage turns newcomers away, and residents stay', async (t) => {
    const own = await startBackend(undefined, { Authenticate: ({ handshake }) => (JSON.parse(handshake.claims.auth_json).how === 'hang' ? undefined : { accept: {} }) })
    const one = await startServer({ backend: own, config: { ...config, backend: { timeout: '300ms' } } })
    t.after(() => one.stop())
    const resident = await enter(t, one, {})
    const slow = new IgnisClient(t, one, { auth: { how: 'hang' } })
    assert.equal((await slow.login()).data.message, BROKEN)
    own.stop()
    const newcomer = new IgnisClient(t, one, {})
    assert.equal((await newcomer.login()).data.message, BROKEN)
    assert.equal((await resident.ask('echo', 1)).error.code, 'BACKEND_UNAVAILABLE')
    assert.deepEqual(resident.ends.items, [])
  })

  test('an answer without a user is an anonymous connection', async (t) => {
    const client = await enter(t, server, { auth: { user_id: '' } })
    assert.equal((await connectionOf(client.id)).user_id, '')
    assert.equal((await server.api.send({ target: { users: ['ada?'] }, event: eventOf('x') })).report.matched, '0')
  })

  test('a disconnect and a join at the same time leave no ghost', async (t) => {
    for (let i = 0; i < 20; i += 1) {
      const client = await enter(t, server, { auth: { user_id: 'ghost' } })
      const target = { connection_ids: [client.id] }
      client.join('open ghost', 'open ghost 2')
      await Promise.all([
        server.api.joinRoom({ target, rooms: ['ghost of the api'] }),
        server.api.disconnect({ target, allow_reconnect: false }),
      ])
      await client.ended()
      await backend.of('OnDisconnected', client.id ?? target.connection_ids[0])
    }
    assert.deepEqual((await server.api.listRooms({ prefix: 'open ghost' })).rooms, [])
    assert.deepEqual((await server.api.listRooms({ prefix: 'ghost' })).rooms, [])
  })

  test('joins, leaves and ends of many clients and callers leave nothing', async (t) => {
    const one = await startServer({ backend, config })
    t.after(() => one.stop())
    const clients = await Promise.all(Array.from({ length: 40 }, (_, i) => new IgnisClient(t, one, { reconnection: false, auth: { rooms: ['churn'] }, transports: [['websocket'], ['polling']][i % 2] }).connected()))
    const life = async (client, i) => {
      client.authenticate()
      if (i % 5 === 4) return client.socket.disconnect()
      await client.event('authenticated')
      for (let n = 0; n < 10; n += 1) {
        client.join(`open ${n % 3}`, 'open all')
        client.leave('open all')
      }
      if (i % 2) client.socket.disconnect()
    }
    const api = async () => {
      for (let n = 0; n < 40; n += 1) {
        await one.api.joinRoom({ target: { rooms: ['churn'] }, rooms: [`api ${n % 3}`] })
        await one.api.leaveRoom({ target: { rooms: [`api ${n % 3}`] }, rooms: ['open all'] })
      }
    }
    await Promise.all([...clients.map(life), api()])
    await one.api.disconnect({ target: { rooms: ['churn'] } })
    clients.forEach(({ socket }) => socket.disconnect())
    await until(async () => (await one.api.listRooms({})).rooms.length === 0, 'no room is left')
    for (const gauge of ['realtime_sockets', 'realtime_lobby_sockets', 'realtime_engine_sessions']) {
      await until(async () => await metric(one, gauge) === 0, `${gauge} is 0`)
    }
  })
})

test('a script of the Ignis framework: connect, authenticate, join, receive, be refused', async (t) => {
  const client = new IgnisClient(t, server, { path: '/io', auth: { token: 'your-test-token' } })
  await client.connected()
  client.authenticate()
  const [{ id, time }] = await client.event('authenticated')
  assert.equal(id, client.socket.id)
  isTime(time)
  client.join('open sports')
  await until(async () => (await connectionOf(id)).rooms.includes('open sports'), 'joined')
  await server.api.send({ target: { rooms: ['open sports'] }, event: eventOf('notification', { message: 'Hello' }) })
  assert.deepEqual(await client.event('notification'), [{ message: 'Hello' }])
  client.leave('open sports')
  await until(async () => !(await connectionOf(id)).rooms.includes('open sports'), 'left')
  assert.equal((await server.api.send({ target: { rooms: ['open sports'] }, event: eventOf('notification', {}) })).report.matched, '0')

  const stranger = new IgnisClient(t, server, { path: '/io', auth: { how: 'refuse' } })
  await stranger.connected()
  stranger.authenticate()
  assert.equal((await stranger.event('unauthenticated'))[0].message, REFUSED)
  assert.equal(await stranger.ended(), 'io server disconnect')
  assert.equal(stranger.state, 'unauthorized')
})
