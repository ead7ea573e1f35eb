// Command realtime-server hosts a Socket.IO endpoint for browsers and the gRPC
// API Realtime for backends.
//
//	realtime-server --dev
//
// starts it for development, without any configuration. docs/configuration.md
// has the options.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitConfig = 2
)

func main() {
	os.Exit(realMain(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

func realMain(args, environ []string, stdout, stderr io.Writer) int {
	cmd, err := parseCommand(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "realtime-server:", err)
		return exitConfig
	case cmd.version:
		fmt.Fprintln(stdout, version())
		return exitOK
	}
	cfg, err := loadConfig(cmd, environ)
	if err != nil {
		fmt.Fprintf(stderr, "realtime-server: the configuration has faults:\n%v\n", err)
		return exitConfig
	}
	if cmd.printConfig {
		if err := printConfig(stdout, cfg); err != nil {
			fmt.Fprintln(stderr, "realtime-server:", err)
			return exitFailed
		}
		return exitOK
	}
	return serve(cfg, newLogger(cfg.Log, stderr))
}

// serve runs the server until a signal ends it. A second signal ends it at
// once.
func serve(cfg *Config, log *slog.Logger) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := run(context.Background(), cfg, log, signals); err != nil {
		log.LogAttrs(context.Background(), slog.LevelError, "server failed", slog.Any("error", err))
		return exitFailed
	}
	return exitOK
}

func newLogger(cfg Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// version is what the Go tool chain noted when it built the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return info.Main.Version + " " + setting.Value
		}
	}
	return info.Main.Version
}
