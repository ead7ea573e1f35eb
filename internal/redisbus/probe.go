package redisbus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// newcomerEvery is how many rounds pass until a new connection publishes as
// well, as long as all goes well.
const newcomerEvery = 5

// maxLate is how many rounds in a row may be late before we do not believe any
// more that it is a matter of time.
const maxLate = 5

var (
	errNotYet  = errors.New("nothing is known yet")
	errLate    = errors.New("messages come late: a handler is slow, or there are too many")
	errRefused = errors.New("redis refuses subscriptions")
)

// probe knows which messages to oneself are on their way.
type probe struct {
	channel string

	now  chan struct{} // there is a reason to probe
	vain chan struct{} // what is on its way will not be heard: the feed has lost its connection

	// owned by runProbe
	rounds   int
	unsure   bool // the last round was bad, and a newcomer has to tell why
	late     int  // rounds in a row that were late
	refusals backoff
	retryAt  time.Time

	mu      sync.Mutex
	awaited map[string]chan struct{} // by token
}

func newProbe(channel string) *probe {
	return &probe{channel: channel, awaited: map[string]chan struct{}{}, now: make(chan struct{}, 1), vain: make(chan struct{}, 1)}
}

// hurry asks for a round soon.
func (p *probe) hurry() { signal(p.now) }

// giveUp ends the waiting of the round that is under way.
func (p *probe) giveUp() { signal(p.vain) }

// signal leaves a word for a goroutine, unless one waits for it already.
func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// expect makes a token and the channel that is closed when it is heard.
func (p *probe) expect() (token string, heard <-chan struct{}, forget func()) {
	token = rand.Text()
	arrived := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awaited[token] = arrived
	return token, arrived, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.awaited, token)
	}
}

// hear is the handler of the probe's channel.
func (p *probe) hear(_ string, token []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if arrived, ok := p.awaited[string(token)]; ok {
		delete(p.awaited, string(token))
		close(arrived)
	}
}

// newcomerDue counts a round, and reports whether a new connection takes part.
func (p *probe) newcomerDue() bool {
	p.rounds++
	return p.unsure || p.rounds%newcomerEvery == 1
}

// note remembers a verdict for the next round.
func (p *probe) note(v verdict) {
	p.unsure = v.trouble != nil
	if errors.Is(v.trouble, errLate) {
		p.late++
	} else {
		p.late = 0
	}
	if errors.Is(v.trouble, errUnheard) && !v.dropLane {
		p.hurry() // with a newcomer
	}
}

// runProbe probes at intervals, and whenever there is a reason.
func (p *path) runProbe(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-p.probe.now:
		case <-ctx.Done():
			return
		}
		p.round(ctx)
		timer.Reset(p.env.cfg.ProbeInterval)
	}
}

// round asks once whether messages come back, and acts on the answer.
func (p *path) round(ctx context.Context) {
	if p.refused() {
		return
	}
	select {
	case <-p.probe.vain: // of an earlier connection
	default:
	}
	generation := p.feed.generation()
	listens, ready := p.feed.state()
	publishes := p.lane.address()
	if !ready || publishes == "" {
		return // they have said so
	}
	if p.elsewhere(ctx, listens, publishes) {
		return
	}
	f := p.ask(ctx)
	if ctx.Err() == nil && p.feed.generation() == generation {
		p.conclude(f, generation)
	}
}

// refused tells of subscriptions that Redis refuses, and asks again from time
// to time. It reports whether the probe's own is among them.
func (p *path) refused() bool {
	n, shortest, own := p.feed.refused(p.kind, p.probe.channel)
	if n == 0 {
		p.probe.refusals.reset()
		p.health.set(p.part("acl"), nil)
		return false
	}
	p.health.set(p.part("acl"), &Error{"subscribe", CauseDenied, fmt.Errorf("%w: %d, such as %s", errRefused, n, shortest)})
	if time.Now().After(p.probe.retryAt) {
		p.probe.retryAt = time.Now().Add(p.probe.refusals.delay())
		p.feed.retry()
	}
	return own
}

// elsewhere reports that the Cluster has another master for our slot by now,
// and goes there.
func (p *path) elsewhere(ctx context.Context, addresses ...string) bool {
	if !p.env.cfg.ofCluster() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, p.env.cfg.DialTimeout)
	defer cancel()
	owner, err := p.env.resolve(ctx)
	if err != nil {
		return false // the probe shows whether the one that we know still works
	}
	for _, address := range addresses {
		if address != owner {
			p.lane.drop(errMoved)
			p.feed.drop(errMoved)
			return true
		}
	}
	return false
}

// findings are what a round has found.
type findings struct {
	took     time.Duration
	lane     error // why what our lane published was not heard
	tried    bool  // a new connection has published as well
	newcomer error // why that was not heard
	busy     bool  // the feed had other things to do meanwhile
}

// ask publishes over the lane, and now and then over a new connection as well:
// that one goes where everybody goes now. A server that was left behind would
// otherwise keep us company for ever.
func (p *path) ask(ctx context.Context) findings {
	f := findings{tried: p.probe.newcomerDue() && !p.env.cfg.ofCluster()}
	before := p.feed.heard.Load()
	token, fromNewcomer, forget := p.probe.expect()
	defer forget()
	if f.tried {
		f.newcomer = p.overNewConnection(ctx, token)
	}
	token, fromLane, forget := p.probe.expect()
	defer forget()
	begin := time.Now()
	f.lane = p.overLane(ctx, token)
	if f.lane == nil && !p.within(ctx, fromLane) {
		f.lane = errUnheard
	}
	f.took = time.Since(begin)
	// The newcomer's was published first. On the right server it was heard first.
	if f.tried && f.newcomer == nil {
		select {
		case <-fromNewcomer:
		default:
			f.newcomer = errUnheard
		}
	}
	f.busy = p.feed.busy.Load() || p.feed.heard.Load() != before
	return f
}

// within waits for a token, for as long as a call may take.
func (p *path) within(ctx context.Context, heard <-chan struct{}) bool {
	timer := time.NewTimer(p.env.cfg.CallTimeout)
	defer timer.Stop()
	select {
	case <-heard:
		return true
	case <-p.probe.vain:
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (p *path) publishVerb() string {
	if p.kind == sharded {
		return "SPUBLISH"
	}
	return "PUBLISH"
}

// overLane publishes as everybody does, and makes sure that the server is still
// a master: a replica hands messages to its own listeners only.
func (p *path) overLane(ctx context.Context, token string) error {
	if !p.env.cfg.ofCluster() {
		role, err := p.lane.do(ctx, "probe", newCommand("ROLE"))
		if because(err, "") == CauseDenied {
			err = nil
		}
		if err == nil {
			err = masterOnly(role)
		}
		if err != nil {
			return err
		}
	}
	_, err := p.lane.do(ctx, "probe", publishCommand(p.publishVerb(), p.probe.channel, []byte(token)))
	return err
}

func (p *path) overNewConnection(ctx context.Context, token string) error {
	c, err := p.env.connect(ctx, "")
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, p.env.cfg.CallTimeout)
	defer cancel()
	answer, err := c.ask(ctx, p.publishVerb(), p.probe.channel, token)
	if err != nil {
		return err
	}
	return answer.err
}

// verdict is what follows from findings.
type verdict struct {
	trouble            error // nil: all is well
	dropLane, dropFeed bool
}

// judge decides, without doing anything. late is how many rounds before this
// one were late.
func (f findings) judge(late int, ofCluster bool) verdict {
	unheard := errors.Is(f.lane, errUnheard)
	switch {
	case f.lane == nil && errors.Is(f.newcomer, errUnheard):
		// Others publish where we do not listen.
		return verdict{errUnheard, true, true}
	case f.lane == nil:
		return verdict{}
	case errors.Is(f.lane, errReplica):
		return verdict{errReplica, true, false}
	case !unheard:
		return verdict{f.lane, false, false}
	case f.tried && f.newcomer == nil:
		// We publish where nobody listens.
		return verdict{errUnheard, true, false}
	case f.busy && late < maxLate:
		return verdict{errLate, false, false}
	case f.tried || ofCluster:
		return verdict{errUnheard, true, true}
	default:
		return verdict{errUnheard, false, false} // a newcomer has to tell who is wrong
	}
}

// conclude makes the verdict known, and lets go of connections to wrong
// servers. They are looked for anew.
func (p *path) conclude(f findings, generation int) {
	if f.tried && f.newcomer != nil && !errors.Is(f.newcomer, errUnheard) {
		p.env.metrics.failed(because(f.newcomer, CauseConnect))
	}
	v := f.judge(p.probe.late, p.env.cfg.ofCluster())
	p.probe.note(v)
	if v.trouble == nil {
		p.env.metrics.probed(f.took)
		p.health.set(p.part("probe"), nil)
		p.well(generation)
		return
	}
	trouble := failure("probe", v.trouble, CauseUnheard)
	p.env.metrics.failed(trouble.Cause)
	p.health.set(p.part("probe"), trouble)
	if v.dropLane {
		p.lane.drop(v.trouble)
	}
	if v.dropFeed {
		p.feed.drop(v.trouble)
	}
}

// well says that the feed hears, unless it has lost the connection of which
// that was found. It may lose it meanwhile, and say so first: so we look again.
func (p *path) well(generation int) {
	p.health.set(p.part("subscribe"), nil)
	if p.feed.generation() != generation {
		p.lost(&Error{Op: "subscribe", Cause: CauseConnection, Err: errNotYet})
	}
}
