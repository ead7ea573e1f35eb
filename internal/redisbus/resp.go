package redisbus

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
)

const (
	// maxBulk is the largest text that is taken. What is larger is skipped.
	maxBulk = 64 << 20
	// maxElements and maxDepth bound an answer to a command.
	maxElements = 1 << 16
	maxDepth    = 8
	// readBuffer is the size of a connection's buffer, and so the longest line.
	readBuffer = 16 << 10
)

// newCommand is a command as Redis wants it: RESP, version 2.
func newCommand(args ...string) []byte {
	b := appendHeader(nil, '*', len(args))
	for _, arg := range args {
		b = appendHeader(b, '$', len(arg))
		b = append(b, arg...)
		b = append(b, "\r\n"...)
	}
	return b
}

func appendHeader(b []byte, kind byte, n int) []byte {
	b = append(b, kind)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, "\r\n"...)
}

// publishCommand is PUBLISH or SPUBLISH, as bytes of its own.
func publishCommand(verb, channel string, payload []byte) []byte {
	b := make([]byte, 0, len(verb)+len(channel)+len(payload)+48)
	b = appendHeader(b, '*', 3)
	b = appendHeader(b, '$', len(verb))
	b = append(append(b, verb...), "\r\n"...)
	b = appendHeader(b, '$', len(channel))
	b = append(append(b, channel...), "\r\n"...)
	b = appendHeader(b, '$', len(payload))
	return append(append(b, payload...), "\r\n"...)
}

// reply is an answer to a command: one of its fields.
type reply struct {
	err  error // a replyError
	num  int64
	text string
	list []reply
}

// reader reads what Redis says. It reads ahead, and is not for concurrent use.
type reader struct {
	buf *bufio.Reader
	// names of the event that was read last
	kind, channel, pattern []byte
}

func newReader(r io.Reader) *reader { return &reader{buf: bufio.NewReaderSize(r, readBuffer)} }

// more reports whether there is something that has been read ahead.
func (r *reader) more() bool { return r.buf.Buffered() > 0 }

// line reads a line and returns its first byte and the rest, which is good
// until the next call.
func (r *reader) line() (kind byte, rest []byte, err error) {
	line, err := r.buf.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull: //nolint:errorlint // never wrapped
		return 0, nil, fmt.Errorf("%w: a line without end", errProtocol)
	case err != nil:
		return 0, nil, err
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || len(line) == 0 {
		return 0, nil, fmt.Errorf("%w: an incomplete line", errProtocol)
	}
	return line[0], line[1:], nil
}

// number reads what follows the kind of a line. It is -1 for nothing (null).
func number(rest []byte) (int64, error) {
	n, err := strconv.ParseInt(string(rest), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: no number", errProtocol)
	}
	return n, nil
}

// reply reads an answer. An error that Redis answers with is part of it.
func (r *reader) reply() (reply, error) { return r.nested(0) }

func (r *reader) nested(depth int) (reply, error) {
	kind, rest, err := r.line()
	if err != nil {
		return reply{}, err
	}
	switch kind {
	case '+':
		return reply{text: string(rest)}, nil
	case '-':
		return reply{err: replyError(rest)}, nil
	}
	n, err := number(rest)
	switch {
	case err != nil:
		return reply{}, err
	case kind == ':':
		return reply{num: n}, nil
	case kind == '$':
		text, err := r.bulk(n)
		return reply{text: string(text)}, err
	case kind == '*' && depth < maxDepth && n <= maxElements:
		return r.list(n, depth)
	default:
		return reply{}, fmt.Errorf("%w: begins with %q", errProtocol, kind)
	}
}

func (r *reader) list(n int64, depth int) (reply, error) {
	var all []reply
	for range n {
		one, err := r.nested(depth + 1)
		if err != nil {
			return reply{}, err
		}
		all = append(all, one)
	}
	return reply{list: all}, nil
}

// bulk reads n bytes and the end of the line into memory of their own. It is
// nil for null, and for what is too large.
func (r *reader) bulk(n int64) ([]byte, error) {
	switch {
	case n == -1:
		return nil, nil
	case n < 0:
		return nil, fmt.Errorf("%w: a text of length %d", errProtocol, n)
	case n > maxBulk:
		return nil, r.skip(n)
	}
	// Memory grows with what comes, not with what is announced.
	text := make([]byte, min(n, readBuffer))
	if _, err := io.ReadFull(r.buf, text); err != nil {
		return nil, err
	}
	for int64(len(text)) < n {
		have := len(text)
		more := int(min(n-int64(have), int64(have)))
		text = slices.Grow(text, more)[:have+more]
		if _, err := io.ReadFull(r.buf, text[have:]); err != nil {
			return nil, err
		}
	}
	return text, r.endOfLine()
}

func (r *reader) skip(n int64) error {
	if _, err := io.CopyN(io.Discard, r.buf, n); err != nil {
		return err
	}
	return r.endOfLine()
}

func (r *reader) endOfLine() error {
	end, err := r.buf.Peek(2)
	if err != nil {
		return err
	}
	if string(end) != "\r\n" {
		return fmt.Errorf("%w: a text that does not end", errProtocol)
	}
	_, err = r.buf.Discard(2)
	return err
}
