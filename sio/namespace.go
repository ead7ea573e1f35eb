package sio

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/sio/adapter"
	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// Target names sockets of a namespace.
type Target = adapter.Target

// Interest collects the groups of sockets that come to be, and that end; see
// Server.Has.
type Interest = adapter.Interest

// NewInterest makes one for Config.Interest.
func NewInterest() *Interest { return adapter.NewInterest() }

// Group is one of them.
type Group = adapter.Group

// What groups are made of.
const (
	GroupEveryone = adapter.Everyone
	GroupRoom     = adapter.Room
	GroupUser     = adapter.User
	GroupOne      = adapter.One
	GroupOrigin   = adapter.Origin // the sockets whose ids have one tag, see TagOf
)

// Namespace holds the sockets that have joined it.
type Namespace struct {
	name    string
	server  *Server
	index   *adapter.Index[*Socket]
	sockets prometheus.Gauge
	lobby   prometheus.Gauge
	goodbye *outgoing // the DISCONNECT packet
	tenancy tenancy   // the directory's

	recovery *recovery
}

// newNamespace makes an empty namespace; p is nil if it is not dynamic.
func newNamespace(s *Server, name string, p *pattern) *Namespace {
	n := &Namespace{
		name:    name,
		server:  s,
		index:   adapter.NewIndex[*Socket](s.cfg.MaxRooms).Tell(s.cfg.Interest, name),
		goodbye: newOutgoing(&parser.Packet{Type: parser.Disconnect, Namespace: name}, engineio.Options{}),
		tenancy: tenancy{pattern: p},
	}
	n.recovery = newRecovery(s, name, n.Pattern())
	n.sockets, n.lobby = s.metrics.sockets.WithLabelValues(n.Pattern()), s.metrics.lobby.WithLabelValues(n.Pattern())
	return n
}

// journal is that of the server, nil if the namespace's events are not in it.
func (n *Namespace) journal() *shared {
	if n.recovery == nil {
		return nil
	}
	return n.recovery.shared
}

// Name is the namespace's name, for example "/".
func (n *Namespace) Name() string { return n.name }

// Pattern is what Config.Namespaces calls the namespace: its name, or the
// pattern by which it exists. There are few of them, whatever clients do.
func (n *Namespace) Pattern() string {
	if p := n.tenancy.pattern; p != nil {
		return p.text
	}
	return n.name
}

// Socket returns the socket with an id.
func (n *Namespace) Socket(id string) (*Socket, bool) {
	m, ok := n.index.Get(id)
	if !ok {
		return nil, false
	}
	return m.Value, true
}

// Sockets returns the sockets of a target, each once, in no order.
func (n *Namespace) Sockets(t Target) []*Socket { return n.index.Match(nil, t) }

// Rooms returns every room that has members, with their number.
func (n *Namespace) Rooms() map[string]int { return n.index.Rooms() }

// Join makes the sockets of a target join rooms. refused are those that would
// be in too many rooms; they join none.
func (n *Namespace) Join(t Target, rooms []string) (matched, refused int) {
	sockets := n.Sockets(t)
	for _, s := range sockets {
		if errors.Is(s.Join(rooms...), ErrTooManyRooms) {
			refused++
		}
	}
	return len(sockets), refused
}

// Leave makes the sockets of a target leave rooms.
func (n *Namespace) Leave(t Target, rooms []string) (matched int) {
	sockets := n.Sockets(t)
	for _, s := range sockets {
		s.Leave(rooms...)
	}
	return len(sockets)
}

// Disconnect ends the sockets of a target. The error is a *FieldError about
// d.Last; nothing has happened then.
func (n *Namespace) Disconnect(t Target, d Disconnect) (matched int, err error) {
	last, err := d.packets(n)
	if err != nil {
		return 0, err
	}
	sockets := n.Sockets(t)
	for _, s := range sockets {
		s.disconnect(d, last)
	}
	return len(sockets), nil
}
