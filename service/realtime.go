// Package service stands between backends and browsers. [Service] is the gRPC
// API Realtime, by which backends reach browsers. [Gateway] decides what
// browsers may do and asks backends about them.
//
// Both are policy: sockets and rooms are the affair of package sio, and who
// may call the API that of package interceptor.
package service

import (
	"log/slog"
	"sync/atomic"

	"google.golang.org/grpc"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Service implements the gRPC service Realtime.
type Service struct {
	realtimev1.UnimplementedRealtimeServer

	// Immutable.
	sockets  *sio.Server
	cfg      Config
	nodeID   string
	log      *slog.Logger
	peers    Peers
	tickets  Tickets
	attacher Attacher

	revocations *Revocations

	draining atomic.Bool
}

// New returns the API of a server's sockets. nodeID is what the API calls this
// process.
func New(sockets *sio.Server, cfg Config, nodeID string, log *slog.Logger) *Service {
	return &Service{sockets: sockets, cfg: cfg, nodeID: nodeID, log: log, peers: nobody{}, attacher: noGroups{}}
}

// Register makes a gRPC server offer the API.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	realtimev1.RegisterRealtimeServer(r, s)
}

// Drain makes every later call that writes fail with DRAINING. Calls in flight
// end as usual, and reads go on.
func (s *Service) Drain() {
	s.draining.Store(true)
}

func (s *Service) check() *checker { return &checker{cfg: s.cfg} }

// begin returns the namespace of a call that writes, unless the server drains
// or c has found the request to be invalid.
func (s *Service) begin(c *checker, namespace string) (*sio.Namespace, error) {
	if s.draining.Load() {
		return nil, errDraining
	}
	return s.find(c, namespace)
}

// find returns the namespace of a call, unless c has found the request to be
// invalid. The name "" means "/".
func (s *Service) find(c *checker, namespace string) (*sio.Namespace, error) {
	if err := c.err(); err != nil {
		return nil, err
	}
	if namespace == "" {
		namespace = "/"
	}
	if ns, ok := s.sockets.Namespace(namespace); ok {
		return ns, nil
	}
	return nil, errNamespaceNotFound
}
