package main

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
)

// demoFiles is the demo page. It loads the stock client; in a build without
// that the page says so.
//
//go:embed demo/*.html demo/*.css demo/*.js demo/*.svg
var demoFiles embed.FS

// demoHandler serves the demo page, and what it wants to know of the server.
func demoHandler(cfg *Config, grpcAddress string) http.Handler {
	pages, err := fs.Sub(demoFiles, "demo")
	if err != nil {
		panic(err) // the folder is part of the binary
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(pages))
	if stock, err := loadClient(); err == nil {
		mux.Handle("/socket.io.min.js", stock.files["socket.io.min.js"])
	}
	mux.HandleFunc("GET /demo.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{ // who asked has gone if this fails
			"grpc_address": grpcAddress,
			"path":         cfg.HTTP.Paths[0],
			"namespace":    cfg.SocketIO.Namespaces[0],
			"version":      version(),
		})
	})
	return mux
}
