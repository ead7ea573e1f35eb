package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// store is the registry in Redis: one method for each script. Scripts may be
// run twice, because the client repeats what it got no answer to.
//
// The directory and the tags share a slot of a Redis Cluster; they are small. The
// connections of each generation have a slot of their own, so that those of
// many nodes spread over the shards.
type store struct {
	client redis.UniversalClient
	cfg    Config
	// instance tells this process from others with the same node id.
	instance string
}

func (s *store) directory() string     { return s.cfg.Prefix + ":{registry}:nodes" }
func (s *store) tag(tag string) string { return s.cfg.Prefix + ":{registry}:tag:" + tag }

func (s *store) connections(k key) string {
	return s.cfg.Prefix + ":{" + k.String() + "}:connections"
}

// bounded limits one call, so that a Redis that does not answer is noticed
// while the lease lasts. It needs a client with ContextTimeoutEnabled.
func (s *store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.Lease/2)
}

func (s *store) eval(ctx context.Context, operation, script string, keys []string, args ...any) *redis.Cmd {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	cmd := s.client.Eval(ctx, script, keys, args...)
	if err := cmd.Err(); err != nil {
		// What Redis says when it refuses does not always name the command, or the key.
		cmd.SetErr(unavailable(fmt.Sprintf("%s (EVAL of %s)", operation, keys[0]), err))
	}
	return cmd
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// joined is what join got. If the tag belongs to another node, then nothing
// has happened.
type joined struct {
	key      key
	now      int64
	tagTaken bool
	// previousGone means that the generation before needs no claim any more.
	previousGone bool
}

// join begins a generation. attempt is new for each one that is wanted.
func (s *store) join(ctx context.Context, id, attempt string, said info, previous key) (joined, error) {
	before := ""
	if previous.generation != 0 {
		before = previous.String()
	}
	reply, err := s.eval(ctx, "join", joinScript, []string{s.directory(), s.tag(said.Tag)},
		id, attempt, s.instance, ms(s.cfg.Lease), ms(s.cfg.tagRest()), ms(s.cfg.Retention), said.encode(), before).StringSlice()
	if err != nil {
		return joined{}, err
	}
	if reply[0] != "ok" {
		return joined{tagTaken: true}, nil
	}
	generation, err1 := strconv.ParseUint(reply[1], 10, 64)
	now, err2 := strconv.ParseInt(reply[2], 10, 64)
	return joined{key: key{id, generation}, now: now, previousGone: reply[3] == "1"}, errors.Join(err1, err2)
}

// renew returns the reason why the generation is over, 0 if it is not, and
// whether the tag is still ours.
func (s *store) renew(ctx context.Context, k key, said info) (over Reason, tagOurs bool, err error) {
	reply, err := s.eval(ctx, "renew", renewScript, []string{s.directory(), s.tag(said.Tag)},
		k.id, k.number(), s.instance, ms(s.cfg.Lease), ms(s.cfg.tagRest()), ms(s.cfg.Retention), said.encode()).StringSlice()
	if err != nil {
		return 0, false, err
	}
	return reasons[reply[0]], reply[1] == "1", nil
}

// leave returns the reason why the generation was over already, 0 if it was not.
func (s *store) leave(ctx context.Context, k key, tag string) (Reason, error) {
	reply, err := s.eval(ctx, "leave", leaveScript, []string{s.directory(), s.tag(tag)},
		k.id, k.number(), s.instance, ms(s.cfg.tagRest())).Text()
	return reasons[reply], err
}

// claim says whether dead is ours to tell of, now and until our lease ends, and
// what it said of itself.
func (s *store) claim(ctx context.Context, k, dead key) (ours bool, said string, err error) {
	reply, err := s.eval(ctx, "claim", claimScript, []string{s.directory()},
		k.id, k.number(), dead.String(), ms(s.cfg.Lease)).StringSlice()
	if err != nil {
		return false, "", err
	}
	return reply[0] == "ok", reply[1], nil
}

// yield gives a claim back.
func (s *store) yield(ctx context.Context, k, dead key) error {
	return s.eval(ctx, "yield", yieldScript, []string{s.directory()}, k.id, k.number(), dead.String()).Err()
}

// bury forgets a generation whose connections have all been told of.
func (s *store) bury(ctx context.Context, k, dead key) error {
	return s.eval(ctx, "bury", buryScript, []string{s.directory()},
		k.id, k.number(), dead.id, dead.number()).Err()
}

// look reads the directory and the time.
func (s *store) look(ctx context.Context) (*view, error) {
	reply, err := s.eval(ctx, "view", viewScript, []string{s.directory()}).Slice()
	if err != nil {
		return nil, err
	}
	return parseView(reply), nil
}

// sweep forgets the last generations of ids that nobody has had for long.
func (s *store) sweep(ctx context.Context, ids []string) error {
	args := []any{ms(s.cfg.Retention)}
	for _, id := range ids {
		args = append(args, id)
	}
	return s.eval(ctx, "sweep", sweepScript, []string{s.directory()}, args...).Err()
}

// fence is the state of a generation's connections.
type fence string

const (
	fenceOpen   fence = "open"
	fenceNew    fence = "new" // open, but Redis had nothing
	fenceClosed fence = "closed"
)

// open lets the generation write its connections, and keeps them from expiring.
func (s *store) open(ctx context.Context, k key) (fence, error) {
	reply, err := s.eval(ctx, "open", openScript, []string{s.connections(k)}, ms(s.cfg.Retention)).Text()
	return fence(reply), err
}

// close keeps a claimed generation from writing.
func (s *store) close(ctx context.Context, dead key) error {
	return s.eval(ctx, "close", closeScript, []string{s.connections(dead)}, ms(s.cfg.Retention)).Err()
}

// write writes changes, all or nothing. It returns ErrOver if the generation
// may not.
func (s *store) write(ctx context.Context, k key, changes []change) error {
	args := make([]any, 0, 4*len(changes))
	for _, c := range changes {
		switch {
		case c.remove:
			args = append(args, "-", c.record.ID)
		case c.record.Move == nil:
			args = append(args, "+", c.record.ID, c.record.encode(), "")
		default:
			args = append(args, "+", c.record.ID, c.record.encode(), c.record.Move.At)
		}
	}
	done, err := s.eval(ctx, "write", writeScript, []string{s.connections(k)}, args...).Int()
	if err == nil && done == 0 {
		return ErrOver
	}
	return err
}

// generations are those of nodes, also of dead ones, until they are forgotten.
func (s *store) generations(ctx context.Context, ids []string) ([]key, error) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	found, err := s.eval(ctx, "find generations", generationsScript, []string{s.directory()}, args...).StringSlice()
	if err != nil {
		return nil, err
	}
	var keys []key
	for _, g := range found {
		if k, ok := parseKey(g); ok {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// part removes what a generation has of connections that have come to another
// since, and returns how many these were.
func (s *store) part(ctx context.Context, former key, moved []change) (int, error) {
	args := make([]any, 0, 2*len(moved))
	for _, c := range moved {
		args = append(args, c.record.ID, c.moving.At)
	}
	return s.eval(ctx, "part", partScript, []string{s.connections(former)}, args...).Int()
}

// still are those of records that the generation has.
func (s *store) still(ctx context.Context, k key, records []Record) ([]Record, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	fields := make([]string, len(records))
	for i, r := range records {
		fields[i] = "c" + r.ID
	}
	values, err := s.client.HMGet(ctx, s.connections(k), fields...).Result()
	if err != nil {
		return nil, unavailable("read connections", err)
	}
	there := make([]Record, 0, len(records))
	for i, v := range values {
		if v != nil {
			there = append(there, records[i])
		}
	}
	return there, nil
}

// page reads connections of a generation from a cursor on, which is 0 at the
// begin and at the end. Connections are in no order over pages, a page may be
// empty or longer than asked for, and one that stays may be in two.
func (s *store) page(ctx context.Context, k key, cursor uint64, most int) ([]Record, uint64, error) {
	reply, err := s.eval(ctx, "read connections", pageScript, []string{s.connections(k)}, cursor, most).Slice()
	if err == nil && len(reply) != 2 {
		err = unavailable("read connections", errors.New("reply without a cursor"))
	}
	if err != nil {
		return nil, 0, err
	}
	found, _ := reply[1].([]any)
	records := make([]Record, 0, len(found)/2)
	for i := 0; i+1 < len(found); i += 2 {
		field, _ := found[i].(string)
		value, _ := found[i+1].(string)
		if r, ok := decodeRecord(strings.TrimPrefix(field, "c"), value); ok {
			records = append(records, r)
		}
	}
	slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(a.ID, b.ID) })
	records = slices.CompactFunc(records, func(a, b Record) bool { return a.ID == b.ID })
	next, _ := strconv.ParseUint(fmt.Sprint(reply[0]), 10, 64)
	return records, next, nil
}

// remove deletes connections of a generation that is claimed.
func (s *store) remove(ctx context.Context, dead key, records []Record) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	fields := make([]string, len(records))
	for i, r := range records {
		fields[i] = "c" + r.ID
	}
	if err := s.client.HDel(ctx, s.connections(dead), fields...).Err(); err != nil {
		return unavailable("remove connections", err)
	}
	return nil
}

// drop deletes all of a generation's connections.
func (s *store) drop(ctx context.Context, k key) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := s.client.Unlink(ctx, s.connections(k)).Err(); err != nil {
		return unavailable("drop connections", err)
	}
	return nil
}

// count reads one counter of each generation, in one round trip to each shard.
func (s *store) count(ctx context.Context, keys []key, field string) ([]int, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	replies, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, k := range keys {
			p.HGet(ctx, s.connections(k), field)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable("count", err)
	}
	counts := make([]int, len(keys))
	for i, reply := range replies {
		cmd, _ := reply.(*redis.StringCmd)
		n, err := cmd.Int()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, unavailable("count", err)
		}
		counts[i] = n
	}
	return counts, nil
}
