package engineio

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/seed52a35d2d/realtime-server/internal/pattern"
)

// origins are those that pages may connect from.
type origins struct {
	all      bool
	exact    []string    // in small letters, as browsers write them
	affixes  [][2]string // what stands before and after a "*"
	patterns []*regexp.Regexp
}

// newOrigins reads the origins of a configuration.
func newOrigins(texts []string) (*origins, error) {
	o := &origins{}
	var faults []error
	for _, text := range texts {
		if err := o.add(text); err != nil {
			faults = append(faults, fmt.Errorf("cors.origins: %q %w", text, err))
		}
	}
	return o, errors.Join(faults...)
}

func (o *origins) add(text string) error {
	before, after, wild := strings.Cut(strings.ToLower(text), "*")
	switch {
	case text == "*":
		o.all = true
	case pattern.Is(text):
		whole, err := pattern.Compile(text)
		if err != nil {
			return fmt.Errorf("is no pattern: %w", err)
		}
		o.patterns = append(o.patterns, whole)
	case text != "null" && !strings.Contains(text, "://"):
		return errors.New("is no origin such as https://app.example.com")
	case strings.Contains(after, "*"):
		return errors.New(`has more than one "*"; write a pattern between "^" and "$"`)
	case wild:
		o.affixes = append(o.affixes, [2]string{before, after})
	default:
		o.exact = append(o.exact, before)
	}
	return nil
}

// allow reports whether pages of an origin may connect.
func (o *origins) allow(origin string) bool {
	small := strings.ToLower(origin)
	return o.all || slices.Contains(o.exact, small) ||
		slices.ContainsFunc(o.affixes, func(affix [2]string) bool {
			return len(small) >= len(affix[0])+len(affix[1]) && strings.HasPrefix(small, affix[0]) && strings.HasSuffix(small, affix[1])
		}) ||
		slices.ContainsFunc(o.patterns, func(whole *regexp.Regexp) bool { return whole.MatchString(origin) })
}
