// A Socket.IO client for chat_test.go. It emits what comes as JSON lines on
// stdin, and reports what happens to it as JSON lines on stdout.
import { createInterface } from "node:readline";

import { io } from "socket.io-client";

const [url, token] = process.argv.slice(2);
const report = (event, ...args) => process.stdout.write(`${JSON.stringify({ event, args })}\n`);

const socket = io(url, { auth: { token }, reconnection: false });
socket.on("connect", () => report("connect"));
socket.on("connect_error", ({ message, data }) => report("connect_error", { message, data }));
socket.onAny(report);

for await (const line of createInterface({ input: process.stdin })) {
  const { event, args } = JSON.parse(line);
  report("ack", await socket.emitWithAck(event, ...args));
}
socket.disconnect();
