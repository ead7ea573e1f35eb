package load

import "fmt"

// Counts says what became of numbered messages.
type Counts struct {
	Sent, Lost, Repeated, Reordered int
}

// Received is how many different messages arrived.
func (c Counts) Received() int { return c.Sent - c.Lost }

// Perfect reports whether every message arrived once and in its turn.
func (c Counts) Perfect() bool { return c.Lost+c.Repeated+c.Reordered == 0 }

// String is made for people.
func (c Counts) String() string {
	return fmt.Sprintf("%d of %d received, %d lost, %d repeated, %d reordered",
		c.Received(), c.Sent, c.Lost, c.Repeated, c.Reordered)
}

// plus sums the counts of two receivers.
func (c Counts) plus(other Counts) Counts {
	c.Sent += other.Sent
	c.Lost += other.Lost
	c.Repeated += other.Repeated
	c.Reordered += other.Reordered
	return c
}

// stream checks the numbers that one receiver should see: 0, 1, 2, …
type stream struct {
	seen      []bool
	highest   int
	received  int
	repeated  int
	reordered int
}

// newStream expects the numbers below total.
func newStream(total int) *stream { return &stream{seen: make([]bool, total), highest: -1} }

func (s *stream) take(number int) error {
	switch {
	case number < 0 || number >= len(s.seen):
		return fmt.Errorf("number %d was never sent", number)
	case s.seen[number]:
		s.repeated++
		return nil
	case number < s.highest:
		s.reordered++
	}
	s.seen[number] = true
	s.received++
	s.highest = max(s.highest, number)
	return nil
}

func (s *stream) counts() Counts {
	return Counts{Sent: len(s.seen), Lost: len(s.seen) - s.received, Repeated: s.repeated, Reordered: s.reordered}
}
