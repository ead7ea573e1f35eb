// Package contentcoding chooses the content coding of an HTTP response.
package contentcoding

import (
	"strconv"
	"strings"
)

// Choose returns the content coding that suits a client best, of those
// that are there, the best of ours first; "" means none (RFC 9110, section
// 12.5.3).
func Choose(accept []string, ours ...string) string {
	weights := map[string]float64{}
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		coding, parameter, _ := strings.Cut(item, ";")
		if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "" {
			weights[coding] = weight(parameter)
		}
	}
	best, most := "", weights["identity"]
	for _, coding := range ours {
		w, named := weights[coding]
		if !named {
			w = weights["*"]
		}
		if w > 0 && (w > most || best == "" && w == most) {
			best, most = coding, w
		}
	}
	return best
}

// weight reads `q=0.5`; what is no weight counts as none at all.
func weight(parameter string) float64 {
	name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
	if name == "" {
		return 1
	}
	w, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if !strings.EqualFold(strings.TrimSpace(name), "q") || err != nil || !(w >= 0 && w <= 1) {
		return 0
	}
	return w
}
