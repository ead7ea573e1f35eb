// Two servers and Node's Socket.IO servers on one Redis are one cluster, in every
// dialect of Node's adapters, and the emitter reaches all clients of it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { after, before, describe, test } from 'node:test'
import { Cluster } from '../cluster/lib/peers.mjs'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { connect, newestVariants } from '../lib/client.mjs'
import { eventOf, valueOf } from '../lib/grpc.mjs'
import { startRedis } from '../lib/redis.mjs'
import { startServer } from '../lib/server.mjs'
import { Mailbox, next, until, within } from '../lib/wait.mjs'

const PEER = fileURLToPath(new URL('../cluster/peer.mjs', import.meta.url))
const TEAMS = '^/team-[a-z]+$'
const bytes = Buffer.from([0, 1, 0xff])

const backend = await startBackend()
after(() => backend.stop())

const dialects = [
  { dialect: 'classic', adapter: 'classic' },
  { dialect: 'sharded', adapter: 'sharded', mode: 'dynamic' },
  { dialect: 'sharded', adapter: 'sharded', mode: 'dynamic-private' },
  { dialect: 'sharded', adapter: 'sharded', mode: 'static' },
]

const sorted = (values) => [...values].map((value) => JSON.stringify(value)).sort()

// World is two servers of ours, `one` and `two`, and two of Node's, `a` and `b`.
class World {
  constructor({ dialect, adapter, mode }) {
    Object.assign(this, { dialect, adapter, mode })
  }

  async start() {
    this.redis = await startRedis()
    const config = {
      redis: { addresses: [this.redis.address], probe_interval: '200ms', call_timeout: '1s', dial_timeout: '500ms' },
      bridge: { dialect: this.dialect, ...(this.mode && { subscription_mode: this.mode }) },
      namespaces: { '/': {}, '/chat': {}, [TEAMS]: {} },
    }
    ;[this.one, this.two] = await Promise.all([1, 2].map(() => startServer({ backend, config })))
    this.cluster = new Cluster(`redis://${this.redis.address}`)
    const options = { subscriptionMode: this.mode }
    ;[this.a, this.b] = [await this.cluster.server(this.adapter, options), await this.cluster.server(this.adapter, options)]
    for (const io of [this.a, this.b]) io.of(new RegExp(TEAMS))
    this.client = await this.cluster.redis()
    await this.cluster.subscribed([this.a, this.b], 4)
  }

  async stop() {
    await this.cluster.close()
    await Promise.all([this.one.stop(), this.two.stop()])
    await this.redis.stop()
  }

  // ours is a client of a server of ours that backends know of.
  async ours(t, server, user, rooms, { namespace, ...options } = {}) {
    const client = await connect(t, server, newestVariants[1], { namespace, auth: { token: TOKEN, user, rooms }, ...options })
    await backend.of('OnConnected', client.id)
    if (this.mode === 'dynamic-private') await this.subscribed(client.id, namespace)
    return client
  }

  // theirs is a client of a server of Node's, which is reached from everywhere.
  async theirs(t, io, rooms, options = {}) {
    const { client, socket } = await this.cluster.client(io, { rooms, ...options })
    t.after(() => client.close())
    const inbox = new Mailbox()
    client.onAny((...event) => inbox.put(event))
    for (const room of [...rooms, ...(this.mode === 'dynamic-private' ? [client.id] : [])]) await this.subscribed(room, options.namespace)
    return { socket: client, server: socket, inbox, get id() { return client.id } }
  }

  // subscribed waits until a room has its channel, where it has one.
  async subscribed(room, namespace = '/') {
    if (!this.mode?.startsWith('dynamic')) return
    const channel = `socket.io#${namespace}#${room}#`
    await until(async () => (await this.client.pubSubShardNumSub([channel]))[channel] > 0, `${channel} is heard`)
  }

  // four are clients of all servers, in rooms that all begin with a name.
  async four(t, name, rooms = ['all']) {
    const named = rooms.map((room) => `${name} ${room}`)
    const own = (which) => [...named, `${name} ${which}`]
    return [
      await this.ours(t, this.one, `${name} one`, own('one')),
      await this.ours(t, this.two, `${name} two`, own('two')),
      await this.theirs(t, this.a, own('a')),
      await this.theirs(t, this.b, own('b')),
    ]
  }

  // finish returns what clients have heard, after a last event from each side.
  async finish(clients) {
    this.a.to(clients.map(({ id }) => id)).emit('end of a')
    this.b.to(clients.map(({ id }) => id)).emit('end of b')
    await this.one.api.send({ target: { connection_ids: clients.map(({ id }) => id) }, event: eventOf('end') })
    await this.two.api.send({ target: { connection_ids: clients.map(({ id }) => id) }, event: eventOf('end of two') })
    const ends = ['end', 'end of a', 'end of b', 'end of two']
    await Promise.all(clients.flatMap(({ inbox }) => ends.map((end) => inbox.find(([name]) => name === end, end))))
    return clients.map(({ inbox }) => inbox.items.filter(([name]) => !ends.includes(name)))
  }

  async publish(channel, body) {
    await (this.dialect === 'sharded' ? this.client.sPublish(channel, body) : this.client.publish(channel, body))
  }
}

const metric = async (server, name) => {
  const text = await (await fetch(`${server.adminUrl}/metrics`)).text()
  return text.split('\n').filter((line) => line.startsWith(name)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

for (const options of dialects) {
  describe([options.dialect, options.mode].filter(Boolean).join(', '), () => {
    const w = new World(options)
    before(() => w.start())
    after(() => w.stop())

    test('what a backend sends reaches everybody, once', async (t) => {
      const clients = await w.four(t, 'send')
      const [one, two, a, b] = clients
      const send = (target, event) => w.one.api.send({ target, event })
      await send({ rooms: ['send all'] }, eventOf('room', 1, 'x', { deep: [true, null] }))
      await send({ rooms: ['send a'] }, eventOf('single'))
      await send({ rooms: ['send all', 'send two', 'send b'], except_rooms: ['send a'] }, eventOf('union'))
      await send({ rooms: ['send all'], except_connection_ids: [b.id, two.id] }, eventOf('except'))
      await send({ connection_ids: [one.id, b.id] }, eventOf('ids'))
      await send({ users: ['send two'] }, eventOf('user'))
      await send({ users: ['nobody'] }, eventOf('nobody'))
      await send({ connection_ids: [one.id] }, eventOf('local'))
      await send({ rooms: ['send all'] }, eventOf('bytes', bytes, { in: [bytes] }))
      await w.two.api.broadcast({ event: eventOf('broadcast'), except_rooms: ['send one'] })
      const heard = await w.finish(clients)
      const room = ['room', 1, 'x', { deep: [true, null] }]
      const binary = ['bytes', bytes, { in: [bytes] }]
      assert.deepEqual(sorted(heard[0]), sorted([room, ['union'], ['except'], ['ids'], ['local'], binary]))
      assert.deepEqual(sorted(heard[1]), sorted([room, ['union'], ['user'], binary, ['broadcast']]))
      assert.deepEqual(sorted(heard[2]), sorted([room, ['single'], ['except'], binary, ['broadcast']]))
      assert.deepEqual(sorted(heard[3]), sorted([room, ['union'], ['ids'], binary, ['broadcast']]))
      assert.ok(Buffer.isBuffer(heard[2].find(([name]) => name === 'bytes')[2].in[0]))
    })

    test('what Node emits reaches everybody, once', async (t) => {
      const clients = await w.four(t, 'emit')
      const [one, two, a] = clients
      w.a.to('emit all').emit('room', 1, 'x', { deep: [true, null] })
      w.a.to('emit one').emit('single')
      w.a.to(['emit all', 'emit two', 'emit b']).except('emit a').emit('union')
      w.a.to('emit all').except([two.id, a.id]).compress(false).emit('except')
      w.a.to(one.id).emit('id')
      a.server.to('emit all').emit('not to itself')
      w.a.to('emit all').emit('bytes', bytes, { in: [bytes] })
      w.a.to('nobody').emit('nobody')
      w.a.local.emit('local')
      w.b.except('emit one').emit('everybody')
      const heard = await w.finish(clients)
      const room = ['room', 1, 'x', { deep: [true, null] }]
      const binary = ['bytes', bytes, { in: [bytes] }]
      const most = [room, binary]
      assert.deepEqual(sorted(heard[0]), sorted([...most, ['single'], ['union'], ['except'], ['id'], ['not to itself']]))
      assert.deepEqual(sorted(heard[1]), sorted([...most, ['union'], ['not to itself'], ['everybody']]))
      assert.deepEqual(sorted(heard[2]), sorted([...most, ['local'], ['everybody']]))
      assert.deepEqual(sorted(heard[3]), sorted([...most, ['union'], ['except'], ['not to itself'], ['everybody']]))
      assert.ok(Buffer.isBuffer(heard[0].find(([name]) => name === 'bytes')[2].in[0]))
    })

    test('order: what one side sends arrives in order at the other', async (t) => {
      const clients = await w.four(t, 'order')
      for (let n = 0; n < 100; n += 1) {
        w.a.to('order all').emit('theirs', n)
        await w.one.api.send({ target: { rooms: ['order all'] }, event: eventOf('ours', n), report_level: n % 2 ? 'REPORT_LEVEL_NONE' : 'REPORT_LEVEL_ROUTED' })
      }
      for (const heard of await w.finish(clients)) {
        for (const side of ['theirs', 'ours']) {
          assert.deepEqual(heard.filter(([name]) => name === side).map(([, n]) => n), Array.from({ length: 100 }, (_, n) => n))
        }
      }
    })

    test('namespaces, fixed and dynamic, are each for themselves', async (t) => {
      const [chat, team] = ['/chat', '/team-red']
      const ours = await Promise.all([chat, team].map((namespace) => w.ours(t, w.two, 'n', ['n'], { namespace })))
      const theirs = []
      for (const namespace of [chat, team]) theirs.push(await w.theirs(t, w.b, ['n'], { namespace }))
      for (const [i, namespace] of [chat, team].entries()) {
        if (namespace === team) await until(async () => (await w.b.of(team).adapter.serverCount()) >= 2, 'both know the team')
        w.b.of(namespace).emit('from node', namespace)
        await w.one.api.broadcast({ namespace, event: eventOf('from us', namespace) })
        await Promise.all([ours[i], theirs[i]].map(({ inbox }) => inbox.take(2)))
        const counted = await w.one.api.countConnections({ namespace, room: 'n' })
        assert.equal(counted.connections, '2', namespace)
      }
      for (const [i, namespace] of [chat, team].entries()) {
        for (const { inbox } of [ours[i], theirs[i]]) {
          assert.deepEqual(sorted(inbox.items), sorted([['from node', namespace], ['from us', namespace]]))
        }
      }
    })

    test('a backend hears the acknowledgements of everybody', async (t) => {
      const clients = await w.four(t, 'ask')
      for (const [i, { socket }] of clients.entries()) {
        socket.on('ask', (question, ack) => ack({ i, question }, 'more'))
        if (i !== 3) socket.on('some', (ack) => ack(bytes))
      }
      const ask = async (event, ms, target = { rooms: ['ask all'] }) => {
        const [{ start }, ...results] = await w.one.api.sendWithAck({ target, event, timeout: { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1e6 } })
        assert.equal(Number(start.matched), results.length)
        assert.equal(start.coverage.partial, false)
        return results
      }
      const all = await ask(eventOf('ask', bytes), 5_000)
      assert.deepEqual(sorted(all.map(({ ack }) => valueOf(ack.args[0]))), sorted([0, 1, 2, 3].map((i) => ({ i, question: bytes }))))
      assert.deepEqual(all.map(({ ack }) => ack.connection_id !== '').sort(), [false, false, true, true])
      const some = await ask(eventOf('some'), 400)
      assert.equal(some.filter(({ ack }) => ack && valueOf(ack.args[0]).equals(bytes)).length, 3)
      assert.deepEqual(some.filter(({ missing }) => missing).map(({ missing }) => missing.reason), ['MISSING_ACK_REASON_TIMED_OUT'])
      assert.deepEqual(await ask(eventOf('ask', 1), 5_000, { rooms: ['ask nobody'] }), [])
      assert.equal((await ask(eventOf('ask', 1), 5_000, { users: ['ask one'] })).length, 1)
    })

    test('Node hears the acknowledgements of everybody', async (t) => {
      const clients = await w.four(t, 'wish')
      for (const [i, { socket }] of clients.entries()) {
        socket.on('ask', (question, ack) => ack({ i, question }))
        if (i !== 0) socket.on('some', (ack) => ack(bytes))
      }
      const all = await w.a.to('wish all').timeout(5_000).emitWithAck('ask', bytes)
      assert.deepEqual(sorted(all), sorted([0, 1, 2, 3].map((i) => ({ i, question: bytes }))))
      const few = await within(new Promise((resolve) => {
        w.b.to('wish all').timeout(500).emit('some', (error, answers) => resolve({ error, answers }))
      }), 'some answers')
      assert.ok(few.error)
      assert.deepEqual(sorted(few.answers), sorted([bytes, bytes, bytes]))
      assert.deepEqual(await w.a.to('wish nobody').timeout(5_000).emitWithAck('ask', 1), [])
    })

    test('Node makes connections join, leave and end', async (t) => {
      const [one, two, a, b] = await w.four(t, 'move')
      const rooms = async ({ id }) => (await w.one.api.getConnection({ connection_id: id })).connection.rooms
      w.a.in('move all').except('move b').socketsJoin(['move new', 'move newer', ''])
      for (const client of [one, two, a]) {
        await until(async () => (await rooms(client)).includes('move newer'), 'joined')
      }
      assert.ok(!(await rooms(b)).includes('move newer'))
      w.b.in([one.id, a.id]).socketsLeave('move newer')
      for (const client of [one, a]) await until(async () => !(await rooms(client)).includes('move newer'), 'left')
      assert.ok((await rooms(two)).includes('move newer'))
      const ends = [two, b].map(({ socket }) => next(socket, 'disconnect'))
      w.a.in(['move two', b.id]).disconnectSockets(true)
      for (const [reason] of await Promise.all(ends)) assert.equal(reason, 'io server disconnect')
      w.b.in(one.id).socketsJoin('move last')
      await until(async () => (await rooms(one)).includes('move last'), 'joined')
      const end = next(one.socket, 'disconnect')
      w.b.in('move last').disconnectSockets()
      assert.deepEqual((await end)[0], 'io server disconnect')
      assert.ok(a.socket.connected)
    })

    test('a backend makes Node\'s connections join, leave and end', async (t) => {
      const [one, , a, b] = await w.four(t, 'shift')
      await w.one.api.joinRoom({ target: { rooms: ['shift all'], except_rooms: ['shift b'] }, rooms: ['shift new', 'shift newer'] })
      await until(() => a.server.rooms.has('shift newer'), 'joined')
      await w.two.api.leaveRoom({ target: { connection_ids: [one.id, a.id] }, rooms: ['shift newer'] })
      await until(() => !a.server.rooms.has('shift newer'), 'left')
      assert.ok(a.server.rooms.has('shift new') && !b.server.rooms.has('shift new'))
      const end = next(b.socket, 'disconnect')
      await w.one.api.disconnect({ target: { rooms: ['shift b'] }, last_event: eventOf('bye', 1) })
      assert.deepEqual((await end)[0], 'io server disconnect')
      assert.deepEqual(b.inbox.items, [['bye', 1]])
      assert.deepEqual(a.inbox.items, [])
      await w.one.api.disconnect({ target: { users: ['nobody'] } })
      assert.ok(a.socket.connected)
    })

    test('a backend reads of everybody', async (t) => {
      const clients = await w.four(t, 'read', ['all', 'more'])
      const ids = clients.map(({ id }) => id).sort()
      const listed = []
      let page_token = ''
      do {
        const page = await w.two.api.listConnections({ room: 'read all', page_size: 3, page_token })
        assert.deepEqual(page.coverage, { nodes_asked: 4, nodes_answered: 4, partial: false })
        listed.push(...page.connections)
        page_token = page.next_page_token
      } while (page_token)
      assert.deepEqual(listed.map(({ id }) => id), ids)
      const a = listed.find(({ id }) => id === clients[2].id)
      assert.deepEqual([a.rooms, a.user_id, a.node_id, a.remote_address, a.namespace], [['read a', 'read all', 'read more'], '', 'node', '127.0.0.1', '/'])
      const { rooms } = await w.one.api.listRooms({ prefix: 'read' })
      assert.deepEqual(rooms.map(({ name, connections }) => [name, connections]), [
        ['read a', '1'], ['read all', '4'], ['read b', '1'], ['read more', '4'], ['read one', '1'], ['read two', '1'],
      ])
      const counted = await w.one.api.countConnections({ room: 'read more' })
      assert.deepEqual([counted.connections, counted.users], ['4', '2'])
      assert.equal((await w.one.api.countConnections({ user_id: 'read two' })).connections, '1')
      assert.deepEqual((await w.one.api.listConnections({ room: clients[3].id })).connections, [])
      for (const { id } of clients) {
        assert.equal((await w.one.api.getConnection({ connection_id: id })).connection.id, id)
      }
      await assert.rejects(w.one.api.getConnection({ connection_id: 'x'.repeat(20) }), /CONNECTION_NOT_FOUND|no connection/i)
    })

    test('Node reads of everybody', async (t) => {
      const clients = await w.four(t, 'look')
      const found = await w.a.in('look all').fetchSockets()
      assert.deepEqual(found.map(({ id }) => id).sort(), clients.map(({ id }) => id).sort())
      const two = found.find(({ id }) => id === clients[1].id)
      assert.deepEqual([...two.rooms].sort(), [clients[1].id, 'look all', 'look two'].sort())
      assert.equal(two.data.user_id, 'look two')
      const { address, auth, secure, query, headers, url } = two.handshake
      assert.deepEqual([address, auth, secure, query.EIO], ['127.0.0.1', {}, false, '4'])
      assert.ok(url.startsWith('/socket.io/?') && typeof headers === 'object')
      assert.deepEqual((await w.b.in(clients[0].id).fetchSockets()).map(({ id }) => id), [clients[0].id])
      two.emit('directly', bytes)
      two.join('look late')
      await until(async () => (await w.a.in('look late').fetchSockets()).length === 1, 'joined')
      two.disconnect()
      await until(async () => (await w.a.in('look two').fetchSockets()).length === 0, 'gone')
      assert.deepEqual(clients[1].inbox.items, [['directly', bytes]])
      if (w.dialect === 'classic') {
        const rooms = await w.a.of('/').adapter.allRooms()
        for (const room of ['look one', 'look b', clients[0].id]) assert.ok(rooms.has(room), room)
      }
    })

    test('a server-side emit with acknowledgements is answered', async () => {
      const answers = await w.a.serverSideEmitWithAck('serverSide')
      assert.equal(answers.length, 3)
      assert.ok(answers.includes('from node'))
      w.a.serverSideEmit('serverSide', 1)
      for (const server of [w.one, w.two]) {
        await until(() => metric(server, 'realtime_bridge_messages_ignored_total{cause="server-side emit"}').then((n) => n >= 2), 'counted')
      }
    })

    test('garbled messages are counted, and harm nobody', async (t) => {
      const clients = await w.four(t, 'garbage')
      const before = await metric(w.one, 'realtime_bridge_messages_garbled_total')
      const garbage = ['', '{', '{"type":3}', '[1,2', 'null', Buffer.from([0x93, 0xc1]), Buffer.alloc(1_000, 0x91), '{"type":99}', JSON.stringify({ type: 7, requestId: 'x' })]
      const channels = w.dialect === 'classic'
        ? ['socket.io#/#', 'socket.io#/#garbage all#', 'socket.io-request#/#']
        : ['socket.io#/#', ...(w.mode.startsWith('dynamic') ? ['socket.io#/#garbage all#'] : [])]
      const answers = w.dialect === 'classic' ? ['socket.io-response#/#'] : []
      // Node's own adapter does not survive garbage: it hears none of this.
      const deaf = await deafen(w)
      for (const channel of [...channels, ...answers]) for (const body of garbage) await w.publish(channel, body)
      await until(async () => await metric(w.one, 'realtime_bridge_messages_garbled_total') >= before + channels.length * 5, 'counted')
      await deaf.undo()
      const told = w.one.log.items.filter((line) => line.includes('this is told once') && line.includes('cannot be read'))
      assert.equal(told.length, 1)
      w.a.to('garbage all').emit('still')
      for (const heard of await w.finish(clients)) assert.deepEqual(heard, [['still']])
    })

    test('a server of Node\'s that hangs or dies makes no call fail or wait', async (t) => {
      const peer = spawn(process.execPath, [PEER, w.redis.address, w.adapter, w.mode ?? ''], { stdio: ['pipe', 'pipe', 'inherit'] })
      t.after(() => peer.kill('SIGKILL'))
      const [url] = await next(createInterface({ input: peer.stdout }), 'line', 10_000)
      await w.cluster.subscribed([w.a], 5)
      const client = await connect(t, { url }, newestVariants[1], { auth: { rooms: ['hang'] }, reconnection: false })
      const resident = await w.ours(t, w.two, 'resident', ['hang'])
      resident.socket.on('ask', (ack) => ack('resident'))
      client.socket.on('ask', (ack) => ack('client'))
      await until(async () => (await w.one.api.countConnections({ room: 'hang' })).connections === '2', 'both')
      peer.kill('SIGSTOP')
      const counted = await w.one.api.countConnections({ room: 'hang' }, 1_000)
      assert.deepEqual([counted.connections, counted.coverage], ['1', { nodes_asked: 5, nodes_answered: 4, partial: true }])
      const { report } = await w.one.api.send({ target: { rooms: ['hang'] }, event: eventOf('during') }, 1_000)
      assert.deepEqual([report.matched, report.degraded], ['1', false])
      assert.equal((await w.one.api.getConnection({ connection_id: resident.id }, 2_000)).connection.id, resident.id)
      const [{ start }, ...results] = await w.one.api.sendWithAck({ target: { rooms: ['hang'] }, event: eventOf('ask'), timeout: { seconds: 1, nanos: 5e8 } })
      assert.deepEqual([start.matched, start.coverage.partial, results.map(({ ack }) => valueOf(ack.args[0]))], ['1', true, ['resident']])
      peer.kill('SIGCONT')
      await until(async () => (await w.one.api.countConnections({ room: 'hang' })).connections === '2', 'both again')
      assert.deepEqual(await client.event('during'), [])
      peer.kill('SIGKILL')
      await until(async () => {
        const { connections, coverage } = await w.one.api.countConnections({ room: 'hang' })
        return connections === '1' && coverage.nodes_asked === 4 && !coverage.partial
      }, 'it is gone')
    })

    if (options.dialect !== 'classic') return

    test('the emitter reaches everybody, once', async (t) => {
      const clients = await w.four(t, 'voice')
      const [one, two, a, b] = clients
      const emitter = await w.cluster.emitter()
      emitter.emit('everybody', { n: 1 })
      emitter.to('voice all').except(['voice a', one.id]).compress(false).emit('room', bytes)
      emitter.to([two.id, b.id]).emit('ids')
      emitter.of('/chat').emit('elsewhere')
      emitter.serverSideEmit('serverSide', 1)
      emitter.in('voice all').socketsJoin('voice new')
      for (const { id } of clients) {
        await until(async () => (await w.one.api.getConnection({ connection_id: id })).connection.rooms.includes('voice new'), 'joined')
      }
      emitter.in('voice one').socketsLeave('voice new')
      await until(async () => !(await w.one.api.getConnection({ connection_id: one.id })).connection.rooms.includes('voice new'), 'left')
      const heard = await w.finish(clients)
      assert.deepEqual(sorted(heard[0]), sorted([['everybody', { n: 1 }]]))
      assert.deepEqual(sorted(heard[1]), sorted([['everybody', { n: 1 }], ['room', bytes], ['ids']]))
      assert.deepEqual(sorted(heard[2]), sorted([['everybody', { n: 1 }]]))
      assert.deepEqual(sorted(heard[3]), sorted([['everybody', { n: 1 }], ['room', bytes], ['ids']]))
      const ends = [two, a].map(({ socket }) => next(socket, 'disconnect'))
      emitter.in(['voice two', 'voice a']).disconnectSockets(true)
      for (const [reason] of await Promise.all(ends)) assert.equal(reason, 'io server disconnect')
    })
  })
}

// deafen takes the ears of Node's servers away for a while.
async function deafen(w) {
  const adapters = [w.a, w.b].map((io) => io.of('/').adapter)
  const methods = ['onmessage', 'onrequest', 'onresponse', 'onRawMessage', 'onMessage']
  const undo = adapters.flatMap((adapter) => methods.filter((name) => adapter[name]).map((name) => {
    adapter[name] = () => {}
    return () => delete adapter[name]
  }))
  return { undo: async () => undo.forEach((one) => one()) }
}
