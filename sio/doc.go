// Package sio is a Socket.IO server: protocol 5, as spoken by socket.io-client
// 3 and 4, over package engineio. If Config allows it, protocol 4 of
// socket.io-client 2 as well (protocol4.go). Server.Msgpack is the door for those
// who speak MessagePack; all of them share namespaces and rooms.
//
// It knows sockets, namespaces, rooms and events, and asks a Handler for every
// decision:
//
//	server, err := sio.New(sio.DefaultConfig(), handler, slog.Default(), prometheus.DefaultRegisterer)
//	http.Handle("/socket.io/", server)
//	…
//	chat, _ := server.Namespace("/")
//	chat.Emit(sio.Target{Rooms: []string{"news"}}, &sio.Event{Name: "hello"})
//
// An event is encoded once, whatever the number of its receivers. On every
// socket, order is total in both directions: what was emitted first arrives
// first, and the calls of the Handler for one socket never overlap.
package sio
