package sio

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/internal/timeout"
)

// sweepsPerLife is how often what is kept is looked through, while anything is,
// within the time that it may be kept for.
const sweepsPerLife = 8

// eventLog is a recoveryStore in the memory of one process. What it holds is
// bounded in age, and in bytes over all namespaces: the oldest goes first.
type eventLog struct {
	// Immutable.
	cfg     Recovery
	clock   *offsets
	metrics *metrics
	gone    func(*absentee) // is told, without a lock, who cannot come back any more
	sweeps  *timeout.List[*eventLog]
	// everything says that the events of all namespaces come, in one order, whether
	// or not anybody is there who could miss them.
	everything bool

	mu       sync.Mutex // nothing but sweeps is taken under it
	floor    offset     // nothing is known of events up to it
	logs     map[string]*namespaceLog
	events   list.List // of *logEntry, oldest first
	absent   map[string]*list.Element
	leavings list.List // of *leaving, oldest first
	// The bytes of the events, and of the absentees.
	eventBytes, absentBytes int
	sweep                   timeout.Entry[*eventLog]
	sweeping                bool
}

// namespaceLog is what was recorded in one namespace, in order.
type namespaceLog struct {
	namespace string
	events    []*logEntry
	lost      offset // the last event that was given up
}

// logEntry is an event in its namespace, and its place among those of all.
type logEntry struct {
	*recorded
	log   *namespaceLog
	place *list.Element
}

// leaving is an absentee and until when it may come back.
type leaving struct {
	absentee *absentee
	until    time.Time
}

func newEventLog(cfg Recovery, clock *offsets, m *metrics, gone func(*absentee)) *eventLog {
	l := &eventLog{
		cfg: cfg, clock: clock, metrics: m, gone: gone,
		logs: map[string]*namespaceLog{}, absent: map[string]*list.Element{},
	}
	l.sweeps = timeout.New(max(cfg.MaxDisconnection/sweepsPerLife, time.Millisecond), (*eventLog).sweepUp)
	return l
}

// record implements recoveryStore.
func (l *eventLog) record(namespace string, e *recorded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	log := l.logs[namespace]
	if log == nil {
		log = &namespaceLog{namespace: namespace}
		l.logs[namespace] = log
	}
	entry := &logEntry{recorded: e, log: log}
	entry.place = l.events.PushBack(entry)
	log.events = append(log.events, entry)
	l.eventBytes += e.size
	l.trim()
}

// since implements recoveryStore.
func (l *eventLog) since(namespace string, from offset) ([]*recorded, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	log := l.logs[namespace]
	if log == nil {
		return nil, from >= l.floor // nothing was recorded while anybody could have missed it
	}
	i, exact := log.find(from)
	if exact {
		i++
	}
	events := make([]*recorded, 0, len(log.events)-i)
	for _, entry := range log.events[i:] {
		events = append(events, entry.recorded)
	}
	return events, from >= max(log.lost, l.floor)
}

// raise says that nothing is known of events up to an offset.
func (l *eventLog) raise(floor offset) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.floor = max(l.floor, floor)
}

// has implements recoveryStore.
func (l *eventLog) has(namespace string, at offset) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	log := l.logs[namespace]
	if log == nil {
		return false
	}
	_, exact := log.find(at)
	return exact
}

func (g *namespaceLog) find(at offset) (int, bool) {
	return slices.BinarySearchFunc(g.events, at, func(e *logEntry, at offset) int {
		return cmp.Compare(e.offset, at)
	})
}

// forget implements recoveryStore.
func (l *eventLog) forget(namespace string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	log := l.logs[namespace]
	if log == nil {
		return
	}
	delete(l.logs, namespace)
	for _, e := range log.events {
		l.events.Remove(e.place)
		l.eventBytes -= e.size
	}
	l.show()
}

func entryOf(at *list.Element) *logEntry {
	return at.Value.(*logEntry) //nolint:errcheck // the list holds nothing else
}

func leavingOf(at *list.Element) *leaving {
	return at.Value.(*leaving) //nolint:errcheck // the list holds nothing else
}

// keep implements recoveryStore.
func (l *eventLog) keep(a *absentee) (gone []*absentee) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.absent[a.pid] = l.leavings.PushBack(&leaving{a, time.Now().Add(l.cfg.MaxDisconnection)})
	l.absentBytes += a.size()
	for l.absentBytes > l.cfg.MaxBytes/2 {
		gone = append(gone, l.drop(l.leavings.Front()))
	}
	l.trim()
	return gone
}

// find implements recoveryStore.
func (l *eventLog) find(pid string) *absentee {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.absent[pid]
	if at == nil || leavingOf(at).over() {
		return nil
	}
	return leavingOf(at).absentee
}

// take implements recoveryStore.
func (l *eventLog) take(a *absentee) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.absent[a.pid]
	if at == nil || leavingOf(at).absentee != a || leavingOf(at).over() {
		return false
	}
	l.drop(at)
	l.show()
	return true
}

func (v *leaving) over() bool { return !time.Now().Before(v.until) }

// drop takes an absentee out; the lock is held.
func (l *eventLog) drop(at *list.Element) *absentee {
	a := leavingOf(at).absentee
	l.leavings.Remove(at)
	delete(l.absent, a.pid)
	l.absentBytes -= a.size()
	return a
}

// trim gives up events that are too old or too many, and sees to it that the
// rest is looked at again; the lock is held.
func (l *eventLog) trim() {
	oldest := l.clock.ago(l.cfg.MaxDisconnection)
	for at := l.events.Front(); at != nil; at = l.events.Front() {
		entry := entryOf(at)
		if entry.offset >= oldest && l.eventBytes+l.absentBytes <= l.cfg.MaxBytes {
			break
		}
		l.events.Remove(at)
		l.eventBytes -= entry.size
		entry.log.events[0] = nil
		entry.log.events = entry.log.events[1:]
		entry.log.lost = entry.offset
		if l.everything {
			l.floor = max(l.floor, entry.offset)
			if len(entry.log.events) == 0 {
				delete(l.logs, entry.log.namespace)
			}
		}
	}
	if !l.sweeping && l.events.Len()+l.leavings.Len() > 0 {
		l.sweeping = true
		l.sweeps.Set(&l.sweep, l)
	}
	l.show()
}

// show sets the gauges; the lock is held.
func (l *eventLog) show() {
	l.metrics.recoveryEvents.Set(float64(l.events.Len()))
	l.metrics.recoveryBytes.Set(float64(l.eventBytes + l.absentBytes))
	l.metrics.recoveryAbsent.Set(float64(l.leavings.Len()))
}

// sweepUp gives up what is too old.
func (l *eventLog) sweepUp() {
	l.mu.Lock()
	l.sweeping = false
	var gone []*absentee
	for at := l.leavings.Front(); at != nil && leavingOf(at).over(); at = l.leavings.Front() {
		gone = append(gone, l.drop(at))
	}
	l.trim()
	l.mu.Unlock()
	l.tell(gone)
}

// close implements recoveryStore.
func (l *eventLog) close() {
	l.sweeps.Stop()
	l.mu.Lock()
	var gone []*absentee
	for at := l.leavings.Front(); at != nil; at = l.leavings.Front() {
		gone = append(gone, l.drop(at))
	}
	l.show()
	l.mu.Unlock()
	l.tell(gone)
}

func (l *eventLog) tell(gone []*absentee) {
	for _, a := range gone {
		l.gone(a)
	}
}
