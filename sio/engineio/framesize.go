package engineio

// Size is what the frame counts for in a queue, in bytes; see Options and
// Config.MaxQueue.
func (f *Frame) Size() int { return f.size() }

// Text is the text message that NewFrame was given, nil for a frame of bytes
// alone. It shares the frame's memory: whoever keeps the frame needs no other
// copy.
func (f *Frame) Text() []byte {
	if len(f.text) == 0 {
		return nil
	}
	return f.text[1:]
}
