package engineio

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/internal/timeout"
)

// door decides whether one more client may come in, before anything is spent
// on it. It holds nothing of an address whose clients have left, but for the
// second in which their handshakes still count.
type door struct {
	// Immutable.
	maxOpen, maxOpenEach int    // zero means no limit
	pace, paceEach       bucket // of handshakes
	started              time.Time
	metrics              *metrics
	leaving              *timeout.List[*visitor] // those without a client

	mu       sync.Mutex // see visitor and leave for what happens under it
	open     int        // clients, those on their way in included
	level    time.Duration
	visitors map[netip.Addr]*visitor
}

// visitor is an address from which clients come; guarded by door.mu.
type visitor struct {
	address netip.Addr
	open    int
	level   time.Duration
	gone    timeout.Entry[*visitor] // in door.leaving while open is zero
}

// burst is how long handshakes may be saved for: a door that lets in N a
// second lets in N at once.
const burst = time.Second

func newDoor(l Limits, m *metrics) *door {
	d := &door{
		maxOpen:     l.MaxConnections,
		maxOpenEach: l.MaxConnectionsPerAddress,
		pace:        bucket{l.MaxHandshakesPerSecond, l.MaxHandshakesPerSecond},
		paceEach:    bucket{l.MaxHandshakesPerAddress, l.MaxHandshakesPerAddress},
		started:     time.Now(),
		metrics:     m,
		visitors:    map[netip.Addr]*visitor{},
	}
	if d.maxOpen == 0 {
		d.maxOpen = descriptors() / 10 * 9
	}
	d.leaving = timeout.New(burst, d.forget)
	return d
}

// asksWho reports whether it matters where a client comes from.
func (d *door) asksWho() bool { return d.maxOpenEach > 0 || d.paceEach.rate > 0 }

// turnedAway says why a client may not come in. The zero one does not.
type turnedAway struct {
	cause  string // of the metric
	code   errorCode
	status int
	wait   int // seconds until it makes sense to come again
}

var (
	tooMany         = turnedAway{"connections", codeTooManyConnections, http.StatusServiceUnavailable, 5}
	tooFast         = turnedAway{"rate", codeTooManyRequests, http.StatusServiceUnavailable, 1}
	tooManyFromHere = turnedAway{"address connections", codeTooManyConnections, http.StatusTooManyRequests, 5}
	tooFastFromHere = turnedAway{"address rate", codeTooManyRequests, http.StatusTooManyRequests, 1}
)

// enter lets a client in, who must leave. The visitor is nil where addresses
// do not matter.
func (d *door) enter(address netip.Addr) (*visitor, turnedAway) {
	now := time.Since(d.started)
	d.mu.Lock()
	defer d.mu.Unlock()
	// Its own address first: who is refused for that takes nothing from others.
	v, level := d.visitors[address], time.Duration(0)
	if v != nil {
		level = v.level
	}
	switch {
	case v != nil && d.maxOpenEach > 0 && v.open >= d.maxOpenEach:
		return nil, tooManyFromHere
	case !d.paceEach.take(&level, now, 1):
		return nil, tooFastFromHere
	case d.maxOpen > 0 && d.open >= d.maxOpen:
		return nil, tooMany
	case !d.pace.take(&d.level, now, 1):
		return nil, tooFast
	}
	d.open++
	if !d.asksWho() {
		return nil, turnedAway{}
	}
	if v == nil {
		v = &visitor{address: address}
		d.visitors[address] = v
	}
	d.leaving.Cancel(&v.gone)
	v.open++
	v.level = level
	return v, turnedAway{}
}

// leave undoes enter.
func (d *door) leave(v *visitor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	if v == nil {
		return
	}
	if v.open--; v.open == 0 {
		d.leaving.Set(&v.gone, v)
	}
}

// forget is what door.leaving does with an address that nobody has come from
// for a second: its bucket is full again.
func (d *door) forget(v *visitor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v.open == 0 && !d.leaving.Pending(&v.gone) {
		delete(d.visitors, v.address)
	}
}

// comeIn asks the door about the client that a request comes from, and answers
// it if it may not come in.
func (s *Server) comeIn(w http.ResponseWriter, r *http.Request) (_ *visitor, ok bool) {
	var address netip.Addr
	if s.door.asksWho() {
		address = network(s.remoteAddress(r))
	}
	v, away := s.door.enter(address)
	if away.status == 0 {
		return v, true
	}
	s.metrics.turnedAway.WithLabelValues(away.cause).Inc()
	w.Header().Set("Retry-After", strconv.Itoa(away.wait))
	s.refuseWith(w, r, away.code, away.status)
	return nil, false
}

// network is what counts as one address: of IPv6 the 64 bits that a network has, because a
// client there can choose the others. All that are no addresses count as one.
func network(text string) netip.Addr {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	address = address.Unmap()
	if address.Is4() {
		return address
	}
	prefix, _ := address.WithZone("").Prefix(64) // which every address of IPv6 has
	return prefix.Addr()
}
