// Package cluster measures several realtime-servers on one Redis beside several
// of Node's Socket.IO servers: what an event costs every process on its way from
// one node to another, and how that grows with nodes and rooms. Its tests run on
// Linux only, which tells.
package cluster
