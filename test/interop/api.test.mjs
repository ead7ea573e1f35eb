// The Realtime service through @grpc/grpc-js: errors in detail, lists.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOKEN } from '../lib/backend.mjs'
import { connect, newestVariants } from '../lib/client.mjs'
import { codes, errorDetails, eventOf } from '../lib/grpc.mjs'
import { startWorld } from '../lib/world.mjs'

const { server } = await startWorld()
const { api } = server

const event = eventOf('x')
const target = { rooms: ['r'] }
const bad = (request) => () => api.send(request)

const faults = {
  'an empty target': [bad({ target: {}, event }), ['target']],
  'no target': [bad({ event }), ['target']],
  'a target of exceptions only': [bad({ target: { except_rooms: ['r'] }, event }), ['target']],
  'no event': [bad({ target }), ['event.name']],
  'an event without a name': [bad({ target, event: eventOf('') }), ['event.name']],
  'a reserved name': [bad({ target, event: eventOf('connect_error') }), ['event.name']],
  'an argument that is no JSON': [bad({ target, event: { name: 'x', args: [{ json: '{' }] } }), ['event.args[0]']],
  'an argument that is nothing': [bad({ target, event: { name: 'x', args: [{}] } }), ['event.args[0]']],
  'an empty room name': [bad({ target: { rooms: [''] }, event }), ['target.rooms[0]']],
  'two faults at once': [bad({ target: {}, event: eventOf('connect') }), ['target', 'event.name']],
  'a join without rooms': [() => api.joinRoom({ target }), ['rooms']],
  'a disconnect of nobody': [() => api.disconnect({}), ['target']],
}

for (const [what, [call, fields]] of Object.entries(faults)) {
  test(`INVALID_ARGUMENT: ${what}`, async () => {
    const error = await call().then(() => assert.fail('the call succeeded'), (failure) => failure)
    assert.equal(error.code, codes.INVALID_ARGUMENT)
    const { ErrorInfo, BadRequest } = errorDetails(error)
    assert.equal(ErrorInfo.reason, 'INVALID_REQUEST')
    assert.equal(ErrorInfo.domain, 'realtime-server')
    const violations = BadRequest.field_violations
    assert.deepEqual(violations.map(({ field }) => field.replace(/\.(json|kind)$/, '')), fields)
    for (const { description } of violations) assert.ok(description.length > 0)
  })
}

const missing = {
  'a namespace': [() => api.send({ target: { ...target, namespace: '/nowhere' }, event }), 'NAMESPACE_NOT_FOUND'],
  'a connection': [() => api.getConnection({ connection_id: 'AAAAAAAAAAAAAAAAAAAA' }), 'CONNECTION_NOT_FOUND'],
}

for (const [what, [call, reason]] of Object.entries(missing)) {
  test(`NOT_FOUND: ${what}`, async () => {
    const error = await call().then(() => assert.fail('the call succeeded'), (failure) => failure)
    assert.equal(error.code, codes.NOT_FOUND)
    assert.equal(errorDetails(error).ErrorInfo.reason, reason)
  })
}

test('connections and rooms, page by page', async (t) => {
  const clients = await Promise.all(newestVariants.map((variant, i) =>
    connect(t, server, variant, { auth: { token: TOKEN, user: 'ann', rooms: ['list all', `list ${i}`] } })))
  const ids = clients.map(({ id }) => id).sort()

  const listed = []
  let token = ''
  do {
    const page = await api.listConnections({ room: 'list all', page_size: 2, page_token: token })
    assert.ok(page.connections.length <= 2)
    listed.push(...page.connections)
    token = page.next_page_token
  } while (token)
  assert.deepEqual(listed.map(({ id }) => id), ids)
  assert.deepEqual(listed.map(({ transport }) => transport).sort(), ['polling', 'websocket', 'websocket'])

  const { rooms } = await api.listRooms({ prefix: 'list ' })
  assert.deepEqual(rooms, [
    { name: 'list 0', connections: '1' }, { name: 'list 1', connections: '1' },
    { name: 'list 2', connections: '1' }, { name: 'list all', connections: '3' },
  ])
  const count = await api.countConnections({ user_id: 'ann' })
  assert.deepEqual([count.connections, count.users], ['3', '1'])
})

test('a report of what was written', async (t) => {
  const clients = await Promise.all(newestVariants.map((variant) =>
    connect(t, server, variant, { auth: { token: TOKEN, rooms: ['written'] } })))
  const { message_id: id, report } = await api.send({
    target: { rooms: ['written'] }, event: eventOf('n', 1), report_level: 'REPORT_LEVEL_WRITTEN',
  })
  assert.ok(id)
  assert.equal(report.level, 'REPORT_LEVEL_WRITTEN')
  assert.deepEqual([report.matched, report.written, report.dropped, report.pending], ['3', '3', '0', '0'])
  for (const client of clients) assert.deepEqual(await client.event('n'), [1])
})
