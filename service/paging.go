package service

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// Sizes of pages, as the messages say.
const (
	defaultPageSize = 100
	maxPageSize     = 1000
)

// Kinds of page tokens, so that a token of one list is no token of another.
const (
	connectionsToken = 'c'
	roomsToken       = 'r'
)

// cursor says which page of a list is asked for.
type cursor struct {
	kind  byte
	after string // the last key of the page before
	size  int
	more  bool // something is known to follow the items, whatever they are
}

// page returns the items that come next in the order of their keys, and the
// token for those that follow.
func page[T any](at cursor, items []T, key func(T) string) (found []T, next string) {
	byKey := func(item T, k string) int { return strings.Compare(key(item), k) }
	for _, item := range items {
		k := key(item)
		if k <= at.after || len(found) > at.size && k >= key(found[at.size]) {
			continue
		}
		// One more than the page is kept: it tells whether there is a next one.
		i, _ := slices.BinarySearchFunc(found, k, byKey)
		found = slices.Insert(found[:min(len(found), at.size)], i, item)
	}
	if len(found) <= at.size && (!at.more || len(found) == 0) {
		return found, ""
	}
	found = found[:min(len(found), at.size)]
	return found, encodeToken(at.kind, key(found[len(found)-1]))
}

func encodeToken(kind byte, last string) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{kind}, last...))
}

// decodeToken reads a token of a kind. Decoding is lenient about line ends and
// spare bits; encoding again is not.
func decodeToken(kind byte, token string) (last string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) == 0 {
		return "", false
	}
	last = string(raw[1:])
	return last, encodeToken(kind, last) == token && authn.CheckName(last) == nil
}
