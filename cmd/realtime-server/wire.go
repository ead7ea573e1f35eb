package main

import (
	"cmp"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

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
// the listeners' handlers; each takes what was made before it, and the other nodes
// come last. Nobody is served yet, but Redis is looked for, and the keys of tokens
// are fetched. After an error the process ends. grpcAddress is where the API
// listens.
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
	if p.grpc, err = p.buildGRPC(cfg, log, reg); err != nil {
		return nil, err
	}
	if p.browsers, err = p.buildBrowsers(cfg, grpcAddress, log); err != nil {
		return nil, err
	}
	p.admin = buildHTTP(adminHandler(cfg.Admin, reg, p.ready, p.drain.handler(p)), log)
	return p, p.joinCluster(cfg, node.ID, interest, log, reg)
}
