package sio

import "encoding/binary"

// ticket is an absentee as servers share it: of a client that has lost its
// connection, or of one that might.
type ticket struct {
	*absentee
	space string // the name of the namespace
}

func (t *ticket) encode() []byte {
	dst := []byte{ticketVersion, 0}
	if t.ongoing {
		dst[1] = 1
	}
	for _, text := range []string{t.space, t.id, t.user} {
		dst = appendText(dst, text)
	}
	for _, at := range []offset{t.since, t.last, t.away, t.stays.floor} {
		dst = binary.AppendUvarint(dst, uint64(at))
	}
	dst = binary.AppendUvarint(dst, uint64(len(t.stays.all)))
	for _, st := range t.stays.all {
		dst = appendText(dst, st.room)
		dst = binary.AppendUvarint(dst, uint64(st.from))
		dst = binary.AppendUvarint(dst, uint64(st.until))
	}
	return appendText(dst, t.memory)
}

// decodeTicket reads what encode has written. The error is errGarbled.
func decodeTicket(pid string, data []byte) (*ticket, error) {
	in := &reading{rest: data}
	if in.byte() != ticketVersion {
		return nil, errGarbled
	}
	t := &ticket{absentee: &absentee{pid: pid, ongoing: in.byte() == 1}}
	t.space, t.id, t.user = in.text(), in.text(), in.text()
	for _, at := range []*offset{&t.since, &t.last, &t.away, &t.stays.floor} {
		*at = offset(in.number())
	}
	for n := in.count(); n > 0 && !in.faulty; n-- {
		st := stay{in.text(), offset(in.number()), offset(in.number())}
		if t.stays.all = append(t.stays.all, st); st.until != forever {
			t.stays.past++
		}
	}
	t.memory = in.bytes()
	if err := in.end(); err != nil {
		return nil, err
	}
	return t, nil
}

// pidSize is the length of every pid; they are made by rand.Text.
const pidSize = 26

// isPID reports whether a text may be a pid: what a client says goes to the
// journal.
func isPID(text string) bool {
	for _, c := range []byte(text) {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return len(text) == pidSize
}
