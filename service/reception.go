package service

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// reception is where the clients of a namespace in mode event are until they
// have said who they are. A client is a stranger there, in the lobby of package
// sio; it asks to be authenticated, once, and is let in or sent away. All of it
// has a time limit, which also cuts off a call that is under way.
//
// Of the two who may end a stranger's stay, its own event and the time limit,
// the one that takes it off the rota limits does so.
type reception struct {
	EventMode
	lateComeBack bool // see Policy
	limits       *rota
	pings        *rota // nil without pings
}

// What becomes of events that are for the reception, and ask nothing of it.
var (
	errUnauthenticated = &failure{Code: codeUnauthenticated, Reason: "The client has to be authenticated first"}
	errAuthenticated   = &failure{Code: codeAuthenticated, Reason: "The client is authenticated already"}
)

// errCrash is why a client is turned away when a panic has ended the asking.
var errCrash = errors.New("panic")

// stranger is what is kept of a client that has not said who it is.
type stranger struct {
	// asking says that it was asked for, and that there is no answer yet.
	asking atomic.Bool
}

// openReception opens that of a namespace in mode event. It returns nil for one
// without.
func (g *Gateway) openReception(p Policy) *reception {
	if p.EventMode == nil {
		return nil
	}
	r := &reception{EventMode: *p.EventMode, lateComeBack: p.LateComeBack}
	r.limits = newRota(r.Timeout, false, func(due []*sio.Socket) {
		for _, s := range due {
			g.tooLate(r, s)
		}
	})
	if r.PingInterval > 0 {
		r.pings = newRota(r.PingInterval, true, r.pingAll)
	}
	return r
}

func (r *reception) close() {
	r.limits.close()
	if r.pings != nil {
		r.pings.close()
	}
}

func (g *Gateway) receptionOf(s *sio.Socket) *reception { return g.receptions[s.Namespace().Pattern()] }

// isStranger reports whether a client has not said yet who it is, or left before
// it had.
func isStranger(s *sio.Socket) bool { return memberOf(s).stranger != nil }

// greet takes a client in as a stranger.
func (r *reception) greet() *sio.Welcome {
	return &sio.Welcome{Lobby: true, Data: &member{stranger: &stranger{}}}
}

// leave is the end of a client's stay, as a stranger or not.
func (r *reception) leave(s *sio.Socket) {
	r.limits.drop(s)
	if r.pings != nil {
		r.pings.drop(s)
	}
}

// hears reports whether an event is for the reception: whatever a stranger says,
// and the wish to be authenticated of those who are.
func (r *reception) hears(s *sio.Socket, e *sio.ClientEvent) bool {
	return r != nil && (isStranger(s) || e.Name == r.Events.Authenticate)
}

// hear takes an event of a client that is at the reception.
func (g *Gateway) hear(ctx context.Context, r *reception, s *sio.Socket, e *sio.ClientEvent) {
	failed := errUnauthenticated
	switch {
	case !isStranger(s):
		failed = errAuthenticated
	case e.Name == r.Events.Authenticate:
		g.identify(ctx, r, s, e)
		return
	}
	g.metrics.events.WithLabelValues(s.Namespace().Pattern(), "", failed.outcome()).Inc()
	_ = e.Ack(failed.ack()) // is JSON
}

// identify asks who a stranger is, and acts on the answer. Later events of the
// client wait for that.
func (g *Gateway) identify(ctx context.Context, r *reception, s *sio.Socket, e *sio.ClientEvent) {
	memberOf(s).stranger.asking.Store(true)
	crashed := true
	defer func() {
		if crashed { // the panic goes on, to those who log it
			r.turnAway(s, e, errCrash)
		}
	}()
	h := g.handshake(s)
	h.Cause, h.Payload = authn.CauseEvent, payloadOf(e)
	welcome, err := g.judge(ctx, s, h)
	crashed = false
	if !r.limits.drop(s) {
		return // it is too late, and the client was told so
	}
	now := time.Now()
	if err == nil {
		err = r.letIn(s, welcome, now)
	}
	g.record(ctx, s, err)
	if err != nil {
		r.turnAway(s, e, err)
		return
	}
	_ = e.Ack(r.greeting(s, now)) // is JSON
	g.begin(ctx, s)
}

// letIn makes a stranger a connection.
func (r *reception) letIn(s *sio.Socket, w *sio.Welcome, now time.Time) error {
	authenticated := &sio.Event{Name: r.Events.Authenticated, Args: []sio.Arg{r.greeting(s, now)}}
	w.Rooms = slices.Concat(r.Rooms, w.Rooms)
	w.Events = slices.Concat([]*sio.Event{authenticated}, w.Events, []*sio.Event{r.ping(now)})
	err := s.Enter(w)
	if errors.Is(err, sio.ErrTooManyRooms) {
		return authn.Broken(codeInvalidReply, err)
	}
	if err == nil && r.pings != nil {
		r.pings.put(s)
	}
	return err
}

// turnAway tells a stranger why it is not let in, and sends it away.
func (r *reception) turnAway(s *sio.Socket, e *sio.ClientEvent, err error) {
	failed, comesBack := &failure{Code: codeInternal, Reason: "Internal error", Temporary: true}, false
	if refusal, ok := errors.AsType[*authn.Refusal](err); ok {
		comesBack = refusal.Close
		failed = &failure{Code: refusal.Code, Reason: refusal.Message, Temporary: refusal.Temporary}
	} else if refusal, ok := errors.AsType[*sio.Refusal](err); ok {
		_ = json.Unmarshal(refusal.Data, failed) // is like it
	}
	text := r.Messages.Refused
	if failed.Temporary {
		text = r.Messages.Broken
	}
	_ = e.Ack(failed.ack()) // is JSON
	r.sendAway(s, r.refusal(text), comesBack)
}

// tooLate sends a stranger away whose time is over. Whoever was not even asked
// for knows why, and stays away.
func (g *Gateway) tooLate(r *reception, s *sio.Socket) {
	g.metrics.authentications.WithLabelValues(s.Namespace().Pattern(), late).Inc()
	if !memberOf(s).stranger.asking.Load() {
		r.sendAway(s, nil, false)
		return
	}
	r.sendAway(s, r.refusal(r.Messages.Broken), r.lateComeBack)
}

// sendAway ends the stay of a stranger, who comes back by itself or does not. One
// that has more than this namespace on its connection keeps that, and has to come
// back to this one by its program.
func (r *reception) sendAway(s *sio.Socket, last *sio.Event, comesBack bool) {
	comesBack = comesBack && s.Alone()
	_ = s.Disconnect(sio.Disconnect{Detail: "not authenticated", Last: last, Reconnect: comesBack}) // which is sound
}

// greeting is what a client is told that is let in.
func (r *reception) greeting(s *sio.Socket, now time.Time) sio.Arg {
	return jsonOf(struct {
		ID   string `json:"id"`
		Time string `json:"time"`
	}{s.ID(), stamp(now)})
}

// refusal is what a client is told that is turned away.
func (r *reception) refusal(text string) *sio.Event {
	return &sio.Event{Name: r.Events.Unauthenticated, Args: []sio.Arg{jsonOf(struct {
		Message string `json:"message"`
		Time    string `json:"time"`
	}{text, stamp(time.Now())})}}
}

// ping is dropped for a client that has no room for it.
func (r *reception) ping(now time.Time) *sio.Event {
	return &sio.Event{Name: r.Events.Ping, Volatile: true, Args: []sio.Arg{jsonOf(struct {
		Time string `json:"time"`
	}{stamp(now)})}}
}

// pingAll sends one event to all whose turn it is.
func (r *reception) pingAll(due []*sio.Socket) {
	ids := map[*sio.Namespace][]string{}
	for _, s := range due {
		ids[s.Namespace()] = append(ids[s.Namespace()], s.ID())
	}
	ping := r.ping(time.Now())
	for n, these := range ids {
		_, _ = n.Emit(sio.Target{IDs: these}, ping) // is sound, and volatile
	}
}
