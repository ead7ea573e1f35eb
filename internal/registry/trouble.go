package registry

import (
	"errors"

	"github.com/redis/go-redis/v9"
)

// faults are the last failures, nil where the last attempt has worked. They are
// guarded by Registry.mu.
type faults struct {
	renewal, writing error
}

// Trouble says why this node has no sure place in the registry, "" if it has one. A
// single renewal without an answer is no trouble yet; what Redis has refused
// is, since it will refuse it again.
func (r *Registry) Trouble() string {
	r.mu.Lock()
	m, why := r.membership, r.faults
	r.mu.Unlock()
	joined, sure := m.key.generation != 0, m.held(r.cfg.Lease)
	switch {
	case why.renewal != nil && (!sure || refused(why.renewal)):
		return why.renewal.Error()
	case !joined:
		return "registry: not joined yet"
	case !sure:
		return "registry: the lease has not been renewed in time"
	case why.writing != nil && refused(why.writing):
		return why.writing.Error()
	}
	return ""
}

// refused reports whether Redis has answered, with an error.
func refused(err error) bool {
	_, answered := errors.AsType[redis.Error](err)
	return answered
}

// failed notes how an attempt went: the keeper's, or the writer's.
func (r *Registry) failed(which *error, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*which = err
}
