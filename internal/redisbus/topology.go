package redisbus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"
)

// resolver finds the address of the server that is responsible now, before the
// deadline of its context.
type resolver func(context.Context) (string, error)

// always is the resolver of a single server.
func always(address string) resolver {
	return func(context.Context) (string, error) { return address, nil }
}

// ownerOf is the resolver of a name in a Redis Cluster: the master of its slot.
func ownerOf(client *redis.ClusterClient, name string) resolver {
	return func(ctx context.Context) (string, error) {
		node, err := client.MasterForKey(ctx, name)
		if err != nil {
			return "", err
		}
		return node.Options().Addr, nil
	}
}

// master is the resolver that asks the Sentinels. All of them are asked, and
// whoever knows of the latest failover is believed: one that was cut off from
// the others would send us to a master that is none any more. They have half of
// the time, so that one who is silent leaves some for the master.
func (d dialer) master(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.DialTimeout/2)
	defer cancel()
	answers := make([]opinion, len(d.cfg.Addresses))
	var asking sync.WaitGroup
	for i, address := range d.cfg.Addresses {
		asking.Go(func() { answers[i] = d.askSentinel(ctx, address) })
	}
	asking.Wait()
	return latest(answers)
}

// opinion is what a Sentinel knows.
type opinion struct {
	master string
	epoch  int
	err    error
}

// latest returns the master of the latest failover.
func latest(all []opinion) (string, error) {
	var best opinion
	var errs []error
	for _, o := range all {
		switch {
		case o.err != nil:
			errs = append(errs, o.err)
		case best.master == "" || o.epoch > best.epoch:
			best = o
		}
	}
	if best.master == "" {
		return "", errors.Join(errs...)
	}
	return best.master, nil
}

func (d dialer) askSentinel(ctx context.Context, address string) opinion {
	c, err := d.open(ctx, address, d.cfg.SentinelUsername, d.cfg.SentinelPassword)
	if err != nil {
		return opinion{err: fmt.Errorf("sentinel %s: %w", address, err)}
	}
	defer c.Close()
	answer, err := c.ask(ctx, "SENTINEL", "MASTER", d.cfg.MasterName)
	if err == nil {
		err = answer.err
	}
	if err != nil {
		return opinion{err: fmt.Errorf("sentinel %s: %w", address, err)}
	}
	return readOpinion(answer.list)
}

// readOpinion reads names and values, one after the other.
func readOpinion(fields []reply) opinion {
	known := map[string]string{}
	for i := 0; i+1 < len(fields); i += 2 {
		known[fields[i].text] = fields[i+1].text
	}
	epoch, err := strconv.Atoi(known["config-epoch"])
	if err != nil || known["ip"] == "" || known["port"] == "" {
		return opinion{err: fmt.Errorf("%w of a Sentinel", errProtocol)}
	}
	return opinion{master: net.JoinHostPort(known["ip"], known["port"]), epoch: epoch}
}
