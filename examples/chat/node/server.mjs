// The backend of a chat, in Node. realtime-server asks it who a client is and
// hands it what clients emit; it answers through the Realtime API.
//
// ../go/main.go is the same backend in Go.
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

import { Chat } from "./chat.mjs";

const { values: flags } = parseArgs({
  options: {
    listen: { type: "string", default: "127.0.0.1:50052" }, // what realtime-server calls
    realtime: { type: "string", default: "127.0.0.1:50051" }, // realtime-server's API
  },
});

const protos = loadSync(["realtime/v1/backend.proto", "realtime/v1/realtime.proto"], {
  includeDirs: [fileURLToPath(new URL("../../../proto", import.meta.url))],
  arrays: true, // empty lists are [], not undefined
});
const { Realtime, RealtimeBackend } = grpc.loadPackageDefinition(protos).realtime.v1;

const realtime = new Realtime(flags.realtime, grpc.credentials.createInsecure());
const callTimeout = 5_000; // milliseconds

/** Calls a method of Realtime. */
const call = (method, request) =>
  new Promise((resolve, reject) => {
    const deadline = Date.now() + callTimeout;
    realtime[method](request, { deadline }, (error, reply) => (error ? reject(error) : resolve(reply)));
  });

/** Makes an async function a gRPC handler. An error's `code` is its status. */
const handler = (answer) => (rpc, reply) =>
  answer(rpc.request).then(
    (response) => reply(null, response),
    (error) => reply(error),
  );

const chat = new Chat(call);
const server = new grpc.Server();
server.addService(RealtimeBackend.service, {
  Authenticate: handler(async (request) => chat.authenticate(request)),
  OnConnected: handler(async () => chat.welcome()),
  OnEvent: handler(async (request) => chat.event(request)),
  OnDisconnected: handler(async (request) => chat.left(request)),
});
await promisify(server.bindAsync.bind(server))(flags.listen, grpc.ServerCredentials.createInsecure());
console.error(`listening on ${flags.listen}`);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => server.tryShutdown(() => realtime.close()));
}
