// A real redis-server.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ownAddress } from './address.mjs'
import { Mailbox, within } from './wait.mjs'

// freePort is a port on a host of the test's own.
async function freePort(host) {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, host, resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

// startRedis starts a redis-server that keeps nothing. It can be killed and
// started again at the same address.
export async function startRedis() {
  const [host] = ownAddress().split(':')
  const port = await freePort(host)
  const dir = mkdtempSync(join(tmpdir(), 'realtime-redis-'))
  const redis = {
    address: `${host}:${port}`,
    signal: (name) => redis.child.kill(name),
    async start() {
      const args = ['--bind', host, '--port', port, '--dir', dir, '--save', '', '--appendonly', 'no', '--protected-mode', 'no']
      const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const log = new Mailbox()
      createInterface({ input: child.stdout }).on('line', (line) => log.put(line))
      redis.child = child
      redis.ended = new Promise((resolve) => child.once('close', resolve))
      await log.find((line) => line.includes('Ready to accept connections'), 'redis-server is ready')
    },
    async kill() {
      redis.child.kill('SIGKILL')
      await within(redis.ended, 'redis-server ends')
    },
    async stop() {
      await redis.kill()
      rmSync(dir, { recursive: true })
    },
  }
  await redis.start()
  return redis
}
