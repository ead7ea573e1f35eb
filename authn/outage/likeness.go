package outage

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// key stands for clients that are alike. It says nothing about their credentials
// to who does not know the secret, so a dump of the memory holds none for longer
// than the call.
type key [sha256.Size]byte

// likeness makes the keys. The doc of the package says what counts.
type likeness struct {
	secret     []byte // of this process
	anyAddress bool
}

func newLikeness(anyAddress bool) likeness {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	return likeness{secret, anyAddress}
}

// shared is the key of clients that may share a question. It is false for a client
// that is like nobody.
func (l likeness) shared(h authn.Handshake) (key, bool) { return l.key(h) }

// remembered is the key by which a decision is found again.
func (l likeness) remembered(h authn.Handshake) (key, bool) {
	h.Recovering = ""
	return l.key(h)
}

// key is made of the whole handshake but for what is taken out here, so that a
// field that is new to it counts. The JSON of maps is sorted.
func (l likeness) key(h authn.Handshake) (k key, ok bool) {
	h.ConnectionID = ""
	h.Observed.Time, h.Observed.Transport = time.Time{}, ""
	if l.anyAddress {
		h.Observed.RemoteAddress = ""
	}
	ours := transportFields(h.Claims.Query)
	h.Observed.URL = cutQuery(h.Observed.URL, ours)
	h.Claims.Query = without(h.Claims.Query, ours)
	h.Claims.Headers = without(h.Claims.Headers, requestNames)
	text, err := json.Marshal(h)
	if err != nil { // auth is no JSON
		return key{}, false
	}
	hash := hmac.New(sha256.New, l.secret)
	hash.Write(text)
	return key(hash.Sum(nil)), true
}

// requestNames are headers that name a request, and no client.
var requestNames = []string{"x-request-id", "traceparent", "tracestate"}

// maxTimestamp is more bytes than stock clients write into the query field `t`.
const maxTimestamp = 16

// transportFields are those of a query that are the transport's own. Stock clients
// write a time into `t` so that no cache answers a poll; over a WebSocket an
// application may have put anything there.
func transportFields(query map[string]string) []string {
	if query["transport"] == "polling" && len(query["t"]) <= maxTimestamp {
		return []string{"transport", "t"}
	}
	return []string{"transport"}
}

func without(m map[string]string, names []string) map[string]string {
	m = maps.Clone(m)
	for _, name := range names {
		delete(m, name)
	}
	return m
}

// cutQuery takes fields out of the query of a URL. The rest stays as it is,
// repeated fields included.
func cutQuery(url string, names []string) string {
	path, query, _ := strings.Cut(url, "?")
	fields := slices.DeleteFunc(strings.Split(query, "&"), func(field string) bool {
		name, _, _ := strings.Cut(field, "=")
		return slices.Contains(names, name)
	})
	return path + "?" + strings.Join(fields, "&")
}
