package backend

import (
	"errors"
	"fmt"
	"time"
)

// Limits say how much is asked of one backend, and for how long. They are the
// same whichever way its calls take.
type Limits struct {
	// Timeout is the deadline of every call, in which waiting for one of the
	// MaxInFlight places and repeating count. It is that of each attempt of a call
	// that is patient. Default 5s.
	Timeout time.Duration `yaml:"timeout"`
	// MaxInFlight is how many calls run at once; more wait. Default 256.
	MaxInFlight int `yaml:"max_in_flight"`
	// MaxQueue is how many newcomers wait for a place; more are refused at once.
	// Default 256.
	MaxQueue int `yaml:"max_queue"`
	// BreakerPercent is how many of a hundred calls must fail for the breaker to
	// open. Zero means that there is none; nil, the default, 50.
	BreakerPercent *int `yaml:"breaker_percent"`
	// BreakerPause is how long a backend is left alone before it is tried again.
	// Default 5s.
	BreakerPause time.Duration `yaml:"breaker_pause"`
}

// defaultBreakerPercent opens the breaker where half of the calls fail.
const defaultBreakerPercent = 50

// DefaultLimits fit a backend of a few processes.
func DefaultLimits() Limits {
	return Limits{
		Timeout:        5 * time.Second,
		MaxInFlight:    256,
		MaxQueue:       256,
		BreakerPercent: new(defaultBreakerPercent),
		BreakerPause:   5 * time.Second,
	}
}

// Validate reports everything that is wrong with l.
func (l Limits) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(l.Timeout <= 0, "timeout: %v is not positive", l.Timeout)
	fault(l.MaxInFlight <= 0, "max_in_flight: %d is not positive", l.MaxInFlight)
	fault(l.MaxQueue <= 0, "max_queue: %d is not positive", l.MaxQueue)
	percent := l.breakerPercent()
	fault(percent < 0 || percent > 100, "breaker_percent: %d is not between 0 and 100", percent)
	fault(l.BreakerPause <= 0, "breaker_pause: %v is not positive", l.BreakerPause)
	return errors.Join(faults...)
}

func (l Limits) breakerPercent() int {
	if l.BreakerPercent == nil {
		return defaultBreakerPercent
	}
	return *l.BreakerPercent
}
