package authority

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed52a35d2d/realtime-server/internal/pattern"
)

// Grant is what a caller may. The zero Grant is everything.
type Grant struct {
	// Scopes are the kinds of calls. None means all.
	Scopes []Scope `yaml:"scopes"`
	// Namespaces are names, or patterns as those of the configuration. None
	// means all.
	Namespaces []string `yaml:"namespaces"`
	// RoomPrefixes are how the names of rooms must begin. None means that the
	// caller is not limited to rooms.
	RoomPrefixes []string `yaml:"room_prefixes"`
	// CallsPerSecond is how many calls it may make in a second, each message
	// that a stream brings after its first included. 0 means no limit.
	CallsPerSecond float64 `yaml:"calls_per_second"`
	// Burst is how many may come at once. 0 means those of one second.
	Burst int `yaml:"burst"`
}

// targets is where the settings of a grant go.
func (g *Grant) targets() map[string]any {
	return map[string]any{
		"scopes": &g.Scopes, "namespaces": &g.Namespaces, "room_prefixes": &g.RoomPrefixes,
		"calls_per_second": &g.CallsPerSecond, "burst": &g.Burst,
	}
}

// settings are the settings that say something, as they would stand in a file.
func (g *Grant) settings() map[string]any {
	said := map[string]any{}
	if len(g.Scopes) > 0 {
		said["scopes"] = g.Scopes
	}
	if len(g.Namespaces) > 0 {
		said["namespaces"] = g.Namespaces
	}
	if len(g.RoomPrefixes) > 0 {
		said["room_prefixes"] = g.RoomPrefixes
	}
	if g.CallsPerSecond != 0 {
		said["calls_per_second"] = g.CallsPerSecond
	}
	if g.Burst != 0 {
		said["burst"] = g.Burst
	}
	return said
}

// Validate reports everything that is wrong with g.
func (g *Grant) Validate() error {
	var faults []error
	for _, s := range g.Scopes {
		if !s.known() {
			faults = append(faults, fmt.Errorf("scopes: %q is none of %q", s, Scopes()))
		}
	}
	for _, name := range g.Namespaces {
		if err := checkNamespace(name); err != nil {
			faults = append(faults, fmt.Errorf("namespaces: %q: %w", name, err))
		}
	}
	for _, prefix := range g.RoomPrefixes {
		if prefix == "" {
			faults = append(faults, errors.New("room_prefixes: an empty one begins every name; leave all out to allow that"))
		}
	}
	if !(g.CallsPerSecond >= 0 && g.CallsPerSecond <= maxRate) { // neither is NaN
		faults = append(faults, fmt.Errorf("calls_per_second: is not a number from 0 to %v", maxRate))
	}
	if g.Burst < 0 || g.Burst > maxRate || g.Burst > 0 && g.CallsPerSecond == 0 {
		faults = append(faults, fmt.Errorf("burst: is not a number from 0 to %v, or stands without calls_per_second", maxRate))
	}
	return errors.Join(faults...)
}

// maxRate is beyond what any server can serve.
const maxRate = 1e9

func checkNamespace(name string) error {
	if pattern.Is(name) {
		_, err := pattern.Compile(name)
		return err
	}
	if !strings.HasPrefix(name, "/") {
		return errors.New(`a namespace begins with "/", a pattern with "^"`)
	}
	return nil
}
