package registry

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Node is one process, as the registry knows it.
type Node struct {
	// ID is what the operator calls the node; one process at a time has it.
	ID string
	// Tag begins the ids that the node makes. Empty if Redis has lost it.
	Tag string
	// Generation grows with every join of the ID.
	Generation uint64
	// Version is what the node runs.
	Version string
	// Address is where the others reach the node; see Params.
	Address string
	// Settings are as in Params; nil of a version that does not say them.
	Settings map[string]string
	// Started is when the process first joined, by Redis's clock.
	Started time.Time
	// Load is what the node had to do at its last renewal.
	Load Load
	// Renewed is how long ago that was, by Redis's clock.
	Renewed time.Duration
}

// Load is how much a node has to do.
type Load struct {
	Connections int `json:"connections,omitempty"`
	Sessions    int `json:"sessions,omitempty"`
}

// key names a generation in Redis.
type key struct {
	id         string
	generation uint64
}

func (k key) String() string { return k.id + "/" + k.number() }

func (k key) number() string { return strconv.FormatUint(k.generation, 10) }

// parseKey reads what String makes. An id may contain a slash.
func parseKey(s string) (key, bool) {
	slash := strings.LastIndexByte(s, '/')
	if slash < 0 {
		return key{}, false
	}
	generation, err := strconv.ParseUint(s[slash+1:], 10, 64)
	return key{s[:slash], generation}, err == nil
}

// info is what a node says of itself. Nodes of other versions read it: fields
// may be added, and a field that is unknown or absent is no fault.
type info struct {
	Tag     string `json:"tag"`
	Version string `json:"version,omitempty"`
	Address string `json:"address,omitempty"`
	// Settings are sent as they are, empty ones as well.
	Settings map[string]string `json:"settings,omitempty"`
	// Started is in ms, and 0 until Redis has told the time.
	Started int64 `json:"started,omitempty"`
	Load
}

func (i info) encode() string {
	b, _ := json.Marshal(i) // strings and numbers: never fails
	return string(b)
}

// node is what is known of a generation. Bad JSON is as good as none.
func (k key) node(said string) Node {
	var i info
	_ = json.Unmarshal([]byte(said), &i)
	if i.Started == 0 {
		i.Started = int64(k.generation) //nolint:gosec // a generation is the time of its join in ms
	}
	return Node{
		ID: k.id, Tag: i.Tag, Generation: k.generation, Version: i.Version, Address: i.Address, Settings: i.Settings,
		Started: time.UnixMilli(i.Started), Load: i.Load,
	}
}

// TagLength is how many characters a tag has.
const TagLength = 4

// newTag draws a tag of [A-Za-z0-9_-].
func newTag() string {
	var random [TagLength * 6 / 8]byte
	_, _ = rand.Read(random[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// checkID says what is wrong with a node id.
func checkID(id string) error {
	if id == "" || len(id) > 200 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("node id %q: must have 1 to 200 bytes, without spaces and control characters", id)
	}
	return nil
}
