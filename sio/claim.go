package sio

import (
	"bytes"
	"encoding/json"
)

// claim is what the stock client sends beside its auth when it wants back what
// it was.
type claim struct {
	pid string
	// offset is that of the last event that it has got; "" if it has got none.
	offset string
}

// cutClaim takes a claim out of an auth payload, which is one JSON object or
// nil. The rest stays as it is, byte for byte: it is for others, who must not
// learn the pid. Without a pid there is no claim.
func cutClaim(auth []byte) (claim, []byte) {
	if !bytes.Contains(auth, []byte(`"pid"`)) {
		return claim{}, auth
	}
	var asked struct{ PID, Offset any }
	rest := []byte{'{'}
	decoder := json.NewDecoder(bytes.NewReader(auth))
	_, err := decoder.Token() // the brace
	for err == nil && decoder.More() {
		var key json.Token
		var value json.RawMessage
		start := decoder.InputOffset()
		if key, err = decoder.Token(); err != nil {
			break
		}
		if err = decoder.Decode(&value); err != nil {
			break
		}
		switch key {
		case "pid":
			_ = json.Unmarshal(value, &asked.PID) // is JSON
		case "offset":
			_ = json.Unmarshal(value, &asked.Offset)
		default:
			rest = appendMember(rest, auth[start:decoder.InputOffset()])
		}
	}
	pid, ours := asked.PID.(string)
	if err != nil || !ours { // another pid than ours
		return claim{}, auth
	}
	c := claim{pid: pid}
	if asked.Offset != nil { // the msgpack dialect has null where there is none
		c.offset, ours = asked.Offset.(string)
		if !ours || c.offset == "" {
			c.offset = "none of ours"
		}
	}
	return c, append(rest, '}')
}

// appendMember appends a member of an object, which may begin with the comma
// and the space before it.
func appendMember(dst, member []byte) []byte {
	if len(dst) > 1 {
		dst = append(dst, ',')
	}
	return append(dst, bytes.TrimLeft(member, ", \t\r\n")...)
}
