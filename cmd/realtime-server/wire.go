package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/seed52a35d2d/realtime-server/authn/jwt"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/internal/journal"
	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/internal/registry"
	"github.com/seed52a35d2d/realtime-server/internal/relay"
	"github.com/seed52a35d2d/realtime-server/internal/reload"
	"github.com/seed52a35d2d/realtime-server/internal/revoked"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/service/attach"
	"github.com/seed52a35d2d/realtime-server/service/bridge"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/service/interceptor"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// parts is everything the process is made of. build creates it, run starts
// and ends it.
type parts struct {
	backends []*backend.Client
	tokens   map[string]*jwt.Authenticator // by namespace
	outages  []*outage.Authenticator
	office   *ticket.Office
	gateway  *service.Gateway
	sockets  *sio.Server
	api      *service.Service
	bus      *redisbus.Bus      // nil without Redis
	cluster  *cluster.Cluster   // nil without Redis
	registry *registry.Registry // nil without Redis
	relay    *relay.Relay       // nil without Redis, or where it is off
	bridge   *bridge.Bridge     // nil without servers of Node's
	journal  *journal.Journal   // nil unless clients can come back at any node
	files    *reload.Reloader
	revoked  *revoked.Store // nil without Redis
	attach   *attach.Hub    // nil unless backends dial out
	started  time.Time
	log      *slog.Logger
	drain    *drain
	health   *health.Server
	grpc     *grpc.Server
	browsers *http.Server
	admin    *http.Server
	ready    *readiness
}

// build makes every part and plugs it into the others, from the backends up to
// the listeners' handlers. Nothing runs yet, but that Redis is looked for.
// grpcAddress is where the API listens.
func build(cfg *Config, grpcAddress string, log *slog.Logger) (*parts, error) {
	p := &parts{health: health.NewServer(), ready: &readiness{}, started: time.Now(), log: log, drain: newDrain(cfg.Shutdown.Window)}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.files = reload.New(log, reg)
	node := backend.Node{ID: cmp.Or(cfg.NodeID, "node-"+rand.Text()[:8]), Generation: p.generation}

	p.attach = buildAttach(cfg, node.ID, log, reg)
	policies, err := p.buildPolicies(cfg, node, log, reg)
	if err != nil {
		return nil, err
	}
	p.gateway = service.NewGateway(policies, cfg.API, log, reg)
	for _, remembers := range p.outages {
		p.gateway.Revocations().AddForgetter(remembers)
	}
	cfg.SocketIO.Engine.Admit = p.admission(cfg)
	interest := sio.NewInterest()
	if cfg.Redis.Enabled() {
		cfg.SocketIO.Interest, cfg.SocketIO.Engine.Tag = interest, p.tag
		cfg.SocketIO.Engine.Elsewhere = p.elsewhere
	}
	if p.sockets, err = sio.New(cfg.SocketIO, p.gateway, log, reg); err != nil {
		return nil, err
	}
	p.api = service.New(p.sockets, cfg.API, node.ID, log)
	p.offerTickets(cfg)
	p.api.SetRevocations(p.gateway.Revocations())
	p.letAttach()
	if p.grpc, err = buildGRPC(cfg, p, log, reg); err != nil {
		return nil, err
	}
	browsers := browserHandler(cfg, p.sockets, grpcAddress)
	if cfg.HTTP.ServeClient {
		if err := p.serveClient(browsers, cfg.HTTP.Paths, log); err != nil {
			return nil, err
		}
	}
	p.browsers = buildHTTP(browsers, log)
	if p.browsers.TLSConfig, err = serverTLS("http_tls", MutualTLS{TLS: cfg.HTTP.TLS}, p.files); err != nil {
		return nil, fmt.Errorf("http.tls: %w", err)
	}
	p.admin = buildHTTP(adminHandler(cfg.Admin, reg, p.ready, p.drain.handler(p)), log)
	return p, p.joinCluster(cfg, node.ID, interest, log, reg)
}

// buildGRPC makes the server of the API with all that belongs to it.
func buildGRPC(cfg *Config, p *parts, log *slog.Logger, reg prometheus.Registerer) (*grpc.Server, error) {
	access, err := buildAccess(cfg, p.files)
	if err != nil {
		return nil, err
	}
	options := append(interceptor.New(log, reg, access),
		grpc.MaxRecvMsgSize(cfg.GRPC.MaxMessage),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute}),
	)
	if tls, err := serverTLS("grpc_tls", cfg.GRPC.TLS, p.files); err != nil {
		return nil, fmt.Errorf("grpc.tls: %w", err)
	} else if tls != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(tls)))
	}
	server := grpc.NewServer(options...)
	p.api.Register(server)
	grpc_health_v1.RegisterHealthServer(server, p.health)
	if cfg.GRPC.Reflection {
		reflection.Register(server)
	}
	return server, nil
}

// Limits of the HTTP listeners. Long polls set deadlines of their own.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
)

func buildHTTP(handler http.Handler, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true) // a WebSocket over HTTP/2 is another protocol
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         &protocols,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// browserHandler serves Socket.IO at its paths, with and without a slash at the
// end, and, under dev, the demo page.
func browserHandler(cfg *Config, sockets *sio.Server, grpcAddress string) *http.ServeMux {
	mux := http.NewServeMux()
	mount := func(paths []string, handler http.Handler) {
		for _, path := range paths {
			mux.Handle(path, handler)
			mux.Handle(path+"/", handler)
		}
	}
	mount(cfg.HTTP.Paths, sockets)
	mount(cfg.HTTP.MsgpackPaths, sockets.Msgpack())
	elsewhere := http.NotFoundHandler()
	if cfg.Dev {
		elsewhere = demoHandler(cfg, grpcAddress)
	}
	mux.Handle("/", endUpgrades(elsewhere))
	return mux
}

// serveClient adds the stock client below the paths of Socket.IO.
func (p *parts) serveClient(mux *http.ServeMux, paths []string, log *slog.Logger) error {
	stock, err := loadClient()
	if err != nil {
		return err
	}
	for _, path := range paths {
		for name, file := range stock.files {
			mux.Handle(path+"/"+name, p.sockets.Beside(file))
		}
	}
	log.Info("serving the Socket.IO client", slog.String("version", stock.version), slog.Any("paths", paths))
	return nil
}

// endUpgrades lets a request for another protocol at a path that has none end
// with its connection: whoever asks for one has no use for it.
func endUpgrades(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.Header().Set("Connection", "close")
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
