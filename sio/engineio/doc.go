// Package engineio is an Engine.IO server: it moves opaque messages over
// sessions, and knows when a session ended and why.
//
// A session begins with long-polling requests or a WebSocket, and may be
// upgraded from the first to the second. Whoever uses the package sees none
// of this: a Handler is told of each new Session and returns the Receiver of
// its messages; Session.Send queues a Frame, which is encoded once for all
// sessions that it goes to.
//
// A session is a state machine that is fed with bytes. It owns no timer, and
// it never waits for its peer. What waits for bytes lies below, in
// sio/internal/link and sio/internal/netloop.
//
//	session.go      a session's fields, and what it does with packets
//	id.go           ids, which may say whose they are
//	reason.go       why sessions end; close.go is the only way to do it
//	frame.go        a message encoded once; tally.go counts its copies
//	outbox.go       the queue of frames; flush.go writes it to a WebSocket
//	heartbeat.go    ping, pong and their deadlines
//	server.go       the HTTP door; open.go begins sessions, errors.go refuses
//	handshake.go    what is known of a client
//	cors.go         who may come at all; origins.go from where
//	headers.go      what stands in every answer; cookie.go in the first one
//	polling.go      long-polling; packet.go reads its bodies
//	websocket.go    the WebSocket transport; upgrade.go the way to it
//	wire.go         how packets look; eio3.go in Engine.IO 3
//	mount.go        sessions of more than one Handler
//	wsdecoder.go    the WebSocket protocol as a pure function over bytes;
//	                wsframe.go has its frames, headers and errors
//	extension.go    negotiates permessage-deflate; deflate.go and inflate.go do
//	                it, once for each frame; pack.go compresses polling bodies
//	poller_*.go     who waits for WebSockets: goroutines, or an event loop
//
// The protocol is https://github.com/socketio/socket.io/tree/main/docs/engine.io-protocol,
// revision 4. Revision 3 is served as well, if Config allows it.
package engineio
