package jwt

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// reloadEvery is how often files with keys are looked at. Kubernetes and editors
// replace files in ways that watching them would miss.
const reloadEvery = 2 * time.Second

// keyring is the keys of the configuration. Those in files change with their
// files; if one of them cannot be read, or makes no key, all stay what they were.
type keyring struct {
	from    []Key
	watch   Watch
	current atomic.Pointer[[]key]
	seen    [sha256.Size]byte  // of what the files held; owned by run
	stop    context.CancelFunc // nil if no key is in a file
	done    chan struct{}
}

func newKeyring(from []Key, watch Watch) (*keyring, error) {
	k := &keyring{from: from, watch: watch, done: make(chan struct{})}
	files := readFiles(from)
	keys, err := loadKeys(from, files)
	if err != nil {
		return nil, err
	}
	k.current.Store(&keys)
	if len(files) == 0 {
		return k, nil
	}
	k.seen = fingerprint(from, files)
	var ctx context.Context
	ctx, k.stop = context.WithCancel(context.Background())
	go k.run(ctx)
	return k, nil
}

func (k *keyring) close() {
	if k.stop != nil {
		k.stop()
		<-k.done
	}
}

// keys are those of now, read-only.
func (k *keyring) keys() []key { return *k.current.Load() }

func (k *keyring) run(ctx context.Context) {
	defer close(k.done)
	ticker := time.NewTicker(reloadEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			k.reload(ctx)
		}
	}
}

// reload takes over what has changed. A change that makes no keys is told once.
func (k *keyring) reload(ctx context.Context) {
	files := readFiles(k.from)
	now := fingerprint(k.from, files)
	if now == k.seen {
		return
	}
	k.seen = now
	keys, err := loadKeys(k.from, files)
	if err != nil {
		k.watch.Reloads.WithLabelValues("failed").Inc()
		k.watch.Log.LogAttrs(ctx, slog.LevelWarn, "changed keys cannot be used; those of before stay", slog.String("error", err.Error()))
		return
	}
	k.current.Store(&keys)
	k.watch.Reloads.WithLabelValues("ok").Inc()
	k.watch.Log.LogAttrs(ctx, slog.LevelInfo, "keys read again")
}

// file is what a file held, or why nobody could read it.
type file struct {
	content []byte
	err     error
}

// readFiles reads the files of all keys that are in files, each once.
func readFiles(from []Key) map[string]file {
	files := map[string]file{}
	for _, k := range from {
		if path := k.path(); path != "" {
			content, err := os.ReadFile(path)
			files[path] = file{content, err}
		}
	}
	return files
}

// fingerprint changes with the files, and keeps no secrets.
func fingerprint(from []Key, files map[string]file) (sum [sha256.Size]byte) {
	whole := sha256.New()
	for _, k := range from {
		f := files[k.path()]
		each := sha256.Sum256(f.content)
		whole.Write(each[:])
		if f.err != nil {
			whole.Write([]byte(f.err.Error()))
		}
	}
	whole.Sum(sum[:0])
	return sum
}
