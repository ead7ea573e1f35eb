package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/seed52a35d2d/realtime-server/bench/internal/control"
	"github.com/seed52a35d2d/realtime-server/bench/internal/process"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// kind is a server that can be one of several.
type kind struct {
	name string
	// lossy servers may lose messages, which is reported; with others it fails
	// the test.
	lossy bool
	// hearsAll says that every node hears every event.
	hearsAll bool
	// start starts one on a Redis, alone if that has no address, and returns
	// when it hears the others.
	start func(t *testing.T, redis string) *node
	// heard is how many events of other nodes a node has heard, if it can tell.
	// Who has no members then must not hear any.
	heard func(t *testing.T, n *node) float64
}

// node is one that runs.
type node struct {
	*process.Process
	driver
}

// kinds are all that are measured. The last one is what the others are held
// against.
func kinds() []kind {
	return []kind{
		{name: "realtime-server", start: realtime(), heard: heard},
		{name: "realtime-server + bridge", start: realtime("bridge.dialect=classic"), heard: heard, hearsAll: true},
		{name: "Node + sharded adapter", lossy: true, start: nodeJS("sharded")},
		{name: "Node + redis-adapter", lossy: true, hearsAll: true, start: nodeJS("classic")},
	}
}

// build makes one binary for all servers of ours, unless there is one.
func build(t *testing.T) {
	t.Helper()
	const binary = "TEST_SERVER_BIN"
	if os.Getenv(binary) == "" {
		t.Setenv(binary, process.Build(t, "../..", "./cmd/realtime-server"))
	}
}

// realtime is our server, with settings that concern Redis.
func realtime(settings ...string) func(t *testing.T, redis string) *node {
	return func(t *testing.T, redis string) *node {
		t.Helper()
		args := []string{"--set", "admin.pprof=true"}
		if redis != "" {
			args = append(args, "--set", fmt.Sprintf("redis.addresses=[%q]", redis))
			for _, setting := range settings {
				args = append(args, "--set", setting)
			}
		}
		n := &node{Process: process.Realtime(t, "../..", args...)}
		conn, err := grpc.NewClient(n.Addresses["grpc"], grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		n.driver = api{realtimev1.NewRealtimeClient(conn)}
		if redis != "" {
			n.awaitRedis(t)
		}
		return n
	}
}

// awaitRedis waits until a server of ours is heard through Redis.
func (n *node) awaitRedis(t *testing.T) {
	t.Helper()
	const patience = 20 * time.Second
	for end := time.Now().Add(patience); metrics(t, n)["realtime_redis_healthy"] != 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the server is not heard through Redis:\n%s", n.Stderr())
		}
	}
}

func metrics(t *testing.T, n *node) map[string]float64 {
	t.Helper()
	all, err := n.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func heard(t *testing.T, n *node) float64 {
	t.Helper()
	return metrics(t, n)[`realtime_cluster_messages_received_total{channel="room"}`]
}

// nodeJS is Node's server with one of its adapters.
func nodeJS(adapter string) func(t *testing.T, redis string) *node {
	return func(t *testing.T, redis string) *node {
		t.Helper()
		const folder = "../peers/node"
		if _, err := os.Stat(folder + "/node_modules"); err != nil {
			t.Fatal("the test needs packages of npm; `make test` installs them")
		}
		args := []string{"--expose-gc", "cluster.mjs"}
		if redis != "" {
			args = append(args, adapter, redis)
		}
		cmd := exec.CommandContext(t.Context(), "node", args...)
		cmd.Dir = folder
		n := &node{Process: process.Start(t, cmd, "http", "control")}
		n.driver = door{control.Door{Address: n.Addresses["control"]}}
		return n
	}
}
