package sio

import (
	"slices"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// recorded is an event that clients who are away can still get. It never
// changes.
type recorded struct {
	offset  offset
	target  Target
	packets *outgoing // for those who come back
	size    int
	// gap says that this is no event: there are some that were not recorded.
	gap bool
}

// recordedOverhead is what a recorded event costs beside its bytes.
const recordedOverhead = 512

// newRecorded is for an event that was made by withOffset.
func newRecorded(o *outgoing, t Target, at offset) *recorded {
	e := &recorded{offset: at, target: cloneTarget(&t), packets: o}
	if o.options.Tally != nil { // which counts each of the first receivers once
		options := o.options
		options.Tally = nil
		e.packets = newOutgoing(o.packet, options)
	}
	// Twice, because forms of the frame that compression or another dialect
	// need may hang on it.
	e.size = recordedOverhead + 2*o.frame(inJSON).Size() + targetSize(&t)
	for _, a := range o.packet.Attachments {
		e.size += len(a)
	}
	return e
}

func cloneTarget(t *Target) Target {
	return Target{
		Everyone:    t.Everyone,
		Rooms:       slices.Clone(t.Rooms),
		Users:       slices.Clone(t.Users),
		IDs:         slices.Clone(t.IDs),
		ExceptRooms: slices.Clone(t.ExceptRooms),
		ExceptUsers: slices.Clone(t.ExceptUsers),
		ExceptIDs:   slices.Clone(t.ExceptIDs),
	}
}

func targetSize(t *Target) (size int) {
	for _, names := range [][]string{t.Rooms, t.Users, t.IDs, t.ExceptRooms, t.ExceptUsers, t.ExceptIDs} {
		for _, name := range names {
			size += len(name) + 16
		}
	}
	return size
}

// maxStamp is what an offset, or a pid, adds to a packet at most.
const maxStamp = 48

// withOffset makes an event ready to be sent, with its offset as an argument
// behind all others, where the stock client looks for it. The packet's data
// becomes a part of the frame, so that recording the event keeps no copy of it.
func withOffset(p *parser.Packet, options engineio.Options, at offset) *outgoing {
	stamped := *p
	data := make([]byte, 0, len(p.Data)+maxStamp)
	data = append(data, p.Data[:len(p.Data)-1]...) // an array that begins with the name
	stamped.Data = append(at.append(append(data, `,"`...)), `"]`...)
	o := newOutgoing(&stamped, options)
	text := o.frame(inJSON).Text()
	stamped.Data = text[len(text)-len(stamped.Data):]
	return o
}
