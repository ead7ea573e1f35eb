package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio"
)

// Limits of the HTTP listeners. Long polls set deadlines of their own.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
)

func buildHTTP(handler http.Handler, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true) // a WebSocket over HTTP/2 is another protocol
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         &protocols,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// buildBrowsers makes the server of the listener for browsers.
func (p *parts) buildBrowsers(cfg *Config, grpcAddress string, log *slog.Logger) (*http.Server, error) {
	handler := browserHandler(cfg, p.sockets, grpcAddress)
	if cfg.HTTP.ServeClient {
		if err := p.serveClient(handler, cfg.HTTP.Paths, log); err != nil {
			return nil, err
		}
	}
	server := buildHTTP(handler, log)
	var err error
	if server.TLSConfig, err = serverTLS("http_tls", MutualTLS{TLS: cfg.HTTP.TLS}, p.files); err != nil {
		return nil, fmt.Errorf("http.tls: %w", err)
	}
	return server, nil
}

// browserHandler serves Socket.IO at its paths, with and without a slash at the
// end, and, under dev, the demo page.
func browserHandler(cfg *Config, sockets *sio.Server, grpcAddress string) *http.ServeMux {
	mux := http.NewServeMux()
	mount := func(paths []string, handler http.Handler) {
		for _, path := range paths {
			mux.Handle(path, handler)
			mux.Handle(path+"/", handler)
		}
	}
	mount(cfg.HTTP.Paths, sockets)
	mount(cfg.HTTP.MsgpackPaths, sockets.Msgpack())
	elsewhere := http.NotFoundHandler()
	if cfg.Dev {
		elsewhere = demoHandler(cfg, grpcAddress)
	}
	mux.Handle("/", endUpgrades(elsewhere))
	return mux
}

// serveClient adds the stock client below the paths of Socket.IO.
func (p *parts) serveClient(mux *http.ServeMux, paths []string, log *slog.Logger) error {
	stock, err := loadClient()
	if err != nil {
		return err
	}
	for _, path := range paths {
		for name, file := range stock.files {
			mux.Handle(path+"/"+name, p.sockets.Beside(file))
		}
	}
	log.Info("serving the Socket.IO client", slog.String("version", stock.version), slog.Any("paths", paths))
	return nil
}

// endUpgrades lets a request for another protocol at a path that has none end
// with its connection: whoever asks for one has no use for it.
func endUpgrades(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.Header().Set("Connection", "close")
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
