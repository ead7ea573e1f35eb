package engineio

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/sio/internal/link"
	"github.com/seed52a35d2d/realtime-server/sio/internal/timeout"
)

// Server opens sessions and serves their requests. Mount it at the path that
// clients use.
type Server struct {
	// Immutable.
	cfg      Config
	handler  Handler
	log      *slog.Logger
	metrics  *metrics
	front    http.Handler // route, withHeaders
	policy   *policy
	headers  http.Header // of every answer
	initial  http.Header // of a session's first answer
	poller   link.Poller // of the WebSockets
	deflater *deflater   // nil unless WebSockets may compress
	packer   *packer     // nil unless polling bodies may be compressed
	started  time.Time
	door     *door

	messagePace, bytePace bucket // of every session

	// Sessions by what they wait for; see Session.beat.
	pings, pongs, closings *timeout.List[*Session]
	silences               *timeout.List[*Session] // of Engine.IO 3
	upgrades               *timeout.List[*wsConn]

	mu       sync.Mutex
	sessions map[string]*Session
	draining bool

	// wg counts sessions, and WebSockets until they have ended. It grows from zero only by reserve, before the server drains.
	wg sync.WaitGroup
}

// New makes a server. Its metrics are registered with reg.
func New(cfg Config, handler Handler, log *slog.Logger, reg prometheus.Registerer) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	policy, err := cfg.CORS.policy()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg:      cfg,
		handler:  handler,
		log:      log,
		metrics:  newMetrics(reg),
		pings:    timeout.New(cfg.PingInterval, sendPing),
		pongs:    timeout.New(cfg.PingTimeout, missSign),
		silences: timeout.New(cfg.PingInterval+cfg.PingTimeout, missSign),
		closings: timeout.New(cfg.CloseTimeout, func(s *Session) { s.end(nil) }),
		upgrades: timeout.New(cfg.UpgradeTimeout, abandon),
		sessions: map[string]*Session{},
		poller:   newPoller(cfg),
		policy:   policy,
		headers:  headersOf(cfg.Headers),
		initial:  headersOf(cfg.InitialHeaders),
		started:  time.Now(),
	}
	s.messagePace, s.bytePace = cfg.paces()
	s.door = newDoor(cfg.Limits, s.metrics)
	s.deflater = newDeflater(cfg.WebSocketCompression, s.metrics.savings(WebSocket))
	s.packer = newPacker(cfg.HTTPCompression, s.metrics.savings(Polling))
	s.front = s.withHeaders(http.HandlerFunc(s.route))
	return s, nil
}

// ServeHTTP serves the requests of all sessions.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.limitBody(w, r)
	s.front.ServeHTTP(w, r)
}

// limitBody gives a request's body the time that a heartbeat may take, whether
// or not anybody wants to read it: net/http reads the rest of it. The deadline
// ends with the request.
func (s *Server) limitBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.patience())) // fails with the connection
	}
}

// patience is how long a client may take for one request or response.
func (s *Server) patience() time.Duration { return s.cfg.PingInterval + s.cfg.PingTimeout }

// route finds out what a request wants. The order of the checks is that of
// the stock server, so that a wrong request gets the same code.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	transport := query.Get("transport")
	switch {
	case !slices.Contains(s.cfg.Transports, transport):
		s.refuse(w, r, codeUnknownTransport)
	case query.Get("sid") != "":
		s.serveSession(w, r, query)
	case r.Method != http.MethodGet:
		s.refuse(w, r, codeBadMethod)
	case isUpgrade(r) != (transport == WebSocket):
		s.refuse(w, r, codeBadRequest)
	case !s.policy.allows(r):
		s.refuse(w, r, codeForbidden)
	case wireOf(query) != wire4 && !s.cfg.AllowEIO3:
		s.refuse(w, r, codeUnsupportedVersion)
	default:
		s.open(w, r, transport)
	}
}

// serveSession serves a request of a session that exists.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request, query url.Values) {
	session, transport := s.session(query.Get("sid")), query.Get("transport")
	switch {
	case session == nil && s.elsewhere(w, r, query.Get("sid")):
	case session == nil:
		s.refuse(w, r, codeUnknownSession)
	case isUpgrade(r) != (transport == WebSocket), wireOf(query).revision() != session.Protocol():
		s.refuse(w, r, codeBadRequest)
	case transport == WebSocket && !s.policy.allows(r):
		s.refuse(w, r, codeForbidden)
	case transport == WebSocket:
		session.upgrade(w, r)
	case r.Method == http.MethodGet:
		session.servePoll(w, r)
	case r.Method == http.MethodPost:
		session.servePost(w, r)
	default:
		s.refuse(w, r, codeBadRequest)
	}
}

func (s *Server) session(sid string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[sid]
}

func (s *Server) forget(session *Session) {
	s.mu.Lock()
	_, known := s.sessions[session.id]
	delete(s.sessions, session.id)
	s.mu.Unlock()
	if known {
		s.door.leave(session.visitor)
		s.wg.Done()
	}
}

// refuseDraining sends a newcomer elsewhere.
func (s *Server) refuseDraining(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	s.respond(w, http.StatusServiceUnavailable, "application/json", []byte(`{"message":"Server shutting down"}`))
}

// Drain refuses new sessions with HTTP status 503 from now on, and returns the
// sessions that are open.
func (s *Server) Drain() []*Session {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	return s.Sessions()
}

// Sessions are those that are open.
func (s *Server) Sessions() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.sessions))
}

// Count is how many sessions are open.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Close ends all sessions and returns when nothing of them is left. Clients
// that still have something to fetch get CloseTimeout for it, and no more when
// ctx ends.
func (s *Server) Close(ctx context.Context) {
	sessions := s.Drain()
	for _, session := range sessions {
		session.Close(ServerShutdown)
	}
	hurried := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(hurried)
		for _, session := range sessions {
			session.end(nil)
		}
	})
	s.wg.Wait()
	if !stop() {
		<-hurried
	}
	s.pings.Stop()
	s.pongs.Stop()
	s.silences.Stop()
	s.closings.Stop()
	s.upgrades.Stop()
	s.door.leaving.Stop()
	s.poller.Close()
}
