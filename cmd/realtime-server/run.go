package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// listeners are the three doors, open before anything is served: an address
// that is taken stops the start, which names the key of the configuration.
type listeners struct {
	http, grpc, admin net.Listener
}

// withoutProbes leaves out TCP's keepalive, which costs each connection four
// system calls. Browsers' connections do without: heartbeats find out which
// sessions are dead, and every other request, answer and pause has a deadline.
var withoutProbes = net.ListenConfig{KeepAlive: -1}

func listen(ctx context.Context, cfg *Config) (*listeners, error) {
	l := &listeners{}
	for _, door := range []struct {
		name, address string
		config        net.ListenConfig
		listener      *net.Listener
	}{
		{"http", cfg.HTTP.Listen, withoutProbes, &l.http},
		{"grpc", cfg.GRPC.Listen, net.ListenConfig{}, &l.grpc},
		{"admin", cfg.Admin.Listen, net.ListenConfig{}, &l.admin},
	} {
		opened, err := door.config.Listen(ctx, "tcp", door.address)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("%s.listen: %w", door.name, err)
		}
		*door.listener = opened
	}
	return l, nil
}

// log says where the doors are, once there is somebody behind them.
func (l *listeners) log(ctx context.Context, log *slog.Logger) {
	for _, door := range []struct {
		name     string
		listener net.Listener
	}{{"http", l.http}, {"grpc", l.grpc}, {"admin", l.admin}} {
		log.LogAttrs(ctx, slog.LevelInfo, "listening",
			slog.String("listener", door.name), slog.String("address", door.listener.Addr().String()))
	}
}

func (l *listeners) close() {
	for _, listener := range []net.Listener{l.http, l.grpc, l.admin} {
		if listener != nil {
			_ = listener.Close()
		}
	}
}

// run builds and serves everything until the first signal, then ends it in
// order. It returns an error if something ended by itself.
func run(ctx context.Context, cfg *Config, log *slog.Logger, signals <-chan os.Signal) error {
	l, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	cfg.HTTP.advertise(l.http.Addr())
	p, err := build(cfg, l.grpc.Addr().String(), log) //nolint:contextcheck // what it begins outlives the call
	if err != nil {
		l.close()
		return err
	}
	defer p.watchFiles()()
	l.log(ctx, log)
	doors, failed := errgroup.WithContext(ctx)
	doors.Go(func() error { return serveHTTP(p.browsers, l.http) })
	doors.Go(func() error { return serveGRPC(p.grpc, l.grpc) })
	doors.Go(func() error { return serveHTTP(p.admin, l.admin) })
	p.health.SetServingStatus("realtime.v1.Realtime", grpc_health_v1.HealthCheckResponse_SERVING)
	p.ready.set(true)
	greet(ctx, cfg, l, log)

	askedBy := askedByFailure
	select {
	case <-failed.Done():
	case s := <-signals:
		askedBy = signalName(s)
		log.LogAttrs(ctx, slog.LevelInfo, "shutting down", slog.String("signal", askedBy))
	}
	p.shutdown(ctx, cfg.Shutdown, askedBy, signals)
	err = doors.Wait()
	log.LogAttrs(ctx, slog.LevelInfo, "stopped")
	return err
}

// signalName is what operators call a signal.
func signalName(s os.Signal) string {
	switch s {
	case syscall.SIGTERM:
		return "SIGTERM"
	case os.Interrupt:
		return "SIGINT"
	}
	return s.String()
}

func serveHTTP(server *http.Server, l net.Listener) error {
	var err error
	if server.TLSConfig != nil {
		err = server.ServeTLS(l, "", "")
	} else {
		err = server.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func serveGRPC(server *grpc.Server, l net.Listener) error {
	if err := server.Serve(l); !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began
		return err
	}
	return nil
}

// shutdown ends the parts, those first that bring in work. A second signal, or
// the end of the timeout, ends what still waits.
func (p *parts) shutdown(ctx context.Context, cfg Shutdown, askedBy string, signals <-chan os.Signal) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	var impatience sync.WaitGroup
	defer impatience.Wait()
	defer cancel()
	impatience.Go(func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	})
	defer context.AfterFunc(ctx, p.drain.hurry)()
	for _, b := range p.backends {
		b.Hurry() // a backend that is away does not keep us
	}
	p.drain.sendAway(p, askedBy)
	p.api.Drain()
	if p.attach != nil { // its streams end when backends know of every connection
		p.drain.begin(p, askedBy)
	}
	stopGRPC := context.AfterFunc(ctx, p.grpc.Stop)
	p.grpc.GracefulStop()
	stopGRPC()
	p.drain.finish(p)
	p.drain.begun.Wait()
	p.leaveCluster()
	p.gateway.Close()
	for _, a := range p.outages {
		a.Close()
	}
	for _, b := range p.backends {
		_ = b.Close() // its calls have ended
	}
	for _, a := range p.tokens {
		a.Close()
	}
	p.closeHTTP(ctx)
}

// closeHTTP ends the HTTP servers, behind which nothing is left.
func (p *parts) closeHTTP(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastResponses)
	defer cancel()
	for _, server := range []*http.Server{p.browsers, p.admin} {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
}

// lastResponses is how long HTTP connections may take once nothing is behind
// them.
const lastResponses = time.Second

// greet tells who runs the server by hand what to do next.
func greet(ctx context.Context, cfg *Config, l *listeners, log *slog.Logger) {
	if !cfg.Dev {
		return
	}
	scheme := "http"
	if cfg.HTTP.TLS.Cert != "" {
		scheme = "https"
	}
	log.LogAttrs(ctx, slog.LevelWarn, "development mode: every local program may call the API; open the demo page",
		slog.String("url", scheme+"://"+l.http.Addr().String()+"/"))
}
