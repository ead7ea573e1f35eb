package sio

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	patterns "github.com/seed52a35d2d/realtime-server/internal/pattern"
)

// maxNamespaceName is the longest name of a dynamic namespace, in bytes: the
// client chooses it.
const maxNamespaceName = 256

// directory finds namespaces by name: those that the configuration names, and
// the dynamic ones, which its patterns allow.
//
// A dynamic namespace is in the directory as long as a socket refers to it,
// one that still waits for its decision included, so that all sockets of a
// name share one object and whoever looks the name up finds them. Only those
// with a member count: a stranger who is not let in takes no place from
// others.
type directory struct {
	// Immutable.
	server   *Server
	fixed    map[string]*Namespace
	patterns []*pattern // the first that matches counts
	max      int        // dynamic namespaces with a member

	mu      sync.RWMutex
	dynamic map[string]*Namespace
	alive   int // those of them with a member
}

// pattern is what names of dynamic namespaces look like.
type pattern struct {
	text  string // as the configuration has it
	whole *regexp.Regexp
	alive prometheus.Gauge // its namespaces with a member
}

// tenancy is what the directory knows of a dynamic namespace.
type tenancy struct {
	pattern *pattern // nil if the configuration names the namespace

	// Guarded by directory.mu.
	sockets int // that refer to it, waiting or connected
	members int // that are connected
}

// newDirectory is for a server whose configuration is valid.
func newDirectory(s *Server) (*directory, error) {
	d := &directory{server: s, fixed: map[string]*Namespace{}, max: s.cfg.MaxDynamicNamespaces, dynamic: map[string]*Namespace{}}
	for _, name := range s.cfg.Namespaces {
		if !patterns.Is(name) {
			d.fixed[name] = newNamespace(s, name, nil)
			continue
		}
		whole, err := patterns.Compile(name)
		if err != nil {
			return nil, err
		}
		d.patterns = append(d.patterns, &pattern{text: name, whole: whole, alive: s.metrics.dynamic.WithLabelValues(name)})
	}
	return d, nil
}

// checkNamespace says why a server can have no such namespace or pattern.
func checkNamespace(name string) error {
	switch {
	case strings.HasPrefix(name, "^/"), strings.HasPrefix(name, "^(?i)/"):
		_, err := patterns.Compile(name)
		return err
	case patterns.Is(name):
		return errors.New(`a pattern begins with "^/" or "^(?i)/"`)
	case !strings.HasPrefix(name, "/"), strings.ContainsAny(name, ",?\x00"):
		return errors.New(`a name begins with "/" and holds no comma, question mark or NUL`)
	}
	return nil
}

// find returns the namespace of a name, for whoever sends to it. Of a dynamic
// one that nobody is in it returns an empty stand-in.
func (d *directory) find(name string) (*Namespace, bool) {
	if n := d.fixed[name]; n != nil {
		return n, true
	}
	p := d.match(name)
	if p == nil {
		return nil, false
	}
	d.mu.RLock()
	n := d.dynamic[name]
	d.mu.RUnlock()
	if n == nil {
		n = newNamespace(d.server, name, p)
	}
	return n, true
}

// unlessEmpty returns the namespace that a journal's entry names. Where nobody is
// in it, it does something while nobody can come, and returns nil; eventLog.mu
// may be taken then.
func (d *directory) unlessEmpty(name string, empty func()) *Namespace {
	if n := d.fixed[name]; n != nil {
		return n
	}
	if d.match(name) == nil {
		return nil // it is none of ours
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := d.dynamic[name]
	if n == nil {
		empty()
	}
	return n
}

// all are the namespaces that exist.
func (d *directory) all() []*Namespace {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.AppendSeq(slices.Collect(maps.Values(d.fixed)), maps.Values(d.dynamic))
}

func (d *directory) match(name string) *pattern {
	if len(name) > maxNamespaceName || strings.ContainsAny(name, ",?\x00") {
		return nil
	}
	for _, p := range d.patterns {
		if p.whole.MatchString(name) {
			return p
		}
	}
	return nil
}

// hold returns the namespace that a client asks for, on behalf of a socket;
// every hold needs its release. Where there is no place for one more, nobody
// has to be asked about the client.
func (d *directory) hold(name string) (*Namespace, *Refusal) {
	if n := d.fixed[name]; n != nil {
		return n, nil
	}
	p := d.match(name)
	if p == nil {
		return nil, errInvalidNamespace
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.dynamic[name]
	if d.full(n) {
		return nil, errNamespaceLimit
	}
	if n == nil {
		n = newNamespace(d.server, name, p)
		d.dynamic[name] = n
	}
	n.tenancy.sockets++
	return n, nil
}

// full reports whether a namespace that may be nil has no place to come alive;
// the lock is held.
func (d *directory) full(n *Namespace) bool {
	return d.alive >= d.max && (n == nil || n.tenancy.members == 0)
}

// admit counts a socket that becomes a member. It is false if that would make
// one dynamic namespace too many.
func (d *directory) admit(n *Namespace) bool {
	if n.tenancy.pattern == nil {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full(n) {
		return false
	}
	if n.tenancy.members++; n.tenancy.members == 1 {
		d.alive++
		n.tenancy.pattern.alive.Inc()
	}
	return true
}

// dismiss undoes admit.
func (d *directory) dismiss(n *Namespace) {
	if n.tenancy.pattern == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n.tenancy.members--; n.tenancy.members == 0 {
		d.alive--
		n.tenancy.pattern.alive.Dec()
	}
}

// release undoes hold. The last socket takes the namespace out of the
// directory.
func (d *directory) release(n *Namespace) {
	if n.tenancy.pattern == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n.tenancy.sockets--; n.tenancy.sockets == 0 {
		delete(d.dynamic, n.name)
	}
}

// namespaceFaults reports what is wrong with the namespaces of a configuration.
func (c *Config) namespaceFaults() []error {
	var faults []error
	if len(c.Namespaces) == 0 {
		faults = append(faults, errors.New("namespaces: at least one is needed"))
	}
	for _, name := range c.Namespaces {
		if err := checkNamespace(name); err != nil {
			faults = append(faults, fmt.Errorf("namespaces: %q: %w", name, err))
		}
	}
	return faults
}
