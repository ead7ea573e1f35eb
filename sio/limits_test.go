package sio

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/internal/testlog"
	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// counted is the counter of a registry with one label.
func counted(t *testing.T, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// ends is a Handler that keeps how sockets ended.
type ends struct {
	strict
	mu   sync.Mutex
	told []string
}

func (h *ends) Event(context.Context, *Socket, *ClientEvent) {}

func (h *ends) Disconnected(_ context.Context, _ *Socket, end End) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, end.Reason.String())
}

// TestReasonsAgree breaks limits and hears the same reason from the Handler,
// both counters and the log.
func TestReasonsAgree(t *testing.T) {
	for reason, post := range map[engineio.Reason]string{
		engineio.PayloadTooLarge:    "4" + strings.Repeat("x", 1000),
		engineio.TooManyPackets:     "6\x1e6\x1e6\x1e6\x1e6",
		engineio.TooManyAttachments: `453-["e"]`,
		engineio.PayloadTooDeep:     `42["e",[[[]]]]`,
		engineio.EventNameTooLong:   `42["too long"]`,
		engineio.RateLimit:          "4" + strings.Repeat(" ", 900),
		engineio.ParseError:         "42[",
		engineio.TransportError:     "2",
		engineio.TransportClose:     "1",
	} {
		t.Run(reason.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := DefaultConfig()
				cfg.Engine.MaxPayload, cfg.Engine.Limits.MaxBodyPackets = 1000, 4
				cfg.Engine.Limits.MaxBytesPerSecond, cfg.Engine.Limits.MaxByteBurst = 1, 800
				cfg.MaxAttachments, cfg.MaxJSONDepth, cfg.MaxEventName = 2, 3, 7
				h, log, reg := &ends{}, &testlog.Log{}, prometheus.NewRegistry()
				server, err := New(cfg, h, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), reg)
				if err != nil {
					t.Fatal(err)
				}
				listener := siotest.Serve(t, server)
				client := &http.Client{Transport: &http.Transport{
					DisableKeepAlives: true,
					DialContext:       func(context.Context, string, string) (net.Conn, error) { return listener.Dial(), nil },
				}}
				ask := func(method, sid, body string) string {
					r, err := http.NewRequestWithContext(t.Context(), method, "http://test/?EIO=4&transport=polling"+sid, strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					answer, err := client.Do(r)
					if err != nil {
						t.Fatal(err)
					}
					defer answer.Body.Close()
					text, err := io.ReadAll(answer.Body)
					if err != nil {
						t.Fatal(err)
					}
					return string(text)
				}
				sid := "&sid=" + ask(http.MethodGet, "", "")[9:29]
				ask(http.MethodPost, sid, "40")
				synctest.Wait()
				ask(http.MethodPost, sid, post)
				synctest.Wait()
				if !slices.Equal(h.told, []string{reason.String()}) {
					t.Errorf("the handler heard %q", h.told)
				}
				for _, name := range []string{"realtime_engine_sessions_closed_total", "realtime_sockets_disconnected_total"} {
					if got := counted(t, reg, name, reason.String()); got != 1 {
						t.Errorf("%s is %v", name, got)
					}
				}
				if said := fmt.Sprintf("reason=%q", reason.String()); !strings.Contains(log.String(), said) {
					t.Errorf("the log lacks %s:\n%s", said, log.String())
				}
				time.Sleep(time.Second) // net/http lingers after a body that is too large
				server.Close(t.Context())
			})
		})
	}
}

// TestSilenceHasItsReason: nobody hears of a client that never had a socket, but
// the counter does.
func TestSilenceHasItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, reg := DefaultConfig(), prometheus.NewRegistry()
		cfg.Engine.PingInterval = time.Hour
		server, err := New(cfg, &ends{}, slog.New(slog.DiscardHandler), reg)
		if err != nil {
			t.Fatal(err)
		}
		server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/?EIO=4&transport=polling", nil))
		const name = "realtime_engine_sessions_closed_total"
		time.Sleep(cfg.ConnectTimeout - time.Nanosecond)
		synctest.Wait()
		if got := counted(t, reg, name, "connect timeout"); got != 0 {
			t.Errorf("too early: %v", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := counted(t, reg, name, "connect timeout"); got != 1 {
			t.Errorf("%v were counted", got)
		}
		server.Close(t.Context())
	})
}
