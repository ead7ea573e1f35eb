// Who may connect from which page. What a browser makes of the answers is
// compared with what it makes of those of Node's stock server, whose options
// are those of npm's `cors`.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { POLLING, UPGRADE, WEBSOCKET, ask, sidOf } from '../lib/http.mjs'
import { STOCK, startServer } from '../lib/server.mjs'

const FRIEND = 'https://app.example.com'
const BRANCH = 'https://pr-12.example.org'
const STRANGER = 'https://evil.example.net'

const configs = {
  'one origin': { origins: [FRIEND] },
  'everything set': {
    origins: [FRIEND, String.raw`^https://pr-\d+\.example\.org$`],
    credentials: true,
    methods: ['GET', 'POST', 'PUT'],
    allowed_headers: ['X-Custom', 'Content-Type'],
    exposed_headers: ['X-Trace', 'Retry-After'],
    max_age: '600s',
    options_success_status: 200,
  },
  'every origin': { origins: ['*'] },
}

const worlds = {}
for (const [what, cors] of Object.entries(configs)) {
  const config = { socketio: { cors } }
  worlds[what] = { stock: await startServer({ config, bin: STOCK }), ours: await startServer({ config }) }
  for (const server of Object.values(worlds[what])) after(() => server.stop())
}

// ---- what a browser does (https://fetch.spec.whatwg.org/#http-cors-protocol)

const list = (value = '') => value.split(',').map((item) => item.trim().toLowerCase()).filter(Boolean).sort()
const has = (value, item) => list(value).includes(item.toLowerCase())

// readable says whether a page may read an answer.
function readable({ headers }, origin, credentials) {
  const allowed = headers['access-control-allow-origin']
  if (!credentials) return allowed === '*' || allowed === origin
  return allowed === origin && headers['access-control-allow-credentials'] === 'true'
}

// permits says whether a browser goes on after a preflight.
function permits(answer, { origin, method, header, credentials }) {
  const methods = answer.headers['access-control-allow-methods']
  const headers = answer.headers['access-control-allow-headers']
  const any = (value) => !credentials && has(value, '*')
  return answer.status >= 200 && answer.status < 300 && readable(answer, origin, credentials) &&
    (['GET', 'HEAD', 'POST'].includes(method) || has(methods, method) || any(methods)) &&
    list(header).every((name) => has(headers, name) || any(headers))
}

// Every combination of what a page can want.
const wishes = [FRIEND, BRANCH, STRANGER, 'null', `${FRIEND}.evil.net`].flatMap((origin) =>
  ['GET', 'POST', 'PUT', 'DELETE', 'FANCY'].flatMap((method) =>
    [undefined, 'x-custom', 'content-type,x-custom', 'x-other'].flatMap((header) =>
      [false, true].map((credentials) => ({ origin, method, header, credentials })))))

const preflight = (server, { origin, method, header }) => ask(server, POLLING, {
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': method,
    ...(header && { 'access-control-request-headers': header }),
  },
})

for (const [what, { stock, ours }] of Object.entries(worlds)) {
  test(`${what}: browsers go on after the same preflights`, async () => {
    const verdicts = { true: 0, false: 0 }
    for (const wish of wishes) {
      const verdict = permits(await preflight(stock, wish), wish)
      assert.equal(permits(await preflight(ours, wish), wish), verdict, JSON.stringify(wish))
      verdicts[verdict] += 1
    }
    assert.ok(verdicts.true > 5 && verdicts.false > 5, `the wishes are one-sided: ${JSON.stringify(verdicts)}`)
  })

  test(`${what}: status and lifetime of a preflight`, async () => {
    const wish = { origin: FRIEND, method: 'POST', header: 'x-custom' }
    const shown = ({ status, headers, text }) => [status, headers['access-control-max-age'], text]
    assert.deepEqual(shown(await preflight(ours, wish)), shown(await preflight(stock, wish)))
  })

  test(`${what}: OPTIONS that is no preflight`, async () => {
    const [theirs, own] = [await ask(stock, POLLING, { method: 'OPTIONS' }), await ask(ours, POLLING, { method: 'OPTIONS' })]
    assert.equal(own.status, theirs.status)
  })

  for (const origin of [FRIEND, BRANCH, STRANGER]) {
    test(`${what}: pages of ${origin} can read the same answers`, async () => {
      const compare = async (kind, path, options) => {
        const asked = (server) => ask(server, path(server), { ...options, headers: { origin } })
        const [theirs, own] = [await asked(stock), await asked(ours)]
        for (const credentials of [false, true]) {
          assert.equal(readable(own, origin, credentials), readable(theirs, origin, credentials), kind)
        }
        if (!readable(theirs, origin, false)) return
        assert.equal(own.status, theirs.status, kind)
        const exposed = ({ headers }) => list(headers['access-control-expose-headers'])
        assert.deepEqual(exposed(own), exposed(theirs), kind)
        assert.equal(own.headers['access-control-allow-origin'], theirs.headers['access-control-allow-origin'], kind)
      }
      const sids = new Map()
      for (const server of [stock, ours]) sids.set(server, sidOf(await ask(server, POLLING)))
      const session = (server) => `${POLLING}&sid=${sids.get(server)}`
      await compare('a new session', () => POLLING)
      await compare('error 0', () => '/socket.io/')
      await compare('error 1', () => `${POLLING}&sid=x`)
      await compare('error 2', () => POLLING, { method: 'PUT' })
      await compare('error 5', () => '/socket.io/?EIO=3&transport=polling')
      await compare('a post', session, { method: 'POST', body: '40' })
      await compare('a poll', session)
      await compare('a post over the limit', session, { method: 'POST', body: 'x'.repeat(1_000_001) })
    })
  }

  test(`${what}: caches are told what the answer depends on`, async () => {
    for (const origin of [FRIEND, STRANGER, undefined]) {
      const asked = (server) => ask(server, POLLING, { headers: origin ? { origin } : {} })
      const [theirs, own] = [await asked(stock), await asked(ours)]
      if (has(theirs.headers.vary, 'origin')) assert.ok(has(own.headers.vary, 'origin'), `Vary is ${own.headers.vary}`)
    }
  })
}

// ---- where ours is stricter than Node: WebSockets, and new sessions of strangers

const FORBIDDEN = '{"code":4,"message":"Forbidden"}'
const { ours } = worlds['one origin']

const poll = (origin) => ask(ours, POLLING, { headers: origin ? { origin } : {} })
const handshake = (origin) => ask(ours, WEBSOCKET, { headers: { ...UPGRADE, ...(origin && { origin }) } })

test('ours: an allowed origin', async () => {
  assert.equal((await poll(FRIEND)).status, 200)
  const { status, headers } = await handshake(FRIEND)
  assert.deepEqual([status, headers['access-control-allow-origin']], [101, FRIEND])
})

test('ours: another origin', async () => {
  for (const { status, text, headers } of [await poll(STRANGER), await handshake(STRANGER)]) {
    assert.deepEqual([status, text], [403, FORBIDDEN])
    assert.equal(headers['access-control-allow-origin'], undefined)
  }
})

test('ours: the own origin, and none', async () => {
  assert.equal((await poll(ours.url)).status, 200)
  assert.equal((await poll()).status, 200)
  assert.equal((await handshake(ours.url)).status, 101)
  assert.equal((await handshake()).status, 101)
})

test('ours: a friend can read why its WebSocket was refused', async () => {
  const { status, headers } = await ask(ours, `${WEBSOCKET}&sid=x`, { headers: { ...UPGRADE, origin: FRIEND } })
  assert.deepEqual([status, headers['access-control-allow-origin']], [400, FRIEND])
})

test('ours: a server in a private network', async (t) => {
  const server = await startServer({ config: { socketio: { cors: { origins: [FRIEND], private_network: true } } } })
  t.after(() => server.stop())
  const asked = (origin) => ask(server, POLLING, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-private-network': 'true' },
  })
  assert.equal((await asked(FRIEND)).headers['access-control-allow-private-network'], 'true')
  assert.equal((await asked(STRANGER)).headers['access-control-allow-private-network'], undefined)
})
