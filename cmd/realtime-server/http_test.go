package main

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// listening serves with the limits of our listeners.
func listening(t *testing.T) *siotest.Listener {
	t.Helper()
	l := siotest.NewListener()
	server := buildHTTP(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) }) // returns because of Close
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return l
}

// TestSlowHeaders: a client has ten seconds to say what it wants.
func TestSlowHeaders(t *testing.T) {
	for name, said := range map[string]string{"nothing": "", "half": "GET / HTTP/1.1\r\nHost: test\r\nX-Slow: "} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := listening(t).Dial()
				defer conn.Close()
				if _, err := io.WriteString(conn, said); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				if _, err := io.ReadAll(conn); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took != headerTimeout {
					t.Errorf("it was closed after %v", took)
				}
			})
		})
	}
}

func TestHugeHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := listening(t)
		ask := func(size int) string {
			conn := l.Dial()
			defer conn.Close()
			go func() {
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Huge: "+strings.Repeat("x", size)+"\r\n\r\n") // until it is refused
			}()
			answer, err := io.ReadAll(conn)
			if err != nil {
				t.Error(err)
			}
			status, _, _ := strings.Cut(string(answer), "\r\n")
			return status
		}
		if got := ask(maxHeader - 1000); got != "HTTP/1.1 404 Not Found" {
			t.Errorf("below: %s", got)
		}
		if got := ask(maxHeader + 10_000); got != "HTTP/1.1 431 Request Header Fields Too Large" {
			t.Errorf("above: %s", got)
		}
		time.Sleep(time.Second) // net/http lingers after a refusal
	})
}
