package anonymous_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/anonymous"
)

func TestEverybodyGetsIn(t *testing.T) {
	a, err := anonymous.New("lobby")
	if err != nil {
		t.Fatal(err)
	}
	identity, err := a.Authenticate(t.Context(), authn.Handshake{})
	if err != nil || identity.User != "" || !slices.Equal(identity.Rooms, []string{"lobby"}) {
		t.Errorf("%+v, %v", identity, err)
	}
}

func TestNobodyRefreshesNothing(t *testing.T) {
	a, err := anonymous.New("lobby")
	if err != nil {
		t.Fatal(err)
	}
	identity, err := a.Authenticate(t.Context(), authn.Handshake{Cause: authn.CauseRefresh})
	if refusal, ok := errors.AsType[*authn.Refusal](err); !ok || refusal.Code != anonymous.CodeMissing || refusal.Temporary {
		t.Errorf("%+v, %v", identity, err)
	}
}

func TestBadRoomStopsTheStart(t *testing.T) {
	if _, err := anonymous.New("lobby", ""); err == nil {
		t.Error("no error")
	}
}
