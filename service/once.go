package service

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio"
)

// Once says how an event that a client repeats is known. Stock clients repeat
// an event, under a new acknowledgement id, when they were given the options
// `retries` and `ackTimeout` and have no answer in time.
type Once struct {
	// Window is how long an answer is remembered. Zero turns Once off.
	Window time.Duration
	// Key names what is the same in an event and in its repetition: an argument
	// by its number ("1"), or a field of one that is an object ("0.id"). Empty
	// means all arguments.
	Key string
}

func (o Once) validate() error {
	if o.Window < 0 {
		return fmt.Errorf("once: %v is negative", o.Window)
	}
	if o.Key == "" {
		return nil
	}
	if o.Window == 0 {
		return errors.New("once_key: needs once")
	}
	if _, _, ok := o.path(); !ok {
		return fmt.Errorf(`once_key: %q is neither a number of an argument, as "1", nor a field of one, as "0.id"`, o.Key)
	}
	return nil
}

// path is Key in its parts.
func (o Once) path() (arg int, field string, ok bool) {
	number, field, nested := strings.Cut(o.Key, ".")
	arg, err := strconv.Atoi(number)
	return arg, field, err == nil && arg >= 0 && nested == (field != "")
}

// onceKey is a hash: what clients send is not kept.
type onceKey [sha256.Size]byte

// key is the same for an event and its repetition, by the same user or, without
// one, on the same connection. It is unknown if the client asks for no
// acknowledgement, for then it does not repeat, or has sent no key.
func (o Once) key(s *sio.Socket, e *sio.ClientEvent) (_ onceKey, known bool) {
	if o.Window == 0 || !e.WantsAck() {
		return onceKey{}, false
	}
	parts := make([][]byte, 0, 8)
	if user := s.User(); user != "" {
		parts = append(parts, []byte("user"), []byte(user))
	} else {
		parts = append(parts, []byte("connection"), []byte(s.ID()))
	}
	parts = append(parts, []byte(s.Namespace().Name()), []byte(e.Name))
	same, known := o.same(e.Args)
	if !known {
		return onceKey{}, false
	}
	return onceKeyOf(append(parts, same...)), true
}

// same are the bytes that make an event the same.
func (o Once) same(args []sio.Arg) (_ [][]byte, known bool) {
	if o.Key == "" {
		var all [][]byte
		for _, arg := range args {
			all = append(all, arg.JSON, arg.Binary)
			all = append(all, arg.Attachments...)
		}
		return all, true
	}
	number, field, _ := o.path()
	if number >= len(args) {
		return nil, false
	}
	arg := args[number]
	if field == "" {
		return [][]byte{arg.JSON, arg.Binary}, true
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(arg.JSON, &object) != nil || object[field] == nil {
		return nil, false
	}
	return [][]byte{object[field]}, true
}

// onceKeyOf hashes parts with their lengths, so that no two lists of parts look
// the same.
func onceKeyOf(parts [][]byte) (key onceKey) {
	h := sha256.New()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	h.Sum(key[:0])
	return key
}
