// Puts the client's files from its npm package into dist/, from where the build
// takes them: as they are and compressed, so that the server need not do it.
// The version comes last: it says that the rest is complete.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const source = new URL('node_modules/socket.io-client/', import.meta.url)
const dist = new URL('dist/', import.meta.url)

mkdirSync(dist, { recursive: true })
for (const name of readdirSync(new URL('dist/', source))) {
  const file = readFileSync(new URL(`dist/${name}`, source))
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }
  writeFileSync(new URL(name, dist), file)
  writeFileSync(new URL(`${name}.gz`, dist), gzipSync(file, { level: constants.Z_BEST_COMPRESSION }))
  writeFileSync(new URL(`${name}.br`, dist), brotliCompressSync(file, quality))
}
const { version } = JSON.parse(readFileSync(new URL('package.json', source)))
writeFileSync(new URL('version', dist), version)
