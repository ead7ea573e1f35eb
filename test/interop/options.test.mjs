// Every option of Node's server has a row in docs/socketio-compatibility.md,
// and every row that says yes names a test. A new version of the stock packages
// with a new option fails here.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect, newestVariants } from '../lib/client.mjs'
import { POLLING, UPGRADE, WEBSOCKET, ask, sidOf } from '../lib/http.mjs'
import { STOCK, startServer } from '../lib/server.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path) => readFileSync(join(root, path), 'utf8')

// members are the names of an interface's own members.
function members(path, name) {
  const text = read(`test/node_modules/${path}`).replace(/\/\*[^]*?\*\//g, '').replace(/\/\/.*/g, '')
  const start = text.search(new RegExp(`\\binterface ${name}\\b[^{]*\\{`))
  assert.ok(start >= 0, `${path} has no interface ${name}`)
  const found = []
  let depth = 0
  let word = ''
  for (const [token] of text.slice(start).matchAll(/[\w$]+|\?|[^\s\w$]/g)) {
    if ('{(['.includes(token)) {
      if (depth === 1 && token === '(' && word) found.push(word) // a method
      depth += 1
    } else if ('})]'.includes(token)) {
      depth -= 1
      if (depth === 0) break
    } else if (token === ':' && depth === 1 && word) {
      found.push(word)
    } else if (token === '?') {
      continue
    }
    word = depth === 1 && /^[\w$]+$/.test(token) ? token : ''
  }
  assert.ok(found.length > 0, `${name} has no members`)
  return found
}

const page = read('docs/socketio-compatibility.md')

// rows are the rows of the first table under a heading.
function rows(heading) {
  const [, section] = page.split(`\n${heading}\n`)
  assert.ok(section, `the page has no ${heading}`)
  const table = section.split(/\n#+ /)[0].split('\n').filter((line) => line.startsWith('|')).slice(2)
  return table.map((line) => {
    const [option, status, why] = line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim())
    return { options: [...option.matchAll(/`([\w.]+)`/g)].map(([, name]) => name), option, status, why }
  })
}

const tables = {
  '## Options of the server': [
    ...members('socket.io/dist/index.d.ts', 'ServerOptions'),
    ...members('engine.io/build/server.d.ts', 'ServerOptions'),
    ...members('engine.io/build/server.d.ts', 'AttachOptions'),
  ],
  '### Options of `cors`': members('@types/cors/index.d.ts', 'CorsOptions'),
  '### Options of `perMessageDeflate`': members('@types/ws/index.d.ts', 'PerMessageDeflateOptions'),
  '### Options of `cookie`': ['name', ...members('engine.io/build/contrib/types.cookie.d.ts', 'CookieSerializeOptions')],
}

// What the rows have besides: values of an option.
const values = ['polling', 'websocket', 'webtransport']

const tests = new Set(['test/interop', 'sio', 'sio/engineio', 'sio/testdata', 'sio/engineio/testdata', 'service', 'cmd/realtime-server']
  .flatMap((folder) => readdirSync(join(root, folder))))

for (const [heading, options] of Object.entries(tables)) {
  test(`${heading.replace(/#+ /, '')}: every one has its row, and no other`, () => {
    const documented = new Set(rows(heading).flatMap((row) => row.options).filter((name) => !values.includes(name)))
    assert.deepEqual([...documented].sort(), [...new Set(options)].sort())
  })

  test(`${heading.replace(/#+ /, '')}: every row says whether, and how that is known or why not`, () => {
    for (const { option, status, why } of rows(heading)) {
      assert.match(status, /^(yes|different|no)$/, option)
      const named = [...why.matchAll(/`([\w-]+(?:\.test\.mjs|_test\.go|\.txt))`/g)].map(([, name]) => name)
      if (status === 'yes') assert.ok(named.length > 0, `${option}: yes, but no test is named`)
      if (status === 'different') assert.ok(why, `${option}: no reason is given`)
      for (const name of named) assert.ok(tests.has(name), `${option}: there is no ${name}`)
    }
  })
}

test('the reader of declarations knows what an interface looks like', () => {
  const all = tables['## Options of the server']
  for (const name of ['path', 'serveClient', 'connectionStateRecovery', 'pingTimeout', 'allowRequest', 'cors', 'addTrailingSlash']) {
    assert.ok(all.includes(name), `${name} is missing from ${all}`)
  }
  assert.ok(!all.includes('maxDisconnectionDuration'), 'what stands inside of an option is no option')
  assert.ok(tables['### Options of `cookie`'].includes('encode'))
})

// ---- options that no other file is about

const options = {
  pollingOnly: { transports: ['polling'] },
  websocketOnly: { transports: ['websocket'] },
  noUpgrades: { allow_upgrades: false },
}
const servers = {}
for (const [what, socketio] of Object.entries(options)) {
  servers[what] = { stock: await startServer({ config: { socketio }, bin: STOCK }), ours: await startServer({ config: { socketio } }) }
  for (const server of Object.values(servers[what])) after(() => server.stop())
}

const [polling, websocket, upgrade] = ['polling', 'websocket', 'upgrade']
  .map((name) => newestVariants.find(({ transport }) => transport === name))
const upgradesOf = ({ text }) => JSON.parse(text.slice(1)).upgrades

for (const whose of ['stock', 'ours']) {
  test(`${whose}: transports: polling alone`, async (t) => {
    const server = servers.pollingOnly[whose]
    const client = await connect(t, server, polling)
    assert.deepEqual(await client.ask('echo', 1), [1])
    // Node offers what it does not take; the client would try in vain.
    if (whose === 'ours') assert.deepEqual(upgradesOf(await ask(server, POLLING)), [])
    const { status, text } = await ask(server, WEBSOCKET)
    assert.deepEqual([status, JSON.parse(text).code], [400, 0])
  })

  test(`${whose}: transports: WebSocket alone`, async (t) => {
    const server = servers.websocketOnly[whose]
    const client = await connect(t, server, websocket)
    assert.deepEqual(await client.ask('echo', 1), [1])
    const { status, text } = await ask(server, POLLING)
    assert.deepEqual([status, JSON.parse(text).code], [400, 0])
  })

  test(`${whose}: allowUpgrades: false`, async (t) => {
    const server = servers.noUpgrades[whose]
    const client = await connect(t, server, { ...upgrade, transport: 'polling', io: (url, { transports, ...rest }) =>
      upgrade.io(url, { ...rest, transports: ['polling', 'websocket'] }) })
    assert.deepEqual(await client.ask('echo', 1), [1])
    const open = await ask(server, POLLING)
    assert.deepEqual(upgradesOf(open), [])
    if (whose === 'ours') { // Node only does not offer it
      assert.equal((await ask(server, `${WEBSOCKET}&sid=${sidOf(open)}`, { headers: UPGRADE })).status, 400)
    }
    assert.equal(client.engine.transport.name, 'polling')
  })
}
