package service

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/internal/pattern"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// JoinConfig says which rooms clients may join by themselves, in an event. Zero
// values mean the default.
type JoinConfig struct {
	// Policy says who decides: JoinDeny, JoinPatterns, JoinBackend or JoinOpen.
	Policy string `yaml:"policy"`
	// Patterns are what the names of rooms may look like, with JoinPatterns. In
	// them {user} stands for the client's user.
	Patterns []string `yaml:"patterns"`
	// MaxRequest is how many rooms one event may name.
	MaxRequest int `yaml:"max_request"`
	// MaxRooms is how many rooms a connection may be in, whoever put it there, for
	// its client to join more.
	MaxRooms int `yaml:"max_rooms"`
	// MaxLength is the longest name, in bytes.
	MaxLength int `yaml:"max_length"`
	// ReservedPrefixes are what no name of a client's choice begins with.
	ReservedPrefixes []string `yaml:"reserved_prefixes"`
	// Events are the names of the events.
	Events JoinEvents `yaml:"events"`
}

// JoinEvents are what a client emits, with {"rooms": [names]}.
type JoinEvents struct {
	Join  string `yaml:"join"`
	Leave string `yaml:"leave"`
}

// Who decides which rooms clients may join.
const (
	// JoinDeny: they may join none.
	JoinDeny = "deny"
	// JoinPatterns: the names that the configuration allows.
	JoinPatterns = "patterns"
	// JoinBackend: the backend, by AuthorizeJoin.
	JoinBackend = "backend"
	// JoinOpen: they may join all. It is for development.
	JoinOpen = "open"
)

// WithDefaults returns c with the defaults in place of zeros.
func (c JoinConfig) WithDefaults() JoinConfig {
	c.Policy = cmp.Or(c.Policy, JoinDeny)
	c.MaxRequest = cmp.Or(c.MaxRequest, 100)
	c.MaxRooms = cmp.Or(c.MaxRooms, 1000)
	c.MaxLength = cmp.Or(c.MaxLength, 128)
	c.Events.Join = cmp.Or(c.Events.Join, "join")
	c.Events.Leave = cmp.Or(c.Events.Leave, "leave")
	return c
}

// Validate reports every fault of a configuration with its defaults.
func (c JoinConfig) Validate() error {
	var faults []error
	if !slices.Contains([]string{JoinDeny, JoinPatterns, JoinBackend, JoinOpen}, c.Policy) {
		faults = append(faults, fmt.Errorf("policy: %q is none of %s, %s and %s", c.Policy, JoinDeny, JoinPatterns, JoinBackend))
	}
	if (c.Policy == JoinPatterns) != (len(c.Patterns) > 0) {
		faults = append(faults, fmt.Errorf("patterns: are needed with policy %s, and only with it", JoinPatterns))
	}
	for i, text := range c.Patterns {
		if _, err := newRoomPattern(text); err != nil {
			faults = append(faults, fmt.Errorf("patterns[%d]: %w", i, err))
		}
	}
	for _, n := range []struct {
		key   string
		value int
		most  int
	}{
		{"max_request", c.MaxRequest, 10_000},
		{"max_rooms", c.MaxRooms, 1_000_000},
		{"max_length", c.MaxLength, authn.MaxNameBytes},
	} {
		if n.value < 1 || n.value > n.most {
			faults = append(faults, fmt.Errorf("%s: %d is not between 1 and %d", n.key, n.value, n.most))
		}
	}
	if slices.Contains(c.ReservedPrefixes, "") {
		faults = append(faults, errors.New("reserved_prefixes: every name begins with an empty one"))
	}
	for _, e := range []struct{ key, name string }{{"join", c.Events.Join}, {"leave", c.Events.Leave}} {
		event := sio.Event{Name: e.name}
		if err := event.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("events.%s: %w", e.key, err))
		}
	}
	if c.Events.Join == c.Events.Leave {
		faults = append(faults, fmt.Errorf("events: %q stands twice", c.Events.Join))
	}
	return errors.Join(faults...)
}

// JoinPolicy is a [JoinConfig] that is obeyed.
type JoinPolicy struct {
	JoinConfig
	patterns []roomPattern
	// noIDs refuses names that could be the id of a connection.
	noIDs bool
}

// NewJoinPolicy makes the policy of a configuration with its defaults. noIDs
// refuses names that could be the id of a connection: where Node's servers are
// part of the cluster, they mean the connection and the room by such a name.
func NewJoinPolicy(cfg JoinConfig, noIDs bool) (*JoinPolicy, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := &JoinPolicy{JoinConfig: cfg, noIDs: noIDs}
	for _, text := range cfg.Patterns {
		room, err := newRoomPattern(text)
		if err != nil {
			return nil, err
		}
		p.patterns = append(p.patterns, room)
	}
	return p, nil
}

// hears reports whether an event is a wish to join or leave rooms.
func (p *JoinPolicy) hears(e *sio.ClientEvent) bool {
	return p != nil && (e.Name == p.Events.Join || e.Name == p.Events.Leave)
}

// Codes of rooms that a client may not join.
const (
	// RoomInvalid: no client may choose such a name.
	RoomInvalid = "ROOM_INVALID"
	// RoomReserved: the name is one of those that only backends give.
	RoomReserved = "ROOM_RESERVED"
	// RoomDenied: the policy does not allow it.
	RoomDenied = "ROOM_DENIED"
)

// confine says what is wrong with a name, whatever the policy: one of the codes,
// or "".
func (p *JoinPolicy) confine(room string) string {
	switch {
	case room == "" || len(room) > p.MaxLength || strings.ContainsFunc(room, unspeakable):
		return RoomInvalid
	case p.noIDs && idShaped.MatchString(room),
		slices.ContainsFunc(p.ReservedPrefixes, func(prefix string) bool { return strings.HasPrefix(room, prefix) }):
		return RoomReserved
	}
	return ""
}

// unspeakable are runes that nobody sees, or that stand for what is no text.
func unspeakable(r rune) bool { return !unicode.IsGraphic(r) || r == utf8.RuneError }

// idShaped is what ids look like, those of Node's servers too.
var idShaped = regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`)

// allowed are those of the rooms that fit a pattern, for a client of this user.
func (p *JoinPolicy) allowed(user string, rooms []string) []string {
	var fitting []*regexp.Regexp
	for _, pattern := range p.patterns {
		if whole := pattern.of(user); whole != nil {
			fitting = append(fitting, whole)
		}
	}
	var allowed []string
	for _, room := range rooms {
		if slices.ContainsFunc(fitting, func(whole *regexp.Regexp) bool { return whole.MatchString(room) }) {
			allowed = append(allowed, room)
		}
	}
	return allowed
}

// userMark is what stands for the user in a pattern.
const userMark = "{user}"

// roomPattern is a pattern of rooms. One with the user in it is another for every
// user.
type roomPattern struct {
	text  string
	whole *regexp.Regexp // nil if the user is in it
}

func newRoomPattern(text string) (roomPattern, error) {
	p := roomPattern{text: text}
	if userInClass(text) {
		return p, errUserInClass
	}
	whole, err := p.with("u")
	if !strings.Contains(text, userMark) {
		p.whole = whole
	}
	return p, err
}

// errUserInClass: between brackets the user's name would be a set of characters.
var errUserInClass = errors.New(userMark + " stands between brackets")

// userInClass reports whether the user stands in a set of characters, such as
// "[abc]".
func userInClass(text string) bool {
	inside := false
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case rest[0] == '\\':
			i++ // what comes is a character
		case inside && strings.HasPrefix(rest, userMark):
			return true
		case inside && strings.HasPrefix(rest, "[:"): // of a name such as [:alpha:]
			i += max(strings.Index(rest, ":]"), 0) + 1
		case inside && rest[0] == ']':
			inside = false
		case !inside && rest[0] == '[':
			inside = true
			i += len(rest[1:]) - len(strings.TrimPrefix(strings.TrimPrefix(rest[1:], "^"), "]"))
		}
	}
	return false
}

// of is the pattern for a user. It is nil where it needs one, and there is none.
func (p roomPattern) of(user string) *regexp.Regexp {
	if p.whole != nil {
		return p.whole
	}
	if user == "" {
		return nil
	}
	whole, err := p.with(user)
	if err != nil {
		return nil // the user's name makes it too large; nothing fits then
	}
	return whole
}

func (p roomPattern) with(user string) (*regexp.Regexp, error) {
	return pattern.Compile(strings.ReplaceAll(p.text, userMark, `(?:`+regexp.QuoteMeta(user)+`)`))
}
