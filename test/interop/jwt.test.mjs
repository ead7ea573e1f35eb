// Clients that prove by a signed token who they are, with a backend that is
// told of them but not asked, and keys of an issuer that rotates them.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { startBackend } from '../lib/backend.mjs'
import { connect, newestVariants, refused } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startServer } from '../lib/server.mjs'
import { next } from '../lib/wait.mjs'

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const now = () => Math.floor(Date.now() / 1_000)

const keyOf = (kid) => ({ kid, ...generateKeyPairSync('ed25519') })
const jwkOf = ({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'EdDSA' })

function tokenOf(key, claims) {
  const content = `${base64({ alg: 'EdDSA', kid: key.kid })}.${base64({ sub: 'ada', aud: 'live', exp: now() + 600, ...claims })}`
  return `${content}.${sign(null, Buffer.from(content), key.privateKey).toString('base64url')}`
}

const published = [keyOf('first')]
const issuer = createServer((_, response) => response.end(JSON.stringify({ keys: published.map(jwkOf) })))
issuer.listen(0, '127.0.0.1')
await once(issuer, 'listening')
const backend = await startBackend()
const server = await startServer({
  backend,
  config: {
    namespaces: {
      '/': {
        jwt: {
          jwks: { url: `http://127.0.0.1:${issuer.address().port}/`, min_interval: '1ms' },
          audiences: ['live'],
          claims: { rooms: 'roles', room_prefix: 'role:', metadata: { tenant: 'org.id' } },
        },
      },
    },
  },
})
after(async () => {
  await server.stop()
  await backend.stop()
  issuer.close()
  issuer.closeAllConnections()
})

for (const variant of newestVariants) {
  test(`${variant.name}: claims make the user, its rooms and its metadata`, async (t) => {
    const token = tokenOf(published[0], { sub: `ada ${variant.name}`, roles: ['admin'], org: { id: 'acme' } })
    const client = await connect(t, server, variant, { auth: { token } })
    const { request } = await backend.of('OnConnected', client.id)
    assert.equal(request.context.user_id, `ada ${variant.name}`)
    assert.match(JSON.stringify(request), /acme/)
    for (const target of [{ users: [`ada ${variant.name}`] }, { rooms: ['role:admin'] }]) {
      await server.api.send({ target, event: eventOf('hello') })
      await client.event('hello')
    }
    assert.deepEqual(await client.ask('echo', 1), [1])
    assert.ok(!server.log.items.some((line) => line.includes(token)))
  })

  test(`${variant.name}: who is refused is told why`, async (t) => {
    for (const [auth, code] of [
      [{}, 'TOKEN_MISSING'],
      [{ token: 'x' }, 'TOKEN_INVALID'],
      [{ token: tokenOf(keyOf('first')) }, 'TOKEN_INVALID'],
      [{ token: tokenOf(keyOf('unknown')) }, 'TOKEN_INVALID'],
      [{ token: tokenOf(published[0], { aud: 'mail' }) }, 'TOKEN_INVALID'],
      [{ token: tokenOf(published[0], { exp: now() - 1 }) }, 'TOKEN_EXPIRED'],
      [{ token: tokenOf(published[0], { nbf: now() + 60 }) }, 'TOKEN_NOT_YET_VALID'],
      [{ token: tokenOf(published[0], { sub: undefined }) }, 'TOKEN_CLAIMS_INVALID'],
    ]) {
      const error = await refused(t, server, variant, { auth })
      assert.deepEqual(error.data, { code, reason: error.message, temporary: false })
    }
  })

  test(`${variant.name}: the end of the token is that of the connection`, async (t) => {
    const client = await connect(t, server, variant, { auth: { token: tokenOf(published[0], { exp: now() + 3 }) } })
    const { id } = client
    const [reason] = await next(client.socket, 'disconnect')
    assert.equal(reason, 'transport close')
    assert.equal((await backend.of('OnDisconnected', id)).request.reason, 'credential expired')
  })

  test(`${variant.name}: a key that is new is fetched`, async (t) => {
    const key = keyOf(`new ${variant.name}`)
    published.push(key)
    await connect(t, server, variant, { auth: { token: tokenOf(key) } })
  })
}
