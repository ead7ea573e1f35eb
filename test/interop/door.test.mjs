// What stands around Engine.IO's messages: cookie, headers, subprotocols, odd
// requests. Ours beside Node's stock server.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { connect, newestVariants } from '../lib/client.mjs'
import { POLLING, UPGRADE, WEBSOCKET, ask, sidOf } from '../lib/http.mjs'
import { STOCK, startServer } from '../lib/server.mjs'

// pair is the stock server and ours, with the same configuration.
async function pair(socketio) {
  const config = { socketio }
  const servers = { stock: await startServer({ config, bin: STOCK }), ours: await startServer({ config }) }
  for (const server of Object.values(servers)) after(() => server.stop())
  return servers
}

const headers = { 'x-every': 'answer', 'strict-transport-security': 'max-age=31536000' }

const cookies = {
  'as Node has it by default': [{ name: 'io' }, ['HttpOnly', 'Path=/', 'SameSite=Lax', 'io=$']],
  'with everything': [
    { name: 'lb', path: '/rt', domain: 'example.com', http_only: true, secure: true, same_site: 'none', max_age: '3600s' },
    ['Domain=example.com', 'HttpOnly', 'Max-Age=3600', 'Path=/rt', 'SameSite=None', 'Secure', 'lb=$'],
  ],
  'strict, for scripts too': [{ name: 'io', http_only: false, same_site: 'strict' }, ['Path=/', 'SameSite=Strict', 'io=$']],
}

// All of them stand before the first test begins.
const plain = await pair({})
const withHeaders = await pair({ headers, initial_headers: { 'x-first': 'one' } })
const withCookie = {}
for (const [what, [cookie]] of Object.entries(cookies)) withCookie[what] = await pair({ cookie })

// ---- cookie

// attributes are the parts of a cookie, in no order, with $ for the session id.
const attributes = (answer) => (answer.headers['set-cookie'] ?? []).map((cookie) =>
  cookie.replace(sidOf(answer), '$').split('; ').sort())

for (const [what, [, want]] of Object.entries(cookies)) {
  for (const [whose, server] of Object.entries(withCookie[what])) {
    test(`${whose}: a cookie ${what}`, async () => {
      const open = await ask(server, POLLING)
      assert.deepEqual(attributes(open), [want])
      const session = `${POLLING}&sid=${sidOf(open)}`
      const later = [
        await ask(server, session, { method: 'POST', body: '40' }),
        await ask(server, session),
        await ask(server, `${POLLING}&sid=x`),
        await ask(server, WEBSOCKET, { headers: UPGRADE }),
        await ask(server, `${WEBSOCKET}&sid=${sidOf(open)}`, { headers: UPGRADE }),
      ]
      assert.deepEqual(later.map(({ status, headers }) => [status, headers['set-cookie']]),
        [[200, undefined], [200, undefined], [400, undefined], [101, undefined], [101, undefined]])
    })
  }
}

for (const [whose, server] of Object.entries(plain)) {
  test(`${whose}: no cookie unless it is wanted`, async () => {
    assert.equal((await ask(server, POLLING)).headers['set-cookie'], undefined)
  })
}

// ---- headers

for (const [whose, server] of Object.entries(withHeaders)) {
  test(`${whose}: headers of the first answer, and of every one`, async () => {
    const shown = ({ headers: given }) => [given['x-every'], given['strict-transport-security'], given['x-first']]
    const open = await ask(server, POLLING)
    assert.deepEqual(shown(open), ['answer', 'max-age=31536000', 'one'])
    assert.deepEqual(shown(await ask(server, WEBSOCKET, { headers: UPGRADE })), ['answer', 'max-age=31536000', 'one'])
    const session = `${POLLING}&sid=${sidOf(open)}`
    const later = [
      await ask(server, session, { method: 'POST', body: '40' }),
      await ask(server, session),
      await ask(server, `${WEBSOCKET}&sid=${sidOf(open)}`, { headers: UPGRADE }),
    ]
    for (const answer of later) assert.deepEqual(shown(answer), ['answer', 'max-age=31536000', undefined])
  })
}

test('ours: headers of errors as well', async () => {
  const errors = [
    await ask(withHeaders.ours, '/socket.io/'),
    await ask(withHeaders.ours, POLLING, { method: 'PUT' }),
    await ask(withHeaders.ours, `${WEBSOCKET}&sid=x`, { headers: UPGRADE }),
    await ask(withHeaders.ours, WEBSOCKET, { headers: { ...UPGRADE, 'sec-websocket-version': '8' } }),
  ]
  assert.deepEqual(errors.map(({ status }) => status), [400, 400, 400, 426])
  for (const answer of errors) assert.equal(answer.headers['x-every'], 'answer')
})

// ---- subprotocols

const offers = {
  'none': [undefined, undefined],
  'one': ['chat', 'chat'],
  'several': ['v2.chat, v1.chat', 'v2.chat'],
  'without spaces': ['a,b', 'a'],
}

for (const [whose, server] of Object.entries(plain)) {
  for (const [what, [offer, chosen]] of Object.entries(offers)) {
    test(`${whose}: the first subprotocol is chosen: ${what}`, async () => {
      const offered = offer && { 'sec-websocket-protocol': offer }
      const answer = await ask(server, WEBSOCKET, { headers: { ...UPGRADE, ...offered } })
      assert.deepEqual([answer.status, answer.headers['sec-websocket-protocol']], [101, chosen])
    })
  }

  test(`${whose}: a subprotocol that is no name is refused`, async () => {
    const answer = await ask(server, WEBSOCKET, { headers: { ...UPGRADE, 'sec-websocket-protocol': '@' } })
    assert.equal(answer.status, 400)
  })

  for (const variant of newestVariants.filter(({ transport }) => transport !== 'polling')) {
    test(`${whose}, ${variant.name}: a client that offers subprotocols connects`, async (t) => {
      const client = await connect(t, server, variant, { protocols: ['v2.chat', 'v1.chat'] })
      assert.equal(client.engine.transport.ws.protocol, 'v2.chat')
      assert.deepEqual(await client.ask('echo', 1), [1])
    })
  }
}

// ---- odd requests

const codeOf = ({ text }) => (text ? JSON.parse(text).code : undefined)

for (const [whose, server] of Object.entries(plain)) {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
    test(`${whose}: ${method} opens no session`, async () => {
      const answer = await ask(server, POLLING, { method })
      assert.deepEqual([answer.status, codeOf(answer)], [400, 2])
    })

    if (method === 'POST') continue
    test(`${whose}: ${method} in a session is refused, and harmless`, async () => {
      const session = `${POLLING}&sid=${sidOf(await ask(server, POLLING))}`
      const answer = await ask(server, session, { method })
      // Node has no answer of its own to these.
      assert.deepEqual([answer.status, codeOf(answer)], whose === 'ours' ? [400, 3] : [500, undefined])
      await ask(server, session, { method: 'POST', body: '40' })
      assert.match((await ask(server, session)).text, /^40\{"sid"/)
    })
  }

  test(`${whose}: HEAD gets the status and no body`, async () => {
    const answer = await ask(server, POLLING, { method: 'HEAD' })
    assert.deepEqual([answer.status, answer.text], [400, ''])
  })

  test(`${whose}: another protocol to upgrade to`, async () => {
    const answer = await ask(server, WEBSOCKET, { headers: { ...UPGRADE, upgrade: 'h2c' } })
    assert.equal(answer.status, 400)
  })

  test(`${whose}: whatever stands below the path is the endpoint`, async () => {
    const answer = await ask(server, POLLING.replace('/?', '/below/it?'))
    assert.deepEqual([answer.status, answer.text[0]], [200, '0'])
  })

  // Node waits destroyUpgradeTimeout and closes without a word.
  test(`${whose}: a WebSocket at another path`, async () => {
    const answer = await ask(server, '/elsewhere', { headers: UPGRADE })
    assert.equal(answer.status, whose === 'ours' ? 404 : 'closed')
    if (whose === 'ours') assert.equal(answer.headers.connection, 'close')
  })
}

for (const variant of newestVariants) {
  test(`ours, ${variant.name}: the path without a slash at the end (addTrailingSlash)`, async (t) => {
    const client = await connect(t, plain.ours, variant, { addTrailingSlash: false })
    assert.deepEqual(await client.ask('echo', 1), [1])
  })
}
