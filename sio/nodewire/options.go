package nodewire

import (
	"math"
	"strconv"
	"time"
)

// Options say which sockets are meant, and how. The zero value is nobody.
type Options struct {
	// Everyone is all sockets of the namespace: what an empty list of rooms
	// means on the wire. Rooms is then empty.
	Everyone bool
	// Rooms are names of rooms and ids of sockets, which Node has in one name
	// space. The union of them is meant. Numbers, which are names of their own
	// for Node, are the same as their digits.
	Rooms []string
	// Except are those whose members are not meant.
	Except []string
	Flags  Flags
}

// Flags say how an event is sent. Flags that are not here are passed over.
type Flags struct {
	// Volatile events are dropped for clients that cannot take them at once.
	Volatile bool
	// Plain events are not compressed; Node's flag is compress: false.
	Plain bool
	// Local was meant for the sender's own clients. Node never publishes such.
	Local bool
	// Timeout is how long the sender waits for acknowledgements.
	Timeout time.Duration
}

// maxTimeout is the longest delay of a JavaScript timer.
const maxTimeout = math.MaxInt32 * time.Millisecond

// options reads {rooms, except, flags}. A list that is missing is empty, but
// options that are missing altogether are no wish to reach everyone.
func (r *reader) options(v []byte) Options {
	o := Options{Everyone: true}
	if isNull(v) {
		r.fail(ErrFormat)
	}
	r.object(v, func(key string, v []byte) {
		switch key {
		case "rooms":
			o.Everyone, o.Rooms = r.rooms(v)
		case "except":
			o.Except = r.names(v)
		case "flags":
			o.Flags = r.flags(v)
		}
	})
	return o
}

// rooms reads the rooms that are meant. A list in which nothing is a name is
// not empty: it means nobody.
func (r *reader) rooms(v []byte) (everyone bool, rooms []string) {
	if isNull(v) {
		return true, nil
	}
	n := 0
	rooms = r.namesOf(v, func() { n++ })
	return n == 0, rooms
}

func (r *reader) flags(v []byte) (f Flags) {
	r.object(v, func(key string, v []byte) {
		switch key {
		case "volatile":
			f.Volatile = truthy(v)
		case "compress":
			f.Plain = !truthy(v)
		case "local":
			f.Local = truthy(v)
		case "timeout":
			f.Timeout = milliseconds(v)
		}
	})
	return f
}

// milliseconds reads a delay. What JavaScript's timers do not take is none.
func milliseconds(v []byte) time.Duration {
	ms, err := strconv.ParseFloat(string(v), 64)
	if err != nil || ms <= 0 {
		return 0
	}
	return time.Duration(min(math.Ceil(ms), math.MaxInt32)) * time.Millisecond
}

// options writes {rooms, except, flags}. Some messages of Node's have no flags;
// flags says that this one always has them.
func (w *writer) options(o *Options, flags bool) *writer {
	w.raw("{").key("rooms").rooms(o)
	w.key("except").targets(o.Except)
	if flags || o.Flags != (Flags{}) {
		w.key("flags").flags(&o.Flags)
	}
	return w.raw("}")
}

// rooms writes the rooms that are meant.
func (w *writer) rooms(o *Options) {
	switch {
	case o.Everyone:
		w.raw("[]")
	case len(o.Rooms) == 0:
		w.raw("[null]") // the name of no room; an empty list would be everyone
	default:
		w.targets(o.Rooms)
	}
}

// targets writes the names of rooms that sockets may be in. A program that
// makes sockets join 7 and not "7" is common, and for Node these are two rooms:
// such names stand there both ways.
func (w *writer) targets(names []string) {
	w.raw("[")
	for i, name := range names {
		if i > 0 {
			w.raw(",")
		}
		w.text(name)
		if n, err := strconv.ParseInt(name, 10, 54); err == nil && strconv.FormatInt(n, 10) == name {
			w.raw(",").number(n)
		}
	}
	w.raw("]")
}

// flags writes those that are set: some servers look at whether one is there.
func (w *writer) flags(f *Flags) {
	w.raw("{")
	if f.Volatile {
		w.key("volatile").bool(true)
	}
	if f.Plain {
		w.key("compress").bool(false)
	}
	if f.Local {
		w.key("local").bool(true)
	}
	if f.Timeout > 0 {
		w.key("timeout").number(roundUp(f.Timeout))
	}
	w.raw("}")
}

func roundUp(d time.Duration) int64 {
	return int64((min(d, maxTimeout) + time.Millisecond - 1) / time.Millisecond)
}
