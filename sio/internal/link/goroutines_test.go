package link_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed52a35d2d/realtime-server/sio/internal/link"
	"github.com/seed52a35d2d/realtime-server/sio/internal/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGoroutines(t *testing.T) {
	linktest.Run(t, func() link.Poller { return &link.Goroutines{} })
}
