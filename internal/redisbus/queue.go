package redisbus

// call is a command on its way. Its fields are the lane's, under its lock,
// until done is closed.
type call struct {
	command  []byte
	finished bool // it has its end, or nobody waits for it
	moves    int
	lands    bool // it is the last of its batch

	answer reply
	err    error
	done   chan struct{}

	// owned by the queue
	prev, next *call
	queued     bool
}

// queue is a line of calls that can leave it in the middle.
type queue struct{ first, last *call }

func (q *queue) pushBack(c *call) {
	c.prev, c.next, c.queued = q.last, nil, true
	if q.last == nil {
		q.first = c
	} else {
		q.last.next = c
	}
	q.last = c
}

func (q *queue) pushFront(c *call) {
	c.prev, c.next, c.queued = nil, q.first, true
	if q.first == nil {
		q.last = c
	} else {
		q.first.prev = c
	}
	q.first = c
}

// popFront returns nil if the queue is empty.
func (q *queue) popFront() *call {
	c := q.first
	if c != nil {
		q.remove(c)
	}
	return c
}

// remove reports whether c was in the queue.
func (q *queue) remove(c *call) bool {
	if !c.queued {
		return false
	}
	if c.prev == nil {
		q.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		q.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next, c.queued = nil, nil, false
	return true
}
