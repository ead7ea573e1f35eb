// Clients that connect with a ticket: once, at whatever server, as whom a backend
// has said; and beside other credentials.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, test } from 'node:test'
import { startBackend } from '../lib/backend.mjs'
import { Client, connect, newestVariants, refused, secondVariants } from '../lib/client.mjs'
import { metric, notReady, ready, startNode } from '../lib/cluster.mjs'
import { codes, errorDetails, eventOf } from '../lib/grpc.mjs'
import { POLLING, UPGRADE, WEBSOCKET, ask } from '../lib/http.mjs'
import { startRedis } from '../lib/redis.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until } from '../lib/wait.mjs'

const SECRET = '0123456789abcdef0123456789abcdef'
const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

function tokenOf(sub, seconds = 600) {
  const content = `${base64({ alg: 'HS256' })}.${base64({ sub, exp: Math.floor(Date.now() / 1_000) + seconds })}`
  return `${content}.${createHmac('sha256', SECRET).update(content).digest('base64url')}`
}

const jwt = { keys: [{ secret: SECRET }], token: { auth: 'token', query: 'token' } }
const namespaces = {
  '/': { chain: ['ticket'], ticket: { auth: 'ticket', query: 'ticket' } },
  '/mixed': { chain: ['jwt', 'ticket', 'anonymous'], rooms: ['lobby'], jwt },
  '/tokens': { jwt },
  '/asked': { chain: ['ticket', 'backend'] },
  '/closed': {},
}

const backend = await startBackend()
const redis = await startRedis()
const alone = await startServer({ backend, config: { namespaces, socketio: { allow_eio3: true } } })
const nodes = await Promise.all([1, 2].map(() => startNode(backend, { addresses: [redis.address] }, { namespaces })))
after(async () => {
  await Promise.all([alone, ...nodes].map((server) => server.stop()))
  await redis.stop()
  await backend.stop()
})
await ready(...nodes)

const ticketOf = async (server, request) => (await server.api.issueTicket(request)).ticket
const reasonOf = (error) => errorDetails(error).ErrorInfo?.reason

// codeOf is why a client is not let in.
const codeOf = async (t, server, variant, options) => (await refused(t, server, variant, options)).data.code

for (const variant of newestVariants) {
  test(`${variant.name}: a ticket makes the user, its rooms and its metadata, once`, async (t) => {
    const ticket = await ticketOf(alone, {
      user_id: `ada ${variant.name}`, rooms: ['vip'], metadata: { fields: { tenant: { stringValue: 'acme' } } }, token_id: 's1',
    })
    assert.match(ticket, /^[\w-]{43}$/)
    const client = await connect(t, alone, variant, { auth: { ticket } })
    const { request } = await backend.of('OnConnected', client.id)
    assert.equal(request.context.user_id, `ada ${variant.name}`)
    assert.match(JSON.stringify(request.context.metadata), /acme/)
    await alone.api.send({ target: { users: [`ada ${variant.name}`] }, event: eventOf('hello') })
    await client.event('hello')
    const { connection } = await alone.api.getConnection({ connection_id: client.id })
    assert.deepEqual(connection.rooms, ['vip'])
    const error = await refused(t, alone, variant, { auth: { ticket } })
    assert.deepEqual(error.data, { code: 'TICKET_INVALID', reason: 'The ticket is not valid', temporary: false })
    assert.ok(!alone.log.items.some((line) => line.includes(ticket)))
  })

  test(`${variant.name}: a client that fetches its ticket comes back by itself`, async (t) => {
    let fetched = 0
    const auth = (send) => ticketOf(nodes[fetched++ % 2], { user_id: `cy ${variant.name}` }).then((ticket) => send({ ticket }))
    const client = await connect(t, nodes[0], variant, { auth })
    const { id } = client
    const [, [reason]] = await Promise.all([
      nodes[1].api.disconnect({ target: { users: [`cy ${variant.name}`] }, allow_reconnect: true }), next(client.socket, 'disconnect'),
    ])
    assert.equal(reason, 'transport close')
    await client.connected()
    assert.notEqual(client.id, id)
    assert.equal(fetched, 2)
    assert.equal((await backend.of('OnConnected', client.id)).request.context.user_id, `cy ${variant.name}`)
  })

  test(`${variant.name}: the credential that is there decides`, async (t) => {
    const mixed = (auth) => ({ namespace: '/mixed', auth })
    const ticket = await ticketOf(alone, { namespace: '/mixed', user_id: 'by ticket' })
    assert.equal(await codeOf(t, alone, variant, mixed({ token: tokenOf('old', -1), ticket })), 'TOKEN_EXPIRED')
    assert.equal(await codeOf(t, alone, variant, mixed({ token: 'x' })), 'TOKEN_INVALID')
    assert.equal(await codeOf(t, alone, variant, mixed({ ticket: 'x' })), 'TICKET_INVALID')
    const userOf = async (auth) => {
      const { id } = await connect(t, alone, variant, mixed(auth))
      return (await alone.api.getConnection({ namespace: '/mixed', connection_id: id })).connection
    }
    assert.equal((await userOf({ token: tokenOf('by token'), ticket })).user_id, 'by token')
    assert.equal((await userOf({ ticket })).user_id, 'by ticket') // which none of the above has used
    const { user_id, rooms } = await userOf({})
    assert.deepEqual([user_id, rooms], ['', ['lobby']])
    assert.equal(await codeOf(t, alone, variant, { namespace: '/asked', auth: { token: 'bad' } }), 'BAD_TOKEN')
    assert.equal(await codeOf(t, alone, variant, { namespace: '/asked', auth: { ticket } }), 'TICKET_INVALID')
    assert.equal(await codeOf(t, alone, variant, {}), 'TICKET_MISSING')
  })
}

for (const variant of [...newestVariants, ...secondVariants]) {
  test(`${variant.name}: a ticket in the query`, async (t) => {
    const who = { user_id: `bo ${variant.name}` }
    const client = await connect(t, alone, variant, { query: { ticket: await ticketOf(alone, who) } })
    await alone.api.send({ target: { users: [who.user_id] }, event: eventOf('hello') })
    await client.event('hello')
  })
}

test('of all clients that show one ticket at once, at two servers, one gets in', async (t) => {
  for (let round = 0; round < 10; round++) {
    const ticket = await ticketOf(nodes[round % 2], { user_id: `race ${round}` })
    const outcomes = await Promise.all(Array.from({ length: 12 }, (_, i) => {
      const client = new Client(t, nodes[i % 2], newestVariants[i % 2], { auth: { ticket } })
      return client.connected().then(() => 'in', ({ message }) => message)
    }))
    const out = outcomes.filter((outcome) => outcome !== 'in')
    assert.equal(out.length, 11, `round ${round}: ${outcomes}`)
    assert.ok(out.every((outcome) => outcome.includes('TICKET_INVALID')), `${out}`)
  }
  assert.equal(await redis.command('KEYS', '*:ticket:*'), '')
})

test('a ticket ends, and Redis keeps no trace of it', async (t) => {
  const { ticket, expires_at: { seconds } } = await nodes[0].api.issueTicket({ ttl: { seconds: 1 } })
  assert.ok(Number(seconds) - Date.now() / 1_000 <= 1)
  assert.ok(!(await redis.command('KEYS', '*')).includes(ticket))
  await until(async () => await redis.command('KEYS', '*:ticket:*') === '', 'it has ended')
  assert.equal(await codeOf(t, nodes[1], newestVariants[1], { auth: { ticket } }), 'TICKET_INVALID')
})

test('a namespace that takes no tickets, one that is not there, and a request that makes no sense', async () => {
  for (const [request, code, reason] of [
    [{ namespace: '/closed' }, codes.FAILED_PRECONDITION, 'TICKETS_NOT_TAKEN'],
    [{ namespace: '/nowhere' }, codes.NOT_FOUND, 'NAMESPACE_NOT_FOUND'],
    [{ ttl: { seconds: 601 } }, codes.INVALID_ARGUMENT, 'INVALID_REQUEST'],
  ]) {
    await assert.rejects(alone.api.issueTicket(request), (error) => error.code === code && reasonOf(error) === reason)
  }
})

test('while Redis is away nobody gets a ticket, nobody gets in by one, and nobody is refused for good', async (t) => {
  const own = await startRedis()
  t.after(() => own.stop())
  const server = await startNode(backend, { addresses: [own.address] }, { namespaces })
  t.after(() => server.stop())
  await ready(server)
  const ticket = await ticketOf(server, { user_id: 'dee' })
  own.signal('SIGSTOP')
  await notReady(server)
  await assert.rejects(server.api.issueTicket({ user_id: 'dee' }), (error) => (
    error.code === codes.UNAVAILABLE && reasonOf(error) === 'CLUSTER_UNAVAILABLE' && errorDetails(error).RetryInfo !== undefined
  ))
  const error = await refused(t, server, newestVariants[1], { auth: { ticket } })
  assert.deepEqual(error.data, { code: 'TICKETS_UNAVAILABLE', reason: 'Authentication is unavailable', temporary: true })
  own.signal('SIGCONT')
  await ready(server)
  const client = await connect(t, server, newestVariants[1], { auth: (send) => ticketOf(server, { user_id: 'dee' }).then((fresh) => send({ ticket: fresh })) })
  await backend.of('OnConnected', client.id)
  assert.ok(await metric(server, 'realtime_tickets_total', '"away"') >= 1)
})

test('an ACL user with the rules of the documentation', async (t) => {
  const own = await startRedis()
  t.after(() => own.stop())
  const rules = ['resetchannels', '&realtime:*', 'resetkeys', '~realtime:*', 'nocommands',
    ...'+@connection +@pubsub +role +@hash +eval +get +set +exists +pexpire +unlink +time +getdel'.split(' ')]
  await own.command('ACL', 'SETUSER', 'realtime', 'on', '>word', ...rules)
  const server = await startNode(backend, { addresses: [own.address], username: 'realtime', password: 'word' }, { namespaces })
  t.after(() => server.stop())
  await ready(server)
  await connect(t, server, newestVariants[1], { auth: { ticket: await ticketOf(server, { user_id: 'eve' }) } })
})

test('strangers hold no sessions where handshakes are checked', async (t) => {
  const server = await startServer({ config: { namespaces, http: { handshake_auth: '/tokens' } }, backend })
  t.after(() => server.stop())
  for (const token of ['', 'x', tokenOf('old', -1)]) {
    for (const [path, options] of [[POLLING, {}], [WEBSOCKET, { headers: UPGRADE }]]) {
      const { status, text, headers } = await ask(server, `${path}&token=${token}`, options)
      assert.equal(status, 401)
      assert.equal(headers['www-authenticate'], 'Bearer')
      assert.deepEqual(JSON.parse(text), { code: 8, message: 'Unauthorized' })
    }
  }
  assert.equal(await metric(server, 'realtime_engine_sessions'), 0)
  for (const variant of newestVariants) {
    const client = await connect(t, server, variant, { namespace: '/tokens', query: { token: tokenOf('ada') } })
    assert.equal((await server.api.getConnection({ namespace: '/tokens', connection_id: client.id })).connection.user_id, 'ada')
  }
  // A stock client that has none tries again, and gets in once it has.
  const late = new Client(t, server, newestVariants[0], { namespace: '/tokens', query: { token: 'x' } })
  const [error] = await next(late.socket, 'connect_error')
  assert.equal(error.message, 'xhr poll error')
  late.socket.io.opts.query = { token: tokenOf('late') }
  await next(late.socket, 'connect')
})
