package report

import (
	"fmt"
	"strings"
)

// The marks around what a run writes into a document.
const (
	begin  = "<!-- make bench: begin -->\n"
	finish = "<!-- make bench: end -->\n"
)

// Section is what a document shows of a run. The chart is at a path as seen
// from the document.
func (r *Results) Section(chart string) string {
	return fmt.Sprintf("Measured on %s: %s. Medians of %s, and in brackets how many times the %s that is.\n\n%s\n"+
		"![The same as a chart](%s)\n\nClients that stop reading, round by round:\n\n%s",
		r.Day, r.Machine, rounds(r.Rounds), r.Subjects[len(r.Subjects)-1], r.Table(), chart, r.SlowTable())
}

func rounds(n int) string {
	if n == 1 {
		return "1 round"
	}
	return fmt.Sprintf("%d rounds", n)
}

// Renew puts a section between the marks of a document.
func Renew(document, section string) (string, error) {
	before, rest, begins := strings.Cut(document, begin)
	_, after, ends := strings.Cut(rest, finish)
	if !begins || !ends {
		return "", fmt.Errorf("the document lacks the lines %q and %q", strings.TrimSpace(begin), strings.TrimSpace(finish))
	}
	return before + begin + "\n" + section + "\n" + finish + after, nil
}
