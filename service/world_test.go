package service_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/seed52a35d2d/realtime-server/authn/anonymous"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/internal/testlog"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/service/interceptor"
	"github.com/seed52a35d2d/realtime-server/sio"
	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a whole server: sockets, gateway and API.
type world struct {
	conn    *grpc.ClientConn
	api     realtimev1.RealtimeClient
	service *service.Service
	door    *siotest.Listener
	metrics *prometheus.Registry
	log     *testlog.Log
	close   func() // ends the sockets, then the gateway

	revocations *service.Revocations
}

// maxRooms is the most rooms of a connection in a world.
const maxRooms = 4

// maxRevocations is how many revocations a world remembers.
const maxRevocations = 8

// maxPendingAcks is how many acknowledgements a world waits for.
const maxPendingAcks = 4

// teams are the dynamic namespaces of a world.
const teams = "^/team-[a-z]+$"

// newWorld runs a server whose namespace and teams have this policy. A client
// is in one namespace at a time, and there is one team at most.
func newWorld(t *testing.T, policy service.Policy, changes ...func(*sio.Config)) *world {
	t.Helper()
	w := &world{metrics: prometheus.NewRegistry(), log: &testlog.Log{}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg := service.DefaultConfig()
	cfg.Headers = append(cfg.Headers, "cookie")
	cfg.Revocation.Max = maxRevocations
	gateway := service.NewGateway(map[string]service.Policy{"/": policy, teams: policy}, cfg, log, w.metrics)
	socketsConfig := sio.DefaultConfig()
	socketsConfig.MaxRooms, socketsConfig.MaxPendingAcks = maxRooms, maxPendingAcks
	socketsConfig.Namespaces = []string{"/", teams}
	socketsConfig.Engine.KeepHeaders = cfg.Headers
	socketsConfig.MaxNamespaces, socketsConfig.MaxDynamicNamespaces = 1, 1
	for _, change := range changes {
		change(&socketsConfig)
	}
	sockets, err := sio.New(socketsConfig, gateway, log, w.metrics)
	if err != nil {
		t.Fatal(err)
	}
	w.close = sync.OnceFunc(func() {
		if b, ok := policy.Backend.(*backend.Client); ok {
			b.Hurry() // as the shutdown of the process begins
		}
		sockets.Close(context.Background())
		gateway.Close()
	})
	t.Cleanup(w.close)
	w.door = siotest.Serve(t, sockets)
	w.service = service.New(sockets, cfg, "node-1", log)
	w.service.SetRevocations(gateway.Revocations())
	w.revocations = gateway.Revocations()
	w.conn = serve(t, w.service, interceptor.New(log, w.metrics, nil))
	w.api = realtimev1.NewRealtimeClient(w.conn)
	return w
}

// dev lets everybody in and do everything.
func dev(t *testing.T) service.Policy {
	t.Helper()
	everybody, err := anonymous.New()
	if err != nil {
		t.Fatal(err)
	}
	return service.Policy{Authenticator: everybody, Dev: true, Join: joining(t, service.JoinConfig{Policy: service.JoinOpen})}
}

func serve(t *testing.T, s *service.Service, opts []grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	server := grpc.NewServer(opts...)
	s.Register(server)
	lis := bufconn.Listen(1 << 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(lis)
	}()
	conn, err := grpc.NewClient("passthrough:///api",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-done
	})
	return conn
}

// counter is the value of a metric with these label values, in the order of
// the label names.
func (w *world) counter(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if family.GetName() == name && strings.Join(values, ",") == strings.Join(labels, ",") {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// reason is ErrorInfo.reason of a status.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "realtime-server" {
			return info.GetReason()
		}
	}
	return ""
}

// fields are the violations of a status, as "field: description".
func fields(err error) []string {
	var all []string
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				all = append(all, v.GetField()+": "+v.GetDescription())
			}
		}
	}
	return all
}

func jsonArg(text string) *realtimev1.Arg {
	return &realtimev1.Arg{Kind: &realtimev1.Arg_Json{Json: text}}
}

func to(ids ...string) *realtimev1.Target { return &realtimev1.Target{ConnectionIds: ids} }

func inRoom(rooms ...string) *realtimev1.Target { return &realtimev1.Target{Rooms: rooms} }
