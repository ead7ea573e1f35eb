package relay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
)

const (
	unknownSession = `400 {"code":1,"message":"Session ID unknown"}`
	notReachable   = `502 {"message":"Node of the session not reachable"}`
)

// TestPollsReachTheOwner: a session at one node, all of its requests at another.
func TestPollsReachTheOwner(t *testing.T) {
	w := newWorld()
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{})
	query, session := a.open()
	for n := range 50 {
		if got := b.must(http.MethodPost, query, fmt.Sprintf("4in %d", n), nil).String(); got != "200 ok" {
			t.Fatal(got)
		}
		if got := <-a.messages; string(got.Data) != fmt.Sprintf("in %d", n) {
			t.Fatalf("message %d is %q", n, got.Data)
		}
		send(t, session, fmt.Sprintf("out %d", n))
		if got, want := b.must(http.MethodGet, query, "", nil).String(), fmt.Sprintf("200 4out %d", n); got != want {
			t.Fatalf("the answer is %s, not %s", got, want)
		}
	}
	b.wantCounted(answered, 100)
	if got := b.requests.Load(); got != 100 {
		t.Errorf("%d requests at the node that relays", got)
	}
}

// TestWaitingPoll: a poll that waits at the owner is answered as soon as there
// is something.
func TestWaitingPoll(t *testing.T) {
	w := newWorld()
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{})
	query, session := a.open()
	got := make(chan answer, 1)
	var polling sync.WaitGroup
	defer polling.Wait()
	polling.Go(func() { got <- b.must(http.MethodGet, query, "", nil) })
	until(t, "the poll is at its owner", func() bool { return a.requests.Load() == 2 && b.inFlight("request") == 1 })
	send(t, session, "news")
	if got := (<-got).String(); got != "200 4news" {
		t.Error(got)
	}
}

// TestAnswersPassUnchanged: a client cannot tell that its request was relayed.
func TestAnswersPassUnchanged(t *testing.T) {
	w := newWorld()
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{})
	header := http.Header{"Origin": {"https://app.example"}, "Accept-Encoding": {"gzip"}, "Cookie": {"io=x"}}
	long := strings.Repeat("long ", 1000)
	for _, c := range []struct{ method, transport, body, status string }{
		{http.MethodGet, "polling", "", "200"},
		{http.MethodPost, "polling", "4x", "200"},
		{http.MethodPost, "polling", "what", "400"},
		{http.MethodPut, "polling", "", "400"},
		{http.MethodOptions, "polling", "", "204"},
		{http.MethodPost, "polling", strings.Repeat("4", 1_000_001), "413"},
		{http.MethodGet, "websocket", "", "400"},
	} {
		var answers []answer
		for _, node := range []*node{a, b} {
			query, session := a.open()
			send(t, session, long)
			got := node.must(c.method, strings.Replace(query, "polling", c.transport, 1), c.body, header)
			got.header.Del("Date")
			answers = append(answers, got)
		}
		direct, relayed := answers[0], answers[1]
		if direct.String() != relayed.String() || !strings.HasPrefix(direct.String(), c.status) {
			t.Errorf("%s %.10q: %.100s, relayed %.100s", c.method, c.body, direct, relayed)
		}
		if !maps.EqualFunc(direct.header, relayed.header, slices.Equal) {
			t.Errorf("%s %.10q: headers\n%v, relayed\n%v", c.method, c.body, direct.header, relayed.header)
		}
		if got := direct.header["Access-Control-Allow-Origin"]; len(got) != 1 {
			t.Errorf("%s: CORS headers are %q", c.method, got)
		}
	}
}

// TestRequestsPassUnchanged but for what belongs to one connection, and what
// says that they were relayed.
func TestRequestsPassUnchanged(t *testing.T) {
	w := newWorld()
	b := w.start(t, "bbbb", options{})
	address, asked := silentDoor(t)
	w.set("aaaa", address)
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	asking.Go(func() {
		_, err := b.ask(ctx, http.MethodGet, "EIO=4&transport=polling&sid=aaaa0123456789abcdef&x=%zz;y", "", http.Header{
			"Origin": {"https://app.example"}, "Cookie": {"io=x"}, "Accept-Encoding": {"br, gzip"}, "Authorization": {"Bearer x"},
			"X-Forwarded-For": {"10.1.1.1"}, "X-Forwarded-Proto": {"https"},
			"Connection": {"X-Hop"}, "X-Hop": {"y"}, "Proxy-Authorization": {"z"},
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the client that has left got %v", err)
		}
	})
	got := <-asked
	if want := strings.TrimPrefix(b.url, "http://"); got.Host != want {
		t.Errorf("the host is %s, not %s", got.Host, want)
	}
	if want := "/?EIO=4&transport=polling&sid=aaaa0123456789abcdef&x=%zz;y"; got.RequestURI != want {
		t.Errorf("the URI is %s, not %s", got.RequestURI, want)
	}
	want := http.Header{
		"Origin": {"https://app.example"}, "Cookie": {"io=x"}, "Accept-Encoding": {"br, gzip"}, "Authorization": {"Bearer x"},
		"X-Forwarded-For": {"10.1.1.1"}, "X-Forwarded-Proto": {"https"},
		marker: {"1"}, "User-Agent": {"Go-http-client/1.1"},
	}
	if !maps.EqualFunc(want, got.Header, slices.Equal) {
		t.Errorf("the headers are\n%v, not\n%v", got.Header, want)
	}
	cancel()
	b.wantCounted(clientLeft, 1)
}

// TestNobodyRelaysTwice: neither do nodes that know each other wrongly send
// requests to and fro, nor does a client gain anything that says it was relayed.
func TestNobodyRelaysTwice(t *testing.T) {
	w := newWorld()
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{})
	query, _ := a.open()
	opened := a.requests.Load()
	forged := http.Header{marker: {"1"}, "X-Forwarded-For": {"10.9.9.9"}}
	if got := b.must(http.MethodGet, query, "", forged).String(); got != unknownSession {
		t.Errorf("who forges the header at another node gets %s", got)
	}
	b.wantCounted(relayedAlready, 1)
	if got := a.requests.Load(); got != opened {
		t.Errorf("%d requests got through to the owner", got-opened)
	}
	if got := a.must(http.MethodPost, query, "4x", forged).String(); got != "200 ok" {
		t.Errorf("who forges the header at the owner gets %s", got)
	}

	w.set("cccc", b.url) // itself
	w.set("dddd", a.url) // somebody who does not know it either
	for _, tag := range []string{"cccc", "dddd"} {
		before := a.requests.Load() + b.requests.Load()
		if got := b.must(http.MethodGet, "EIO=4&transport=polling&sid="+tag+"0123456789abcdef", "", nil).String(); got != unknownSession {
			t.Errorf("%s: %s", tag, got)
		}
		if got := a.requests.Load() + b.requests.Load() - before; got != 2 {
			t.Errorf("%s: %d requests", tag, got)
		}
	}
}

// TestForgedHeaderOfANewcomer: the address of a client is that of its
// connection, whatever it says of having been relayed.
func TestForgedHeaderOfANewcomer(t *testing.T) {
	w := newWorld()
	a := w.start(t, "aaaa", options{engine: func(cfg *engineio.Config) { cfg.Limits.MaxConnectionsPerAddress = 1 }})
	a.open()
	for _, header := range []http.Header{nil, {marker: {"1"}, "X-Forwarded-For": {"10.9.9.9"}}} {
		if got := a.must(http.MethodGet, "EIO=4&transport=polling", "", header); got.status != http.StatusTooManyRequests {
			t.Errorf("with %v: %v", header, got)
		}
	}
}

func TestOwnerUnknown(t *testing.T) {
	w := newWorld()
	b := w.start(t, "bbbb", options{})
	got := b.must(http.MethodGet, "EIO=4&transport=polling&sid=aaaa0123456789abcdef", "", http.Header{"Origin": {"https://app.example"}})
	if got.String() != unknownSession || len(got.header["Access-Control-Allow-Origin"]) != 1 {
		t.Errorf("%v %v", got, got.header)
	}
	b.wantCounted(unknownOwner, 1)
}

// TestOwnerUnreachable: it is counted always, and logged once.
func TestOwnerUnreachable(t *testing.T) {
	for name, address := range map[string]string{"nobody listens": closedDoor(t), "no address": "ftp://10.0.0.1/x"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			b := w.start(t, "bbbb", options{})
			w.set("aaaa", address)
			for n := range 3 {
				got := b.must(http.MethodGet, "EIO=4&transport=polling&sid=aaaa0123456789abcdef", "", http.Header{"Origin": {"https://app.example"}})
				if got.String() != notReachable || len(got.header["Access-Control-Allow-Origin"]) != 1 {
					t.Errorf("%v %v", got, got.header)
				}
				b.wantCounted(unreachable, n+1)
			}
			if got := b.log.Count("node of a session cannot be reached"); got != 1 {
				t.Errorf("%d lines in the log", got)
			}
		})
	}
}

// TestOwnerTooSlow: an owner that is stopped still takes connections.
func TestOwnerTooSlow(t *testing.T) {
	w := newWorld()
	b := w.start(t, "bbbb", options{})
	b.relay.patience = 50 * time.Millisecond
	address, _ := silentDoor(t)
	w.set("aaaa", address)
	for _, body := range []string{"", "4x"} {
		method := http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
		got := b.must(method, "EIO=4&transport=polling&sid=aaaa0123456789abcdef", body, nil)
		if got.String() != `504 {"message":"Node of the session too slow"}` {
			t.Error(got)
		}
	}
	b.wantCounted(late, 2)
}

// TestOwnerDies while it has a request.
func TestOwnerDies(t *testing.T) {
	w := newWorld()
	b := w.start(t, "bbbb", options{})
	address, asked := silentDoor(t)
	w.set("aaaa", address)
	var asking sync.WaitGroup
	asking.Go(func() {
		if got := b.must(http.MethodGet, "EIO=4&transport=polling&sid=aaaa0123456789abcdef", "", nil).String(); got != notReachable {
			t.Error(got)
		}
	})
	<-asked
	until(t, "the owner is known to live", func() bool { return len(b.relay.those(func(c *call) bool { return c.known.Load() })) == 1 })
	w.forget("aaaa")
	asking.Wait()
	b.wantCounted(ownerGone, 1)
}

// TestTooMany requests under way are refused, and counted no longer than they
// last.
func TestTooMany(t *testing.T) {
	w := newWorld()
	cfg := DefaultConfig()
	cfg.MaxInFlight = 1
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{config: cfg})
	first, session := a.open()
	second, _ := a.open()
	var polling sync.WaitGroup
	polling.Go(func() { b.must(http.MethodGet, first, "", nil) })
	until(t, "a poll waits", func() bool { return b.inFlight("request") == 1 })
	got := b.must(http.MethodPost, second, "4x", nil)
	if got.String() != `503 {"message":"Too many relayed requests"}` || got.header.Get("Retry-After") == "" {
		t.Errorf("%v %v", got, got.header)
	}
	b.wantCounted(tooMany, 1)
	send(t, session, "go")
	polling.Wait()
	until(t, "nothing is under way", func() bool { return b.inFlight("request") == 0 })
	if got := b.must(http.MethodPost, second, "4x", nil).String(); got != "200 ok" {
		t.Error(got)
	}
}

// TestClientLeaves: the owner learns of it as if the client had been there.
func TestClientLeaves(t *testing.T) {
	w := newWorld()
	a, b := w.start(t, "aaaa", options{}), w.start(t, "bbbb", options{})
	query, _ := a.open()
	ctx, leave := context.WithCancel(t.Context())
	var polling sync.WaitGroup
	polling.Go(func() {
		if got, err := b.ask(ctx, http.MethodGet, query, "", nil); err == nil {
			t.Error(got)
		}
	})
	until(t, "the poll is at its owner", func() bool { return a.requests.Load() == 2 })
	leave()
	polling.Wait()
	if got := <-a.closed; got != engineio.TransportError {
		t.Errorf("the session ended with %v", got)
	}
	b.wantCounted(clientLeft, 1)
}

// TestLimitsAreTheOwners: the relaying node reads no more of a body than it
// passes on.
func TestLimitsAreTheOwners(t *testing.T) {
	w := newWorld()
	a := w.start(t, "aaaa", options{engine: func(cfg *engineio.Config) { cfg.MaxPayload = 1000 }})
	b := w.start(t, "bbbb", options{})
	query, _ := a.open()
	if got := b.must(http.MethodPost, query, strings.Repeat("4", 1001), nil); got.status != http.StatusRequestEntityTooLarge {
		t.Error(got)
	}
	if got := <-a.closed; got != engineio.PayloadTooLarge {
		t.Errorf("the session ended with %v", got)
	}
}

// TestNothingIsSentTwice: a connection that fails when the owner has the request
// already is no reason to send it again.
func TestNothingIsSentTwice(t *testing.T) {
	w := newWorld()
	b := w.start(t, "bbbb", options{})
	var polls int // of handlers that run one after another
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if polls++; polls == 1 {
			return // the connection is kept
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	}))
	w.set("aaaa", door.URL)
	const query = "EIO=4&transport=polling&sid=aaaa0123456789abcdef"
	if got := b.must(http.MethodGet, query, "", nil).status; got != http.StatusOK {
		t.Fatal(got)
	}
	if got := b.must(http.MethodGet, query, "", nil).String(); got != notReachable {
		t.Error(got)
	}
	door.Close()
	if polls != 2 {
		t.Errorf("the owner was asked %d times", polls)
	}
	b.wantCounted(broken, 1)
}

// TestClose ends what is under way, and lets nothing begin.
func TestClose(t *testing.T) {
	w := newWorld()
	b := w.start(t, "bbbb", options{})
	address, asked := silentDoor(t)
	w.set("aaaa", address)
	const query = "EIO=4&transport=polling&sid=aaaa0123456789abcdef"
	const over = `503 {"message":"Server shutting down"}`
	var asking sync.WaitGroup
	asking.Go(func() {
		if got := b.must(http.MethodGet, query, "", nil).String(); got != over {
			t.Error(got)
		}
	})
	<-asked
	b.relay.Close()
	asking.Wait()
	if got := b.must(http.MethodGet, query, "", nil).String(); got != over {
		t.Error(got)
	}
	b.wantCounted(closing, 2)
}
