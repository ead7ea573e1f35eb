package siotest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// toMsgpack encodes what a line of a conversation says in JSON. An object
// {"$bytes":"0102"} stands for bytes.
func toMsgpack(text string) ([]byte, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return appendMsgpack(nil, value)
}

// appendMsgpack appends a value, keys in the order of the alphabet.
func appendMsgpack(dst []byte, value any) (_ []byte, err error) {
	switch v := value.(type) {
	case map[string]any:
		if digits, ok := v["$bytes"].(string); ok {
			data, err := hex.DecodeString(digits)
			return msgp.AppendBytes(dst, data), err
		}
		dst = msgp.AppendMapHeader(dst, uint32(len(v)))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if dst, err = appendMsgpack(msgp.AppendString(dst, key), v[key]); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case []any:
		dst = msgp.AppendArrayHeader(dst, uint32(len(v)))
		for _, element := range v {
			if dst, err = appendMsgpack(dst, element); err != nil {
				return nil, err
			}
		}
		return dst, nil
	default:
		return msgp.AppendIntf(dst, value)
	}
}

// fromMsgpack writes a message in JSON; bytes are strings in base64.
func fromMsgpack(message []byte) (string, error) {
	var text bytes.Buffer
	_, err := msgp.UnmarshalAsJSON(&text, message)
	return text.String(), err
}
