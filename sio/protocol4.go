package sio

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// Socket.IO protocol 4 is what clients of Socket.IO 2 speak, over Engine.IO 3
// (https://github.com/socketio/socket.io-protocol/tree/v4). It differs from 5
// in how a client joins a namespace:
//
//   - The server connects every client to "/" without being asked.
//   - CONNECT has no payload in either direction. A client makes its id out of
//     that of the session, and may write a query behind the namespace's name,
//     `0/chat?token=x,`; the stock server takes it for the `auth` of protocol 5.
//   - A refusal is a packet ERROR with the refusal's data or, without any, its
//     message.

// speaks4 reports whether the client speaks protocol 4.
func (c *conn) speaks4() bool { return c.session.Protocol() == 3 }

// Opened connects a client of protocol 4 to "/" (engineio.Receiver). Where
// that is no namespace of ours it is told nothing, because it has not asked.
func (c *conn) Opened() {
	if _, ok := c.server.Namespace("/"); !ok || !c.speaks4() {
		return
	}
	c.recv.Lock()
	defer c.recv.Unlock()
	_ = c.connect(&parser.Packet{Type: parser.Connect, Namespace: "/"}) // it has asked, although it need not
}

// from4 turns a packet of protocol 4 into one of protocol 5.
func from4(p *parser.Packet) {
	name, query, _ := strings.Cut(p.Namespace, "?")
	p.Namespace = name
	if p.Type == parser.Connect {
		p.Data = authOf(query)
	}
}

// authOf is the auth payload that a query stands for.
func authOf(query string) []byte {
	values, _ := url.ParseQuery(query) // what is no query is left out
	auth := make(map[string]string, len(values))
	for name, all := range values {
		auth[name] = all[len(all)-1]
	}
	text, _ := json.Marshal(auth) // strings cannot fail
	return text
}

// socketID is the id of a new socket. In protocol 4 client and server derive
// it from the session's, which is a secret: whoever knows it can speak for the
// client.
func (c *conn) socketID(n *Namespace) string {
	switch {
	case !c.speaks4():
		return c.server.engine.NewID()
	case n.name == "/":
		return c.session.ID()
	default:
		return n.name + "#" + c.session.ID()
	}
}

// falsy are the JSON values that the stock server takes for no data.
var falsy = []string{"null", "false", "0", `""`}

// refusalData is what the client is told of a refusal by the Handler. The
// server's own say the same in both protocols.
func (c *conn) refusalData(r *Refusal) []byte {
	switch {
	case !c.speaks4():
		return refusalData(r)
	case json.Valid(r.Data) && !slices.Contains(falsy, string(r.Data)):
		return r.Data
	default:
		text, _ := json.Marshal(r.Message) // a string cannot fail
		return text
	}
}
