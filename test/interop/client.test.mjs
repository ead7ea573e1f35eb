// The client's own files, served below the path: ours beside Node's server.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { POLLING, ask } from '../lib/http.mjs'
import { STOCK, startServer } from '../lib/server.mjs'

const FRIEND = 'https://app.example.com'

const config = {
  http: { serve_client: true, paths: ['/socket.io', '/rt'] },
  socketio: { cors: { origins: [FRIEND] }, headers: { 'x-every': 'answer' } },
}
const stock = await startServer({ config, bin: STOCK })
after(() => stock.stop())
const ours = await startServer({ config })
after(() => ours.stop())
const without = { stock: await startServer({ bin: STOCK }), ours: await startServer() }
for (const server of Object.values(without)) after(() => server.stop())

const names = ['socket.io', 'socket.io.min', 'socket.io.esm.min', 'socket.io.msgpack.min']
  .flatMap((name) => [`${name}.js`, `${name}.js.map`])
const published = (name) =>
  readFileSync(fileURLToPath(new URL(`../node_modules/socket.io-client/dist/${name}`, import.meta.url)))

const get = (server, path, headers) => ask(server, path, { headers })

const decoders = { br: brotliDecompressSync, gzip: gunzipSync, identity: (bytes) => bytes }
const weak = (tag) => tag?.replace(/^W\//, '')

for (const name of names) {
  test(`${name} in every encoding`, async () => {
    const path = `/socket.io/${name}`
    for (const [encoding, decode] of Object.entries(decoders)) {
      const headers = { 'accept-encoding': encoding }
      const [theirs, own] = [await get(stock, path, headers), await get(ours, path, headers)]
      for (const { status, headers, bytes } of [theirs, own]) {
        assert.equal(status, 200)
        assert.equal(headers['content-encoding'] ?? 'identity', encoding)
        assert.ok(decode(bytes).equals(published(name)), `${encoding}: as published`)
      }
      for (const header of ['content-type', 'cache-control']) assert.equal(own.headers[header], theirs.headers[header])
      assert.equal(weak(own.headers.etag), theirs.headers.etag)
      assert.match(own.headers.vary, /accept-encoding/i)
      assert.ok(own.bytes.length <= theirs.bytes.length, `${own.bytes.length} bytes, Node sends ${theirs.bytes.length}`)
    }
  })

  test(`${name} again, if it has not changed`, async () => {
    const path = `/socket.io/${name}`
    const { headers: { etag } } = await get(ours, path)
    for (const tag of [etag, weak(etag)]) {
      const [theirs, own] = [await get(stock, path, { 'if-none-match': tag }), await get(ours, path, { 'if-none-match': tag })]
      assert.deepEqual([own.status, own.text], [304, ''])
      assert.deepEqual([theirs.status, theirs.text], [304, ''])
    }
    for (const server of [stock, ours]) assert.equal((await get(server, path, { 'if-none-match': '"0.0.0"' })).status, 200)
  })
}

for (const [whose, server] of Object.entries({ stock, ours })) {
  test(`${whose}: a query makes no difference`, async () => {
    assert.equal((await get(server, '/socket.io/socket.io.js?v=1')).status, 200)
  })

  test(`${whose}: pages of other origins may load it as the endpoint allows`, async () => {
    const allowed = ({ headers }) => headers['access-control-allow-origin']
    assert.equal(allowed(await get(server, '/socket.io/socket.io.esm.min.js', { origin: FRIEND })), FRIEND)
    assert.equal(allowed(await get(server, '/socket.io/socket.io.esm.min.js', { origin: 'https://evil.example.net' })), undefined)
    const headers = { 'origin': FRIEND, 'access-control-request-method': 'GET' }
    const answer = await ask(server, '/socket.io/socket.io.js', { method: 'OPTIONS', headers })
    assert.deepEqual([answer.status, allowed(answer)], [204, FRIEND])
  })

  test(`${whose}: another name is the endpoint's`, async () => {
    for (const name of ['socket.io.mjs', 'version', 'socket.io.js.gz']) {
      const { status, text } = await get(server, `/socket.io/${name}`)
      assert.deepEqual([status, JSON.parse(text).code], [400, 0], name)
    }
  })

  test(`${whose}: the endpoint beside it works`, async () => {
    assert.equal((await get(server, POLLING)).status, 200)
  })

  test(`${whose}: nothing is served unless it is wanted`, async () => {
    const { status, text } = await get(without[whose], '/socket.io/socket.io.js')
    assert.deepEqual([status, JSON.parse(text).code], [400, 0])
  })
}

test('ours: below every path, with the headers of every answer', async () => {
  const { status, headers } = await get(ours, '/rt/socket.io.min.js')
  assert.deepEqual([status, headers['x-every']], [200, 'answer'])
})

test('ours: HEAD, and methods that mean nothing', async () => {
  const head = await ask(ours, '/socket.io/socket.io.js', { method: 'HEAD' })
  assert.deepEqual([head.status, head.text, Number(head.headers['content-length'])], [200, '', published('socket.io.js').length])
  const post = await ask(ours, '/socket.io/socket.io.js', { method: 'POST' })
  assert.deepEqual([post.status, post.headers.allow], [405, 'GET, HEAD'])
})

test('ours: the log says which version is served', async () => {
  const line = JSON.parse(await ours.log.find((text) => text.includes('serving the Socket.IO client'), 'a line about the client'))
  const { version } = JSON.parse(readFileSync(new URL('../node_modules/socket.io-client/package.json', import.meta.url)))
  assert.equal(line.version, version)
})
