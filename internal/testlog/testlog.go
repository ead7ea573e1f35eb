// Package testlog has a log that a test reads.
package testlog

import (
	"strings"
	"sync"
)

// Log is what was written to it. The zero value is an empty one. It is safe for
// concurrent use.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Count is how often a text is in it.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }

// Lines are those that have all of the texts in them.
func (l *Log) Lines(texts ...string) (found []string) {
	for line := range strings.Lines(l.String()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}
