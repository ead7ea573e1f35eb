package service_test

import (
	"context"
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/service"
)

func TestRefusalThatCloses(t *testing.T) {
	w := newWorld(t, service.Policy{Authenticator: authenticator(
		func(context.Context, authn.Handshake) (authn.Identity, error) {
			return authn.Identity{}, &authn.Refusal{Code: "AWAY", Message: "Come again", Temporary: true, Close: true}
		},
	)})
	b := open(t, w.door, "", nil)
	b.send("40")
	b.wantEnd()
	if n := w.counter(t, "realtime_gateway_authentications_total", "/", "broken"); n != 1 {
		t.Errorf("%v counted as broken", n)
	}
}
