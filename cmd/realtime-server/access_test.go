package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// lines is a log that tells of each of its lines.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan string
}

func newLines() *lines { return &lines{news: make(chan string, 100)} }

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	l.text.Write(line)
	l.mu.Unlock()
	l.news <- string(line)
	return len(line), nil
}

// want waits for a line.
func (l *lines) want(t *testing.T, part string) {
	t.Helper()
	for {
		select {
		case line := <-l.news:
			if strings.Contains(line, part) {
				return
			}
		case <-t.Context().Done():
			t.Fatalf("%q was not logged:\n%s", part, l.all())
		}
	}
}

func (l *lines) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// served is an API on loopback whose files are looked after.
type served struct {
	*parts
	address string
	log     *lines
}

func serving(t *testing.T, cfg *Config) served {
	t.Helper()
	leaked := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaked) })
	log := newLines()
	p, err := build(cfg, "", slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	end(t, p)
	t.Cleanup(p.watchFiles())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = serveGRPC(p.grpc, l) }) // ends with Stop
	t.Cleanup(func() {
		p.grpc.Stop()
		running.Wait()
	})
	return served{p, l.Addr().String(), log}
}

// calling is a connection to an address.
func calling(t *testing.T, address string, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// count asks for the number of connections, with a key if there is one.
func count(ctx context.Context, conn *grpc.ClientConn, key string) codes.Code {
	if key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	}
	_, err := realtimev1.NewRealtimeClient(conn).CountConnections(ctx, &realtimev1.CountConnectionsRequest{})
	return status.Code(err)
}

// replace writes a file as those do who know that somebody may be reading it.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func hangUp(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

func TestKeysOfAFileChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.yaml")
	replace(t, file, "old: old-0123456789abcdef")
	cfg := devConfig(t, "--set", "grpc.api_keys={fixed: fixed-0123456789ab}", "--set", "grpc.api_keys_file="+file)
	s := serving(t, cfg)
	conn, log := calling(t, s.address, insecure.NewCredentials()), s.log
	wantCodes := func(want map[string]codes.Code) {
		t.Helper()
		for key, code := range want {
			if got := count(t.Context(), conn, key); got != code {
				t.Errorf("key %q: %v, want %v", key, got, code)
			}
		}
	}
	wantCodes(map[string]codes.Code{
		"": codes.Unauthenticated, "old-0123456789abcdef": codes.OK, "fixed-0123456789ab": codes.OK, "new-0123456789abcdef": codes.Unauthenticated,
	})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer old-0123456789abcdef")
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ask := func() codes.Code {
		t.Helper()
		_ = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{ // Recv tells more
			MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
		})
		_, err := stream.Recv()
		return status.Code(err)
	}

	replace(t, file, "old: old-0123456789abcdef\nnew: {key: new-0123456789abcdef, scopes: [send]}")
	hangUp(t)
	log.want(t, "files were read anew")
	wantCodes(map[string]codes.Code{"old-0123456789abcdef": codes.OK, "new-0123456789abcdef": codes.PermissionDenied})
	if code := ask(); code != codes.OK {
		t.Errorf("the stream: %v", code)
	}

	replace(t, file, "new: {key: hush-hush-hush-hush, scops: [read]}")
	hangUp(t)
	log.want(t, "could not be read anew")
	wantCodes(map[string]codes.Code{"old-0123456789abcdef": codes.OK, "new-0123456789abcdef": codes.PermissionDenied})

	replace(t, file, "new: new-0123456789abcdef")
	log.want(t, "files were read anew") // it is found without being told
	wantCodes(map[string]codes.Code{
		"old-0123456789abcdef": codes.Unauthenticated, "new-0123456789abcdef": codes.OK, "fixed-0123456789ab": codes.OK,
	})
	if code := ask(); code != codes.Unauthenticated {
		t.Errorf("the stream of a key that is gone: %v", code)
	}
	if strings.Contains(log.all(), "0123456789") || strings.Contains(log.all(), "hush") {
		t.Errorf("the log tells a key:\n%s", log.all())
	}
}

// Everything that the real server has is closed to strangers, but for its
// health.
func TestEveryServiceAsksWhoCalls(t *testing.T) {
	s := serving(t, devConfig(t, "--set", "grpc.api_keys={a: a-0123456789abcdef}"))
	conn := calling(t, s.address, insecure.NewCredentials())
	open := 0
	for service, info := range s.grpc.GetServiceInfo() {
		for _, method := range info.Methods {
			stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/"+service+"/"+method.Name)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = stream.SendMsg(&emptypb.Empty{}), stream.CloseSend() // RecvMsg tells more
			err = stream.RecvMsg(&emptypb.Empty{})
			if status.Code(err) == codes.Unauthenticated {
				continue
			}
			open++
			if service != grpc_health_v1.Health_ServiceDesc.ServiceName {
				t.Errorf("%s/%s: %v", service, method.Name, err)
			}
		}
	}
	if open != 3 {
		t.Errorf("%d methods are open", open)
	}
}
