// Package tickets keeps in Redis what tickets of clients stand for, so that a
// ticket is good at every node, and once. Each is a key of its own with a life that
// Redis counts; GETDEL gives it to one of all who ask. A caller that hears no
// answer does not ask again: the ticket may be used.
//
// What a ticket is, and why its text is not in Redis, says authn/ticket.
package tickets

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Store implements ticket.Store.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
}

// New returns a store whose keys begin with prefix. Redis has the timeout to
// answer. The client repeats nothing by itself.
func New(client redis.UniversalClient, prefix string, timeout time.Duration) *Store {
	return &Store{client: client, prefix: prefix + ":ticket:", timeout: timeout}
}

// Put keeps a value until it is taken, or its life is over.
func (s *Store) Put(ctx context.Context, key string, value []byte, life time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.client.Set(ctx, s.prefix+key, value, life).Err()
}

// Take returns a value and forgets it, nil if there is none.
func (s *Store) Take(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	value, err := s.client.GetDel(ctx, s.prefix+key).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return value, err
}
