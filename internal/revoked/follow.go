package revoked

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strconv"
	"time"
)

const (
	// interval is how long others' entries may go unheard.
	interval = time.Second
	// overlap is how much is heard again: clocks of Redis servers that take over
	// from each other differ.
	overlap = time.Minute
	// pageSize is how many new entries are heard at once. Where there are more, all
	// are heard.
	pageSize = 1000
	// epochLife is how long the epoch outlives all nodes.
	epochLife = 24 * time.Hour
)

// position is how far a node has heard.
type position struct {
	epoch string
	since int64 // milliseconds since 1970, by Redis
}

// run listens until ctx ends, over whatever happens to Redis.
func (s *Store) run(ctx context.Context) {
	pace := time.NewTicker(interval)
	defer pace.Stop()
	var at position
	begun, away := false, false
	for {
		err := s.follow(ctx, &at)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && away:
			s.Log.LogAttrs(ctx, slog.LevelInfo, "revocations of other nodes are heard again")
		case err != nil && !away:
			s.Log.LogAttrs(ctx, slog.LevelWarn, "revocations of other nodes are not heard", slog.Any("error", err))
		}
		away = err != nil
		if away {
			s.unsure.Store(true)
			s.following.Set(0)
		} else {
			s.following.Set(1)
		}
		if !away && !begun {
			begun = true
			close(s.heard)
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
	}
}

// follow hears what is new, and writes what Redis may lack.
func (s *Store) follow(ctx context.Context, at *position) error {
	unsure := s.unsure.Swap(false) // what fails from now on sets it again
	next, entries, err := s.hear(ctx, at.since)
	if err != nil {
		return err
	}
	another := next.epoch != at.epoch
	if another || len(entries) == pageSize {
		if err := s.hearAll(ctx); err != nil {
			return err
		}
	} else {
		s.tell(entries)
	}
	if another && at.epoch != "" || unsure {
		if err := s.write(ctx, s.Listener.All()); err != nil {
			return err
		}
	}
	*at = next
	return nil
}

func (s *Store) tell(entries []string) {
	if len(entries) == 0 {
		return
	}
	all := make([][]byte, len(entries))
	for i, e := range entries {
		all[i] = []byte(e)
	}
	s.Listener.Hear(all)
}

var errReply = errors.New("redis answers what was not asked")

// hear asks for what was added since a time.
func (s *Store) hear(ctx context.Context, since int64) (position, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.CallTimeout)
	defer cancel()
	reply, err := hear.Run(ctx, s.Client, []string{s.key("log"), s.key("epoch")},
		since, pageSize, rand.Text(), epochLife.Milliseconds()).Slice()
	if err != nil {
		return position{}, nil, err
	}
	if len(reply) != 3 {
		return position{}, nil, errReply
	}
	epoch, _ := reply[0].(string) // what is none of these is found below
	now, _ := reply[1].(string)
	found, _ := reply[2].([]any)
	ms, err := strconv.ParseInt(now, 10, 64)
	if err != nil || epoch == "" {
		return position{}, nil, errReply
	}
	entries := make([]string, 0, len(found))
	for _, one := range found {
		if e, ok := one.(string); ok {
			entries = append(entries, e)
		}
	}
	return position{epoch, ms - overlap.Milliseconds()}, entries, nil
}

// hearAll hears of every entry that there is from the beginning to the end.
func (s *Store) hearAll(ctx context.Context) error {
	var cursor uint64
	for {
		page, next, err := s.scan(ctx, cursor)
		if err != nil {
			return err
		}
		var entries []string
		for i := 0; i < len(page); i += 2 { // each with its score
			entries = append(entries, page[i])
		}
		s.tell(entries)
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (s *Store) scan(ctx context.Context, cursor uint64) (page []string, next uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.CallTimeout)
	defer cancel()
	return s.Client.ZScan(ctx, s.key("log"), cursor, "", pageSize).Result()
}
