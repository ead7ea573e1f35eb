package sio

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/internal/timeout"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// conn is the Socket.IO side of one session: its packets, and its sockets in
// the namespaces that it has joined.
type conn struct {
	// Immutable.
	server    *Server
	session   *engineio.Session
	handshake *Handshake

	recv    sync.Mutex // one message at a time
	decoder parser.Decoder

	mu      sync.Mutex
	closed  bool
	dialect dialect   // immutable
	sockets []*Socket // connecting or connected; rarely more than one
	// left are the namespaces that the server or the client has ended last:
	// packets for them may still be under way.
	left []string
	// waits is the list that deadline is in. It is nil from the first socket
	// that is connected until none is left.
	waits    *timeout.List[*conn]
	deadline timeout.Entry[*conn]

	flow flow
}

func newConn(server *Server, session *engineio.Session, h *Handshake, d dialect) *conn {
	c := &conn{server: server, session: session, handshake: h, dialect: d}
	c.decoder.Limits = server.cfg.parserLimits()
	c.flow = flow{session: session, limit: server.cfg.MaxInbox}
	server.wg.Add(1)
	c.await(server.connects)
	return c
}

// Message takes one message of the session (engineio.Receiver).
func (c *conn) Message(m engineio.Message) error {
	c.recv.Lock()
	defer c.recv.Unlock()
	p, err := c.decode(m)
	if err != nil || p == nil {
		return breach(err)
	}
	if c.speaks4() {
		from4(p)
	}
	return breach(c.dispatch(p))
}

// dispatch gives a packet to its socket. An error ends the session.
func (c *conn) dispatch(p *parser.Packet) error {
	if p.Type == parser.Connect {
		return c.connect(p)
	}
	s, left := c.socket(p.Namespace)
	switch {
	case s == nil && left:
		return nil // it was sent before the client knew of the end
	case s == nil:
		return errNotConnected
	}
	switch p.Type {
	case parser.Event, parser.BinaryEvent:
		return s.receive(p)
	case parser.Disconnect:
		s.close(End{Reason: ReasonClientDisconnect}, nil)
		return nil
	case parser.Ack, parser.BinaryAck:
		return s.acknowledge(p)
	default:
		return parser.ErrType // CONNECT_ERROR is for servers to send
	}
}

// connect begins the life of a socket (protocol, "Connection to a namespace").
// A second CONNECT for the same namespace ends the session.
func (c *conn) connect(p *parser.Packet) error {
	n, refusal := c.server.namespaces.hold(p.Namespace)
	if refusal != nil {
		return c.turnAway(p.Namespace, refusal)
	}
	s := newSocket(n, c, p.Data)
	added, err := c.add(s)
	if added {
		s.postAlone(decision{})
		c.server.wg.Done() // of add; the worker's own count has begun
		return nil
	}
	c.server.namespaces.release(n)
	if errors.As(err, &refusal) {
		return c.turnAway(n.name, refusal)
	}
	return err
}

// turnAway refuses a client that nobody had to be asked about.
func (c *conn) turnAway(namespace string, r *Refusal) error {
	c.server.metrics.refused.WithLabelValues(refusalCauses[r]).Inc()
	return ignoreClosed(c.session.Send(connectError(namespace, refusalData(r)).frame(c.dialect)))
}

// add gives the conn a socket that connects, unless the session has ended. The
// server's count of what is busy grows by one. The error is errConnectTwice or
// errClientNamespaceLimit.
func (c *conn) add(s *Socket) (bool, error) {
	n := s.namespace
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false, nil
	}
	if slices.ContainsFunc(c.sockets, func(other *Socket) bool { return other.namespace == n }) {
		return false, errConnectTwice
	}
	if len(c.sockets) >= c.server.cfg.MaxNamespaces {
		return false, errClientNamespaceLimit
	}
	c.sockets = append(c.sockets, s)
	c.left = slices.DeleteFunc(c.left, func(name string) bool { return name == n.name })
	if c.waits == c.server.graces {
		c.wait(c.server.connects)
	}
	c.server.wg.Add(1) // while the lock keeps Closed from being through
	return true, nil
}

// socket finds the socket of a namespace, or whether there was one.
func (c *conn) socket(namespace string) (_ *Socket, left bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		if s.namespace.name == namespace {
			return s, false
		}
	}
	return nil, c.closed || slices.Contains(c.left, namespace)
}

// isOnly reports whether the client is in no other namespace than that of a
// socket, and has asked for none.
func (c *conn) isOnly(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sockets) == 1 && c.sockets[0] == s
}

// connected notes that a client has a place in a namespace.
func (c *conn) connected() { c.await(nil) }

// drop forgets a socket that has ended and queues what its client still
// receives; the socket's lock is held, and the caller flushes. Both happen at
// once, because the client may answer with another CONNECT, whose own answer
// must come after. A client that has no socket left may stay for a short
// while.
func (c *conn) drop(s *Socket, wasConnected bool, last []*outgoing) (flush bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets = slices.DeleteFunc(c.sockets, func(other *Socket) bool { return other == s })
	if wasConnected {
		c.leave(s.namespace.name)
	}
	if len(c.sockets) == 0 && c.waits == nil && !c.closed {
		c.wait(c.server.graces)
	}
	flush, _ = c.queue(last) // an end is no time for another
	return flush
}

// leave notes that a namespace was left. Those left long ago are forgotten: a
// client can think of names without end.
func (c *conn) leave(namespace string) {
	if len(c.left) >= c.server.cfg.MaxNamespaces {
		c.left = slices.Delete(c.left, 0, 1)
	}
	c.left = append(c.left, namespace)
}

// queue queues packets up to the first that the session does not take: it has
// ended then, or Flush ends it. The caller flushes.
func (c *conn) queue(packets []*outgoing) (flush bool, err error) {
	for _, o := range packets {
		mustFlush, err := c.session.Queue(o.frame(c.dialect))
		flush = flush || mustFlush
		if err != nil {
			return flush, err
		}
	}
	return flush, nil
}

// await puts the conn into a list of those without a namespace, or into none.
func (c *conn) await(list *timeout.List[*conn]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wait(list)
}

func (c *conn) wait(list *timeout.List[*conn]) {
	if c.waits != nil {
		c.waits.Cancel(&c.deadline)
	}
	if c.waits = list; list != nil {
		list.Set(&c.deadline, c)
	}
}

// idle is what the lists do with a client that has waited too long.
func (c *conn) idle(list *timeout.List[*conn]) {
	c.mu.Lock()
	over := c.waits == list
	c.mu.Unlock()
	switch {
	case over && list == c.server.connects:
		c.session.Close(engineio.ConnectTimeout)
	case over:
		c.session.Close(engineio.ForcedClose)
	}
}

// Closed ends all sockets of the session (engineio.Receiver).
func (c *conn) Closed(reason engineio.Reason) {
	defer c.server.wg.Done()
	c.mu.Lock()
	c.closed = true
	c.wait(nil)
	sockets := slices.Clone(c.sockets)
	c.mu.Unlock()
	for _, s := range sockets {
		s.close(End{Reason: sessionReasons[reason]}, nil)
	}
}

// connectError makes the packet that keeps a client out.
func connectError(namespace string, data []byte) *outgoing {
	return newOutgoing(&parser.Packet{Type: parser.ConnectError, Namespace: namespace, Data: data}, engineio.Options{})
}

// refusalData is what CONNECT_ERROR says of a refusal.
func refusalData(r *Refusal) []byte {
	data, err := json.Marshal(struct {
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data,omitempty"`
	}{r.Message, r.Data})
	if err != nil { // the handler's data is no JSON
		return refusalData(&Refusal{Message: r.Message})
	}
	return data
}
