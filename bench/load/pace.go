package load

import "time"

// Pace says how many messages a sender sends, and how fast. It is a wish: a
// sender that the machine holds up sends what is due as soon as it can.
type Pace struct {
	PerSecond int
	Total     int
}

// tick is how often a sender looks at what is due.
const tick = 10 * time.Millisecond

// run calls send with the numbers that are due, until all were sent.
func (p Pace) run(send func(from, to int) error) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	start := time.Now()
	for next := 0; next < p.Total; {
		<-ticker.C
		due := min(p.Total, int(time.Since(start).Seconds()*float64(p.PerSecond)))
		if due == next {
			continue
		}
		if err := send(next, due); err != nil {
			return err
		}
		next = due
	}
	return nil
}
