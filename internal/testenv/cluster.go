package testenv

import (
	"fmt"
	"strings"
	"testing"
)

// slots is how many slots a Redis Cluster has.
const slots = 16384

// Cluster is a Redis Cluster whose masters share the slots evenly.
type Cluster struct {
	// Masters are in the order of their slots. Replicas[i] follows Masters[i];
	// there may be none.
	Masters, Replicas []*Redis

	t    *testing.T
	size int // how many masters
}

// StartCluster starts a Redis Cluster with a number of masters, each with one
// replica if replicated, and returns when all agree that it works. A master
// counts as dead after a second.
func StartCluster(t *testing.T, masters int, replicated bool, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t, size: masters}
	for i := range masters {
		c.Masters = append(c.Masters, startClusterNode(t, args))
		first, end := c.Range(i)
		c.Masters[i].Do("CLUSTER", "ADDSLOTSRANGE", first, end-1)
		// Without one of their own, two nodes that meet would have to argue about it.
		c.Masters[i].Do("CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	if replicated {
		for range masters {
			c.Replicas = append(c.Replicas, startClusterNode(t, args))
		}
	}
	c.join()
	for i, replica := range c.Replicas {
		c.Follow(replica, c.Masters[i])
	}
	return c
}

func startClusterNode(t *testing.T, args []string) *Redis {
	t.Helper()
	host, port := reserve(t)
	_, bus := reserve(t)
	return start(t, host, port, append([]string{
		"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--protected-mode", "no",
		"--repl-diskless-sync-delay", "0",
		"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-announce-ip", host,
		"--cluster-node-timeout", "1000",
	}, args...))
}

// all are the nodes of the cluster.
func (c *Cluster) all() []*Redis { return append(append([]*Redis{}, c.Masters...), c.Replicas...) }

// join makes one cluster of the nodes.
func (c *Cluster) join() {
	c.t.Helper()
	all := c.all()
	for _, other := range all[1:] {
		bus := other.Do("CONFIG", "GET", "cluster-port").([]any)[1] //nolint:errcheck,forcetypeassert // it is what Redis says
		all[0].Do("CLUSTER", "MEET", other.Host, other.Port, bus)
	}
	await(c.t, "the cluster works", func() bool {
		for _, one := range all {
			info := fmt.Sprint(one.Do("CLUSTER", "INFO"))
			if !strings.Contains(info, "cluster_state:ok") ||
				!strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r", len(all))) {
				return false
			}
		}
		return true
	})
}

// Follow makes a node without slots the replica of a master, and returns when
// it has its copy.
func (c *Cluster) Follow(replica, master *Redis) {
	c.t.Helper()
	replica.Do("CLUSTER", "REPLICATE", master.Do("CLUSTER", "MYID"))
	await(c.t, "the replica follows", func() bool {
		return strings.Contains(fmt.Sprint(replica.Do("INFO", "replication")), "master_link_status:up")
	})
}

// Range is the first slot of a master, and the one behind its last.
func (c *Cluster) Range(master int) (first, end int) {
	return slots * master / c.size, slots * (master + 1) / c.size
}

// MoveSlot gives a slot, which must be without keys, to another master.
func (c *Cluster) MoveSlot(slot int, to *Redis) {
	c.t.Helper()
	id := to.Do("CLUSTER", "MYID")
	to.Do("CLUSTER", "SETSLOT", slot, "NODE", id)
	for _, one := range c.Masters {
		one.Do("CLUSTER", "SETSLOT", slot, "NODE", id)
	}
}

// Addresses are those of the masters.
func (c *Cluster) Addresses() []string { return addresses(c.Masters) }
