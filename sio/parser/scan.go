package parser

// The functions of this file walk over JSON that json.Valid has accepted, and
// rely on it: on other input they may stop anywhere, but never fail.

// elements cuts a JSON array into its elements, which alias it.
func elements(array []byte) [][]byte {
	var found [][]byte
	Elements(array, func(value []byte) { found = append(found, value) })
	return found
}

func skipSpace(v []byte, i int) int {
	for i < len(v) && (v[i] == ' ' || v[i] == '\t' || v[i] == '\n' || v[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the index behind the string that begins at i.
func skipString(v []byte, i int) int {
	for i++; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(v)
}

// skipValue returns the index behind the value that begins at i.
func skipValue(v []byte, i int) int {
	depth := 0
	for i < len(v) {
		switch v[i] {
		case '"':
			i = skipString(v, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++
			continue
		default:
			i = skipLiteral(v, i)
		}
		if depth == 0 {
			return i
		}
	}
	return len(v)
}

// skipLiteral returns the index behind the number, true, false or null at i.
func skipLiteral(v []byte, i int) int {
	for i < len(v) {
		switch v[i] {
		case ',', ':', '}', ']', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}
