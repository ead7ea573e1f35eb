package service_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/internal/registry"
	"github.com/seed52a35d2d/realtime-server/service"
)

// widow is a gateway that tells of dead nodes, and what its backend has heard.
type widow struct {
	*service.Gateway
	metrics *prometheus.Registry

	mu    sync.Mutex
	heard map[string][]*realtimev1.OnDisconnectedRequest
}

// newWidow makes one whose backend answers with the codes of a connection, one
// after another, and then OK.
func newWidow(t *testing.T, answers map[string][]codes.Code) *widow {
	t.Helper()
	w := &widow{metrics: prometheus.NewRegistry(), heard: map[string][]*realtimev1.OnDisconnectedRequest{}}
	policy := asking(t, &backendtest.Stub{DisconnectedFunc: func(
		_ context.Context, req *realtimev1.OnDisconnectedRequest,
	) (*realtimev1.OnDisconnectedResponse, error) {
		id := req.GetContext().GetConnectionId()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.heard[id] = append(w.heard[id], req)
		if codes := answers[id]; len(codes) > 0 {
			answers[id] = codes[1:]
			return nil, status.Error(codes[0], "not now")
		}
		return &realtimev1.OnDisconnectedResponse{}, nil
	}})
	quiet := policy
	quiet.Backend = nil
	w.Gateway = service.NewGateway(map[string]service.Policy{"/": policy, "^/team-": policy, "/quiet": quiet},
		service.DefaultConfig(), slog.New(slog.DiscardHandler), w.metrics)
	t.Cleanup(w.Close)
	return w
}

// counted is how many calls for connections of dead nodes had an outcome.
func (w *widow) counted(t *testing.T, outcome string) float64 {
	t.Helper()
	return (&world{metrics: w.metrics}).counter(t, "realtime_gateway_lifecycle_calls_total", "lost", "/", outcome)
}

func (w *widow) attempts(id string) (all []int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, req := range w.heard[id] {
		all = append(all, req.GetContext().GetAttempt())
	}
	return all
}

func connected(t *testing.T, c *clusterv1.Connected) []byte {
	t.Helper()
	value, err := proto.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestLost(t *testing.T) {
	metadata, err := structpb.NewStruct(map[string]any{"role": "admin"})
	if err != nil {
		t.Fatal(err)
	}
	w := newWidow(t, map[string][]codes.Code{
		"away":   {codes.Unavailable, codes.ResourceExhausted},
		"broken": {codes.Internal, codes.Internal},
	})
	began := time.Now().Add(-time.Minute)
	plain := connected(t, &clusterv1.Connected{Pattern: "/"})
	told, err := w.Lost(t.Context(), registry.Node{ID: "dead", Generation: 42}, []registry.Record{
		{ID: "whole", Namespace: "/team-a", User: "ada", Value: connected(t, &clusterv1.Connected{
			Pattern: "^/team-", Metadata: metadata, ConnectedAt: timestamppb.New(began),
		})},
		{ID: "away", Namespace: "/", Value: plain},
		{ID: "broken", Namespace: "/", Value: plain},
		{ID: "garbled", Namespace: "/", Value: []byte("\xff")},
		{ID: "quiet", Namespace: "/quiet", Value: connected(t, &clusterv1.Connected{Pattern: "/quiet"})},
		{ID: "foreign", Namespace: "/foreign", Value: connected(t, &clusterv1.Connected{Pattern: "/foreign"})},
	})
	if err != nil || told != 4 {
		t.Fatalf("told of %d connections, want 4; %v", told, err)
	}
	for id, want := range map[string][]int32{
		"whole": {1}, "away": {1, 2, 3}, "broken": {1}, "garbled": {1}, "quiet": nil, "foreign": nil,
	} {
		if got := w.attempts(id); !slices.Equal(got, want) {
			t.Errorf("%s: attempts %v, want %v", id, got, want)
		}
	}
	got := w.heard["whole"][0]
	want := &realtimev1.OnDisconnectedRequest{
		Context: &realtimev1.RequestContext{
			ConnectionId: "whole", Namespace: "/team-a", NodeId: "dead", Generation: 42, UserId: "ada", Metadata: metadata, Attempt: 1,
		},
		Reason: "node lost", Duration: got.GetDuration(), DisconnectedAt: got.GetDisconnectedAt(),
	}
	if !proto.Equal(got, want) || got.GetDuration().AsDuration() < time.Minute {
		t.Errorf("told %v, want %v", got, want)
	}
}

// What was told of a page that could not be told to its end is not told again.
func TestLostGoesOn(t *testing.T) {
	w := newWidow(t, map[string][]codes.Code{"away": slices.Repeat([]codes.Code{codes.Unavailable}, 2)})
	node := registry.Node{ID: "dead", Generation: 42}
	value := connected(t, &clusterv1.Connected{Pattern: "/"})
	page := []registry.Record{{ID: "there", Namespace: "/", Value: value}, {ID: "away", Namespace: "/", Value: value}}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	told := 0
	go func() {
		var err error
		told, err = w.Lost(ctx, node, page)
		failed <- err
	}()
	for w.counted(t, "OK") == 0 || w.counted(t, "BACKEND_UNAVAILABLE") == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("the end of the node is %v", err)
	}
	again, err := w.Lost(t.Context(), node, page)
	if err != nil {
		t.Fatal(err)
	}
	if told != 1 || again != 1 {
		t.Errorf("told of %d connections, and then of %d, want 1 each time", told, again)
	}
	if n := len(w.attempts("there")); n != 1 {
		t.Errorf("there was told %d times", n)
	}
	if n := len(w.attempts("away")); n != 3 {
		t.Errorf("away was told %d times, want 3", n)
	}
}

// TestLostAndBack: a connection whose client is back elsewhere has not ended.
func TestLostAndBack(t *testing.T) {
	w := newWidow(t, nil)
	began := timestamppb.Now()
	w.SetReturned(func(_ context.Context, former *realtimev1.Connection) bool {
		return former.GetNamespace() == "/" && former.GetId() == "back" && former.GetNodeId() == "dead" && proto.Equal(former.GetConnectedAt(), began)
	})
	plain := connected(t, &clusterv1.Connected{Pattern: "/", ConnectedAt: began})
	told, err := w.Lost(t.Context(), registry.Node{ID: "dead", Generation: 42}, []registry.Record{
		{ID: "back", Namespace: "/", Value: plain}, {ID: "gone", Namespace: "/", Value: plain},
	})
	if err != nil || told != 1 {
		t.Fatalf("told of %d connections, want 1; %v", told, err)
	}
	if back, gone := w.attempts("back"), w.attempts("gone"); len(back) != 0 || len(gone) != 1 {
		t.Errorf("told of who is back %d times, and of who is gone %d times", len(back), len(gone))
	}
}
