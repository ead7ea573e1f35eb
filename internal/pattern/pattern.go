// Package pattern reads the patterns of a configuration: regular expressions
// in RE2 syntax, which take a time that grows with the text alone, between "^"
// and "$", so that they match whole texts only.
package pattern

import (
	"errors"
	"regexp"
	"strings"
)

// Is tells a pattern from a plain text.
func Is(text string) bool { return strings.HasPrefix(text, "^") }

// Compile reads a pattern. What it returns matches whole texts, whatever
// stands between the ends.
func Compile(text string) (*regexp.Regexp, error) {
	inner, begins := strings.CutPrefix(text, "^")
	inner, ends := strings.CutSuffix(inner, "$")
	if !begins || !ends {
		return nil, errors.New(`a pattern begins with "^" and ends with "$"`)
	}
	if _, err := regexp.Compile(inner); err != nil {
		return nil, err // a stray parenthesis would end the group below
	}
	return regexp.Compile(`^(?:` + inner + `)$`)
}
