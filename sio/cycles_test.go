package sio

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// TestCyclesLeaveNothing has 20,000 clients come and go in every way, over real
// sockets, and compares goroutines, descriptors, heap and gauges with what they
// were after the first of them.
func TestCyclesLeaveNothing(t *testing.T) {
	for name, loop := range map[string]bool{"event loop": true, "goroutines": false} {
		t.Run(name, func(t *testing.T) { cycleWorld(t, loop) })
	}
}

// cycler is a server and what its clients do to it.
type cycler struct {
	*Server
	t       *testing.T
	address string
	client  *http.Client
}

func cycleWorld(t *testing.T, loop bool) {
	t.Helper()
	cfg, reg := DefaultConfig(), prometheus.NewRegistry()
	cfg.Engine.EventLoop = loop
	cfg.Engine.PingInterval, cfg.Engine.PingTimeout = 200*time.Millisecond, 5*time.Second // more than a busy machine takes for a request
	cfg.Engine.CloseTimeout = 50 * time.Millisecond
	cfg.Engine.Limits.MaxConnectionsPerAddress, cfg.Engine.Limits.MaxMessagesPerSecond = 100_000, 1000
	server, err := New(cfg, &strict{}, slog.New(slog.DiscardHandler), reg)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	defer listener.Close()
	defer server.Close(t.Context())
	transport := &http.Transport{MaxIdleConnsPerHost: visitors}
	defer transport.CloseIdleConnections()
	c := &cycler{server, t, strings.TrimPrefix(listener.URL, "http://"), &http.Client{Transport: transport}}

	c.run(1000)
	before := c.settle(reg, footprint{heap: 1 << 30, goroutines: 20, descriptors: 20}) // once all are through
	c.run(20_000)
	after := c.settle(reg, before)
	t.Logf("before %+v, after %+v", before, after)
}

// visitors is how many clients come at a time.
const visitors = 16

func (c *cycler) run(cycles int) {
	ways := []func() error{c.leaves, c.vanishes, c.saysNothing, c.talksRubbish, c.polls, c.vanishesPolling, c.abandonsUpgrade, c.polls}
	var coming sync.WaitGroup
	for visitor := range visitors {
		coming.Go(func() {
			for n := range cycles / visitors {
				way := (visitor + n) % len(ways)
				if way == 5 && n%8 != 0 { // those are with us until their ping is missed
					way = 0
				}
				if err := ways[way](); err != nil {
					c.t.Errorf("way %d: %v", way, err)
					return
				}
			}
		})
	}
	coming.Wait()
}

// over opens a WebSocket for as long as a body takes.
func (c *cycler) over(body func(w *wire) error) error {
	w, err := dialWire(c.address)
	if err != nil {
		return err
	}
	defer w.Close()
	return body(w)
}

func (c *cycler) leaves() error {
	return c.over(func(w *wire) error {
		if w.say("40") != nil || !w.hears("40") || w.say("41") != nil || w.say("1") != nil {
			return io.ErrUnexpectedEOF
		}
		w.hears("the end")
		return nil
	})
}

func (c *cycler) vanishes() error {
	return c.over(func(w *wire) error {
		if w.say("40") != nil || !w.hears("40") {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
}

func (c *cycler) saysNothing() error { return c.over(func(*wire) error { return nil }) }

func (c *cycler) talksRubbish() error {
	return c.over(func(w *wire) error {
		if w.say("451000000000-") != nil || w.hears("the end") {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
}

// ask makes a request and returns the body of its answer.
func (c *cycler) ask(method, sid, body string) (string, error) {
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+c.address+"/?EIO=4&transport=polling"+sid, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", answer.StatusCode, text)
	}
	return string(text), err
}

// handshake opens a polling session in a namespace.
func (c *cycler) handshake() (sid string, err error) {
	open, err := c.ask(http.MethodGet, "", "")
	if err != nil {
		return "", err
	}
	sid = "&sid=" + open[9:29]
	_, err = c.ask(http.MethodPost, sid, "40")
	return sid, err
}

func (c *cycler) polls() error {
	sid, err := c.handshake()
	if err == nil {
		_, err = c.ask(http.MethodGet, sid, "")
	}
	if err == nil {
		_, err = c.ask(http.MethodPost, sid, "1")
	}
	return err
}

func (c *cycler) vanishesPolling() error {
	_, err := c.handshake()
	return err
}

// abandonsUpgrade probes, never goes on, and leaves over polling.
func (c *cycler) abandonsUpgrade() error {
	sid, err := c.handshake()
	if err != nil {
		return err
	}
	w, err := dialWirePath(c.address, "/?EIO=4&transport=websocket"+sid)
	if err != nil {
		return err
	}
	defer w.Close()
	if w.say("2probe") != nil || !w.hears("3probe") {
		return io.ErrUnexpectedEOF
	}
	_, err = c.ask(http.MethodPost, sid, "1")
	return err
}

// footprint is what the process holds.
type footprint struct {
	heap                    uint64
	goroutines, descriptors int
}

func footprintOf(t *testing.T) (f footprint) {
	t.Helper()
	runtime.GC()
	runtime.GC() // pools let go in two steps
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return footprint{stats.HeapAlloc, runtime.NumGoroutine(), len(open)}
}

// settle waits until no gauge shows a client and no more is held than before.
func (c *cycler) settle(reg *prometheus.Registry, before footprint) (now footprint) {
	c.t.Helper()
	const heapSlack, otherSlack = 2 << 20, 8
	over := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c.client.CloseIdleConnections()
		now = footprintOf(c.t)
		if gauges(c.t, reg) == 0 && c.holdsNothing() && now.heap <= before.heap+heapSlack &&
			now.goroutines <= before.goroutines+otherSlack && now.descriptors <= before.descriptors+otherSlack {
			return now
		}
		select {
		case <-tick.C:
		case <-over:
			c.t.Fatalf("before %+v, after %+v; the gauges show %v", before, now, gauges(c.t, reg))
		}
	}
}

// holdsNothing reports whether no socket is in the namespace.
func (c *cycler) holdsNothing() bool {
	hub, _ := c.Namespace("/")
	return len(hub.Rooms()) == 0 && len(hub.Sockets(Target{Everyone: true})) == 0
}

// gauges is the sum of all gauges.
func gauges(t *testing.T, reg *prometheus.Registry) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetType() != dto.MetricType_GAUGE {
			continue
		}
		for _, m := range family.GetMetric() {
			sum += m.GetGauge().GetValue()
		}
	}
	return sum
}
