package registry

import (
	"slices"
	"testing"
	"time"
)

// rules plays nodes by their scripts, on a Redis whose time the test moves.
type rules struct {
	t     *testing.T
	store *store
	shift func(seconds int)
}

// leaseSeconds is long, so that only moved time counts.
const leaseSeconds = 100

func newRules(t *testing.T) *rules {
	t.Helper()
	server, shift := startShifted(t)
	cfg := testConfig()
	cfg.Lease = leaseSeconds * time.Second
	return &rules{t, &store{client: connect(t, server), cfg: cfg, instance: "i"}, func(s int) {
		t.Helper()
		shift(time.Duration(s) * time.Second)
	}}
}

func (r *rules) join(id string) key { return r.rejoin(id, key{}) }

func (r *rules) rejoin(id string, previous key) key {
	r.t.Helper()
	got, err := r.store.join(r.t.Context(), id, newTag(), info{Tag: newTag()}, previous)
	if err != nil || got.tagTaken {
		r.t.Fatal(got, err)
	}
	return got.key
}

func (r *rules) renew(k key, want Reason) {
	r.t.Helper()
	if over, _, err := r.store.renew(r.t.Context(), k, info{Tag: newTag()}); over != want || err != nil {
		r.t.Errorf("renewing %v: %v, %v, want %v", k, over, err, want)
	}
}

func (r *rules) claim(k, dead key, want bool) {
	r.t.Helper()
	if ours, _, err := r.store.claim(r.t.Context(), k, dead); ours != want || err != nil {
		r.t.Errorf("%v claims %v: %v, %v", k, dead, ours, err)
	}
	v, err := r.store.look(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, node := range v.all() {
		if want && (key{node.ID, node.Generation}) == dead {
			r.t.Errorf("%v is claimed and yet seen alive", dead)
		}
	}
	if want && !slices.Contains(v.dead, dead) {
		r.t.Errorf("%v is claimed and yet not seen dead", dead)
	}
}

// pass lets time go by in which these renew as they should.
func (r *rules) pass(seconds int, renewing ...key) {
	r.t.Helper()
	for ; seconds > 0; seconds -= leaseSeconds / 4 {
		r.shift(leaseSeconds / 4)
		for _, k := range renewing {
			r.renew(k, 0)
		}
	}
}

func TestLeaseEnds(t *testing.T) {
	r := newRules(t)
	a, b := r.join("a"), r.join("b")
	r.pass(leaseSeconds/2, a, b)
	r.pass(leaseSeconds/2, b)
	r.claim(b, a, false)
	r.pass(leaseSeconds/2+leaseSeconds/4, b)
	r.claim(b, a, true)
	r.renew(a, Claimed)
}

func TestLateNodeKeepsWhatNobodyClaimed(t *testing.T) {
	r := newRules(t)
	a, b := r.join("a"), r.join("b")
	r.pass(2*leaseSeconds, b)
	r.renew(a, 0)
	r.claim(b, a, false)
}

// After a silence of all, or a jump of the clock, everybody has a lease to renew.
func TestSilenceIsNoDeath(t *testing.T) {
	for _, jump := range []int{3600, -3600} {
		r := newRules(t)
		a, b := r.join("a"), r.join("b")
		r.pass(leaseSeconds, a, b)
		r.shift(jump)
		r.claim(b, a, false) // before anybody has renewed
		if v, err := r.store.look(t.Context()); err != nil || len(v.all()) != 2 || len(v.dead) != 0 {
			t.Errorf("after a jump of %d s are seen %+v, %v", jump, v, err)
		}
		r.renew(b, 0)
		r.claim(b, a, false)
		r.pass(leaseSeconds/2, b)
		r.claim(b, a, false)
		r.pass(leaseSeconds, b)
		r.claim(b, a, true)
	}
}

// Who takes a node id ends the one before at once, silence or not.
func TestSuccessorEndsPredecessor(t *testing.T) {
	r := newRules(t)
	a, b := r.join("a"), r.join("b")
	r.claim(b, a, false)
	again := r.join("a")
	r.renew(a, Superseded)
	r.claim(b, a, true)
	r.claim(b, again, false)
	r.renew(again, 0)
}

func TestClaimEndsWithTheClaimer(t *testing.T) {
	r := newRules(t)
	a, b, c := r.join("a"), r.join("b"), r.join("c")
	r.pass(2*leaseSeconds, b, c)
	r.claim(b, a, true)
	r.claim(b, a, true) // it holds
	r.claim(c, a, false)
	r.pass(2*leaseSeconds, c)
	r.claim(c, a, true)
	r.claim(b, a, false)
	// The first claimer has no say any more, nor has one that is over itself.
	r.bury(b, a, false)
	r.claim(c, b, true)
	r.bury(b, a, false)
	r.bury(c, a, true)
	r.bury(c, b, true)
	r.renew(a, Claimed)
	r.renew(b, Claimed)
}

func TestClaimIsGivenBack(t *testing.T) {
	r := newRules(t)
	a, b, c := r.join("a"), r.join("b"), r.join("c")
	r.pass(2*leaseSeconds, b, c)
	r.claim(b, a, true)
	if err := r.store.yield(t.Context(), c, a); err != nil { // is not its to give
		t.Fatal(err)
	}
	r.claim(c, a, false)
	if err := r.store.yield(t.Context(), b, a); err != nil {
		t.Fatal(err)
	}
	r.renew(a, Claimed)
	r.claim(c, a, true)
}

// A claimer whose node id was taken may not bury.
func TestSupersededClaimerBuriesNothing(t *testing.T) {
	r := newRules(t)
	a, b := r.join("a"), r.join("b")
	r.pass(2*leaseSeconds, b)
	r.claim(b, a, true)
	r.join("b")
	r.bury(b, a, false)
}

func (r *rules) bury(k, dead key, want bool) {
	r.t.Helper()
	if err := r.store.bury(r.t.Context(), k, dead); err != nil {
		r.t.Fatal(err)
	}
	there, err := r.store.client.HExists(r.t.Context(), r.store.directory(), "l:"+dead.String()).Result()
	if there == want || err != nil {
		r.t.Errorf("%v buries %v: is there still: %v, %v", k, dead, there, err)
	}
}

// A process that comes back to a Redis that forgot it has no generation.
func TestForgottenGeneration(t *testing.T) {
	r := newRules(t)
	a := r.join("a")
	if err := r.store.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	r.renew(a, Forgotten)
	r.shift(-3600)
	if again := r.rejoin("a", a); again.generation <= a.generation {
		t.Errorf("%v comes after %v", again, a)
	}
}
