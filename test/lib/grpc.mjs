// The gRPC side of the tests: the protos, a promise per call, error details.

import { fileURLToPath } from 'node:url'
import grpc from '@grpc/grpc-js'
import loader from '@grpc/proto-loader'

const folder = (relative) => fileURLToPath(new URL(relative, import.meta.url))

const options = {
  includeDirs: [folder('../../proto'), folder('.')],
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
}
const { realtime } = grpc.loadPackageDefinition(
  loader.loadSync(['realtime/v1/realtime.proto', 'realtime/v1/backend.proto'], options),
)
const details = loader.loadSync('error_details.proto', options)

export const { Realtime, RealtimeBackend } = realtime.v1
export const { status: codes } = grpc

// dial returns a client of a service with one async method per RPC. That of a
// stream returns every message of it.
export function dial(Service, address) {
  const stub = new Service(address, grpc.credentials.createInsecure())
  const client = { close: () => stub.close() }
  for (const [name, { responseStream }] of Object.entries(Service.service)) {
    client[name[0].toLowerCase() + name.slice(1)] = (request, ms = 10_000) =>
      new Promise((resolve, reject) => {
        const options = { deadline: Date.now() + ms }
        const done = (error, reply) => (error ? reject(error) : resolve(reply))
        if (!responseStream) return stub[name](request, options, done)
        const messages = []
        const stream = stub[name](request, options)
        stream.on('data', (message) => messages.push(message)).on('error', reject).on('end', () => resolve(messages))
      })
  }
  return client
}

// argOf is a JavaScript value as an argument: a Buffer is binary, all else is
// JSON with its Buffers as attachments. valueOf is the way back.
export function argOf(value) {
  if (Buffer.isBuffer(value)) return { binary: value }
  const attachments = []
  const json = JSON.stringify(value, function replace(key, item) {
    if (!Buffer.isBuffer(this[key])) return item
    return { _placeholder: true, num: attachments.push(this[key]) - 1 }
  })
  return { json, attachments }
}

export function valueOf({ kind, binary, json, attachments }) {
  if (kind === 'binary') return binary
  return JSON.parse(json, (_, item) => (item?._placeholder ? attachments[item.num] : item))
}

export const eventOf = (name, ...values) => ({ name, args: values.map(argOf) })

// errorDetails reads the google.rpc details of a failed call.
export function errorDetails(error) {
  const [bytes] = error.metadata.get('grpc-status-details-bin')
  const found = {}
  for (const any of details['google.rpc.Status'].deserialize(bytes).details) {
    const type = any.type_url.split('/').at(-1)
    found[type.split('.').at(-1)] = details[type].deserialize(any.value)
  }
  return found
}
