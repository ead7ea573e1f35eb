package service_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/service"
)

// counting is a backend that acknowledges every event with text, and counts.
func counting(t *testing.T, text string) (*backend.Client, *atomic.Int64) {
	t.Helper()
	calls := &atomic.Int64{}
	return eventBackend(t, func(context.Context, *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
		n := calls.Add(1)
		return &realtimev1.OnEventResponse{Ack: []*realtimev1.Arg{jsonArg(fmt.Sprintf(`"%s %d"`, text, n))}}, nil
	}), calls
}

func eventBackend(
	t *testing.T, answer func(context.Context, *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error),
) *backend.Client {
	t.Helper()
	return calling(t, backendtest.Serve(t, &backendtest.Stub{
		AuthenticateFunc: accepting(&realtimev1.Accept{UserId: "ada"}), EventFunc: answer,
	}), patience)
}

// routed is a world whose clients' events follow rules.
func routed(t *testing.T, rules ...service.Rule) *world {
	t.Helper()
	routes, err := service.NewRoutes(rules)
	if err != nil {
		t.Fatal(err)
	}
	policy := dev(t)
	policy.Routes = routes
	return newWorld(t, policy)
}

func TestFirstRouteThatMatchesDecides(t *testing.T) {
	chat, _ := counting(t, "chat")
	shop, _ := counting(t, "shop")
	w := routed(t,
		service.Rule{Name: "chat", Events: []string{"^chat:.*$"}, Backend: chat},
		service.Rule{Name: "shop", Events: []string{"buy", "chat:never"}, Backend: shop},
	)
	b, _ := join(t, w.door, "")
	for _, test := range []struct{ event, want string }{
		{`"chat:say"`, "chat 1"},
		{`"chat:never"`, "chat 2"},
		{`"buy"`, "shop 1"},
	} {
		if got := b.ask(test.event); !strings.Contains(got, test.want) {
			t.Errorf("%s: %s, want %s", test.event, got, test.want)
		}
	}
	b.wantError(`"sell"`, "NO_ROUTE", false)
	b.wantError(`"echo"`, "NO_ROUTE", false)
	b.wantError(`"chat"`, "NO_ROUTE", false)
	for label, want := range map[[2]string]float64{{"chat", "OK"}: 2, {"shop", "OK"}: 1, {"", "NO_ROUTE"}: 3} {
		if n := w.counter(t, "realtime_gateway_events_total", "/", label[1], label[0]); n != want {
			t.Errorf("%v: %v events, want %v", label, n, want)
		}
	}
}

func TestRouteThatNeedsAnAck(t *testing.T) {
	shop, calls := counting(t, "shop")
	w := routed(t, service.Rule{Events: []string{"buy"}, Backend: shop, AckRequired: true})
	b, _ := join(t, w.door, "")
	b.send(`42["buy"]`)
	if got := b.ask(`"buy"`); !strings.Contains(got, "shop 1") {
		t.Errorf("got %s", got)
	}
	if n := w.counter(t, "realtime_gateway_events_total", "/", "ACK_REQUIRED", "buy"); n != 1 || calls.Load() != 1 {
		t.Errorf("%v dropped, %d calls", n, calls.Load())
	}
}

func TestRouteHasATimeout(t *testing.T) {
	slow := eventBackend(t, func(ctx context.Context, _ *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	w := routed(t, service.Rule{Events: []string{"e"}, Backend: slow, Timeout: 50 * time.Millisecond})
	b, _ := join(t, w.door, "")
	b.wantError(`"e"`, "BACKEND_TIMEOUT", true)
}

// TestRouteHasAnInFlightLimit holds the only place with one client's event
// while another one's comes.
func TestRouteHasAnInFlightLimit(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	holding := eventBackend(t, func(context.Context, *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
		close(held)
		<-release
		return &realtimev1.OnEventResponse{}, nil
	})
	free, _ := counting(t, "free")
	w := routed(t, service.Rule{Events: []string{"e"}, Backend: holding, MaxInFlight: 1, Timeout: time.Second},
		service.Rule{Events: []string{"f"}, Backend: free, MaxInFlight: 1, Timeout: patience})
	first, _ := join(t, w.door, "")
	first.send(`421["e"]`)
	<-held
	second, _ := join(t, w.door, "")
	second.wantError(`"e"`, "ROUTE_BUSY", true)
	if got := second.ask(`"f"`); !strings.Contains(got, "free") {
		t.Errorf("another route: %s", got)
	}
	close(release)
	first.want("431")
}

func TestRepeatedEventIsAnsweredOnce(t *testing.T) {
	shop, calls := counting(t, "shop")
	w := routed(t, service.Rule{
		Events: []string{"buy"}, Backend: shop, Once: service.Once{Window: time.Minute, Key: "1.id"},
	}, service.Rule{
		Events: []string{"say"}, Backend: shop, Once: service.Once{Window: time.Minute},
	})
	b, _ := join(t, w.door, "")
	for _, test := range []struct{ event, want string }{
		{`"buy","a cake",{"id":7}`, "shop 1"},
		{`"buy","a cake",{"id":7}`, "shop 1"},
		{`"buy","a second try",{"n":2,"id":7}`, "shop 1"},
		{`"buy","a cake",{"id":8}`, "shop 2"},
		{`"buy","a cake"`, "shop 3"}, // no key: an event as any other
		{`"buy","a cake",{"id":null}`, "shop 4"},
		{`"buy","a cake",{"id":null}`, "shop 4"}, // null is a value
		{`"say","hello"`, "shop 5"},
		{`"say","hello"`, "shop 5"},
		{`"say","hello","ada"`, "shop 6"},
		{`"say","helloada"`, "shop 7"},
	} {
		if got := b.ask(test.event); !strings.Contains(got, test.want) {
			t.Errorf("%s: %s, want %s", test.event, got, test.want)
		}
	}
	other, _ := join(t, w.door, "") // anonymous, so another one
	if got := other.ask(`"say","hello"`); !strings.Contains(got, "shop 8") {
		t.Errorf("another client: %s", got)
	}
	if n := calls.Load(); n != 8 {
		t.Errorf("%d calls", n)
	}
	if n := w.counter(t, "realtime_gateway_events_repeated_total", "/", "buy"); n != 3 {
		t.Errorf("%v counted", n)
	}
}

// crashing is a backend by whose answer we crash, the first time.
type crashing struct {
	service.Backend
	calls atomic.Int64
}

func (b *crashing) OnEvent(ctx context.Context, req *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
	if b.calls.Add(1) == 1 {
		panic("as the test wants it")
	}
	return b.Backend.OnEvent(ctx, req)
}

// Nobody waits for an answer that a panic has ended.
func TestRepeatedAfterAPanicIsTriedAgain(t *testing.T) {
	shop, _ := counting(t, "shop")
	w := routed(t, service.Rule{Events: []string{"buy"}, Backend: &crashing{Backend: shop}, Once: service.Once{Window: time.Minute}})
	b, _ := join(t, w.door, "")
	b.send(`429["buy"]`)
	if got := b.ask(`"buy"`); got != `["shop 1"]` {
		t.Errorf("got %s", got)
	}
}

// TestRepeatedElsewhereWaits repeats an event of a user, who has connected
// again, while the first is still with the backend.
func TestRepeatedElsewhereWaits(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	slow := eventBackend(t, func(context.Context, *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
		if calls.Add(1) == 1 {
			close(held)
			<-release
			return nil, status.Error(codes.Internal, "the first time")
		}
		return &realtimev1.OnEventResponse{Ack: []*realtimev1.Arg{jsonArg("1")}}, nil
	})
	policy := asking(t, &backendtest.Stub{AuthenticateFunc: accepting(&realtimev1.Accept{UserId: "ada"})})
	var err error
	policy.Routes, err = service.NewRoutes([]service.Rule{
		{Events: []string{"e"}, Backend: slow, Once: service.Once{Window: time.Minute}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, policy)
	first, _ := join(t, w.door, "")
	first.send(`421["e"]`)
	<-held
	second, _ := join(t, w.door, "")
	second.send(`422["e"]`)
	for w.counter(t, "realtime_gateway_events_repeated_total", "/", "e") == 0 {
		runtime.Gosched()
	}
	close(release)
	if got := first.want("431"); !strings.Contains(got, "BACKEND_ERROR") {
		t.Errorf("the first: %s", got)
	}
	if got := second.want("432"); got != "432[1]" { // what has failed is not remembered
		t.Errorf("the second: %s", got)
	}
}

func TestRoutesReportEveryFault(t *testing.T) {
	_, err := service.NewRoutes([]service.Rule{
		{},
		{Events: []string{"^a"}, Timeout: -1, MaxInFlight: -1},
		{Events: []string{"a"}, Once: service.Once{Window: -1}, MaxInFlight: 1},
		{Events: []string{"a"}, Once: service.Once{Key: "0"}},
		{Events: []string{"a"}, Once: service.Once{Window: 1, Key: "a"}},
		{Events: []string{"a"}, Once: service.Once{Window: 1, Key: "-1"}},
		{Events: []string{"a"}, Once: service.Once{Window: 1, Key: "0."}},
		{Events: []string{"a"}, Once: service.Once{Window: 1, Key: "0.a.b"}}, // a field may be called "a.b"
	})
	if err == nil {
		t.Fatal("no fault")
	}
	want := []string{
		"routes[0].events: at least one", "routes[1].events[0]", "routes[1].timeout", "routes[1].max_in_flight",
		"routes[2].max_in_flight: needs", "routes[2].once: ", "routes[3].once_key: needs once", "routes[4].once_key", "routes[5].once_key", "routes[6].once_key",
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d faults: %v", len(lines), err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("fault %q, want %q", line, want[i])
		}
	}
}
