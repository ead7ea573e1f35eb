package realtime

import (
	"context"
	"errors"
	"iter"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// ErrPartial ends a listing that may lack something, as not every server
// process answered in time. Everything that was found came before it.
var ErrPartial = errors.New("realtime: some nodes did not answer")

// Filter says which connections of a namespace to list or count. Its zero
// value is all of namespace "/".
type Filter struct {
	Namespace string // empty means "/"
	Room      string // only members of this room, if not empty
	User      string // only connections of this user, if not empty
}

// Room is a room and how many connections are in it.
type Room = realtimev1.Room

// RoomFilter says which rooms of a namespace to list. Its zero value is all of
// namespace "/".
type RoomFilter struct {
	Namespace string // empty means "/"
	Prefix    string // only rooms whose name begins with this
}

// Count is what [Client.CountConnections] found.
type Count struct {
	Connections int64
	Users       int64 // different users among them
	Partial     bool  // not every server process answered in time
}

// Connections lists connections, ordered by id; it fetches page after page
// while the loop runs. An error, [ErrPartial] for one, is the last pair of the
// sequence and comes without a connection.
func (c *Client) Connections(ctx context.Context, filter Filter) iter.Seq2[*Connection, error] {
	return pages(func(token string) (page[Connection], error) {
		res, err := c.api.ListConnections(ctx, &realtimev1.ListConnectionsRequest{
			Namespace: filter.Namespace,
			Room:      filter.Room,
			UserId:    filter.User,
			PageToken: token,
		})
		return page[Connection]{res.GetConnections(), res.GetNextPageToken(), res.GetCoverage()}, err
	})
}

// Rooms lists the rooms that have members, ordered by name, in the way of
// [Client.Connections].
func (c *Client) Rooms(ctx context.Context, filter RoomFilter) iter.Seq2[*Room, error] {
	return pages(func(token string) (page[Room], error) {
		res, err := c.api.ListRooms(ctx, &realtimev1.ListRoomsRequest{
			Namespace: filter.Namespace,
			Prefix:    filter.Prefix,
			PageToken: token,
		})
		return page[Room]{res.GetRooms(), res.GetNextPageToken(), res.GetCoverage()}, err
	})
}

// CountConnections counts connections.
func (c *Client) CountConnections(ctx context.Context, filter Filter) (Count, error) {
	res, err := c.api.CountConnections(ctx, &realtimev1.CountConnectionsRequest{
		Namespace: filter.Namespace,
		Room:      filter.Room,
		UserId:    filter.User,
	})
	return Count{
		Connections: res.GetConnections(),
		Users:       res.GetUsers(),
		Partial:     res.GetCoverage().GetPartial(),
	}, err
}

type page[T any] struct {
	items    []*T
	next     string // token of the following page; empty on the last one
	coverage *realtimev1.Coverage
}

// pages is the sequence of the items of all pages.
func pages[T any](fetch func(token string) (page[T], error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		token, partial := "", false
		for {
			p, err := fetch(token)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range p.items {
				if !yield(item, nil) {
					return
				}
			}
			partial = partial || p.coverage.GetPartial()
			if token = p.next; token == "" {
				break
			}
		}
		if partial {
			yield(nil, ErrPartial)
		}
	}
}
