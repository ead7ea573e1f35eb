package journal

import (
	"strconv"
	"strings"
)

// parse returns milliseconds and sequence of an id; zero for what is none.
func parse(id string) (parts [2]uint64) {
	ms, seq, _ := strings.Cut(id, "-")
	for i, text := range []string{ms, seq} {
		parts[i], _ = strconv.ParseUint(text, 10, 64) // likewise
	}
	return parts
}
