package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/service"
)

func TestAuthenticatorSeesTheHandshake(t *testing.T) {
	seen := make(chan authn.Handshake, 1)
	w := newWorld(t, service.Policy{Authenticator: authenticator(
		func(_ context.Context, h authn.Handshake) (authn.Identity, error) {
			seen <- h
			return authn.Identity{}, nil
		},
	)})
	b := open(t, w.door, "&a=1&a=2&b=", ws.HandshakeHeaderHTTP{
		"User-Agent": {"test"}, "Cookie": {"a=1", "b=2"}, "Authorization": {"Bearer s3cret"},
	})
	b.send(`40{"token":"t"}`)
	id := b.want("40{")
	h := <-seen
	if !strings.Contains(id, h.ConnectionID) || h.Namespace != "/" || string(h.Claims.Auth) != `{"token":"t"}` {
		t.Errorf("handshake %+v", h)
	}
	if want := map[string]string{"EIO": "4", "transport": "websocket", "a": "2", "b": ""}; !maps.Equal(h.Claims.Query, want) {
		t.Errorf("query %v", h.Claims.Query)
	}
	if want := map[string]string{"user-agent": "test", "cookie": "a=1, b=2"}; !maps.Equal(h.Claims.Headers, want) {
		t.Errorf("headers %v", h.Claims.Headers)
	}
	if h.Observed.Transport != "websocket" || h.Observed.Time.IsZero() || !strings.HasPrefix(h.Observed.URL, "/socket.io/?") {
		t.Errorf("observed %+v", h.Observed)
	}
}

func TestRefusalTellsTheClient(t *testing.T) {
	const base = `"code":"NO","reason":"Not you"`
	for _, test := range []struct {
		name    string
		err     error
		message string
		data    string
		verdict string
	}{
		{"plain", &authn.Refusal{Code: "NO", Message: "Not you"}, "Not you", `{` + base + `,"temporary":false}`, "refused"},
		{
			"object",
			&authn.Refusal{Code: "NO", Message: "Not you", Data: []byte(`{"code":"x","n":9007199254740993}`)},
			"Not you", `{` + base + `,"temporary":false,"n":9007199254740993}`, "refused",
		},
		{"cause", &authn.Refusal{Code: "NO", Message: "Not you", Cause: errors.New("s3cret")}, "Not you", `{` + base + `,"temporary":false}`, "refused"},
		{"list", &authn.Refusal{Code: "NO", Message: "Not you", Data: []byte(`[1]`)}, "Not you", `{` + base + `,"temporary":false,"data":[1]}`, "refused"},
		{"null", &authn.Refusal{Code: "NO", Message: "Not you", Data: []byte(`null`)}, "Not you", `{` + base + `,"temporary":false,"data":null}`, "refused"},
		{"no JSON", &authn.Refusal{Code: "NO", Message: "Not you", Data: []byte(`{`)}, "Not you", `{` + base + `,"temporary":false}`, "refused"},
		{
			"broken", authn.Broken("BACKEND_UNAVAILABLE", errors.New("s3cret")), "Authentication is unavailable",
			`{"code":"BACKEND_UNAVAILABLE","reason":"Authentication is unavailable","temporary":true}`, "broken",
		},
		{
			"unknown", errors.New("s3cret"), "Internal error",
			`{"code":"INTERNAL","reason":"Internal error","temporary":true}`, "broken",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, service.Policy{Authenticator: authenticator(
				func(context.Context, authn.Handshake) (authn.Identity, error) { return authn.Identity{}, test.err },
			)})
			wantRefusal(t, w, test.message, test.data)
			wantRefusal(t, w, test.message, test.data)
			if n := w.counter(t, "realtime_gateway_authentications_total", "/", test.verdict); n != 2 {
				t.Errorf("%v counted as %s", n, test.verdict)
			}
			logged := 0
			switch {
			case test.verdict == "broken":
				logged = 1 // of two
			case test.name == "cause":
				logged = 2 // at level debug
			}
			if n := w.log.Count("s3cret"); n != logged {
				t.Errorf("logged %d times", n)
			}
		})
	}
}

func wantRefusal(t *testing.T, w *world, message, data string) {
	t.Helper()
	b := open(t, w.door, "", nil)
	b.send("40")
	text := b.want("44")
	var got, want struct {
		Message string
		Data    map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(text[2:]), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"data":`+data+`}`), &want); err != nil {
		t.Fatal(err)
	}
	same := func(a, b json.RawMessage) bool { return string(a) == string(b) }
	if got.Message != message || !maps.EqualFunc(got.Data, want.Data, same) {
		t.Errorf("got %s, want data %s", text, data)
	}
}

func TestPanicKeepsOneClientOut(t *testing.T) {
	w := newWorld(t, service.Policy{Authenticator: authenticator(
		func(context.Context, authn.Handshake) (authn.Identity, error) { panic("as the test wants it") },
	)})
	for range 2 {
		wantRefusal(t, w, "Internal error", `{"code":"INTERNAL","reason":"Internal error","temporary":true}`)
	}
}

func TestUnfitIdentityKeepsOut(t *testing.T) {
	for name, identity := range map[string]authn.Identity{
		"reserved event":  {Events: []authn.Event{{Name: "connect"}}},
		"invalid JSON":    {Events: []authn.Event{{Name: "e", Args: []authn.Arg{{JSON: []byte("{")}}}}},
		"metadata a list": {Metadata: []byte(`[]`)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, service.Policy{Authenticator: authenticator(
				func(context.Context, authn.Handshake) (authn.Identity, error) { return identity, nil },
			)})
			wantRefusal(t, w, "Authentication is unavailable",
				`{"code":"BACKEND_INVALID_REPLY","reason":"Authentication is unavailable","temporary":true}`)
		})
	}
}
