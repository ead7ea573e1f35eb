// The demo page in a real browser, against the real server.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ownAddress } from '../lib/address.mjs'
import { openPage } from '../lib/browser.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startServer } from '../lib/server.mjs'

const server = await startServer()
after(() => server.stop())

// connectedPage is the page once it is connected, upgraded and in its room.
async function connectedPage(t, { url = server.url, ...options } = {}) {
  const { page, problems } = await openPage(t, url, options)
  await settled(page)
  return { page, problems, id: await page.locator('#connection-id').textContent() }
}

async function settled(page) {
  await shows(page, '#state', 'Connected')
  await shows(page, '#transport', 'pollingwebsocket')
  await shows(page, '#rooms li', 'news')
}

// shows waits until an element has exactly this text.
const shows = (page, selector, text) => page.locator(selector, { hasText: exactly(text) }).first().waitFor()
const exactly = (text) => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}×?$`)

const rooms = (page) => page.locator('#rooms li span').allTextContents()
const newest = (page, n) => page.locator('#events li').nth(n)

test('connects, upgrades and is in its room', async (t) => {
  const { page, problems, id } = await connectedPage(t)
  assert.match(id, /^[\w-]{20}$/)
  assert.deepEqual(await rooms(page), ['news'])
  const { connection } = await server.api.getConnection({ connection_id: id })
  assert.deepEqual(connection.rooms, ['news'])
  assert.equal(connection.transport, 'websocket')
  assert.deepEqual(problems, [])
})

test('shows the commands that send to it, and what they send', async (t) => {
  const { page, id } = await connectedPage(t)
  const grpcAddress = JSON.parse(await (await fetch(`${server.url}/demo.json`)).text()).grpc_address
  const event = '"event":{"name":"notification","args":[{"value":{"message":"Hello"}}]}'
  const command = (target) =>
    `grpcurl -plaintext -d '{"target":{${target}},${event}}' ${grpcAddress} realtime.v1.Realtime/Send`
  assert.equal(await page.locator('#to-page').textContent(), command(`"connection_ids":["${id}"]`))
  assert.equal(await page.locator('#to-room').textContent(), command('"rooms":["news"]'))

  for (const target of [{ connection_ids: [id] }, { rooms: ['news'] }]) {
    await server.api.send({ target, event: eventOf('notification', { message: 'Hello' }) })
  }
  await newest(page, 1).waitFor()
  for (const n of [0, 1]) {
    await shows(page, `#events li:nth-child(${n + 1}) .name`, 'notification')
    await shows(page, `#events li:nth-child(${n + 1}) .value`, '{"message": "Hello"}')
  }
})

test('copies a command', async (t) => {
  const { page } = await connectedPage(t, { permissions: ['clipboard-read', 'clipboard-write'] })
  await page.locator('[data-copy=to-room]').click()
  await shows(page, '[data-copy=to-room]', 'Copied')
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  assert.equal(copied, await page.locator('#to-room').textContent())
})

test('shows falsy, binary and hostile values, the newest first', async (t) => {
  const { page, problems, id } = await connectedPage(t)
  const target = { connection_ids: [id] }
  await server.api.send({ target, event: eventOf('first', 0, '', false, null) })
  await server.api.send({ target, event: eventOf('second', Buffer.from([0, 255, 16]), { nested: Buffer.from('é') }) })
  await server.api.send({ target, event: eventOf('<b>third</b>', '<img src=x onerror=alert(1)>') })
  await server.api.send({ target, event: eventOf('fourth') })
  await newest(page, 3).waitFor()
  const values = async (n) => newest(page, n).locator('.value').allTextContents()
  assert.deepEqual(await page.locator('#events .name').allTextContents(), ['fourth', '<b>third</b>', 'second', 'first'])
  assert.deepEqual(await values(0), ['no arguments'])
  assert.deepEqual(await values(1), ['"<img src=x onerror=alert(1)>"'])
  assert.deepEqual(await values(2), ['<3 bytes: 00 ff 10>', '{"nested": <2 bytes: c3 a9>}'])
  assert.deepEqual(await values(3), ['0', '""', 'false', 'null'])
  assert.deepEqual(problems, [])
})

test('keeps a bounded list', async (t) => {
  const { page, id } = await connectedPage(t)
  for (let n = 1; n <= 120; n += 1) {
    await server.api.send({ target: { connection_ids: [id] }, event: eventOf(`event ${n}`) })
  }
  await shows(page, '#count', 'the latest 100 of 120')
  assert.equal(await page.locator('#events li').count(), 100)
  assert.equal(await newest(page, 0).locator('.name').textContent(), 'event 120')
  await page.locator('#clear').click()
  await page.locator('#empty').waitFor()
})

test('emits and shows the acknowledgement', async (t) => {
  const { page } = await connectedPage(t)
  await page.locator('#emit-args').fill('[1, {"two": [false, ""]}]')
  await page.locator('#emit-button').click()
  await page.locator('#emit-result.good', { hasText: /^Acknowledged in \d+ ms/ }).waitFor()
  assert.deepEqual(await page.locator('#emit-result .value').allTextContents(), ['1', '{"two": [false, ""]}'])

  await page.locator('#emit-args').fill('{"not": "a list"}')
  await page.locator('#emit-button').click()
  await page.locator('#emit-result.bad', { hasText: 'JSON array' }).waitFor()
})

test('joins and leaves rooms', async (t) => {
  const { page } = await connectedPage(t)
  await page.locator('#join-name').fill('sports')
  await page.locator('#join-name').press('Enter')
  await shows(page, '#rooms li', 'sports')
  assert.deepEqual(await rooms(page), ['news', 'sports'])
  await server.api.send({ target: { rooms: ['sports'] }, event: eventOf('goal') })
  await shows(page, '#events .name', 'goal')

  await page.getByRole('button', { name: 'Leave room sports' }).click()
  await page.locator('#rooms li', { hasText: 'sports' }).waitFor({ state: 'detached' })
  assert.equal((await server.api.send({ target: { rooms: ['sports'] }, event: eventOf('goal') })).report.matched, '0')
})

test('stays away when the server says so, until the reader wants it back', async (t) => {
  const { page, id } = await connectedPage(t)
  await server.api.disconnect({ target: { connection_ids: [id] } })
  await shows(page, '#state', 'Disconnected')
  assert.match(await page.locator('#reason').textContent(), /^io server disconnect, /)
  await page.getByRole('button', { name: 'Connect', exact: true }).click()
  await settled(page)
  assert.notEqual(await page.locator('#connection-id').textContent(), id)
})

test('comes back after a restart of the server on the same port', async (t) => {
  const first = await startServer({ http: ownAddress() })
  const { page, id } = await connectedPage(t, { url: first.url })
  await first.stop()
  await page.locator('#state[data-state=connecting]').waitFor()
  assert.match(await page.locator('#reason').textContent(), /^transport close, /)

  const second = await startServer({ http: first.address })
  t.after(() => second.stop())
  await settled(page)
  assert.notEqual(await page.locator('#connection-id').textContent(), id)
  await second.api.send({ target: { rooms: ['news'] }, event: eventOf('again') })
  await shows(page, '#events .name', 'again')
})

test('says so when the binary was built without the client', async (t) => {
  const { page } = await openPage(t, server.url, { missing: 'socket.io.min.js' })
  await shows(page, '#notice', 'This binary was built without the Socket.IO client: run make build.')
  assert.equal(await page.locator('#main').isVisible(), false)
})

for (const colorScheme of ['light', 'dark']) {
  test(`fits a small screen, ${colorScheme}`, async (t) => {
    const { page } = await connectedPage(t, { viewport: { width: 360, height: 740 }, colorScheme })
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.equal(overflow, 0)
  })
}
