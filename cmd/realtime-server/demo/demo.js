// The demo page: one stock Socket.IO client, and what it sees. Data from the
// network reaches the page as text nodes only.

const MAX_EVENTS = 100
const MAX_VALUE_CHARACTERS = 10_000
const MAX_BINARY_BYTES = 64
const ACK_TIMEOUT_MS = 5_000
const DEMO_ROOM = 'news'

const byId = (id) => document.getElementById(id)

function element(tag, className, ...children) {
  const node = document.createElement(tag)
  if (className) node.className = className
  node.append(...children)
  return node
}

// ---- values -----------------------------------------------------------------

function hex(buffer) {
  const bytes = [...new Uint8Array(buffer, 0, Math.min(buffer.byteLength, MAX_BINARY_BYTES))]
  const digits = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  const more = buffer.byteLength > MAX_BINARY_BYTES ? ' …' : ''
  const unit = buffer.byteLength === 1 ? 'byte' : 'bytes'
  return `<${buffer.byteLength} ${unit}${digits && ': '}${digits}${more}>`
}

// tokens yields [class name, text] pairs that spell a value as JSON, with
// binary parts in hex. With indent null everything is on one line.
function* tokens(value, indent) {
  if (value instanceof ArrayBuffer) return yield ['binary', hex(value)]
  if (value === null) return yield ['null', 'null']
  if (typeof value !== 'object') return yield [typeof value, JSON.stringify(value)]

  const isArray = Array.isArray(value)
  const [open, close] = isArray ? '[]' : '{}'
  const inner = indent === null ? null : `${indent}  `
  let separator = ''
  yield ['', open]
  for (const [key, item] of Object.entries(value)) {
    yield ['', separator + (inner === null ? '' : `\n${inner}`)]
    if (!isArray) {
      yield ['key', JSON.stringify(key)]
      yield ['', ': ']
    }
    yield* tokens(item, inner)
    separator = inner === null ? ', ' : ','
  }
  yield ['', separator && inner !== null ? `\n${indent}${close}` : close]
}

// spell collects tokens up to a number of characters; cut says whether some
// did not fit.
function spell(value, indent, limit) {
  const parts = []
  for (const [kind, text] of tokens(value, indent)) {
    if (text.length > limit) {
      parts.push([kind, text.slice(0, limit)])
      return { parts, cut: true }
    }
    limit -= text.length
    parts.push([kind, text])
  }
  return { parts, cut: false }
}

function valueElement(value) {
  const line = spell(value, null, 60)
  const { parts, cut } = line.cut ? spell(value, '', MAX_VALUE_CHARACTERS) : line
  const spans = parts.map(([kind, text]) => (kind ? element('span', kind, text) : text))
  return element('div', 'value', ...spans, cut ? element('span', 'none', ' … (shortened)') : '')
}

function valueElements(values) {
  return values.length ? values.map(valueElement) : [element('div', 'value none', 'no arguments')]
}

function clock(date) {
  const two = (n) => String(n).padStart(2, '0')
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`
}

// ---- parts of the page ------------------------------------------------------

function showNotice(text) {
  byId('notice').textContent = text
  byId('notice').hidden = !text
}

function showState(state, text) {
  byId('state').dataset.state = state
  byId('state').textContent = text
}

function showResult(id, ok, text, values = []) {
  byId(id).className = `result ${ok ? 'good' : 'bad'}`
  byId(id).replaceChildren(element('p', '', text), ...values.map(valueElement))
}

function showTransport(...names) {
  byId('transport').replaceChildren(...names.map((name) => element('span', 'step', name)))
}

let received = 0

function showEvent(name, args) {
  const now = new Date()
  const time = element('time', '', clock(now))
  time.dateTime = now.toISOString()
  const line = element('div', 'line', element('span', 'name', name), time)
  byId('events').prepend(element('li', '', line, ...valueElements(args)))
  while (byId('events').childElementCount > MAX_EVENTS) byId('events').lastElementChild.remove()
  received += 1
  showCount()
}

function showCount() {
  const listed = byId('events').childElementCount
  byId('count').textContent = received > listed ? `the latest ${listed} of ${received}` : String(received)
  byId('events').hidden = listed === 0
  byId('empty').hidden = listed > 0
}

function clearEvents() {
  received = 0
  byId('events').replaceChildren()
  showCount()
}

// reachable turns an address that means every interface into one to dial.
function reachable(address) {
  return address.replace(/^(0\.0\.0\.0|\[::\])?:(?=\d+$)/, 'localhost:')
}

function grpcurl(config, target) {
  const namespace = config.namespace === '/' ? {} : { namespace: config.namespace }
  const request = {
    target: { ...namespace, ...target },
    event: { name: 'notification', args: [{ value: { message: 'Hello' } }] },
  }
  const body = JSON.stringify(request).replaceAll("'", "'\\''")
  return `grpcurl -plaintext -d '${body}' ${reachable(config.grpc_address)} realtime.v1.Realtime/Send`
}

async function copy(button) {
  const source = byId(button.dataset.copy)
  try {
    await navigator.clipboard.writeText(source.textContent)
  } catch {
    // Without the clipboard permission: leave the text selected instead.
    getSelection().selectAllChildren(source)
    byId('announcement').textContent = 'The command is selected, press Ctrl C or ⌘ C.'
    return
  }
  button.textContent = 'Copied'
  byId('announcement').textContent = 'Command copied.'
  setTimeout(() => { button.textContent = 'Copy' }, 1_500)
}

// ---- the connection ---------------------------------------------------------

// ask emits an event and returns the arguments of its acknowledgement.
function ask(socket, name, ...args) {
  return new Promise((resolve, reject) => {
    socket.timeout(ACK_TIMEOUT_MS).emit(name, ...args, (error, ...answer) => {
      if (error) reject(new Error(`No acknowledgement within ${ACK_TIMEOUT_MS / 1_000} s`))
      else resolve(answer)
    })
  })
}

async function changeRooms(socket, event, rooms) {
  try {
    const [answer] = await ask(socket, event, { rooms })
    if (answer?.error) throw new Error(`${event} refused: ${answer.error.reason} (${answer.error.code})`)
    if (answer.refused.length) throw new Error(answer.refused.map(({ room, code }) => `${room} refused: ${code}`).join(', '))
    for (const room of answer.rooms) event === 'join' ? memberOf.add(room) : memberOf.delete(room)
    showRooms(socket)
    byId('rooms-result').replaceChildren()
    return true
  } catch (error) {
    showResult('rooms-result', false, error.message)
    return false
  }
}

// The rooms that this connection has joined by itself.
const memberOf = new Set()

function showRooms(socket) {
  byId('rooms').replaceChildren(...[...memberOf].sort().map((room) => {
    const leave = element('button', '', '×')
    leave.type = 'button'
    leave.setAttribute('aria-label', `Leave room ${room}`)
    leave.addEventListener('click', () => changeRooms(socket, 'leave', [room]))
    return element('li', '', element('span', '', room), leave)
  }))
}

function showConnected(socket, config) {
  const online = socket.connected
  byId('connection-id').textContent = online ? socket.id : 'none'
  byId('to-page').textContent = online
    ? grpcurl(config, { connection_ids: [socket.id] })
    : 'waiting for a connection'
  for (const id of ['copy-to-page', 'emit-button', 'join-button']) byId(id).disabled = !online
  byId('toggle').textContent = socket.active ? 'Disconnect' : 'Connect'
  if (!online) {
    memberOf.clear()
    showRooms(socket)
  }
}

function watchTransport(engine) {
  showTransport(engine.transport.name)
  const first = engine.transport.name
  engine.on('upgrade', (transport) => showTransport(first, transport.name))
  engine.on('close', () => showTransport('none'))
}

function watch(socket, config) {
  socket.io.on('open', () => watchTransport(socket.io.engine))
  socket.io.on('reconnect_attempt', (attempt) => showState('connecting', `Reconnecting, attempt ${attempt}`))

  socket.on('connect', () => {
    showState('connected', 'Connected')
    showNotice('')
    showConnected(socket, config)
    // Joining again changes nothing.
    changeRooms(socket, 'join', [DEMO_ROOM])
  })
  socket.on('disconnect', (reason) => {
    byId('reason').textContent = `${reason}, ${clock(new Date())}`
    showState(socket.active ? 'connecting' : 'disconnected', socket.active ? 'Reconnecting' : 'Disconnected')
    showConnected(socket, config)
  })
  socket.on('connect_error', (error) => {
    showConnected(socket, config)
    if (socket.active) return showState('connecting', 'Reconnecting')
    showState('disconnected', 'Refused')
    showNotice(`The server refused the connection: ${error.message} ${JSON.stringify(error.data ?? {})}`)
  })
  socket.onAny((name, ...args) => showEvent(name, args))
}

function parseArguments(text) {
  const args = JSON.parse(text.trim() || '[]')
  if (!Array.isArray(args)) throw new Error('write a JSON array, for example ["Hello", 1]')
  return args
}

async function emit(socket) {
  const name = byId('emit-name').value
  try {
    const args = parseArguments(byId('emit-args').value)
    if (!byId('emit-ack').checked) {
      socket.emit(name, ...args)
      return showResult('emit-result', true, 'Sent')
    }
    const start = performance.now()
    showResult('emit-result', true, 'Waiting for the acknowledgement')
    const answer = await ask(socket, name, ...args)
    const took = Math.round(performance.now() - start)
    const nothing = answer.length ? '' : ' without arguments'
    showResult('emit-result', true, `Acknowledged in ${took} ms${nothing}`, answer)
  } catch (error) {
    const text = error instanceof SyntaxError ? `Arguments: ${error.message}` : error.message
    showResult('emit-result', false, text)
  }
}

async function joinTyped(socket) {
  const field = byId('join-name')
  if (await changeRooms(socket, 'join', [field.value])) field.value = ''
}

function listen(socket, config) {
  const onSubmit = (id, action) => byId(id).addEventListener('submit', (event) => {
    event.preventDefault()
    if (socket.connected) action(socket)
  })
  onSubmit('emit-form', emit)
  onSubmit('join-form', joinTyped)
  byId('clear').addEventListener('click', clearEvents)
  byId('toggle').disabled = false
  byId('toggle').addEventListener('click', () => {
    if (socket.active) {
      socket.disconnect()
      showState('disconnected', 'Disconnected')
    } else {
      socket.connect()
      showState('connecting', 'Connecting')
    }
    showConnected(socket, config)
  })
}

async function loadConfig() {
  const response = await fetch('./demo.json')
  if (!response.ok) throw new Error(`demo.json: HTTP ${response.status}`)
  return response.json()
}

async function start() {
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.addEventListener('click', () => copy(button))
  }
  if (typeof io === 'undefined') {
    showState('disconnected', 'No client')
    byId('main').hidden = true
    return showNotice('This binary was built without the Socket.IO client: run make build.')
  }
  const config = await loadConfig()
  byId('version').textContent = config.version
  byId('namespace').textContent = config.namespace
  byId('to-room').textContent = grpcurl(config, { rooms: [DEMO_ROOM] })

  const socket = io(config.namespace, { path: config.path, autoConnect: false })
  watch(socket, config)
  listen(socket, config)
  socket.connect()
  showConnected(socket, config)
}

start().catch((error) => {
  showState('disconnected', 'Not started')
  showNotice(`The page could not start: ${error.message}`)
})
