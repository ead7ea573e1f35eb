package interceptor_test

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/testlog"
	"github.com/seed52a35d2d/realtime-server/service/interceptor"
)

const key = "0123456789abcdef"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api panics in Send and answers Broadcast.
type api struct {
	realtimev1.UnimplementedRealtimeServer
}

func (api) Send(context.Context, *realtimev1.SendRequest) (*realtimev1.SendResponse, error) {
	panic("as the test wants it")
}

func (api) Broadcast(context.Context, *realtimev1.BroadcastRequest) (*realtimev1.BroadcastResponse, error) {
	return &realtimev1.BroadcastResponse{}, nil
}

func (api) JoinRoom(context.Context, *realtimev1.JoinRoomRequest) (*realtimev1.JoinRoomResponse, error) {
	return &realtimev1.JoinRoomResponse{}, nil
}

func (api) LeaveRoom(_ context.Context, req *realtimev1.LeaveRoomRequest) (*realtimev1.LeaveRoomResponse, error) {
	if slices.Contains(req.GetTarget().GetRooms(), "panic") {
		panic("as the test wants it")
	}
	return &realtimev1.LeaveRoomResponse{}, nil
}

func (api) Disconnect(context.Context, *realtimev1.DisconnectRequest) (*realtimev1.DisconnectResponse, error) {
	return &realtimev1.DisconnectResponse{}, nil
}

// goOn lets SendWithAck answer once more.
var goOn = make(chan struct{})

// SendWithAck answers as often as the call wants it, from the second time on when
// it is told to.
func (api) SendWithAck(_ *realtimev1.SendWithAckRequest, stream grpc.ServerStreamingServer[realtimev1.SendWithAckResponse]) error {
	wanted := metadata.ValueFromIncomingContext(stream.Context(), "answers")
	if len(wanted) == 0 {
		return nil
	}
	if err := stream.Send(&realtimev1.SendWithAckResponse{}); err != nil {
		return err
	}
	select {
	case <-goOn:
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	_ = stream.Send(&realtimev1.SendWithAckResponse{}) // a handler may not care
	return nil
}

// forgotten is a service that nobody has decided about.
var forgotten = grpc.ServiceDesc{
	ServiceName: "test.Forgotten",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Do",
		Handler: func(_ any, ctx context.Context, decode func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
			req := &realtimev1.SendRequest{}
			if err := decode(req); err != nil {
				return nil, err
			}
			return chain(ctx, req, &grpc.UnaryServerInfo{FullMethod: "/test.Forgotten/Do"}, func(context.Context, any) (any, error) {
				return &realtimev1.SendResponse{}, nil
			})
		},
	}},
}

// serve returns a connection to a server behind the chain, what the server
// logs, and a function that ends the server.
func serve(t *testing.T, reg prometheus.Registerer, access *interceptor.Access) (*grpc.ClientConn, *testlog.Log, func()) {
	t.Helper()
	l := &testlog.Log{}
	logger := slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := grpc.NewServer(interceptor.New(logger, reg, access)...)
	realtimev1.RegisterRealtimeServer(server, api{})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	server.RegisterService(&forgotten, nil)
	reflection.Register(server)
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
	stop := func() {
		conn.Close()
		server.Stop()
		<-done
	}
	t.Cleanup(stop)
	return conn, l, stop
}

// keys let in those who have one of them.
func keys(t *testing.T, all map[string]authority.Key) *interceptor.Access {
	t.Helper()
	callers, err := authority.New(all, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &interceptor.Access{Callers: callers, Audit: true}
}

func broadcast(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := realtimev1.NewRealtimeClient(conn).Broadcast(ctx, &realtimev1.BroadcastRequest{
		Event: &realtimev1.Event{Name: "confidential"},
	})
	return err
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

func TestKeys(t *testing.T) {
	conn, log, stop := serve(t, prometheus.NewRegistry(), keys(t, map[string]authority.Key{"billing": {Secret: key}}))
	for _, test := range []struct {
		authorization string
		code          codes.Code
		reason        string
	}{
		{"Bearer " + key, codes.OK, ""},
		{"Bearer " + key + "x", codes.Unauthenticated, "CREDENTIALS_INVALID"},
		{"Basic " + key, codes.Unauthenticated, "CREDENTIALS_MISSING"},
		{"", codes.Unauthenticated, "CREDENTIALS_MISSING"},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", test.authorization)
		if err := broadcast(ctx, conn); status.Code(err) != test.code || reason(err) != test.reason {
			t.Errorf("%q: %v, reason %q", test.authorization, err, reason(err))
		}
	}
	if err := broadcast(t.Context(), conn); reason(err) != "CREDENTIALS_MISSING" {
		t.Errorf("no metadata: %v", err)
	}
	stop()
	if !strings.Contains(log.String(), "api_key=billing") {
		t.Errorf("the log does not name the key: %s", log)
	}
	if strings.Contains(log.String(), key) {
		t.Errorf("the log tells the key: %s", log)
	}
}

func TestHealthNeedsNoKey(t *testing.T) {
	conn, _, _ := serve(t, prometheus.NewRegistry(), keys(t, nil))
	health := grpc_health_v1.NewHealthClient(conn)
	if _, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Errorf("Check: %v", err)
	}
	watch, err := health.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Errorf("Watch: %v", err)
	}
	if err := broadcast(t.Context(), conn); reason(err) != "CREDENTIALS_MISSING" {
		t.Errorf("Broadcast: %v", err)
	}
}

func TestPanicEndsOneCall(t *testing.T) {
	reg := prometheus.NewRegistry()
	conn, log, stop := serve(t, reg, nil)
	_, err := realtimev1.NewRealtimeClient(conn).Send(t.Context(), &realtimev1.SendRequest{})
	if status.Code(err) != codes.Internal || reason(err) != "INTERNAL" || strings.Contains(err.Error(), "test wants") {
		t.Errorf("got %v", err)
	}
	if err := broadcast(t.Context(), conn); err != nil {
		t.Errorf("the call after: %v", err)
	}
	stop()
	if n := strings.Count(log.String(), "gRPC handler panicked"); n != 1 || !strings.Contains(log.String(), "chain_test.go") {
		t.Errorf("%d lines with a stack: %s", n, log)
	}
	if !counted(t, reg, "grpc_server_handled_total", "grpc_code", "Internal") {
		t.Error("the panic is not counted")
	}
}

func TestLogHasNoBodies(t *testing.T) {
	conn, log, stop := serve(t, prometheus.NewRegistry(), nil)
	if err := broadcast(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	stop()
	if n := strings.Count(log.String(), "Broadcast"); n != 1 || strings.Contains(log.String(), "confidential") {
		t.Errorf("%d lines: %s", n, log)
	}
}

// counted reports whether a counter with a label is above zero.
func counted(t *testing.T, reg prometheus.Gatherer, name, label, value string) bool {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == name && l.GetName() == label && l.GetValue() == value && m.GetCounter().GetValue() > 0 {
					return true
				}
			}
		}
	}
	return false
}
