package peers

import (
	"errors"
	"fmt"

	"github.com/zishang520/engine.io/v2/types"
	theirs "github.com/zishang520/socket.io-go-parser/v2/parser"
)

// errWaits is the error of a reader that asks for more attachments than it is
// given.
var errWaits = errors.New("waits for attachments")

// decodeTheirs reads a message, and as many attachments as it asks for, with
// the library's decoder.
func decodeTheirs(text string, attachments [][]byte) (p packet, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	var decoded *theirs.Packet
	decoder := theirs.NewDecoder()
	if err := decoder.On("decoded", func(args ...any) { decoded, _ = args[0].(*theirs.Packet) }); err != nil {
		return packet{}, err
	}
	if err := decoder.Add(text); err != nil {
		return packet{}, err
	}
	for i := 0; decoded == nil; i++ {
		if i == len(attachments) {
			return packet{}, errWaits
		}
		if err := decoder.Add(attachments[i]); err != nil {
			return packet{}, err
		}
	}
	return fromTheirs(decoded), nil
}

func fromTheirs(decoded *theirs.Packet) packet {
	p := packet{Type: byte(decoded.Type), Namespace: decoded.Nsp, HasID: decoded.Id != nil}
	if p.HasID {
		p.ID = *decoded.Id
	}
	p.Value = replace(decoded.Data, func(v any) any {
		if buffer, isBuffer := v.(types.BufferInterface); isBuffer {
			return append([]byte{}, buffer.Bytes()...)
		}
		return v
	})
	return p
}

// feedTheirs feeds texts to one decoder of the library.
func feedTheirs(texts ...string) error {
	decoder := theirs.NewDecoder()
	for _, text := range texts {
		if err := decoder.Add(text); err != nil {
			return err
		}
	}
	return nil
}

// encodeTheirs writes a packet with the library's encoder, which finds out by
// itself whether the packet is binary.
func encodeTheirs(p packet) (text string, attachments [][]byte) {
	out := &theirs.Packet{Type: theirs.PacketType(p.Type), Nsp: p.Namespace, Data: p.Value}
	if p.HasID {
		out.Id = &p.ID
	}
	if p.Type == binaryEvent || p.Type == binaryAck {
		out.Type -= binaryEvent - event
	}
	messages := theirs.NewEncoder().Encode(out)
	for _, attachment := range messages[1:] {
		attachments = append(attachments, append([]byte{}, attachment.Bytes()...))
	}
	return messages[0].String(), attachments
}
