package service_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
