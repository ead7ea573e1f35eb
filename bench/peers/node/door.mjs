// The control door of bench/internal/control, and how its caller learns where a
// server listens.
import { createServer } from 'node:http'

// door opens it: orders are functions by path, which get the numbers of the
// query.
export function door(orders) {
  const control = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    const numbers = Object.fromEntries([...searchParams].map(([name, value]) => [name, Number(value)]))
    await orders[pathname](numbers)
    response.end()
  })
  listen(control, 'control')
}

export function listen(server, listener) {
  server.listen(0, '127.0.0.1', () => {
    const { address, port } = server.address()
    console.error(JSON.stringify({ msg: 'listening', listener, address: `${address}:${port}` }))
  })
}
