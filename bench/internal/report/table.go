package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Table shows the medians in Markdown, each with its ratio to the floor, and
// below it what was lost and what failed.
func (r *Results) Table() string { return r.TableOf(r.Rows...) }

// TableOf is a table of some of the rows.
func (r *Results) TableOf(rows ...*Row) string {
	var out strings.Builder
	notes := notes{}
	fmt.Fprintf(&out, "| what | unit | %s |\n|---|---|%s\n",
		strings.Join(r.Subjects, " | "), strings.Repeat("---|", len(r.Subjects)))
	for _, row := range rows {
		fmt.Fprintf(&out, "| %s | %s |", row.Name, row.Unit)
		for _, subject := range r.Subjects {
			fmt.Fprintf(&out, " %s |", r.cell(row, subject, &notes))
		}
		out.WriteString("\n")
	}
	return out.String() + notes.text()
}

// cell is a value with its ratio, such as `9.91 (1.20 ×)`.
func (r *Results) cell(row *Row, subject string, notes *notes) string {
	text := "–"
	value, ok := row.Median(subject)
	if ok {
		text = number(value)
	}
	base := r.Subjects[len(r.Subjects)-1]
	if floor, known := row.Median(base); ok && known && subject != base && floor > 0 {
		text += fmt.Sprintf(" (%s ×)", number(value/floor))
	}
	if note := row.note(subject); note != "" {
		text += notes.mark(subject + " " + note)
	}
	return text
}

// number keeps three digits that count, and no more.
func number(value float64) string {
	switch size := math.Abs(value); {
	case size >= 100:
		return strconv.FormatFloat(math.Round(value), 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	default:
		return strconv.FormatFloat(value, 'f', 2, 64)
	}
}

// note says what was lost in all rounds, or why a round has no number.
func (r *Row) note(subject string) string {
	var lost, sent int
	for _, v := range r.Values[subject] {
		if v.Failure != "" {
			return v.Failure
		}
		lost += v.Lost
		sent += v.Sent
	}
	if lost == 0 {
		return ""
	}
	return fmt.Sprintf("lost %s %% of %s", number(100*float64(lost)/float64(sent)), thousands(sent))
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// notes are footnotes in the order of their first mark.
type notes struct{ texts []string }

func (n *notes) mark(text string) string {
	at := slices.Index(n.texts, text)
	if at < 0 {
		at = len(n.texts)
		n.texts = append(n.texts, text)
	}
	return fmt.Sprintf(" <sup>%d</sup>", at+1)
}

func (n *notes) text() string {
	var out strings.Builder
	for i, text := range n.texts {
		if i == 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "%d. %s.\n", i+1, text)
	}
	return out.String()
}

// SlowTable shows the rounds with clients that stop reading.
func (r *Results) SlowTable() string {
	var out strings.Builder
	out.WriteString("| room | stop reading | closed as `slow consumer` | p99 of the others, all reading | with them | ratio | resident before | at most | bound of a queue |\n" +
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range r.Slow {
		fmt.Fprintf(&out, "| %s | %d | %d | %s ms | %s ms | %s | %s MB | %s MB | %d KiB |\n",
			thousands(s.Room), s.Stalled, s.Closed, number(s.P99Before), number(s.P99During), number(s.P99During/s.P99Before),
			number(float64(s.ResidentBefore)/1e6), number(float64(s.ResidentPeak)/1e6), s.MaxQueue>>10)
	}
	return out.String()
}
