package service_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protowire"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	"github.com/seed52a35d2d/realtime-server/internal/redisbus"
	"github.com/seed52a35d2d/realtime-server/internal/testenv"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// lose makes the world a node of a cluster whose Redis has gone.
func (w *world) lose(t *testing.T) {
	t.Helper()
	redis := testenv.StartRedis(t)
	redis.Kill()
	cfg := redisbus.DefaultConfig()
	cfg.Addresses, cfg.CallTimeout = []string{redis.Address()}, 100*time.Millisecond
	log := slog.New(slog.DiscardHandler)
	bus, err := redisbus.New(cfg, log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.New(cluster.Params{
		Bus:      bus,
		Self:     func() cluster.Self { return cluster.Self{Tag: "here", Generation: 1} },
		Node:     w.service,
		Interest: sio.NewInterest(),
		Has:      func(sio.Group) bool { return false },
		Log:      log,
		Metrics:  prometheus.NewRegistry(),
	})
	w.service.SetPeers(c)
	c.Start()
	t.Cleanup(func() {
		c.Close()
		_ = bus.Close()
	})
}

// TestCallOfANewerVersion: a node that does not know what it is asked for has no
// part in it, and says so at once.
func TestCallOfANewerVersion(t *testing.T) {
	w := newWorld(t, dev(t))
	call := &clusterv1.Call{Id: 7}
	call.ProtoReflect().SetUnknown(protowire.AppendTag(nil, 99, protowire.VarintType))
	reply, later := w.service.Do(call)
	if later != nil {
		later(t.Context(), func(r *clusterv1.Reply) { reply = r })
	}
	if reply.GetResponse() != nil || reply.GetMore() {
		t.Errorf("the answer is %v, want nothing, and nothing to follow", reply)
	}
}
