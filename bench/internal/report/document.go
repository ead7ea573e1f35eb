package report

import (
	"fmt"
	"strings"
)

// marks are the lines around what a command writes into a document.
func marks(command string) (begin, finish string) {
	return "<!-- " + command + ": begin -->\n", "<!-- " + command + ": end -->\n"
}

// Summary says what was measured where, and how to read the tables.
func (r *Results) Summary() string {
	return fmt.Sprintf("Measured on %s: %s. Medians of %s, and in brackets how many times the %s that is.",
		r.Day, r.Machine, rounds(r.Rounds), r.Subjects[len(r.Subjects)-1])
}

// Section is what a document shows of a run. The chart is at a path as seen
// from the document.
func (r *Results) Section(chart string) string {
	return fmt.Sprintf("%s\n\n%s\n![The same as a chart](%s)\n\nClients that stop reading, round by round:\n\n%s",
		r.Summary(), r.Table(), chart, r.SlowTable())
}

func rounds(n int) string {
	if n == 1 {
		return "1 round"
	}
	return fmt.Sprintf("%d rounds", n)
}

// Renew puts a section between the marks that a command has in a document.
func Renew(document, command, section string) (string, error) {
	begin, finish := marks(command)
	before, _, after, err := cut(document, command)
	if err != nil {
		return "", err
	}
	return before + begin + "\n" + section + "\n" + finish + after, nil
}

// Shown is the section that a command has put into a document.
func Shown(document, command string) (string, error) {
	_, section, _, err := cut(document, command)
	return strings.TrimPrefix(strings.TrimSuffix(section, "\n"), "\n"), err
}

func cut(document, command string) (before, between, after string, err error) {
	begin, finish := marks(command)
	before, rest, begins := strings.Cut(document, begin)
	between, after, ends := strings.Cut(rest, finish)
	if !begins || !ends {
		return "", "", "", fmt.Errorf("the document lacks the lines %q and %q", strings.TrimSpace(begin), strings.TrimSpace(finish))
	}
	return before, between, after, nil
}
