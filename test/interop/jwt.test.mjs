// Clients that prove by a signed token who they are, with a backend that is
// told of them but not asked, and keys of an issuer that rotates them.

import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startBackend } from '../lib/backend.mjs'
import { connect, newestVariants, refused } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until } from '../lib/wait.mjs'

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

test('a secret in a file changes with the file, and clients that are in stay', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'realtime-secret-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'secret')
  const [before, later] = ['b', 'l'].map((letter) => letter.repeat(32))
  const tokenBy = (secret) => {
    const content = `${base64({ alg: 'HS256' })}.${base64({ sub: 'ada', exp: now() + 600 })}`
    return { token: `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}` }
  }
  writeFileSync(file, before)
  const own = await startServer({ config: { namespaces: { '/': { jwt: { keys: [{ secret_file: file }] } } } } })
  t.after(() => own.stop())
  const variant = newestVariants[1]
  const resident = await connect(t, own, variant, { auth: tokenBy(before) })
  assert.equal((await refused(t, own, variant, { auth: tokenBy(later) })).data.code, 'TOKEN_INVALID')
  writeFileSync(`${file}.new`, `${later}\n`)
  renameSync(`${file}.new`, file)
  await until(() => own.log.items.some((line) => line.includes('keys read again')), 'the keys are read again')
  await connect(t, own, variant, { auth: tokenBy(later) })
  assert.equal((await refused(t, own, variant, { auth: tokenBy(before) })).data.code, 'TOKEN_INVALID')
  assert.ok(resident.socket.connected)
  assert.ok(!own.log.items.some((line) => line.includes(later)))
})
