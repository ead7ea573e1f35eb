package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// packetType is the first character of a packet (protocol, "Protocol").
type packetType byte

const (
	packetOpen    packetType = '0'
	packetClose   packetType = '1'
	packetPing    packetType = '2'
	packetPong    packetType = '3'
	packetMessage packetType = '4'
	packetUpgrade packetType = '5'
	packetNoop    packetType = '6'
)

// separator stands between the packets of a polling body.
const separator = 0x1e

// packet is one packet from a client. Binary packets are messages.
type packet struct {
	kind   packetType
	binary bool
	data   []byte
}

var errPacket = errors.New("not an Engine.IO packet")

// decodeText reads a packet from a text frame.
func decodeText(text []byte) (packet, error) {
	if len(text) == 0 || text[0] < byte(packetOpen) || text[0] > byte(packetNoop) {
		return packet{}, errPacket
	}
	return packet{kind: packetType(text[0]), data: text[1:]}, nil
}

// decodePolling reads the first packet of a polling body and returns what
// comes after it, nil at the end.
func decodePolling(body []byte) (p packet, rest []byte, err error) {
	text, rest, more := bytes.Cut(body, []byte{separator})
	if !more {
		rest = nil
	}
	if len(text) == 0 || text[0] != 'b' {
		p, err = decodeText(text)
		return p, rest, err
	}
	data, err := base64.StdEncoding.AppendDecode(nil, text[1:])
	if err != nil {
		return packet{}, nil, errPacket
	}
	return packet{kind: packetMessage, binary: true, data: data}, rest, nil
}
