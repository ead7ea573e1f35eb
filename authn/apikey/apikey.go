// Package apikey knows the keys with which backends call the Realtime API.
//
// A call says `authorization: Bearer <key>`. [Keys.Check] takes the same time
// for a key that is nearly right as for one that is all wrong.
package apikey

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
)

// MinKeyBytes is the shortest key that [New] takes; shorter ones can be
// guessed.
const MinKeyBytes = 16

// Errors of [Keys.Check].
var (
	ErrMissing = errors.New("no API key")
	ErrInvalid = errors.New("unknown API key")
)

// Key is one API key.
type Key struct {
	// Name tells in logs who called. It is no secret.
	Name string
	// Key is the secret, at least [MinKeyBytes] long.
	Key string
}

// Keys is a set of API keys. It keeps hashes only.
type Keys struct {
	names  []string
	hashes [][sha256.Size]byte
}

// New returns the set of keys, or all that is wrong with them. No keys are a
// set that lets nobody in.
func New(keys []Key) (*Keys, error) {
	k := &Keys{}
	names, hashes := map[string]bool{}, map[[sha256.Size]byte]bool{}
	var faults []error
	for _, key := range keys {
		hash := sha256.Sum256([]byte(key.Key))
		switch {
		case key.Name == "":
			faults = append(faults, errors.New("api_keys: a key has no name"))
		case names[key.Name]:
			faults = append(faults, fmt.Errorf("api_keys.%s: stands twice", key.Name))
		case len(key.Key) < MinKeyBytes:
			faults = append(faults, fmt.Errorf("api_keys.%s: is shorter than %d bytes", key.Name, MinKeyBytes))
		case hashes[hash]:
			faults = append(faults, fmt.Errorf("api_keys.%s: has the same key as another name", key.Name))
		}
		names[key.Name], hashes[hash] = true, true
		k.names, k.hashes = append(k.names, key.Name), append(k.hashes, hash)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return k, nil
}

// Check returns the name of the key in an authorization header, [ErrMissing]
// if there is none, or [ErrInvalid].
func (k *Keys) Check(authorization string) (string, error) {
	scheme, key, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || key == "" {
		return "", ErrMissing
	}
	// Hashing makes all keys equally long, and the loop looks at every one, so
	// the time tells nothing of the keys.
	hash, found := sha256.Sum256([]byte(key)), -1
	for i := range k.hashes {
		match := subtle.ConstantTimeCompare(hash[:], k.hashes[i][:])
		found = subtle.ConstantTimeSelect(match, i, found)
	}
	if found < 0 {
		return "", ErrInvalid
	}
	return k.names[found], nil
}
