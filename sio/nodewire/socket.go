package nodewire

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// Socket is one socket of a server, as others see it.
type Socket struct {
	ID        string
	Handshake Handshake
	Rooms     []string // with its id, which is a room for Node
	// Data is what the server's program knows of the socket; nothing is {}.
	Data parser.Arg
}

// Handshake is the request that a socket's session began with.
type Handshake struct {
	// Headers have names in lower case. Repeated ones are joined with ", ".
	Headers map[string]string
	// Query has the last of repeated keys.
	Query map[string]string
	// Issued is when the socket was made; zero is not known.
	Issued time.Time
	// Address is the client's IP address.
	Address string
	// CrossOrigin says whether there was an Origin header.
	CrossOrigin bool
	// Secure says whether the request came over TLS.
	Secure bool
	// URL is the path and query.
	URL string
	// Auth is what the client gave as its `auth` option, as JSON; nil is {}.
	// One that has bytes is read as {}.
	Auth []byte
}

// sockets reads a list of sockets.
func (r *reader) sockets(v []byte) (found []Socket) {
	r.array(v, func(v []byte) {
		if r.take(heavy) {
			found = append(found, r.socket(v))
		}
	})
	return found
}

// heavy is how many items a socket counts for more than others.
const heavy = 3

// socketIDs reads a list of the ids of sockets.
func (r *reader) socketIDs(v []byte) (found []Socket) {
	r.array(v, func(v []byte) {
		if r.take(heavy) {
			found = append(found, Socket{ID: r.text(v)})
		}
	})
	return found
}

// holdsText reports whether a list begins with a string.
func holdsText(v []byte) (yes bool) {
	first := true
	parser.Elements(v, func(v []byte) {
		if first {
			_, yes = parser.Unquote(v)
		}
		first = false
	})
	return yes
}

func (r *reader) socket(v []byte) Socket {
	f := r.pick(v, "id", "handshake", "rooms", "data")
	s := Socket{ID: r.text(f[0]), Handshake: r.handshake(f[1]), Rooms: r.names(f[2]), Data: parser.Arg{JSON: []byte("{}")}}
	if f[3] != nil {
		s.Data = r.arg(f[3])
	}
	return s
}

func (r *reader) handshake(v []byte) Handshake {
	f := r.pick(v, "headers", "query", "issued", "address", "xdomain", "secure", "url", "auth")
	return Handshake{
		Headers:     r.pairs(f[0], func(values []string) string { return strings.Join(values, ", ") }),
		Query:       r.pairs(f[1], func(values []string) string { return values[len(values)-1] }),
		Issued:      moment(f[2]),
		Address:     r.text(f[3]),
		CrossOrigin: truthy(f[4]),
		Secure:      truthy(f[5]),
		URL:         r.text(f[6]),
		Auth:        r.auth(f[7]),
	}
}

// pairs reads an object of strings. Node has a list where a name is repeated;
// one makes one value of it. Anything else is left out.
func (r *reader) pairs(v []byte, one func(values []string) string) (found map[string]string) {
	r.object(v, func(key string, v []byte) {
		values := r.values(v)
		if len(values) == 0 {
			return
		}
		if found == nil {
			found = map[string]string{} // many sockets may have none
		}
		found[key] = one(values)
	})
	return found
}

// values are the strings that v has, which may be one itself.
func (r *reader) values(v []byte) (values []string) {
	if !r.take(1) {
		return nil
	}
	if value, ok := parser.Unquote(v); ok {
		return []string{value}
	}
	parser.Elements(v, func(v []byte) {
		if value, ok := parser.Unquote(v); ok && r.take(1) {
			values = append(values, value)
		}
	})
	return values
}

// maxDate is the last moment of JavaScript's time.
const maxDate = 864e13

// moment reads milliseconds since 1970.
func moment(v []byte) time.Time {
	ms, err := strconv.ParseFloat(string(v), 64)
	if err != nil || ms <= 0 || ms > maxDate {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

// auth reads what a client gave. Bytes have no place there.
func (r *reader) auth(v []byte) []byte {
	if !isNull(v) {
		if arg := r.arg(v); arg.Binary == nil && arg.Attachments == nil {
			return arg.JSON
		}
	}
	return []byte("{}")
}

// sockets writes a list of sockets.
func (w *writer) sockets(sockets []Socket) {
	w.raw("[")
	for i := range sockets {
		if i > 0 {
			w.raw(",")
		}
		w.socket(i, &sockets[i])
	}
	w.raw("]")
}

func (w *writer) socket(index int, s *Socket) {
	w.raw("{").key("id").text(s.ID)
	w.key("handshake").handshake(&s.Handshake)
	w.key("rooms").names(s.Rooms).key("data")
	if s.Data.JSON == nil && s.Data.Binary == nil {
		w.raw("{}")
	} else {
		w.arg(index, s.Data)
	}
	w.raw("}")
}

// timeLayout is how JavaScript writes a time in London's winter.
const timeLayout = "Mon Jan 02 2006 15:04:05 GMT-0700 (Coordinated Universal Time)"

func (w *writer) handshake(h *Handshake) {
	issued := h.Issued.UTC()
	if h.Issued.IsZero() {
		issued = time.Unix(0, 0).UTC()
	}
	w.raw("{").key("headers").pairs(h.Headers)
	w.key("time").text(issued.Format(timeLayout))
	w.key("address").text(h.Address)
	w.key("xdomain").bool(h.CrossOrigin)
	w.key("secure").bool(h.Secure)
	w.key("issued").number(issued.UnixMilli())
	w.key("url").text(h.URL)
	w.key("query").pairs(h.Query)
	w.key("auth").auth(h.Auth)
	w.raw("}")
}

// auth writes what a client gave. A client must not be able to spoil the answer
// with something that looks like the place of other sockets' bytes.
func (w *writer) auth(json []byte) {
	if json == nil || w.packet.AppendArg(parser.Arg{JSON: json}, w.binary) != nil {
		w.raw("{}")
	}
}

func (w *writer) pairs(pairs map[string]string) {
	w.raw("{")
	for i, key := range slices.Sorted(maps.Keys(pairs)) {
		if i > 0 {
			w.raw(",")
		}
		w.text(key).raw(":").text(pairs[key])
	}
	w.raw("}")
}
