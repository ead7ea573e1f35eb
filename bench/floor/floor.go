// Package floor is what the floors say: the least of Socket.IO that clients
// understand. A floor keeps no rooms, sends no pings, checks nothing, and is
// what realtime-server is measured against. Command conn has a goroutine for
// each connection, command epoll has one loop for all of them.
package floor

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it
	"encoding/base64"
	"fmt"

	"github.com/gobwas/ws"
)

// Welcome answers the handshake of a WebSocket, and opens a session.
func Welcome(key string) []byte {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455 wants it
	return fmt.Appendf(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n%s",
		base64.StdEncoding.EncodeToString(sum[:]),
		Frame(`0{"sid":"floor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))
}

// Answer is the frame that a message is answered with. CONNECT joins those who
// get broadcasts; `42<id>["echo",<x>]` becomes `43<id>[<x>]`.
func Answer(message []byte) (frame []byte, joins bool) {
	if string(message) == "40" {
		return Frame(`40{"sid":"floor"}`), true
	}
	id, args, _ := bytes.Cut(message[2:], []byte(`["echo",`))
	return Frame("43" + string(id) + "[" + string(args)), false
}

// Event is the frame of a numbered event.
func Event(number int, text string) []byte { return Frame(fmt.Sprintf(`42["n",%d,%q]`, number, text)) }

// End is the frame after the last of them.
func End() []byte { return Frame(`42["end"]`) }

// Frame holds a message as text.
func Frame(message string) []byte { return ws.MustCompileFrame(ws.NewTextFrame([]byte(message))) }
