package outage

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// FuzzAlike has two clients show whatever they like. Those that get one key have
// shown the same.
func FuzzAlike(f *testing.F) {
	f.Add([]byte(`{"token":"a"}`), "/socket.io/?EIO=4&transport=polling&t=1", []byte(`{"token": "a"}`), "/socket.io/?EIO=4&transport=polling&t=2")
	f.Add([]byte(`{"token":"a"}`), "?t", []byte(`{"token":"\ufffd"}`), "?&t=")
	f.Fuzz(func(t *testing.T, auth []byte, url string, otherAuth []byte, otherURL string) {
		l := newLikeness(false)
		shows := func(auth []byte, url string) authn.Handshake {
			return authn.Handshake{Claims: authn.Claims{Auth: auth}, Observed: authn.Observed{URL: url}}
		}
		a, ok := l.shared(shows(auth, url))
		b, otherOK := l.shared(shows(otherAuth, otherURL))
		if ok != json.Valid(auth) || otherOK != json.Valid(otherAuth) {
			t.Fatalf("%q %v, %q %v", auth, ok, otherAuth, otherOK)
		}
		if !ok || a != b {
			return
		}
		var one, other bytes.Buffer
		if json.Compact(&one, auth) != nil || json.Compact(&other, otherAuth) != nil || one.String() != other.String() {
			t.Errorf("%q is taken for %q", auth, otherAuth)
		}
	})
}
