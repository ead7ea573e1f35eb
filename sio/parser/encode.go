package parser

import (
	"encoding/json"
	"strconv"
)

// Append appends the text message of a packet to dst. The attachments follow
// it as binary messages, in order. EVENT and ACK become their binary types
// when the packet has attachments.
func Append(dst []byte, p *Packet) []byte {
	t := p.Type
	if len(p.Attachments) > 0 && t == Event {
		t = BinaryEvent
	}
	if len(p.Attachments) > 0 && t == Ack {
		t = BinaryAck
	}
	dst = append(dst, '0'+byte(t))
	if t == BinaryEvent || t == BinaryAck {
		dst = strconv.AppendInt(dst, int64(len(p.Attachments)), 10)
		dst = append(dst, '-')
	}
	if p.Namespace != "/" && p.Namespace != "" {
		dst = append(dst, p.Namespace...)
		dst = append(dst, ',')
	}
	if p.HasID {
		dst = strconv.AppendUint(dst, p.ID, 10)
	}
	return append(dst, p.Data...)
}

// NewEvent makes an EVENT of a name and arguments, whose JSON it copies byte
// for byte. The error is an *ArgError.
func NewEvent(namespace, name string, args []Arg) (*Packet, error) {
	quoted, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	data := append([]byte{'['}, quoted...)
	if len(args) > 0 {
		data = append(data, ',')
	}
	return newPacket(&Packet{Type: Event, Namespace: namespace}, data, args)
}

// NewAck makes the ACK that answers the event with this id. The error is an
// *ArgError.
func NewAck(namespace string, id uint64, args []Arg) (*Packet, error) {
	return newPacket(&Packet{Type: Ack, Namespace: namespace, ID: id, HasID: true}, []byte{'['}, args)
}

// newPacket completes the array that data begins.
func newPacket(p *Packet, data []byte, args []Arg) (*Packet, error) {
	binary := hasBytes(args)
	for i, arg := range args {
		if i > 0 {
			data = append(data, ',')
		}
		var problem string
		if data, problem = appendArg(data, p, arg, binary); problem != "" {
			return nil, &ArgError{Index: i, Problem: problem}
		}
		if len(p.Attachments) > MaxAttachments {
			return nil, &ArgError{Index: i, Problem: "brings more binary attachments than the " +
				strconv.Itoa(MaxAttachments) + " that clients accept"}
		}
	}
	p.Data = append(data, ']')
	return p, nil
}

func hasBytes(args []Arg) bool {
	for _, a := range args {
		if a.Binary != nil || len(a.Attachments) > 0 {
			return true
		}
	}
	return false
}

// appendArg appends one argument and gives its bytes to the packet, with the
// packet's numbers. binary says whether the packet will have attachments:
// then every object that a decoder takes for a placeholder must be one.
func appendArg(data []byte, p *Packet, arg Arg, binary bool) (_ []byte, problem string) {
	if arg.Binary != nil {
		p.Attachments = append(p.Attachments, arg.Binary)
		return appendPlaceholder(data, len(p.Attachments)-1), ""
	}
	if deeper(arg.JSON, MaxDepth) {
		return nil, "nests deeper than " + strconv.Itoa(MaxDepth) + " arrays and objects"
	}
	if !json.Valid(arg.JSON) {
		return nil, "is not one JSON text"
	}
	if !binary {
		return append(data, arg.JSON...), ""
	}
	base, places := len(p.Attachments), placeholders(arg.JSON)
	p.Attachments = append(p.Attachments, arg.Attachments...)
	data, err := renumber(data, arg.JSON, places, func(num int) (int, error) {
		if num < 0 || num >= len(arg.Attachments) {
			return 0, ErrPlaceholder
		}
		return base + num, nil
	})
	if err != nil {
		return nil, "has a placeholder without an attachment"
	}
	if repeatedBytes(places, arg.Attachments) > maxRepeated {
		return nil, "has placeholders that repeat attachments too often"
	}
	return data, ""
}

// maxRepeated is how many bytes an argument may have more than its attachments
// have, because several placeholders name the same one. One of the encodings
// has to write them out.
const maxRepeated = 1 << 20

func repeatedBytes(places []placeholder, attachments [][]byte) (n int) {
	seen := make([]bool, len(attachments))
	for _, p := range places {
		if seen[p.num] {
			n += len(attachments[p.num])
		}
		seen[p.num] = true
	}
	return n
}

// ArgError says which argument cannot be encoded, and why.
type ArgError struct {
	Index   int
	Problem string
}

// Error names the argument by its index.
func (e *ArgError) Error() string {
	return "argument " + strconv.Itoa(e.Index) + " " + e.Problem
}
