package authority

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed52a35d2d/realtime-server/internal/pattern"
)

// Kind says how a caller has shown who it is. The text is the key of log lines.
type Kind string

// The kinds.
const (
	ByKey         Kind = "api_key"
	ByCertificate Kind = "identity"
)

// Caller is one caller. It is safe for concurrent use.
type Caller struct {
	// Name is the one of the configuration. No other caller has it.
	Name string
	Kind Kind

	grant    Grant
	patterns []*regexp.Regexp // of grant.Namespaces
	limit    *rate.Limiter    // nil without a limit
}

func newCaller(name string, kind Kind, grant Grant) *Caller {
	c := &Caller{Name: name, Kind: kind, grant: grant}
	for _, text := range grant.Namespaces {
		if pattern.Is(text) {
			whole, _ := pattern.Compile(text) // a faulty one is refused with its grant
			c.patterns = append(c.patterns, whole)
		}
	}
	if grant.CallsPerSecond > 0 {
		burst := grant.Burst
		if burst == 0 {
			burst = int(math.Ceil(grant.CallsPerSecond))
		}
		c.limit = rate.NewLimiter(rate.Limit(grant.CallsPerSecond), burst)
	}
	return c
}

// follow makes c go on with what its predecessor of the same name has used up:
// whoever can have the keys read anew would call as fast as it likes otherwise.
func (c *Caller) follow(before *Caller) {
	if before == nil || before.limit == nil || c.limit == nil ||
		before.limit.Limit() != c.limit.Limit() || before.limit.Burst() != c.limit.Burst() {
		return
	}
	c.limit = before.limit
}

// Has reports whether the caller may make calls of a kind.
func (c *Caller) Has(s Scope) bool {
	return len(c.grant.Scopes) == 0 || slices.Contains(c.grant.Scopes, s)
}

// InNamespaces reports whether the caller is limited to namespaces.
func (c *Caller) InNamespaces() bool { return len(c.grant.Namespaces) > 0 }

// Namespace reports whether the caller may deal with a namespace.
func (c *Caller) Namespace(name string) bool {
	return c.Lists(name) || slices.ContainsFunc(c.patterns, func(p *regexp.Regexp) bool { return p.MatchString(name) })
}

// Lists reports whether the caller's namespaces have this very text. A pattern is
// within them then only: what it stands for cannot be told from what it matches.
func (c *Caller) Lists(text string) bool {
	return !c.InNamespaces() || slices.Contains(c.grant.Namespaces, text)
}

// InRooms reports whether the caller is limited to rooms.
func (c *Caller) InRooms() bool { return len(c.grant.RoomPrefixes) > 0 }

// Room reports whether the caller may deal with a room, or with all rooms whose
// names begin with this one.
func (c *Caller) Room(name string) bool {
	return !c.InRooms() || slices.ContainsFunc(c.grant.RoomPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// Take counts a call. If it comes too early, it is not counted, and wait is when
// to try again.
func (c *Caller) Take() (wait time.Duration) {
	if c.limit == nil {
		return 0
	}
	r := c.limit.Reserve()
	if wait = r.Delay(); wait > 0 {
		r.Cancel()
	}
	return wait
}
