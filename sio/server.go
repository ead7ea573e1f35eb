package sio

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/internal/timeout"
)

// Server is a Socket.IO endpoint. Mount it at the path that clients use.
type Server struct {
	// Immutable.
	cfg        Config
	handler    Handler
	log        *slog.Logger
	metrics    *metrics
	engine     *engineio.Server
	namespaces *directory

	// Clients that have no namespace: yet, and any more.
	connects, graces *timeout.List[*conn]

	ctx    context.Context //nolint:containedctx // the parent of every Handler call; Close ends it
	cancel context.CancelFunc
	wg     sync.WaitGroup // conns, and the sockets that are busy with the Handler

	asking asking // clients for acknowledgements

	workers workers

	clock  *offsets
	store  recoveryStore // nil without recovery; immutable
	shared *shared       // nil without a journal; immutable
}

// New makes a server. Its metrics are registered with reg.
func New(cfg Config, handler Handler, log *slog.Logger, reg prometheus.Registerer) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, handler: handler, log: log, metrics: newMetrics(reg)}
	s.clock = newOffsets()
	s.store = newStore(s)
	s.shared = newShared(s)
	var err error
	if s.namespaces, err = newDirectory(s); err != nil {
		return nil, err
	}
	s.connects = timeout.New(cfg.ConnectTimeout, func(c *conn) { c.idle(s.connects) })
	s.graces = timeout.New(cfg.DisconnectGrace, func(c *conn) { c.idle(s.graces) })
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.engine, err = engineio.New(cfg.Engine, opener{s, inJSON}, log, reg)
	return s, err
}

// opener gives the engine a conn for every session that begins where it is
// mounted.
type opener struct {
	server  *Server
	dialect dialect
}

func (o opener) Open(session *engineio.Session, h *Handshake) engineio.Receiver {
	return newConn(o.server, session, h, o.dialect)
}

// ServeHTTP serves the requests of all clients.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Msgpack serves the requests of all clients, too. Those that begin here speak
// the dialect of socket.io-msgpack-parser, and live in the same namespaces and
// rooms as the others. Mount it at a path of its own.
func (s *Server) Msgpack() http.Handler { return s.engine.Mount(opener{s, inMsgpack}) }

// Beside gives a handler of a path beside the server's, such as files that the
// same pages load, the headers, the CORS and the patience of the server.
func (s *Server) Beside(next http.Handler) http.Handler { return s.engine.Beside(next) }

// Namespace returns a namespace of the configuration. One that a pattern
// allows may be without members; ask again for every use, because it lives as
// long as its sockets.
func (s *Server) Namespace(name string) (*Namespace, bool) { return s.namespaces.find(name) }

// Namespaces are those that exist now: of the configuration, and by a pattern.
func (s *Server) Namespaces() []*Namespace { return s.namespaces.all() }

// Has reports whether a group has a member on this server.
func (s *Server) Has(g Group) bool {
	n, ok := s.namespaces.find(g.Namespace)
	return ok && n.index.Has(g.Kind, g.Name)
}

// Drain refuses newcomers with HTTP status 503 and closes the connections of
// all clients, spread evenly over the window, so that stock clients come back
// elsewhere. What was emitted before is delivered. It returns when all were
// closed or ctx ends.
func (s *Server) Drain(ctx context.Context, window time.Duration) {
	sessions := s.engine.Drain()
	pace := time.NewTicker(drainTick)
	defer pace.Stop()
	start, all := time.Now(), len(sessions)
	for len(sessions) > 0 {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
		stay := 1 - float64(time.Since(start))/float64(max(window, 1))
		for len(sessions) > max(0, int(stay*float64(all))) {
			sessions[0].Close(engineio.ServerShutdown)
			sessions = sessions[1:]
		}
	}
}

// Fence closes the connections of all clients at once, so that stock clients come
// back, here or elsewhere. It is for a process that has learnt that others take
// it for dead, and for sockets that they have told of. The Handler hears of each
// socket as usual.
func (s *Server) Fence() {
	for _, session := range s.engine.Sessions() {
		session.Close(engineio.Fenced)
	}
}

// Sessions is how many clients are connected, in a namespace or not yet.
func (s *Server) Sessions() int { return s.engine.Count() }

// drainTick is how often Drain closes those that are due.
const drainTick = 10 * time.Millisecond

// Close ends all connections and returns when nothing is left: no goroutine,
// and no call of the Handler. Calls that still run have until ctx ends, and so
// have clients that still have something to fetch.
func (s *Server) Close(ctx context.Context) {
	stop := context.AfterFunc(ctx, s.cancel)
	defer stop()
	s.engine.Close(ctx)
	s.wg.Wait()
	s.shared.close(ctx)
	s.cancel()
	s.workers.close()
	s.connects.Stop()
	s.graces.Stop()
	if s.store != nil {
		s.store.close()
	}
}
