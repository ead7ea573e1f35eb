package attach

import "time"

const (
	// maxWorkers is how many workers of a group one node takes.
	maxWorkers = 1000
	// maxCredits is how many calls one worker may take at once.
	maxCredits = 10_000
	// maxPatterns is how many namespaces, and how many events, a worker may name.
	maxPatterns = 100
	// maxName is the most bytes of a worker's name, and maxPattern of a pattern.
	maxName, maxPattern = 128, 256
	// maxLine is how many calls of a group may wait on one node.
	maxLine = 1024
	// maxWorks is how many calls of other nodes are worked on, or wait.
	maxWorks = 4096
	// maxWork is the most bytes of a call, or of a result, that travels to another
	// node.
	maxWork = 8 << 20
	// maxUnsent is how many bytes may wait for a worker to read them before it gets
	// no more. The call that reaches the bound is still sent.
	maxUnsent = 8 << 20
	// maxServings is how many sets of workers a node offers to others, and is told
	// of by one.
	maxServings = 64
	// maxAttempts is how often a call that may be repeated is begun.
	maxAttempts = 3
	// maxUnasked is how much a worker may say without having been asked: so many
	// messages at once, and unaskedPerPulse of them every pulse.
	maxUnasked, unaskedPerPulse = 100, 10
)

// times are how long things take. Tests have shorter ones.
type times struct {
	// hello is how long a stream may be open without its first message.
	hello time.Duration
	// pulse is the time between two pings, and two offers.
	pulse time.Duration
	// silent is how long a worker, or a node, may say nothing before it counts as
	// away; gone is when the stream of a worker ends.
	silent, gone time.Duration
	// spacing is the least time between two offers of one group.
	spacing time.Duration
	// memory is how long it is remembered what was served by a worker that has left.
	memory time.Duration
}

func defaultTimes() times {
	return times{
		hello: 10 * time.Second, pulse: time.Second, silent: 3 * time.Second, gone: 30 * time.Second,
		spacing: 50 * time.Millisecond, memory: 30 * time.Second,
	}
}
