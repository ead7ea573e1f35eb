// Package attach lets backends dial out: workers open streams of
// Realtime.Attach, and the calls of RealtimeBackend go over them.
//
// [Hub.Conn] is the way to the workers of a group. It stands where a connection
// to a backend would, so that whoever calls has the same deadlines, bounds and
// errors either way.
//
// # What is promised
//
//   - A call goes to a worker that takes its namespace and event and has a credit,
//     on this node if there is one, else on another. Without a credit anywhere it
//     waits in line, for its whole time; without a worker for half of it, and is
//     then UNAVAILABLE.
//   - Never has a worker more calls than credits. A call whose caller has gone
//     counts until the worker has said something about it.
//   - What a worker that vanishes had not begun goes to another one. So does what
//     it had begun, if the call may be repeated: Authenticate, AuthorizeJoin,
//     OnDisconnected, and what [backend.Repeatable] marks. Each of them is begun
//     three times at most: a call that ends every worker that gets it must not end
//     all of them, and is ABORTED. Anything else is UNAVAILABLE at once.
//   - A worker that answers no ping for three seconds gets no calls until it says
//     something; what may be repeated goes to others meanwhile. A node that is not
//     heard for as long is taken for dead, as its workers are.
//   - A worker that drains loses nothing: it gets no calls, and its stream ends when
//     it has answered those that it has. When the node itself ends, it asks its
//     workers to attach elsewhere, and ends their streams last.
//
// # What is bounded
//
// Workers of a group on a node, calls in line, calls that come from other nodes,
// their size, the bytes that wait for a worker that reads slowly, and what a worker
// may say without having been asked (limits.go).
//
// # Files
//
//	hub.go      Hub: its groups, and its life
//	conn.go     Conn: what stands for a connection
//	method.go   the calls of RealtimeBackend, and which may be repeated
//	call.go     call: where one is, and what becomes of it
//	group.go    group: who gets a call, the line of those that wait
//	serving.go  what a worker takes: namespaces, events, patterns
//	stream.go   the RPC Attach
//	hello.go    its first message
//	worker.go   worker: credits and calls of one stream, and what is sent on it
//	hear.go     what a worker says
//	pulse.go    what happens every second: pings, silence, forgetting
//	node.go     node: another node's workers, as it offers them
//	offer.go    offering our own
//	work.go     calls that other nodes send
//	limits.go, metrics.go, gauges.go, errors.go
package attach
