package parser

import "bytes"

// Limits are what a peer's packets are held to.
type Limits struct {
	// Attachments is how many binary messages a packet may announce.
	Attachments int
	// Depth is how deep the arrays and objects of its payload may nest.
	Depth int
}

// MaxDepth is how deep an argument that is sent to clients may nest. Common
// JSON decoders of other languages recurse and give up at about 1,000.
const MaxDepth = 1000

// deeper reports whether the arrays and objects of a JSON text nest deeper
// than limit. Of what is no JSON it says anything. It looks at every byte at
// most twice and keeps nothing.
func deeper(v []byte, limit int) bool {
	// What has few brackets, and most texts do, is not looked at closely.
	if bytes.Count(v, []byte{'['})+bytes.Count(v, []byte{'{'}) <= limit {
		return false
	}
	depth := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '"':
			i = skipString(v, i) - 1
		case '[', '{':
			if depth++; depth > limit {
				return true
			}
		case ']', '}':
			depth--
		}
	}
	return false
}
