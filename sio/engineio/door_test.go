package engineio

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// guarded is a server with a door, which is asked without a network.
type guarded struct {
	*Server
	t        *testing.T
	sessions chan *Session
}

func guard(t *testing.T, change func(*Config)) *guarded {
	t.Helper()
	cfg := DefaultConfig()
	change(&cfg)
	r := newRecorder()
	server, err := New(cfg, r, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return &guarded{server, t, r.sessions}
}

// close ends the server, whose clients are not worth waiting for.
func (g *guarded) close() {
	hurry, cancel := context.WithCancel(g.t.Context())
	cancel()
	g.Close(hurry)
}

// knock asks for a session over polling and returns what came of it: "in", or
// the answer.
func (g *guarded) knock(address string, headers ...string) string {
	r := httptest.NewRequest(http.MethodGet, "/?EIO=4&transport=polling", nil)
	r.RemoteAddr = address
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	if w.Code == http.StatusOK {
		return "in"
	}
	return fmt.Sprintf("%d %s after %s", w.Code, strings.TrimSpace(w.Body.String()), w.Header().Get("Retry-After"))
}

// want knocks so often and wants the same answer each time.
func (g *guarded) want(times int, address, want string, headers ...string) {
	g.t.Helper()
	for n := range times {
		if got := g.knock(address, headers...); got != want {
			g.t.Errorf("%s, number %d: %s, want %s", address, n+1, got, want)
		}
	}
}

// refused is how many were turned away for a cause.
func (g *guarded) refused(cause string) int {
	return int(testutil.ToFloat64(g.metrics.turnedAway.WithLabelValues(cause)))
}

const (
	full     = `503 {"code":7,"message":"Too many connections"} after 5`
	fast     = `503 {"code":6,"message":"Too many requests"} after 1`
	fullHere = `429 {"code":7,"message":"Too many connections"} after 5`
	fastHere = `429 {"code":6,"message":"Too many requests"} after 1`
)

func TestConnectionsInTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t, func(cfg *Config) { cfg.Limits.MaxConnections = 3 })
		defer g.close()
		g.want(3, "192.0.2.1:1", "in")
		g.want(2, "192.0.2.2:1", full)
		one := <-g.sessions
		one.Close(ForcedClose)
		g.want(1, "192.0.2.2:1", full) // it may still fetch what was queued for it
		time.Sleep(g.cfg.CloseTimeout)
		synctest.Wait()
		g.want(1, "192.0.2.2:1", "in")
		g.want(1, "192.0.2.2:1", full)
		if got := g.refused("connections"); got != 4 {
			t.Errorf("%d were counted", got)
		}
	})
}

// TestRefusedWebSocketCostsNoHandshake: the answer is plain HTTP.
func TestRefusedWebSocketCostsNoHandshake(t *testing.T) {
	r, address := serveTCP(t, func(cfg *Config) { cfg.Limits.MaxConnections = 1 })
	conn := dial(t, address)
	<-r.sessions
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	ask := func() int {
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("status %d", got)
	}
	conn.Close()
	<-r.closed
	for ask() != http.StatusSwitchingProtocols { // the place is free a moment after the receiver has heard
	}
}

func TestConnectionsOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t, func(cfg *Config) {
			cfg.Limits.MaxConnectionsPerAddress = 2
			cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		})
		defer g.close()
		g.want(2, "192.0.2.1:1", "in")
		g.want(1, "192.0.2.1:2", fullHere)
		g.want(1, "[::ffff:192.0.2.1]:3", fullHere)
		g.want(2, "192.0.2.2:1", "in")
		// Of IPv6 the network counts.
		g.want(1, "[2001:db8:0:1::1]:1", "in")
		g.want(1, "[2001:db8:0:1:ffff::2]:1", "in")
		g.want(1, "[2001:db8:0:1:7::3]:1", fullHere)
		g.want(1, "[2001:db8:0:2::1]:1", "in")
		// Behind a proxy the client's address counts, and not what it claims.
		g.want(2, "10.1.1.1:1", "in", "X-Forwarded-For", "192.0.2.3")
		g.want(1, "10.1.1.2:1", fullHere, "X-Forwarded-For", "192.0.2.9, 192.0.2.3")
		g.want(1, "192.0.2.1:4", fullHere, "X-Forwarded-For", "192.0.2.4")
		// What has no address counts as one.
		g.want(2, "@", "in")
		g.want(1, "pipe", fullHere)
		if got := g.refused("address connections"); got != 6 {
			t.Errorf("%d were counted", got)
		}
		for range 2 {
			(<-g.sessions).close(TransportError, nil)
		}
		g.want(2, "192.0.2.1:1", "in")
		g.want(1, "192.0.2.1:1", fullHere)
	})
}

// TestHandshakesPerSecond: so many at once, and so many a second for ever.
func TestHandshakesPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t, func(cfg *Config) { cfg.Limits.MaxHandshakesPerSecond = 4 })
		defer g.close()
		g.want(4, "192.0.2.1:1", "in")
		g.want(2, "192.0.2.2:1", fast)
		in := 0
		for range 1000 { // ten seconds
			time.Sleep(10 * time.Millisecond)
			if g.knock("192.0.2.3:1") == "in" {
				in++
			}
		}
		if in != 40 {
			t.Errorf("%d came in within ten seconds", in)
		}
		if got := g.refused("rate"); got != 2+1000-40 {
			t.Errorf("%d were counted", got)
		}
		time.Sleep(time.Hour)
		g.want(4, "192.0.2.1:1", "in")
		g.want(1, "192.0.2.1:1", fast)
	})
}

func TestHandshakesOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t, func(cfg *Config) { cfg.Limits.MaxHandshakesPerAddress, cfg.Limits.MaxHandshakesPerSecond = 2, 5 })
		defer g.close()
		g.want(2, "192.0.2.1:1", "in")
		g.want(9, "192.0.2.1:1", fastHere)
		// It has taken nothing from others by that.
		g.want(2, "192.0.2.2:1", "in")
		g.want(1, "192.0.2.3:1", "in")
		g.want(1, "192.0.2.4:1", fast)
		// Leaving and coming back does not help.
		(<-g.sessions).close(TransportError, nil)
		(<-g.sessions).close(TransportError, nil)
		g.want(1, "192.0.2.1:1", fastHere)
		time.Sleep(500 * time.Millisecond)
		g.want(1, "192.0.2.1:1", "in")
		g.want(1, "192.0.2.1:1", fastHere)
		if got := g.refused("address rate"); got != 11 {
			t.Errorf("%d were counted", got)
		}
	})
}

// TestDoorForgetsAddresses: a million come by, each for a moment.
func TestDoorForgetsAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(Limits{MaxHandshakesPerAddress: 1, MaxConnectionsPerAddress: 1}, nil)
		defer d.leaving.Stop()
		most := 0
		for n := range 1_000_000 {
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], uint32(n))
			v, away := d.enter(netip.AddrFrom4(b))
			if away.status != 0 {
				t.Fatalf("number %d: %s", n, away.cause)
			}
			d.leave(v)
			if n%1000 == 0 {
				time.Sleep(50 * time.Millisecond)
				synctest.Wait()
				most = max(most, len(d.visitors))
			}
		}
		if most > 21_000 { // of one second
			t.Errorf("%d addresses were held", most)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(d.visitors) > 0 || d.open != 0 {
			t.Errorf("%d addresses and %d clients are left", len(d.visitors), d.open)
		}
	})
}

// TestDoorInAHurry has many come and go at once.
func TestDoorInAHurry(t *testing.T) {
	d := newDoor(Limits{MaxConnections: 50, MaxConnectionsPerAddress: 3}, nil)
	defer d.leaving.Stop()
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			address := netip.AddrFrom4([4]byte{192, 0, 2, byte(n % 4)})
			for range 5000 {
				if v, away := d.enter(address); away.status == 0 {
					d.leave(v)
				}
			}
		})
	}
	wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open != 0 || len(d.visitors) > 4 {
		t.Errorf("%d clients, %d addresses", d.open, len(d.visitors))
	}
	for _, v := range d.visitors {
		if v.open != 0 {
			t.Errorf("%v has %d", v.address, v.open)
		}
	}
}

// TestRefusalsAreCheap: nothing is kept of who is turned away.
func TestRefusalsAreCheap(t *testing.T) {
	d := newDoor(Limits{MaxConnections: 1, MaxHandshakesPerAddress: 1}, nil)
	defer d.leaving.Stop()
	if _, away := d.enter(netip.IPv4Unspecified()); away.status != 0 {
		t.Fatal(away.cause)
	}
	stranger := netip.AddrFrom4([4]byte{192, 0, 2, 1})
	if n := testing.AllocsPerRun(100, func() {
		if _, away := d.enter(stranger); away != tooMany {
			t.Errorf("turned away for %q", away.cause)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if len(d.visitors) != 1 {
		t.Errorf("%d addresses are held", len(d.visitors))
	}
}

func TestConnectionsByDefault(t *testing.T) {
	d := newDoor(DefaultConfig().Limits, nil)
	defer d.leaving.Stop()
	if d.maxOpen != descriptors()/10*9 || d.asksWho() || d.pace.rate != 0 {
		t.Errorf("%+v", d)
	}
}
