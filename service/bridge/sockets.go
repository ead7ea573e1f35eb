package bridge

import (
	"context"
	"strings"

	"github.com/seed52a35d2d/realtime-server/sio"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// maxTold is about how many bytes an answer about sockets may have. Node knows no
// pages: what does not fit is left out.
const maxTold = 8 << 20

// socketOverhead is about what a socket takes in an answer beside its texts.
const socketOverhead = 300

// sockets describes the sockets here that are asked for.
func (b *Bridge) sockets(ctx context.Context, h heard) []nodewire.Socket {
	all := h.ns.Sockets(targetOf(&h.m.Options))
	told, size := make([]nodewire.Socket, 0, len(all)), 0
	for _, s := range all {
		described := b.socket(s)
		if size += sizeOf(&described); size > maxTold {
			b.cut(ctx, len(all)-len(told))
			break
		}
		told = append(told, described)
	}
	return told
}

// socket describes a socket. What its client has given as `auth`, which is where
// tokens are, stays here.
func (b *Bridge) socket(s *sio.Socket) nodewire.Socket {
	h := s.Handshake()
	described := nodewire.Socket{
		ID:    s.ID(),
		Rooms: append([]string{s.ID()}, s.Rooms()...),
		Handshake: nodewire.Handshake{
			Headers: map[string]string{}, Query: map[string]string{},
			Issued: h.Time, Address: h.RemoteAddress, CrossOrigin: h.CrossOrigin, Secure: h.Secure, URL: h.URL,
		},
		Data: sio.Arg{JSON: b.Describe(s)},
	}
	for _, name := range b.Headers {
		if value := h.Header(name); value != "" {
			described.Handshake.Headers[strings.ToLower(name)] = value
		}
	}
	for key, values := range h.Query() {
		described.Handshake.Query[key] = values[len(values)-1]
	}
	return described
}

func sizeOf(s *nodewire.Socket) int {
	size := socketOverhead + len(s.ID) + len(s.Handshake.URL) + len(s.Handshake.Address) + len(s.Data.JSON)
	for _, room := range s.Rooms {
		size += len(room) + 3
	}
	for _, pairs := range []map[string]string{s.Handshake.Headers, s.Handshake.Query} {
		for key, value := range pairs {
			size += len(key) + len(value) + 6
		}
	}
	return size
}

// socketIDs are the ids of those that are asked for.
func (b *Bridge) socketIDs(ctx context.Context, h heard) []nodewire.Socket {
	var told []nodewire.Socket
	size := 0
	all := h.ns.Sockets(targetOf(&h.m.Options))
	for _, s := range all {
		if size += len(s.ID()) + 3; size > maxTold {
			b.cut(ctx, len(all)-len(told))
			break
		}
		told = append(told, nodewire.Socket{ID: s.ID()})
	}
	return told
}

// rooms are the names of all rooms here, those of single sockets included.
func (b *Bridge) rooms(ctx context.Context, h heard) []string {
	var names []string
	for name := range h.ns.Rooms() {
		names = append(names, name)
	}
	for _, s := range h.ns.Sockets(sio.Target{Everyone: true}) {
		names = append(names, s.ID())
	}
	size := 0
	for i, name := range names {
		if size += len(name) + 3; size > maxTold {
			b.cut(ctx, len(names)-i)
			return names[:i]
		}
	}
	return names
}
