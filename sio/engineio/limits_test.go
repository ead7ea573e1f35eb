package engineio

import (
	"strings"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

func TestConversationsAtLimits(t *testing.T) {
	siotest.Play(t, "testdata/limits", buildWorld(func(cfg *Config) {
		cfg.Limits.MaxBodyPackets = 3
		cfg.Limits.MaxMessagesPerSecond, cfg.Limits.MaxMessageBurst = 2, 8
		cfg.Limits.MaxBytesPerSecond, cfg.Limits.MaxByteBurst = 100, 250
	}))
}

func TestBucket(t *testing.T) {
	for _, b := range []bucket{{1, 1}, {1, 5}, {3, 3}, {7, 100}, {1000, 1}, {maxRate, maxRate}, {1, maxRate}} {
		var level time.Duration
		now := time.Hour
		if !b.take(&level, now, b.burst) || b.take(&level, now, 1) {
			t.Errorf("%+v: not the burst at once", b)
		}
		// In a minute come as many as a minute has, and never more.
		taken := 0
		for range 60 * min(b.rate, 1000) {
			now += time.Minute / time.Duration(60*min(b.rate, 1000))
			if b.take(&level, now, max(1, b.rate/1000)) {
				taken++
			}
		}
		if want := 60 * min(b.rate, 1000); b.burst >= b.rate && (taken < want-1 || taken > want) {
			t.Errorf("%+v: %d in a minute, want %d", b, taken, want)
		}
		// What was saved does not grow beyond the burst.
		now += 2 * b.time(b.burst)
		if b.take(&level, now, b.burst+1) || !b.take(&level, now, b.burst) || b.take(&level, now, 1) {
			t.Errorf("%+v: not the burst after a pause", b)
		}
	}
	if level := time.Duration(0); !(bucket{}).take(&level, 0, 1<<40) || level != 0 {
		t.Error("a bucket without a rate ran dry")
	}
}

func TestBursts(t *testing.T) {
	cfg := DefaultConfig()
	if messages, bytes := cfg.paces(); messages.rate != 0 || bytes.rate != 0 {
		t.Errorf("limited by default: %v %v", messages, bytes)
	}
	cfg.MaxPayload, cfg.Limits.MaxMessagesPerSecond, cfg.Limits.MaxBytesPerSecond = 1000, 10, 300
	if messages, bytes := cfg.paces(); messages != (bucket{10, 20}) || bytes != (bucket{300, 2600}) {
		t.Errorf("%v %v", messages, bytes)
	}
}

func TestLimitsAreValidated(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Limits = Limits{-1, -1, maxRate + 1, -1, maxRate + 1, -1, maxRate + 1, -1, -1}
	err := cfg.Validate()
	for _, key := range []string{
		"max_body_packets", "max_messages_per_second", "max_message_burst", "max_bytes_per_second", "max_byte_burst",
		"max_connections", "max_connections_per_address", "max_handshakes_per_second", "max_handshakes_per_address",
	} {
		if err == nil || !strings.Contains(err.Error(), key+": ") {
			t.Errorf("%s is not complained about: %v", key, err)
		}
	}
}

// TestPaceCostsNothing: no allocation for a message, nor any memory for a
// session whose pace is not limited.
func TestPaceCostsNothing(t *testing.T) {
	s := &Session{server: &Server{started: time.Now(), messagePace: bucket{maxRate, maxRate}, bytePace: bucket{maxRate, maxRate}}}
	s.pace = s.server.newPace()
	if n := testing.AllocsPerRun(100, func() { _ = s.spend(1, 100) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if (&Server{}).newPace() != nil {
		t.Error("a session without a limit has a pace")
	}
}
