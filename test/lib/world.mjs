// One server and one backend for all tests of a file.

import { after } from 'node:test'
import { startBackend } from './backend.mjs'
import { startServer } from './server.mjs'

// startWorld ends with the file's last test.
export async function startWorld({ config } = {}) {
  const backend = await startBackend()
  try {
    const server = await startServer({ backend, config })
    after(() => server.stop().finally(backend.stop))
    return { backend, server }
  } catch (error) {
    backend.stop()
    throw error
  }
}
