// Package control is the door through which the servers that we compare with
// are told what to send, so that their broadcasts begin inside of them.
// realtime-server needs none: it has its API.
//
//	POST /broadcast?first=0&count=100&bytes=128&parallel=1
//	POST /end       the event after the last number
//	POST /collect   give back the memory that nobody uses
//
// bench/peers/node speaks the same.
package control

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Order asks for broadcasts of the event `n` with a number and a text.
type Order struct {
	// First is the number of the first broadcast, Count how many there are.
	First, Count int
	// Bytes is the length of the text.
	Bytes int
	// Parallel is how many broadcasts may be under way at once.
	Parallel int
}

// Query is the order as the door takes it.
func (o Order) Query() url.Values {
	return url.Values{
		"first":    {strconv.Itoa(o.First)},
		"count":    {strconv.Itoa(o.Count)},
		"bytes":    {strconv.Itoa(o.Bytes)},
		"parallel": {strconv.Itoa(o.Parallel)},
	}
}

func order(r *http.Request) Order {
	number := func(name string) int {
		n, _ := strconv.Atoi(r.URL.Query().Get(name))
		return n
	}
	return Order{number("first"), number("count"), number("bytes"), max(1, number("parallel"))}
}

// Text is what the event carries beside its number.
func (o Order) Text() string { return strings.Repeat("x", o.Bytes) }

// Each calls send for every number, so many at a time as the order says.
func (o Order) Each(send func(number int) error) error {
	var group errgroup.Group
	group.SetLimit(max(1, o.Parallel))
	for n := o.First; n < o.First+o.Count; n++ {
		group.Go(func() error { return send(n) })
	}
	return group.Wait()
}

// Server is what a server does when it is told to.
type Server struct {
	// Broadcast sends the event `n` to all clients. It returns when the
	// event has left, as far as the server can know.
	Broadcast func(number int, text string) error
	// End sends the event `end` to all clients.
	End func() error
}

// Serve opens the door and logs its address as that of the listener `control`.
func (s *Server) Serve(ctx context.Context, log *slog.Logger) error {
	l, err := Listen(ctx, log, "control")
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(l, s) }() //nolint:gosec // for one client, ours; ends with the process
	return nil
}

// Listen opens a listener on a free port and logs it as package process wants.
func Listen(ctx context.Context, log *slog.Logger, name string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err == nil {
		log.InfoContext(ctx, "listening", slog.String("listener", name), slog.String("address", l.Addr().String()))
	}
	return l, err
}

// ServeHTTP makes Server a handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.URL.Path {
	case "/broadcast":
		o := order(r)
		text := o.Text()
		err = o.Each(func(number int) error { return s.Broadcast(number, text) })
	case "/end":
		err = s.End()
	case "/collect":
		debug.FreeOSMemory()
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
