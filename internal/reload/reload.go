// Package reload reads files anew when they change, so that keys and
// certificates can be replaced while the process runs.
//
// It looks at what files hold, and not at when they were written: secrets of
// Kubernetes change by a link that is bent to another folder. What it finds is
// taken when it has found the same twice, so that nobody is served with half a
// file, or with a certificate whose key is still on its way. What is faulty
// changes nothing, and is said once.
package reload

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// interval is how often files are looked at. A change takes effect after one
	// to two of it.
	interval = 2 * time.Second
	// maxFile is more than any file of keys or certificates.
	maxFile = 1 << 20
)

// Source is what is read together.
type Source struct {
	// Name is what log lines and metrics call it.
	Name string
	// Files are its paths.
	Files []string
	// Apply takes what the files hold, or says what is wrong with it and changes
	// nothing. It is called by one goroutine at a time, and may be called again
	// with the same.
	Apply func(contents [][]byte) error
}

// Reloader looks after sources.
type Reloader struct {
	log     *slog.Logger
	reloads *prometheus.CounterVec
	failing *prometheus.GaugeVec
	sources []*source // Add before Start

	quit    chan struct{}
	running sync.WaitGroup
}

// source is a Source and how it stands. It belongs to the goroutine of its
// Reloader.
type source struct {
	Source
	seen    digest // at the last look
	tried   digest // what Apply was asked to take last
	applied digest // what it took last
	fault   string // what was said last, empty if all is well
}

type digest [sha256.Size]byte

// New returns a Reloader without sources.
func New(log *slog.Logger, reg prometheus.Registerer) *Reloader {
	r := &Reloader{
		log: log,
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "realtime_reloads_total",
			Help: "Times that files were read anew, by how that went.",
		}, []string{"source", "result"}),
		failing: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "realtime_reload_failing",
			Help: "1 if the files as they are could not be taken, so that what they held before is in force.",
		}, []string{"source"}),
		quit: make(chan struct{}),
	}
	reg.MustRegister(r.reloads, r.failing)
	return r
}

// Add reads a source for the first time. If that fails, it is not looked after.
func (r *Reloader) Add(s Source) error {
	contents, sum, err := read(s.Files)
	if err == nil {
		err = s.Apply(contents)
	}
	if err != nil {
		return err
	}
	r.sources = append(r.sources, &source{Source: s, seen: sum, tried: sum, applied: sum})
	r.failing.WithLabelValues(s.Name).Set(0)
	return nil
}

// Idle reports whether there is nothing to look after.
func (r *Reloader) Idle() bool { return len(r.sources) == 0 }

// Start looks after the sources until Close. A signal has all of them read at
// once, whether they have changed or not.
func (r *Reloader) Start(now <-chan os.Signal) {
	if r.Idle() {
		return
	}
	r.running.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-r.quit:
				return
			case <-ticker.C:
				r.look(false)
			case <-now:
				r.look(true)
			}
		}
	})
}

// Close ends what Start began. It is called once.
func (r *Reloader) Close() {
	close(r.quit)
	r.running.Wait()
}

func (r *Reloader) look(asked bool) {
	for _, s := range r.sources {
		contents, sum, err := read(s.Files)
		if err != nil {
			r.failed(s, err, asked)
			continue
		}
		if asked || s.due(sum) {
			s.tried = sum
			if err := s.Apply(contents); err != nil {
				r.failed(s, err, true)
				continue
			}
			s.applied = sum
			r.reloads.WithLabelValues(s.Name, "ok").Inc()
			r.log.Info("files were read anew", slog.String("source", s.Name))
		}
		if sum == s.applied {
			s.fault = ""
			r.failing.WithLabelValues(s.Name).Set(0)
		}
	}
}

// due reports whether files hold something new that they held at the last look
// already.
func (s *source) due(sum digest) bool {
	settled := sum == s.seen
	s.seen = sum
	return settled && sum != s.tried
}

// failed says what is wrong, but what cannot be read at each look only once.
func (r *Reloader) failed(s *source, err error, tried bool) {
	if !tried && err.Error() == s.fault {
		return
	}
	s.fault = err.Error()
	r.reloads.WithLabelValues(s.Name, "failed").Inc()
	r.failing.WithLabelValues(s.Name).Set(1)
	r.log.Error("files could not be read anew, what they held before stays in force",
		slog.String("source", s.Name), slog.String("error", s.fault))
}

// read returns what files hold, and one digest of all of it.
func read(files []string) (contents [][]byte, sum digest, err error) {
	all := sha256.New()
	for _, name := range files {
		content, err := readFile(name)
		if err != nil {
			return nil, digest{}, err
		}
		own := sha256.Sum256(content)
		_, _ = all.Write(own[:]) // a hash takes everything
		contents = append(contents, content)
	}
	return contents, digest(all.Sum(nil)), nil
}

func readFile(name string) (content []byte, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	content, err = io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s: is larger than %d bytes", name, maxFile)
	}
	return content, err
}
