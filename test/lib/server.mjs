// Starts the server under test and stops it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Realtime, dial } from './grpc.mjs'
import { Mailbox, within } from './wait.mjs'

// STOCK is the Node server that shows what clients are used to.
export const STOCK = fileURLToPath(new URL('stock-server.mjs', import.meta.url))

// QUICK_END keeps a server from waiting for clients that a test has left behind.
const QUICK_END = { shutdown: { window: '50ms' }, socketio: { close_timeout: '500ms' } }

const KEPT_LINES = 300

// START_MS is how long a process may take to start on a busy machine.
const START_MS = 20_000

const logs = []
process.on('exit', (code) => {
  if (code === 0) return
  for (const lines of logs) process.stderr.write(`--- server log ---\n${lines.slice(-KEPT_LINES).join('\n')}\n`)
})

// startServer runs the binary that TEST_SERVER_BIN names.
//   backend   a backend of startBackend; without one clients are anonymous
//   config    an object, the configuration file
//   http      the address of the browser listener
//   bin       another binary, for example STOCK
export async function startServer({ backend, config, http = '127.0.0.1:0', bin = process.env.TEST_SERVER_BIN } = {}) {
  assert.ok(bin, 'TEST_SERVER_BIN must name the binary to test')
  const folder = mkdtempSync(join(tmpdir(), 'realtime-server-test-'))
  const args = ['--dev', '--http', http, '--grpc', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-format', 'json']
  if (backend) args.push('--backend', backend.address)
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify({ ...QUICK_END, ...config })) // JSON is YAML
  args.push('--config', join(folder, 'config.yaml'))
  if (process.env.TEST_EVENT_LOOP && bin !== STOCK) args.push('--set', `socketio.event_loop=${process.env.TEST_EVENT_LOOP}`)
  const child = spawn(bin, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const log = new Mailbox()
  logs.push(log.items)
  createInterface({ input: child.stderr }).on('line', (line) => log.put(line))
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
  const early = exited.then((code) => {
    throw new Error(`the server exited with ${code} instead of listening`)
  })
  const listening = async (listener) => {
    const isIt = (line) => line.includes('"msg":"listening"') && JSON.parse(line).listener === listener
    return JSON.parse(await Promise.race([log.find(isIt, `listener ${listener}`, START_MS), early])).address
  }
  const doors = Promise.all(['http', 'grpc', 'admin'].map(listening))
  const [browser, grpc, admin] = await doors.catch((error) => {
    child.kill('SIGKILL')
    throw error
  })
  const api = dial(Realtime, grpc)

  early.catch(() => {}) // from here on an exit is somebody's wish, or found out by stop

  return {
    url: `http://${browser}`,
    address: browser,
    grpc,
    adminUrl: `http://${admin}`,
    api,
    log,
    exited,
    signal: (name) => child.kill(name),
    async stop() {
      api.close()
      child.kill('SIGTERM')
      const code = await within(exited, 'exit after SIGTERM', 15_000).finally(() => child.kill('SIGKILL'))
      rmSync(folder, { recursive: true })
      assert.equal(code, 0, `exit code after SIGTERM: ${code}\n${log.items.slice(-KEPT_LINES).join('\n')}`)
    },
  }
}
