// Real redis-servers: single ones, with Sentinels, and as a Cluster.

import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { ownAddress } from './address.mjs'
import { Mailbox, until, within } from './wait.mjs'

// freePort is a port on a host of the test's own.
async function freePort(host) {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, host, resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

const running = new Set()
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL'))) // a test that failed may leave some

// startRedis starts a redis-server that keeps nothing. It can be killed and
// started again at the same address. options are more arguments of it; file is
// the lines of its configuration, if it needs one that it can write.
export async function startRedis({ options = () => [], file } = {}) {
  const [host] = ownAddress().split(':')
  const port = await freePort(host)
  const dir = mkdtempSync(join(tmpdir(), 'realtime-redis-'))
  const args = ['--bind', host, '--port', port, '--dir', dir, '--save', '', '--appendonly', 'no', '--protected-mode', 'no', ...options({ host, port })]
  if (file) {
    const path = join(dir, 'redis.conf')
    writeFileSync(path, [`bind ${host}`, `port ${port}`, `dir ${dir}`, 'protected-mode no', ...file({ host, port })].join('\n'))
    args.splice(0, args.length, path, ...options({ host, port }))
  }
  const redis = {
    host,
    port,
    address: `${host}:${port}`,
    signal: (name) => redis.child.kill(name),
    async start() {
      const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const log = new Mailbox()
      createInterface({ input: child.stdout }).on('line', (line) => log.put(line))
      redis.child = child
      running.add(child)
      child.once('close', () => running.delete(child))
      redis.ended = new Promise((resolve) => child.once('close', resolve))
      await log.find((line) => /Ready to accept connections|Sentinel ID is/.test(line), 'redis-server is ready')
    },
    // command is what redis-cli prints.
    async command(...words) {
      const { stdout } = await promisify(execFile)('redis-cli', ['-h', host, '-p', port, ...words])
      return stdout.trim()
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

const stopAll = (all) => Promise.all(all.map((one) => one.stop()))

// startSentinels starts a master, a replica and three Sentinels, who hold a
// master for dead after half a second.
export async function startSentinels() {
  const master = await startRedis()
  const replica = await startRedis({ options: ({ host }) => ['--replicaof', master.host, master.port, '--replica-announce-ip', host] })
  const file = ({ host, port }) => [
    `sentinel announce-ip ${host}`,
    `sentinel announce-port ${port}`,
    `sentinel monitor main ${master.host} ${master.port} 2`,
    'sentinel down-after-milliseconds main 500',
    'sentinel failover-timeout main 2000',
  ]
  const sentinels = await Promise.all([1, 2, 3].map(() => startRedis({ options: () => ['--sentinel'], file })))
  for (const one of sentinels) {
    await until(async () => {
      const info = await one.command('INFO', 'sentinel')
      return info.includes('status=ok') && info.includes('slaves=1,sentinels=3')
    }, 'the Sentinels know each other', 15_000)
  }
  await until(async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up'), 'the replica follows')
  return { master, replica, sentinels, stop: () => stopAll([master, replica, ...sentinels]) }
}

const SLOTS = 16_384

// startRedisCluster starts a Redis Cluster of three masters, each with a
// replica. A master counts as dead after a second.
export async function startRedisCluster() {
  const startOne = async () => {
    const bus = await freePort(ownAddress().split(':')[0])
    const one = await startRedis({ options: ({ host }) => [
      '--cluster-enabled', 'yes', '--cluster-port', bus, '--cluster-announce-ip', host, '--cluster-node-timeout', '1000',
      '--repl-diskless-sync-delay', '0',
    ] })
    return { ...one, bus }
  }
  const masters = await Promise.all([0, 1, 2].map(startOne))
  const replicas = await Promise.all([0, 1, 2].map(startOne))
  const all = [...masters, ...replicas]
  const border = (i) => Math.floor(SLOTS * i / masters.length)
  for (const [i, one] of masters.entries()) {
    await one.command('CLUSTER', 'ADDSLOTSRANGE', border(i), border(i + 1) - 1)
    await one.command('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
  }
  for (const other of all.slice(1)) await masters[0].command('CLUSTER', 'MEET', other.host, other.port, other.bus)
  const works = async (one) => {
    const info = await one.command('CLUSTER', 'INFO')
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${all.length}`)
  }
  for (const one of all) await until(() => works(one), 'the Redis Cluster works', 15_000)
  for (const [i, one] of replicas.entries()) {
    await one.command('CLUSTER', 'REPLICATE', await masters[i].command('CLUSTER', 'MYID'))
  }
  for (const one of replicas) {
    await until(async () => (await one.command('INFO', 'replication')).includes('master_link_status:up'), 'the replica follows', 15_000)
  }
  return { masters, replicas, addresses: masters.map(({ address }) => address), stop: () => stopAll(all) }
}
