package sio

import (
	"context"
	"io"
	"net"
	"strings"

	"github.com/gobwas/ws"
)

// wire is a raw client over a WebSocket.
type wire struct {
	net.Conn
	r io.Reader // the connection behind what came with the handshake
}

func dialWire(address string) (*wire, error) {
	return dialWirePath(address, "/?EIO=4&transport=websocket")
}

func dialWirePath(address, path string) (*wire, error) {
	conn, early, _, err := ws.Dial(context.Background(), "ws://"+address+path)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, r: conn}
	if early != nil {
		w.r = io.MultiReader(early, conn)
	}
	return w, nil
}

func (w *wire) say(text string) error {
	return ws.WriteFrame(w, ws.MaskFrame(ws.NewTextFrame([]byte(text))))
}

// hears reads until a message begins as it should. It is false if the server
// closes first.
func (w *wire) hears(prefix string) bool {
	for {
		header, err := ws.ReadHeader(w.r)
		if err != nil || header.OpCode == ws.OpClose {
			return false
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(w.r, payload); err != nil {
			return false
		}
		if strings.HasPrefix(string(payload), prefix) {
			return true
		}
	}
}
