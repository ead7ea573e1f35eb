package parser

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// placeholder is an object of a JSON text for which a Socket.IO decoder puts
// the bytes of an attachment: any object whose "_placeholder" is true.
type placeholder struct {
	start, end int
	num        int // -1 if the object has no usable "num"
}

// container is an object or an array that the scan is inside of.
type container struct {
	start int
	flag  bool
	num   int
}

// placeholders finds the outermost placeholders of one JSON text, in order.
func placeholders(v []byte) []placeholder {
	if !bytes.Contains(v, []byte("_placeholder")) && !bytes.ContainsRune(v, '\\') {
		return nil
	}
	var found []placeholder
	var open []container
	for i := 0; i < len(v); {
		switch v[i] {
		case '{', '[':
			open = append(open, container{start: i, num: -1})
			i++
		case '}', ']':
			i++
			if len(open) == 0 {
				return found
			}
			last := open[len(open)-1]
			open = open[:len(open)-1]
			if last.flag {
				for len(found) > 0 && found[len(found)-1].start > last.start {
					found = found[:len(found)-1] // it is within this one, which goes as a whole
				}
				found = append(found, placeholder{last.start, i, last.num})
			}
		case '"':
			end := skipString(v, i)
			if colon := skipSpace(v, end); len(open) > 0 && colon < len(v) && v[colon] == ':' {
				open[len(open)-1].member(v[i:end], v[skipSpace(v, colon+1):])
			}
			i = end
		default:
			i++
		}
	}
	return found
}

// member notes one member of an object. Of repeated keys the last one counts,
// as it does for JSON.parse.
func (c *container) member(key, rest []byte) {
	switch unquote(key) {
	case "_placeholder":
		c.flag = bytes.HasPrefix(rest, []byte("true"))
	case "num":
		c.num = index(rest[:skipLiteral(rest, 0)])
	}
}

func unquote(quoted []byte) string {
	if !bytes.ContainsRune(quoted, '\\') {
		return string(bytes.Trim(quoted, `"`))
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}

// renumber copies a JSON text to dst with every placeholder's number
// replaced by what next says for it. next returns an error for a number that
// has no attachment.
func renumber(dst, v []byte, found []placeholder, next func(num int) (int, error)) ([]byte, error) {
	done := 0
	for _, p := range found {
		num, err := next(p.num)
		if err != nil {
			return nil, err
		}
		dst = append(dst, v[done:p.start]...)
		dst = appendPlaceholder(dst, num)
		done = p.end
	}
	return append(dst, v[done:]...), nil
}

func appendPlaceholder(dst []byte, num int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(num), 10)
	return append(dst, '}')
}

// index reads a JSON number as the index of an attachment, -1 if it is none.
func index(v []byte) int {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || f < 0 || f > 1<<31 || f != float64(int(f)) {
		return -1
	}
	return int(f)
}
