package engineio

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Compression says what is compressed on the way to clients that understand
// it, and how hard.
type Compression struct {
	Enabled bool `yaml:"enabled"`
	// Threshold is how many bytes are worth it: less is sent as it is.
	Threshold int `yaml:"threshold"`
	// Level is between 1, fast, and 9, small.
	Level int `yaml:"level"`
}

// defaultCompression has Socket.IO's threshold. The level is where JSON stops
// to get noticeably smaller: at zlib's own, 6, it takes half as long again.
func defaultCompression(enabled bool) Compression {
	return Compression{Enabled: enabled, Threshold: 1024, Level: 3}
}

func (c *Compression) faults(key string) []error {
	var faults []error
	if c.Threshold < 0 {
		faults = append(faults, fmt.Errorf("%s.threshold: %d is not a number of bytes", key, c.Threshold))
	}
	if c.Level < 1 || c.Level > 9 {
		faults = append(faults, fmt.Errorf("%s.level: %d is not between 1 and 9", key, c.Level))
	}
	return faults
}

// savings counts what compression is good for, on one transport.
type savings struct{ input, output prometheus.Counter }

func (s *savings) count(before, after int) {
	s.input.Add(float64(before))
	s.output.Add(float64(after))
}

// maxKept is the largest buffer that a pool keeps, in bytes.
const maxKept = 64 << 10
