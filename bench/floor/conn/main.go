// Command conn is a floor with a goroutine for each connection, which reads
// from a net.Conn, and one shared frame for each broadcast, written to one
// connection after another.
package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/gobwas/ws"

	"github.com/seed52a35d2d/realtime-server/bench/floor"
	"github.com/seed52a35d2d/realtime-server/bench/internal/control"
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
	clients, err := control.Listen(ctx, log, "http")
	if err != nil {
		return err
	}
	door := &control.Server{
		Broadcast: func(number int, text string) error { return s.broadcast(floor.Event(number, text)) },
		End:       func() error { return s.broadcast(floor.End()) },
	}
	if err := door.Serve(ctx, log); err != nil {
		return err
	}
	go s.accept(clients)
	<-ctx.Done()
	return nil
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
	_, err = conn.Write(floor.Welcome(request.Header.Get("Sec-WebSocket-Key")))
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
	if header.OpCode != ws.OpText {
		return io.EOF
	}
	message := make([]byte, header.Length)
	if _, err := io.ReadFull(in, message); err != nil {
		return err
	}
	ws.Cipher(message, header.Mask, 0)
	frame, joins := floor.Answer(message)
	if joins {
		s.mu.Lock()
		s.conns[conn] = true
		s.mu.Unlock()
	}
	_, err = conn.Write(frame)
	return err
}

func (s *server) broadcast(frame []byte) error {
	for _, conn := range s.all() {
		if _, err := conn.Write(frame); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) all() []net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]net.Conn, 0, len(s.conns))
	for conn := range s.conns {
		conns = append(conns, conn)
	}
	return conns
}
