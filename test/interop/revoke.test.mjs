// Credentials that are refreshed, outlived and revoked, on two servers with one
// Redis.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, test } from 'node:test'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { Client, connect, newestVariants, refused } from '../lib/client.mjs'
import { metric, ready, startNode } from '../lib/cluster.mjs'
import { errorDetails, eventOf } from '../lib/grpc.mjs'
import { startRedis } from '../lib/redis.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until } from '../lib/wait.mjs'

const SECRET = '0123456789abcdef0123456789abcdef'
const GRACE = 1_000

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const now = () => Math.floor(Date.now() / 1_000)

// tokenOf is a token of a user, issued an hour ago; fresh is one that is issued
// after all that was revoked.
function tokenOf(sub, claims) {
  const content = `${base64({ alg: 'HS256' })}.${base64({ sub, iat: now() - 3_600, exp: now() + 600, ...claims })}`
  return `${content}.${createHmac('sha256', SECRET).update(content).digest('base64url')}`
}
const fresh = (sub, claims) => tokenOf(sub, { iat: now() + 60, ...claims })

const config = {
  socketio: { recovery: { enabled: true, store: 'redis' } },
  namespaces: {
    '/': { refresh: { event: 'refresh', min_interval: '1ns' }, expiry: { grace: `${GRACE}ms`, warn: '1s' } },
    '/jwt': { jwt: { keys: [{ secret: SECRET }] }, refresh: { event: 'renew', min_interval: '1ns' } },
  },
}
const redis = await startRedis()
const backend = await startBackend()
const start = () => startNode(backend, { addresses: [redis.address] }, config)
const [one, two] = await Promise.all([start(), start()])
await ready(one, two)
after(async () => {
  await Promise.all([one.stop(), two.stop()])
  backend.stop()
  await redis.stop()
})

const byToken = (token, options) => ({ namespace: '/jwt', auth: { token }, ...options })
const code = async (t, server, options) => (await refused(t, server, newestVariants[1], options)).data.code
const disconnected = ({ socket }) => next(socket, 'disconnect', 15_000).then(([reason]) => reason)

for (const variant of newestVariants) {
  test(`${variant.name}: a client that is warned refreshes, and stays`, async (t) => {
    const auth = { token: TOKEN, user: `r ${variant.name}`, rooms: ['first'], lifetime: 2_000 }
    const client = await connect(t, one, variant, { auth })
    const { id } = client
    const [{ expires_at }] = await client.event('token_expiring')
    const [answer] = await client.ask('refresh', { ...auth, rooms: ['second'], lifetime: 2_500, token_id: 'newer' })
    assert.match(answer.expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.ok(Date.parse(answer.expires_at) > Date.parse(expires_at))
    const asked = backend.calls.items.findLast(({ method, request }) => method === 'Authenticate' && request.context.connection_id === id).request
    assert.deepEqual([asked.cause, asked.context.user_id, JSON.parse(asked.payload[0].json).token_id], ['AUTHENTICATE_CAUSE_REFRESH', auth.user, 'newer'])
    const { connection } = await two.api.getConnection({ connection_id: id })
    assert.deepEqual([connection.token_id, connection.rooms], ['newer', ['first', 'second']])
    client.socket.io.reconnection(false)
    assert.equal(await disconnected(client), 'transport close')
    const late = Date.now() - Date.parse(answer.expires_at)
    assert.ok(late >= GRACE && late < GRACE + 3_000, `the end came ${late} ms after that of the credential`)
    assert.equal((await backend.of('OnDisconnected', id)).request.reason, 'credential expired')
  })

  test(`${variant.name}: a token is refreshed without a backend`, async (t) => {
    const user = `t ${variant.name}`
    const client = await connect(t, one, variant, byToken(tokenOf(user)))
    const exp = now() + 6_000
    assert.deepEqual(await client.ask('renew', { token: tokenOf(user, { exp }) }), [{ expires_at: new Date(exp * 1_000).toISOString() }])
    for (const [payload, code] of [
      [{ token: tokenOf('another') }, 'REFRESH_OTHER_USER'],
      [{ token: tokenOf(user, { exp: 1 }) }, 'TOKEN_EXPIRED'],
      ['no object', 'TOKEN_MISSING'],
    ]) {
      const [{ error }] = await client.ask('renew', payload)
      assert.deepEqual([error.code, error.temporary], [code, false])
    }
    assert.ok(client.socket.connected)
  })

  test(`${variant.name}: a user is revoked on both servers, and may sign in anew`, async (t) => {
    const user = `u ${variant.name}`
    const clients = await Promise.all([one, two, two].map((server) => connect(t, server, variant, byToken(tokenOf(user)))))
    const other = await connect(t, two, variant, byToken(tokenOf(`another ${user}`)))
    const ends = Promise.all(clients.map(disconnected))
    const { matched, coverage, until: end } = await one.api.revokeUser({ namespace: '/jwt', user_id: user, last_event: eventOf('bye'), reason: 'stolen' })
    assert.deepEqual([matched, coverage.nodes_asked, coverage.partial], ['3', 2, false])
    assert.ok(Number(end.seconds) > now() + 3_600)
    assert.deepEqual(await ends, clients.map(() => 'io server disconnect'))
    for (const client of clients) await client.event('bye')
    for (const server of [one, two]) {
      assert.equal(await code(t, server, byToken(tokenOf(user))), 'CREDENTIAL_REVOKED')
      await connect(t, server, variant, byToken(fresh(user)))
    }
    assert.ok(other.socket.connected)
  })

  test(`${variant.name}: a token is revoked, and its client comes back with another one`, async (t) => {
    const user = `v ${variant.name}`
    const tokens = [tokenOf(user, { jti: user }), tokenOf(user, { jti: `${user} 2` })]
    const client = await connect(t, two, variant, byToken(null, { auth: (send) => send({ token: tokens.shift() }) }))
    const sibling = await connect(t, one, variant, byToken(tokenOf(user, { jti: `${user} 3` })))
    const { id } = client
    const back = next(client.socket, 'connect', 15_000)
    const { matched } = await one.api.revokeToken({ all_namespaces: true, token_id: user, allow_reconnect: true })
    assert.equal(matched, '1')
    await back
    assert.deepEqual([client.socket.recovered, client.id === id, tokens], [false, false, []])
    assert.ok(sibling.socket.connected)
  })
}

// away is a client that has lost its connection, and comes to another server
// when it is told to.
async function away(t, token) {
  const client = await connect(t, one, newestVariants[1], byToken(token, { reconnection: false }))
  const { id } = client
  await one.api.send({ target: { namespace: '/jwt', connection_ids: [id] }, event: eventOf('seen') })
  await client.event('seen')
  const lost = disconnected(client)
  client.engine.close()
  await lost
  return {
    async back(token) {
      client.socket.io.uri = two.url
      client.socket.auth = { token }
      const came = Promise.race(['connect', 'connect_error'].map((event) => next(client.socket, event, 15_000).then(([error]) => error)))
      client.socket.connect()
      const error = await came
      if (error) return error.data.code
      return client.socket.recovered && client.id === id
    },
  }
}

test('what was revoked while its client was away does not come back', async (t) => {
  const token = tokenOf('away', { jti: 'away' })
  assert.equal(await (await away(t, token)).back(fresh('away')), true)
  const [byUser, again] = [await away(t, token), await away(t, token)]
  await two.api.revokeUser({ namespace: '/jwt', user_id: 'away' })
  assert.equal(await again.back(token), 'CREDENTIAL_REVOKED')
  assert.equal(await byUser.back(fresh('away')), false)
  const named = await away(t, tokenOf('far away', { jti: 'far' }))
  await one.api.revokeToken({ namespace: '/jwt', token_id: 'far' })
  assert.equal(await named.back(tokenOf('far away', { jti: 'farther' })), false)
})

test('a server that starts later knows what was revoked', async (t) => {
  const token = tokenOf('early', { jti: 'early' })
  await two.api.revokeToken({ namespace: '/jwt', token_id: 'early' })
  const late = await start()
  t.after(() => late.stop())
  assert.equal(await code(t, late, byToken(token)), 'CREDENTIAL_REVOKED')
  assert.ok(await metric(late, 'realtime_revocations_total', 'source="store"') > 0)
})

test('a server that is stopped learns of it when it goes on', async (t) => {
  const paused = await start()
  t.after(() => paused.stop())
  await ready(paused)
  const client = await connect(t, paused, newestVariants[1], byToken(tokenOf('paused')))
  const end = disconnected(client)
  paused.signal('SIGSTOP')
  t.after(() => paused.signal('SIGCONT'))
  const { coverage } = await one.api.revokeUser({ namespace: '/jwt', user_id: 'paused' }, 2_000)
  assert.equal(coverage.partial, true)
  paused.signal('SIGCONT')
  assert.equal(await end, 'io server disconnect')
})

test('a backend that is away keeps nobody from staying until the grace is over', async (t) => {
  const own = await startBackend()
  const server = await startServer({ backend: own, config: { ...config, socketio: {} } })
  t.after(() => server.stop())
  const client = new Client(t, server, newestVariants[1], { auth: { token: TOKEN, user: 'ada', lifetime: 2_000 }, reconnection: false })
  await client.connected()
  const [{ expires_at }] = await client.event('token_expiring')
  own.stop()
  const end = disconnected(client)
  const [{ error }] = await client.ask('refresh', { token: TOKEN, user: 'ada' })
  assert.deepEqual([error.code, error.temporary], ['BACKEND_UNAVAILABLE', true])
  assert.equal(await end, 'transport close')
  assert.ok(Date.now() - Date.parse(expires_at) >= GRACE)
})

// The last test, since Redis is away in it.
test('Redis is away: it is done here at once, and elsewhere when Redis is back', async (t) => {
  const [here, there] = await Promise.all([one, two].map((server) => connect(t, server, newestVariants[1], byToken(tokenOf('split')))))
  const ends = [here, there].map(disconnected)
  await redis.kill()
  const failure = await one.api.revokeUser({ namespace: '/jwt', user_id: 'split' }).catch((error) => error)
  assert.equal(errorDetails(failure).ErrorInfo.reason, 'CLUSTER_UNAVAILABLE')
  assert.ok(errorDetails(failure).RetryInfo)
  assert.equal(await ends[0], 'io server disconnect')
  assert.ok(there.socket.connected)
  await redis.start()
  assert.equal(await ends[1], 'io server disconnect')
  await until(async () => await metric(two, 'realtime_revocations_following') === 1, 'it hears again')
  assert.equal(await code(t, two, byToken(tokenOf('split'))), 'CREDENTIAL_REVOKED')
})
