package outage

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// TestEveryFieldOfAHandshakeCounts changes each of them, those included that
// nobody has thought of yet.
func TestEveryFieldOfAHandshakeCounts(t *testing.T) {
	for _, test := range []struct {
		name       string
		anyAddress bool
		key        func(likeness, authn.Handshake) (key, bool)
		want       []string // that do not count
	}{
		{"shared", false, likeness.shared, []string{"ConnectionID", "Observed.Transport", "Observed.Time"}},
		{"shared by any address", true, likeness.shared, []string{"ConnectionID", "Observed.RemoteAddress", "Observed.Transport", "Observed.Time"}},
		{"remembered", false, likeness.remembered, []string{"ConnectionID", "Recovering", "Observed.Transport", "Observed.Time"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLikeness(test.anyAddress)
			plain, _ := test.key(l, authn.Handshake{})
			var ignored []string
			eachField(reflect.TypeFor[authn.Handshake](), nil, "", func(index []int, name string) {
				var h authn.Handshake
				change(t, reflect.ValueOf(&h).Elem().FieldByIndex(index))
				if k, ok := test.key(l, h); ok && k == plain {
					ignored = append(ignored, name)
				}
			})
			if !slices.Equal(ignored, test.want) {
				t.Errorf("%q do not count, want %q", ignored, test.want)
			}
		})
	}
}

func eachField(s reflect.Type, index []int, prefix string, do func(index []int, name string)) {
	for field := range s.Fields() {
		at := append(slices.Clone(index), field.Index...)
		if field.Type.Kind() == reflect.Struct && field.Type != reflect.TypeFor[time.Time]() {
			eachField(field.Type, at, prefix+field.Name+".", do)
			continue
		}
		do(at, prefix+field.Name)
	}
}

// change sets a field to what is not its zero.
func change(t *testing.T, field reflect.Value) {
	t.Helper()
	switch value := field.Addr().Interface().(type) {
	case *json.RawMessage:
		*value = json.RawMessage(`1`)
		return
	case *time.Time:
		*value = time.Unix(1, 0)
		return
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString("x")
	case reflect.Bool:
		field.SetBool(true)
	case reflect.Uint8:
		field.SetUint(1)
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), 1, 1))
	case reflect.Map:
		field.Set(reflect.ValueOf(map[string]string{"x": "y"}))
	default:
		t.Fatalf("cannot change a %v", field.Type())
	}
}

func TestAlike(t *testing.T) {
	base := func() authn.Handshake {
		return authn.Handshake{
			Namespace: "/",
			Claims: authn.Claims{
				Auth:    []byte(`{"a": 1, "b": 2}`),
				Query:   map[string]string{"EIO": "4", "transport": "polling", "t": "Oz8XYyW", "room": "a"},
				Headers: map[string]string{"user-agent": "x"},
			},
			Observed: authn.Observed{URL: "/socket.io/?EIO=4&transport=polling&t=Oz8XYyW&room=a"},
		}
	}
	for _, test := range []struct {
		name   string
		change func(h *authn.Handshake)
		alike  bool
	}{
		{"spaces in auth", func(h *authn.Handshake) { h.Claims.Auth = []byte(`{"a":1,"b":2}`) }, true},
		{"order in auth", func(h *authn.Handshake) { h.Claims.Auth = []byte(`{"b":2,"a":1}`) }, false},
		{"another transport", func(h *authn.Handshake) {
			delete(h.Claims.Query, "t")
			h.Claims.Query["transport"], h.Observed.URL = "websocket", "/socket.io/?EIO=4&transport=websocket&room=a"
		}, true},
		{"another time of a poll", func(h *authn.Handshake) {
			h.Claims.Query["t"], h.Observed.URL = "Oz8XZZZ.0", "/socket.io/?EIO=4&t=Oz8XZZZ.0&transport=polling&room=a"
		}, true},
		{"a t of its own over a WebSocket", func(h *authn.Handshake) {
			h.Claims.Query["transport"], h.Observed.URL = "websocket", "/socket.io/?EIO=4&transport=websocket&t=Oz8XYyW&room=a"
		}, false},
		{"a t that is no time", func(h *authn.Handshake) {
			long := strings.Repeat("x", 17)
			h.Claims.Query["t"], h.Observed.URL = long, "/socket.io/?EIO=4&transport=polling&t="+long+"&room=a"
		}, false},
		{"a repeated field", func(h *authn.Handshake) { h.Observed.URL += "&room=a" }, false},
		{"another path", func(h *authn.Handshake) { h.Observed.URL = "/other" + h.Observed.URL }, false},
		{"a request id", func(h *authn.Handshake) { h.Claims.Headers["x-request-id"] = "1" }, true},
		{"another browser", func(h *authn.Handshake) { h.Claims.Headers["user-agent"] = "y" }, false},
		{"another namespace", func(h *authn.Handshake) { h.Namespace = "/a" }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, h := newLikeness(false), base()
			test.change(&h)
			k, ok := l.shared(h)
			if want, _ := l.shared(base()); !ok || (k == want) != test.alike {
				t.Errorf("alike: %v, want %v", k == want, test.alike)
			}
		})
	}
}

func TestKeysSayNothing(t *testing.T) {
	h := authn.Handshake{Claims: authn.Claims{Auth: []byte(`{"token":"s3cret"}`)}}
	here, _ := newLikeness(false).shared(h)
	there, _ := newLikeness(false).shared(h)
	if here == there {
		t.Error("another process makes the same keys")
	}
	before := fmt.Sprint(h)
	newLikeness(true).remembered(h)
	if fmt.Sprint(h) != before {
		t.Error("the handshake has changed")
	}
}

func TestBrokenAuthIsLikeNobody(t *testing.T) {
	h := authn.Handshake{Claims: authn.Claims{Auth: []byte(`{`)}}
	if _, ok := newLikeness(false).shared(h); ok {
		t.Error("has a key")
	}
}
