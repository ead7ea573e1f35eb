package engineio

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/sio/siotest"
)

// narrator is a Handler that tells what it hears, and answers "echo …".
type narrator struct {
	log     func(format string, args ...any)
	session *Session // the latest
}

func (n *narrator) Open(s *Session, _ *Handshake) Receiver {
	n.session = s
	n.log("open %s", s.Transport())
	return n
}

func (n *narrator) Message(m Message) error {
	if m.Binary {
		n.log("binary %x", m.Data)
		return nil
	}
	n.log("message %s", m.Data)
	switch {
	case string(m.Data) == "nonsense":
		return fmt.Errorf("nonsense")
	case strings.HasPrefix(string(m.Data), "echo "):
		return n.session.Send(NewFrame(m.Data[5:], nil, Options{}))
	}
	return nil
}

func (*narrator) Opened() {}

func (n *narrator) Closed(reason Reason) { n.log("closed: %s", reason) }

// do is what the line `server …` of a conversation means here.
func (n *narrator) do(server *Server, line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "send":
		return n.session.Send(NewFrame([]byte(rest), nil, Options{}))
	case "attach":
		return n.session.Send(NewFrame([]byte(rest), [][]byte{{1, 2, 3}, {}}, Options{}))
	case "bytes":
		return n.session.Send(NewBinaryFrame([]byte(rest), Options{}))
	case "plain":
		return n.session.Send(NewFrame([]byte(rest), nil, Options{Plain: true}))
	case "volatile":
		return n.session.Send(NewFrame([]byte(rest), nil, Options{Volatile: true}))
	case "expires": // in a second
		return n.session.Send(NewFrame([]byte(rest), nil, Options{Expires: time.Now().Add(time.Second)}))
	case "close":
		n.session.Close(ForcedClose)
	case "pause":
		n.session.Pause()
	case "resume":
		n.session.Resume()
	case "drain":
		server.Drain()
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
	return nil
}

func TestConversations(t *testing.T) {
	siotest.Play(t, "testdata", buildWorld(func(*Config) {}))
}

func TestConversationsOfEngineIO3(t *testing.T) {
	siotest.Play(t, "testdata/eio3", buildWorld(func(cfg *Config) { cfg.AllowEIO3 = true }))
}

func buildWorld(change func(*Config)) func(*testing.T, siotest.Voice) siotest.World {
	return func(t *testing.T, voice siotest.Voice) siotest.World {
		t.Helper()
		n := &narrator{log: voice("server")}
		cfg := DefaultConfig()
		cfg.MaxPayload = 1000
		cfg.WebSocketCompression = Compression{Enabled: true, Threshold: 40, Level: 9}
		change(&cfg)
		server, err := New(cfg, n, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		return siotest.World{
			Handler: server,
			Server:  func(line string) error { return n.do(server, line) },
			Close:   server.Close,
		}
	}
}
