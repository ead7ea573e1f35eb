package reload_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/internal/reload"
)

// world is a Reloader that looks after one source of two files in a folder.
type world struct {
	t      *testing.T
	folder string
	reg    *prometheus.Registry
	asked  chan os.Signal

	mu    sync.Mutex
	log   strings.Builder
	taken []string
}

// Write takes what is logged.
func (w *world) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// play gives steps a world, on virtual time.
func play(t *testing.T, steps func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, folder: t.TempDir(), reg: prometheus.NewRegistry(), asked: make(chan os.Signal, 1)}
		w.write("a", "1")
		w.write("b", "1")
		r := reload.New(slog.New(slog.NewTextHandler(w, nil)), w.reg)
		err := r.Add(reload.Source{Name: "test", Files: []string{w.path("a"), w.path("b")}, Apply: w.apply})
		if err != nil {
			t.Fatal(err)
		}
		r.Start(w.asked)
		steps(w)
		r.Close()
	})
}

func (w *world) apply(contents [][]byte) error {
	text := string(bytes.Join(contents, []byte("+")))
	if strings.Contains(text, "bad") {
		return errors.New("is bad")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken = append(w.taken, text)
	return nil
}

func (w *world) path(name string) string { return filepath.Join(w.folder, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// pass lets time go by until all is done that is due then.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) wantTaken(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.taken, want) {
		w.t.Errorf("taken %q, want %q", w.taken, want)
	}
}

// wantFaults holds the number of faults that were logged and counted, and
// whether it is failing now.
func (w *world) wantFaults(n int, failing float64) {
	w.t.Helper()
	if got := strings.Count(w.logged(), "level=ERROR"); got != n {
		w.t.Errorf("%d faults were logged, want %d:\n%s", got, n, w.logged())
	}
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			switch {
			case family.GetName() == "realtime_reload_failing" && m.GetGauge().GetValue() != failing:
				w.t.Errorf("failing is %v", m.GetGauge().GetValue())
			case m.GetLabel()[0].GetValue() == "failed" && m.GetCounter().GetValue() != float64(n):
				w.t.Errorf("%v faults were counted, want %d", m.GetCounter().GetValue(), n)
			}
		}
	}
}

func TestChangeIsTaken(t *testing.T) {
	play(t, func(w *world) {
		w.pass(time.Minute)
		w.wantTaken("1+1")
		w.write("b", "2")
		w.pass(5 * time.Second)
		w.wantTaken("1+1", "1+2")
		w.write("b", "1")
		w.pass(time.Minute)
		w.wantTaken("1+1", "1+2", "1+1")
		w.wantFaults(0, 0)
	})
}

// Two files that belong together are seldom written at once.
func TestHalfAChangeIsNotTaken(t *testing.T) {
	play(t, func(w *world) {
		w.pass(time.Second) // the looks are at even seconds
		w.write("a", "2")
		w.pass(2 * time.Second)
		w.write("b", "2")
		w.pass(2 * time.Second)
		w.wantTaken("1+1")
		w.pass(2 * time.Second)
		w.wantTaken("1+1", "2+2")
	})
}

func TestFaultKeepsWhatWas(t *testing.T) {
	play(t, func(w *world) {
		w.write("a", "bad")
		w.pass(time.Minute)
		w.wantTaken("1+1")
		w.wantFaults(1, 1)
		w.write("a", "bad again")
		w.pass(time.Minute)
		w.wantFaults(2, 1)
		w.write("a", "2")
		w.pass(time.Minute)
		w.wantTaken("1+1", "2+1")
		w.wantFaults(2, 0)
	})
}

func TestFileIsAway(t *testing.T) {
	play(t, func(w *world) {
		if err := os.Remove(w.path("b")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		w.wantFaults(1, 1)
		w.write("b", "1") // as it was
		w.pass(time.Minute)
		w.wantTaken("1+1")
		w.wantFaults(1, 0)
		if err := os.Remove(w.path("b")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		w.wantFaults(2, 1)
	})
}

func TestFileIsTooLarge(t *testing.T) {
	play(t, func(w *world) {
		w.write("b", strings.Repeat("x", 1<<20+1))
		w.pass(time.Minute)
		w.wantTaken("1+1")
		w.wantFaults(1, 1)
	})
}

// Kubernetes writes a new folder and bends a link to it.
func TestLinkIsBent(t *testing.T) {
	play(t, func(w *world) {
		for _, version := range []string{"v1", "v2"} {
			if err := os.Mkdir(w.path(version), 0o700); err != nil {
				t.Fatal(err)
			}
			w.write(version+"/b", version)
		}
		bend := func(version string) {
			if err := os.Symlink(version, w.path("new")); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(w.path("new"), w.path("data")); err != nil {
				t.Fatal(err)
			}
		}
		bend("v1")
		if err := errors.Join(os.Remove(w.path("b")), os.Symlink("data/b", w.path("b"))); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		bend("v2")
		w.pass(time.Minute)
		w.wantTaken("1+1", "1+v1", "1+v2")
		w.wantFaults(0, 0)
	})
}

func TestSignalReadsAtOnce(t *testing.T) {
	play(t, func(w *world) {
		w.write("a", "2")
		w.asked <- syscall.SIGHUP
		synctest.Wait()
		w.wantTaken("1+1", "2+1")
		w.asked <- syscall.SIGHUP // nothing has changed
		synctest.Wait()
		w.wantTaken("1+1", "2+1", "2+1")
		w.write("a", "bad")
		for range 2 { // who asks gets an answer
			w.asked <- syscall.SIGHUP
			synctest.Wait()
		}
		w.wantFaults(2, 1)
		w.pass(time.Minute)
		w.wantFaults(2, 1)
	})
}

func TestFirstReadingFails(t *testing.T) {
	folder := t.TempDir()
	r := reload.New(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	err := r.Add(reload.Source{Name: "test", Files: []string{filepath.Join(folder, "nowhere")}, Apply: func([][]byte) error { return nil }})
	if !errors.Is(err, os.ErrNotExist) || !r.Idle() {
		t.Errorf("got %v", err)
	}
	refused := errors.New("refused")
	if err := r.Add(reload.Source{Name: "test", Apply: func([][]byte) error { return refused }}); !errors.Is(err, refused) || !r.Idle() {
		t.Errorf("got %v", err)
	}
	r.Start(nil)
	r.Close()
}
