package registry

import "sync"

// ledger holds the connections that this node has, and which of them differ
// from what Redis has. It keeps what shall be, not what was said: a hundred
// changes of one connection are one. It does no I/O.
type ledger struct {
	max int

	mu      sync.Mutex
	entries map[string]entry
	// dirty are the ids that have to be written or removed.
	dirty      map[string]struct{}
	dirtyBytes int
	// full means that dirty says nothing: all has to be compared. comparing means
	// that this happens now.
	full, comparing bool
	// crowded means that full is for want of room.
	crowded bool
	// taken is how many takes are not done.
	taken int
	// settled is closed when nothing waits; nil if nobody asks.
	settled chan struct{}
	// epoch counts how often Redis was found to have nothing: what was written
	// before says nothing any more.
	epoch uint32
	// surrendered are connections that others tell of.
	surrendered map[string]struct{}
	// moves are those that their former nodes have not been rid of yet, also of
	// connections that have ended since.
	moves map[string]*moving
}

// moving is a move that is to be written.
type moving struct {
	*Move
	done chan struct{}
}

type entry struct {
	record Record
	// stored means that Redis has it, perhaps an older form, or may have it.
	stored bool
	// written is the epoch in which Redis has said that it has it; 0 for none.
	written uint32
}

// change is one record to be written, or removed.
type change struct {
	record Record
	remove bool
	epoch  uint32
	// moving is nil if former nodes have nothing to be rid of.
	moving *moving
}

// About what an id costs beside its bytes while it waits, and what a move does.
const (
	dirtyOverhead = 48
	moveOverhead  = 256
)

func newLedger(limit int) *ledger {
	return &ledger{
		max: limit, entries: map[string]entry{}, dirty: map[string]struct{}{},
		epoch: 1, surrendered: map[string]struct{}{}, moves: map[string]*moving{},
	}
}

// noted is what became of a change.
type noted uint8

const (
	noChange noted = iota
	noteTaken
	// noteSpared: it was never written, and now it need not be.
	noteSpared
	// noteDeferred: there is no room; all will be compared later.
	noteDeferred
	// noteUnmoved: it will be written, but there is no room for where it came from.
	noteUnmoved
)

func (l *ledger) put(r Record) noted {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, known := l.entries[r.ID]
	_, waits := l.dirty[r.ID]
	removing := waits && !known
	l.entries[r.ID] = entry{r, e.stored || removing || l.full || l.comparing, e.written}
	delete(l.surrendered, r.ID)
	roomy := l.move(r.ID, r.Move)
	if n := l.mark(r.ID); roomy || n == noteDeferred {
		return n
	}
	return noteUnmoved
}

// move notes where a connection came from. It is false if there is no room: then
// its end may be told of its former node as well. Callers hold l.mu.
func (l *ledger) move(id string, m *Move) (roomy bool) {
	if m == nil {
		return true
	}
	if before := l.moves[id]; before != nil { // m names its nodes as well
		close(before.done)
		delete(l.moves, id)
	}
	if len(l.moves)*(len(id)+moveOverhead) >= l.max {
		return false
	}
	l.moves[id] = &moving{m, make(chan struct{})}
	return true
}

// moved is closed when a connection's former nodes are rid of it; nil if they
// are, as far as anybody knows.
func (l *ledger) moved(id string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.moves[id]; m != nil {
		return m.done
	}
	return nil
}

// hasMoves says whether any move is to be written.
func (l *ledger) hasMoves() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.moves) > 0
}

func (l *ledger) remove(id string, of any) noted {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.entries[id]
	if !ok {
		delete(l.surrendered, id)
		return noChange
	}
	if e.record.Of != of {
		return noChange
	}
	delete(l.entries, id)
	if e.stored || l.moves[id] != nil {
		return l.mark(id)
	}
	l.clean(id)
	l.settle()
	return noteSpared
}

// mark notes that id has to be written. Callers hold l.mu.
func (l *ledger) mark(id string) noted {
	_, waits := l.dirty[id]
	switch {
	case l.full && l.crowded:
		return noteDeferred
	case l.full || waits:
		return noteTaken
	case l.dirtyBytes+len(id)+dirtyOverhead > l.max:
		l.forget()
		l.crowded = true
		return noteDeferred
	}
	l.dirty[id] = struct{}{}
	l.dirtyBytes += len(id) + dirtyOverhead
	return noteTaken
}

// clean is the opposite of mark. Callers hold l.mu.
func (l *ledger) clean(id string) {
	if _, ok := l.dirty[id]; ok {
		delete(l.dirty, id)
		l.dirtyBytes -= len(id) + dirtyOverhead
	}
}

// forget gives up the single changes for a comparison. Callers hold l.mu.
func (l *ledger) forget() {
	l.full, l.crowded, l.dirty, l.dirtyBytes = true, false, map[string]struct{}{}, 0
}

// compareAll asks for everything to be compared and written again, since Redis
// may have nothing.
func (l *ledger) compareAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	l.forget()
}

// surrender forgets the connections that Redis has, which others tell of, and
// returns how many these are.
func (l *ledger) surrender() (count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, e := range l.entries {
		if e.written == l.epoch {
			delete(l.entries, id)
			l.clean(id)
			l.surrendered[id] = struct{}{}
			count++
		}
	}
	l.settle()
	return count
}

// told says once of each connection that was surrendered that it was.
func (l *ledger) told(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.surrendered[id]
	delete(l.surrendered, id)
	return ok
}

// startComparing says whether all has to be compared, and if so gives the ids
// that there are. What changes from now on is noted again. The caller calls
// doneComparing at the end.
func (l *ledger) startComparing() (ids []string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.full {
		return nil, false
	}
	l.full, l.comparing = false, true
	ids = make([]string, 0, len(l.entries))
	for id := range l.entries {
		ids = append(ids, id)
	}
	for id := range l.moves {
		if _, ok := l.entries[id]; !ok {
			l.mark(id) // the comparison knows nothing of it
		}
	}
	return ids, true
}

// take takes up to most changes and up to so many bytes, but at least one if
// there is any. The caller calls done for them.
func (l *ledger) take(most, bytes int) []change {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []change
	for id := range l.dirty {
		if len(all) == most || bytes <= 0 {
			break
		}
		l.clean(id)
		c := l.change(id)
		all, bytes = append(all, c), bytes-c.size()
	}
	if all != nil {
		l.taken++
	}
	return all
}

// takeIDs takes what the connections of ids are now, without those that are
// gone. The caller calls done for them.
func (l *ledger) takeIDs(ids []string) []change {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken++
	var all []change
	for _, id := range ids {
		if _, ok := l.entries[id]; ok {
			all = append(all, l.change(id))
		}
	}
	return all
}

// change is what has to be done about id. Callers hold l.mu.
func (l *ledger) change(id string) change {
	e, ok := l.entries[id]
	if !ok {
		return change{record: Record{ID: id}, remove: true, moving: l.moves[id]}
	}
	e.stored = true
	l.entries[id] = e
	return change{record: e.record, epoch: l.epoch, moving: l.moves[id]}
}

// strangers are those of ids that this node does not have.
func (l *ledger) strangers(ids []string) []change {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []change
	for _, id := range ids {
		if _, ok := l.entries[id]; !ok {
			all = append(all, change{record: Record{ID: id}, remove: true})
		}
	}
	return all
}

// done ends a take. What could not be written waits again.
func (l *ledger) done(changes []change, written bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range changes {
		if written && c.moving != nil && l.moves[c.record.ID] == c.moving {
			close(c.moving.done)
			delete(l.moves, c.record.ID)
		}
		if !written {
			l.mark(c.record.ID)
		} else if e, ok := l.entries[c.record.ID]; ok {
			e.written = c.epoch
			l.entries[c.record.ID] = e
		}
	}
	l.taken--
	l.settle()
}

// doneComparing ends a comparison. One that failed has to be made again.
func (l *ledger) doneComparing(failed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.comparing = false
	if failed {
		l.forget()
	}
	l.settle()
}

// settle tells those who wait that nothing is left. Callers hold l.mu.
func (l *ledger) settle() {
	if l.settled != nil && l.quiet() {
		close(l.settled)
		l.settled = nil
	}
}

func (l *ledger) quiet() bool { return !l.full && !l.comparing && len(l.dirty) == 0 && l.taken == 0 }

// wait returns a channel that is closed when nothing waits to be written.
func (l *ledger) wait() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.settled == nil {
		l.settled = make(chan struct{})
	}
	settled := l.settled
	l.settle()
	return settled
}

// counts are the connections there are, and the bytes kept about those that wait.
func (l *ledger) counts() (entries, pending int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries), l.dirtyBytes
}

func (c change) size() int {
	return len(c.record.ID) + len(c.record.Namespace) + len(c.record.User) + len(c.record.Value)
}
