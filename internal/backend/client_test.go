package backend

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver/dns"
	"google.golang.org/grpc/status"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend/backendtest"
	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/internal/testlog"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(childAddress); address != "" {
		serveChild(address)
		return
	}
	dns.SetMinResolutionInterval(time.Millisecond) // names change quickly here
	goleak.VerifyTestMain(m)
}

// connect returns a client of target with edited defaults, and its log.
func connect(t *testing.T, target string, edit func(*Config)) (*Client, *testlog.Log) {
	t.Helper()
	return connectBy(t, newNames(resolveEvery), target, edit)
}

// connectBy is connect for a target whose name is looked up.
func connectBy(t *testing.T, names *names, target string, edit func(*Config)) (*Client, *testlog.Log) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Target = target
	if edit != nil {
		edit(&cfg)
	}
	log := &testlog.Log{}
	c, err := newClient("test", cfg, names, Node{ID: "node-1", Generation: func() int64 { return 7 }},
		slog.New(slog.NewTextHandler(log, nil)), NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, log
}

func authenticate(ctx context.Context, c *Client) error {
	_, err := c.Authenticate(ctx, &realtimev1.AuthenticateRequest{Context: &realtimev1.RequestContext{}})
	return err
}

func wantCode(t *testing.T, err error, want ...codes.Code) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if !slices.Contains(want, e.Code) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// ready returns when the client is connected.
func ready(t *testing.T, c *Client) {
	t.Helper()
	c.conn.Connect()
	for state := c.conn.GetState(); state != connectivity.Ready; state = c.conn.GetState() {
		if !c.conn.WaitForStateChange(t.Context(), state) {
			t.Fatal("never ready again")
		}
	}
}

func inFlight(t *testing.T, c *Client) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.guard.metrics.inFlight.WithLabelValues("test").Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}

func TestCallsSayOnWhoseBehalf(t *testing.T) {
	var got *realtimev1.RequestContext
	var key []string
	target := backendtest.Serve(t, &backendtest.Stub{
		EventFunc: func(ctx context.Context, req *realtimev1.OnEventRequest) (*realtimev1.OnEventResponse, error) {
			got = req.GetContext()
			key = metadata.ValueFromIncomingContext(ctx, "authorization")
			return &realtimev1.OnEventResponse{Ack: make([]*realtimev1.Arg, 1)}, nil
		},
	})
	c, log := connect(t, target, func(cfg *Config) {
		cfg.Metadata = map[string]string{"authorization": "Bearer s3cret"}
	})
	reply, err := c.OnEvent(t.Context(), &realtimev1.OnEventRequest{
		Context: &realtimev1.RequestContext{ConnectionId: "c1", UserId: "ada"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(reply.GetAck()) != 1 {
		t.Errorf("reply %v", reply)
	}
	if got.GetConnectionId() != "c1" || got.GetUserId() != "ada" || got.GetNodeId() != "node-1" ||
		got.GetGeneration() != 7 || got.GetAttempt() != 1 {
		t.Errorf("context %v", got)
	}
	if len(key) != 1 || key[0] != "Bearer s3cret" {
		t.Errorf("authorization %q", key)
	}
	if log.String() != "" {
		t.Errorf("log %s", log)
	}
}

func TestBackendsThatAreNoGood(t *testing.T) {
	fixed := func(serve func(testing.TB) string) func(*testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			return serve(t)
		}
	}
	answer := func(do func(context.Context) (*realtimev1.AuthenticateResponse, error)) func(*testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			return backendtest.Serve(t, &backendtest.Stub{
				AuthenticateFunc: func(
					ctx context.Context, _ *realtimev1.AuthenticateRequest,
				) (*realtimev1.AuthenticateResponse, error) {
					return do(ctx)
				},
			})
		}
	}
	for _, test := range []struct {
		name   string
		target func(*testing.T) string
		want   []codes.Code
	}{
		{"down", fixed(backendtest.Down), []codes.Code{codes.Unavailable}},
		// The attempt to connect and the call end at about the same time.
		{"black hole", fixed(backendtest.BlackHole), []codes.Code{codes.DeadlineExceeded, codes.Unavailable}},
		{"not gRPC", fixed(backendtest.NotGRPC), []codes.Code{codes.Unavailable}},
		{"garbage", fixed(backendtest.Garbage), []codes.Code{codes.Unavailable}},
		{"panicking", func(t *testing.T) string {
			t.Helper()
			return startChild(t, childPanics+"=1").address
		}, []codes.Code{codes.Unavailable}},
		{"unimplemented", answer(func(context.Context) (*realtimev1.AuthenticateResponse, error) {
			return nil, status.Error(codes.Unimplemented, "")
		}), []codes.Code{codes.Unimplemented}},
		{"slow", answer(func(ctx context.Context) (*realtimev1.AuthenticateResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}), []codes.Code{codes.DeadlineExceeded}},
		{"garbled reply", answer(func(context.Context) (*realtimev1.AuthenticateResponse, error) {
			refuse := &realtimev1.Refuse{}
			refuse.ProtoReflect().SetUnknown([]byte{0xff}) // no message goes on like this
			return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Refuse{Refuse: refuse}}, nil
		}), []codes.Code{codes.Internal}},
		{"large reply", answer(func(context.Context) (*realtimev1.AuthenticateResponse, error) {
			return &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Refuse{
				Refuse: &realtimev1.Refuse{Message: strings.Repeat("x", 2000)},
			}}, nil
		}), []codes.Code{codes.ResourceExhausted}},
		{"plain error", answer(func(context.Context) (*realtimev1.AuthenticateResponse, error) {
			return nil, errors.New("out of order")
		}), []codes.Code{codes.Unknown}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, log := connect(t, test.target(t), func(cfg *Config) {
				cfg.Timeout = 500 * time.Millisecond
				cfg.MaxReplyBytes = 1000
			})
			begin := time.Now()
			wantCode(t, authenticate(t.Context(), c), test.want...)
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			authenticate(t.Context(), c)
			if n := strings.Count(log.String(), "backend fails"); n != 1 {
				t.Errorf("%d warnings of 2 failures: %s", n, log)
			}
			if n := inFlight(t, c); n != 0 {
				t.Errorf("%v calls in flight after the last", n)
			}
		})
	}
}

func TestOnlyAuthenticateIsRequired(t *testing.T) {
	c, log := connect(t, backendtest.Serve(t, &backendtest.Stub{}), nil)
	on := &realtimev1.RequestContext{}
	if reply, err := c.OnConnected(t.Context(), &realtimev1.OnConnectedRequest{Context: on}); err != nil || reply == nil {
		t.Errorf("OnConnected: %v, %v", reply, err)
	}
	if reply, err := c.OnEvent(t.Context(), &realtimev1.OnEventRequest{Context: on}); err != nil || reply == nil {
		t.Errorf("OnEvent: %v, %v", reply, err)
	}
	if reply, err := c.OnDisconnected(t.Context(), &realtimev1.OnDisconnectedRequest{Context: on}); err != nil || reply == nil {
		t.Errorf("OnDisconnected: %v, %v", reply, err)
	}
	if log.String() != "" {
		t.Errorf("log %s", log)
	}
	wantCode(t, authenticate(t.Context(), c), codes.Unimplemented)
}

func TestPlacesAreBounded(t *testing.T) {
	begun, release := make(chan struct{}, 2), make(chan struct{})
	target := backendtest.Serve(t, &backendtest.Stub{
		AuthenticateFunc: func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			begun <- struct{}{}
			<-release
			return &realtimev1.AuthenticateResponse{}, nil
		},
	})
	c, _ := connect(t, target, func(cfg *Config) { cfg.MaxInFlight = 1 })
	first := make(chan error, 1)
	go func() { first <- authenticate(t.Context(), c) }()
	<-begun

	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	wantCode(t, authenticate(impatient, c), codes.DeadlineExceeded)
	if n := inFlight(t, c); n != 1 {
		t.Errorf("%v calls in flight, want 1", n)
	}

	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := authenticate(t.Context(), c); err != nil {
		t.Errorf("the place did not come free: %v", err)
	}
}

func TestClientThatLeavesIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	target := backendtest.Serve(t, &backendtest.Stub{
		AuthenticateFunc: func(
			ctx context.Context, _ *realtimev1.AuthenticateRequest,
		) (*realtimev1.AuthenticateResponse, error) {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	c, log := connect(t, target, nil)
	wantCode(t, authenticate(ctx, c), codes.Canceled)
	if log.String() != "" {
		t.Errorf("log %s", log)
	}
}

func TestBackendThatComesBackIsFound(t *testing.T) {
	lis, err := net.Listen("tcp", testenv.OwnAddress())
	if err != nil {
		t.Fatal(err)
	}
	stub := &backendtest.Stub{
		AuthenticateFunc: func(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
			return &realtimev1.AuthenticateResponse{}, nil
		},
	}
	stop := backendtest.ServeOn(t, stub, lis)
	c, _ := connect(t, lis.Addr().String(), nil)
	if err := authenticate(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	stop()
	wantCode(t, authenticate(t.Context(), c), codes.Unavailable)

	lis, err = net.Listen("tcp", lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	backendtest.ServeOn(t, stub, lis)
	ready(t, c)
	if err := authenticate(t.Context(), c); err != nil {
		t.Error(err)
	}
}
