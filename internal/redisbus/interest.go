package redisbus

// kind is how a name is subscribed to.
type kind int

const (
	plain   kind = iota // a channel
	pattern             // a pattern of channels
	sharded             // a channel that lives where its slot is
)

// verbs are the commands and confirmations of each kind.
var verbs = [...]struct{ subscribe, unsubscribe string }{
	plain:   {"subscribe", "unsubscribe"},
	pattern: {"psubscribe", "punsubscribe"},
	sharded: {"ssubscribe", "sunsubscribe"},
}

// interest is a name that somebody wants to hear, or does not any more. Its
// fields are the feed's, under its lock.
type interest struct {
	kind kind
	wire string // the name as Redis has it
	name string // as the handler has it

	handler Handler
	wanted  bool

	// What this connection knows of it.
	asked     bool // the last command was to subscribe
	pending   int  // commands whose confirmations are due
	confirmed bool // the last confirmation was of a subscription
	refused   bool // Redis has said no
	restoring bool // it was wanted before the connection began
	queued    bool // it is in line for a command
	alone     bool // it was refused together with others; ask for it alone

	changed chan struct{} // closed when a field changes that somebody waits for; nil if nobody does
}

// announce wakes those who wait for a change.
func (i *interest) announce() {
	if i.changed != nil {
		close(i.changed)
		i.changed = nil
	}
}

// due reports whether Redis has to be told something.
func (i *interest) due() bool { return i.wanted != i.asked && (!i.wanted || !i.refused) }

// heard reports whether whatever is published now will be heard.
func (i *interest) heard() bool { return i.wanted && i.asked && i.confirmed && i.pending == 0 }

// idle reports whether nobody needs to know of i any more.
func (i *interest) idle() bool { return !i.wanted && !i.asked && !i.queued && i.pending == 0 }

// command is one that was sent: which confirmations are due.
type command struct {
	kind      kind
	subscribe bool
	items     []*interest
	confirmed int // how many of them
}

// verb is what the confirmations are called.
func (c *command) verb() string {
	if c.subscribe {
		return verbs[c.kind].subscribe
	}
	return verbs[c.kind].unsubscribe
}

// bytes is the command as Redis wants it.
func (c *command) bytes() []byte {
	words := make([]string, 0, 1+len(c.items))
	words = append(words, c.verb())
	for _, i := range c.items {
		words = append(words, i.wire)
	}
	return newCommand(words...)
}

const (
	// maxNames is how many names a command has. Redis does nothing else while
	// it works on one, which takes a fraction of a millisecond.
	maxNames = 256
	// window is how many commands may wait for their confirmations.
	window = 2
)

// next takes names that are in line and makes a command of them. It returns
// nil if there are none, or if too many confirmations are due. The lock of the
// feed is held.
func (f *feed) next() *command {
	if len(f.sent) >= window {
		return nil
	}
	var c *command
	for len(f.line) > 0 {
		i := f.line[0]
		if i.due() {
			switch {
			case c == nil:
				c = &command{kind: i.kind, subscribe: i.wanted}
			case c.kind != i.kind || c.subscribe != i.wanted || len(c.items) == maxNames || i.alone:
				return f.send(c)
			}
			c.items = append(c.items, i)
			i.asked = i.wanted
			i.pending++
		}
		f.line[0] = nil
		f.line = f.line[1:]
		i.queued = false
		f.dispose(i)
		if i.alone && c != nil {
			i.alone = false
			return f.send(c)
		}
	}
	f.line = nil
	return f.send(c)
}

func (f *feed) send(c *command) *command {
	if c != nil {
		f.sent = append(f.sent, c)
	}
	return c
}

// enqueue puts a name in line, once. The lock of the feed is held.
func (f *feed) enqueue(i *interest) {
	if !i.queued {
		i.queued = true
		f.line = append(f.line, i)
	}
}

// dispose forgets a name that is idle. The lock of the feed is held.
func (f *feed) dispose(i *interest) {
	if i.idle() {
		delete(f.names[i.kind], i.wire)
	}
}
