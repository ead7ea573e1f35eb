package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	"github.com/seed52a35d2d/realtime-server/internal/reload"
)

// keysOf is the source of the keys that stand in a file of their own.
func keysOf(file string, callers *authority.Callers) reload.Source {
	return reload.Source{Name: "api_keys", Files: []string{file}, Apply: func(contents [][]byte) error {
		keys, err := authority.ParseKeys(contents[0])
		if err != nil {
			return err
		}
		return callers.SetMore(keys)
	}}
}

// watchFiles has files read anew when they change, or on SIGHUP, until stop.
// Where there are none, SIGHUP ends the process as ever.
func (p *parts) watchFiles() (stop func()) {
	now := make(chan os.Signal, 1)
	if !p.files.Idle() {
		signal.Notify(now, syscall.SIGHUP)
	}
	p.files.Start(now)
	return func() {
		signal.Stop(now)
		p.files.Close()
	}
}
