package main

import (
	"net/http"
	"net/http/pprof"
	"runtime/debug"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readiness says whether load balancers should send newcomers here.
type readiness struct {
	ready atomic.Bool
	// left says why the process will not be ready again; nil if it may be.
	left atomic.Pointer[string]
	// trouble says why the server is not ready although it runs, "" if nothing
	// is wrong; nil if nothing can be.
	trouble func() string
}

func (r *readiness) set(ready bool) { r.ready.Store(ready) }

// leave makes the process not ready for good. Of several reasons the first counts.
func (r *readiness) leave(why string) { r.left.CompareAndSwap(nil, &why) }

// ServeHTTP answers 200 while ready, else 503.
func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if why := r.left.Load(); why != nil {
		http.Error(w, "not ready: "+*why, http.StatusServiceUnavailable)
		return
	}
	if !r.ready.Load() {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	if r.trouble != nil {
		if why := r.trouble(); why != "" {
			http.Error(w, "degraded: "+why, http.StatusServiceUnavailable)
			return
		}
	}
	answer(w, "ready\n")
}

// adminHandler serves operators: is the process alive, is it ready, how does
// it do.
func adminHandler(cfg Admin, reg *prometheus.Registry, ready, drain http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /drain", drain)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, "alive\n") })
	mux.Handle("GET /readyz", ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	if cfg.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("POST /debug/memory/free", freeMemory)
	}
	return mux
}

// freeMemory gives back to the system what the process does not use. Go keeps
// about as much as it uses for the next burst, so this shows what is in use.
func freeMemory(w http.ResponseWriter, _ *http.Request) {
	debug.FreeOSMemory()
	answer(w, "done\n")
}

func answer(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text)) // who asked has gone if this fails
}
