// Command floor is the least that a server of Socket.IO can do: a goroutine for
// each connection, which reads from a net.Conn, and one shared frame for each
// broadcast, written to one connection after another. It keeps no rooms, sends
// no pings, checks nothing, and is what realtime-server is measured against.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/gobwas/ws"
	"golang.org/x/sync/errgroup"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(log); err != nil {
		log.Error("floor has failed", slog.Any("error", err))
		os.Exit(1)
	}
}

func run(log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s := &server{conns: map[net.Conn]bool{}}
	clients, err := listen(ctx, log, "http")
	if err != nil {
		return err
	}
	control, err := listen(ctx, log, "control")
	if err != nil {
		return err
	}
	go s.accept(clients)
	go func() { _ = http.Serve(control, http.HandlerFunc(s.control)) }() //nolint:gosec // for one client, ours
	<-ctx.Done()
	return nil
}

func listen(ctx context.Context, log *slog.Logger, name string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err == nil {
		log.InfoContext(ctx, "listening", slog.String("listener", name), slog.String("address", l.Addr().String()))
	}
	return l, err
}

type server struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
}

func (s *server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_ = s.serve(conn) // ends with the client
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.conns, conn)
		}()
	}
}

func (s *server) serve(conn net.Conn) error {
	in := bufio.NewReader(conn)
	request, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455 wants it
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n%s",
		base64.StdEncoding.EncodeToString(sum[:]),
		frame(`0{"sid":"floor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))
	for err == nil {
		err = s.answer(conn, in)
	}
	return err
}

// answer reads one frame and answers it.
func (s *server) answer(conn net.Conn, in *bufio.Reader) error {
	header, err := ws.ReadHeader(in)
	if err != nil {
		return err
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(in, payload); err != nil {
		return err
	}
	ws.Cipher(payload, header.Mask, 0)
	switch {
	case header.OpCode != ws.OpText:
		return io.EOF
	case string(payload) == "40":
		s.mu.Lock()
		s.conns[conn] = true
		s.mu.Unlock()
		_, err = conn.Write(frame(`40{"sid":"floor"}`))
	default: // 42<id>["echo",<x>] is answered with 43<id>[<x>]
		id, args, _ := bytes.Cut(payload[2:], []byte(`["echo",`))
		_, err = conn.Write(frame("43" + string(id) + "[" + string(args)))
	}
	return err
}

func frame(text string) []byte { return ws.MustCompileFrame(ws.NewTextFrame([]byte(text))) }

// control broadcasts `count` events with `bytes` of text, so many at a time as
// `parallel` says, and after them the end.
func (s *server) control(w http.ResponseWriter, r *http.Request) {
	number := func(name string) int {
		n, _ := strconv.Atoi(r.URL.Query().Get(name))
		return n
	}
	s.mu.Lock()
	conns := make([]net.Conn, 0, len(s.conns))
	for conn := range s.conns {
		conns = append(conns, conn)
	}
	s.mu.Unlock()
	text := strings.Repeat("x", number("bytes"))
	var group errgroup.Group
	group.SetLimit(max(1, number("parallel")))
	for n := range number("count") {
		group.Go(func() error { return broadcast(conns, fmt.Sprintf(`42["n",%d,%q]`, n, text)) })
	}
	err := group.Wait()
	if err == nil {
		err = broadcast(conns, `42["end"]`)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func broadcast(conns []net.Conn, text string) error {
	data := frame(text)
	for _, conn := range conns {
		if _, err := conn.Write(data); err != nil {
			return err
		}
	}
	return nil
}
