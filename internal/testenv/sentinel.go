package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// MasterName is what the Sentinels of StartSentinel call their master.
const MasterName = "testmaster"

// Sentinel is a master, a replica and three Sentinels that watch over them.
type Sentinel struct {
	// Master and Replica are what they were at the start.
	Master, Replica *Redis
	// Sentinels are the three that decide, by a majority of two.
	Sentinels []*Redis
}

// StartSentinel starts all five, and returns when the Sentinels know each other
// and the replica. They hold a master for dead after half a second. args are
// options of the master and of the replica.
func StartSentinel(t *testing.T, args ...string) *Sentinel {
	t.Helper()
	s := &Sentinel{Master: StartRedis(t, args...)}
	s.Replica = StartRedis(t, append(args, "--replicaof", s.Master.Host+" "+s.Master.Port)...)
	for range 3 {
		s.Sentinels = append(s.Sentinels, startOneSentinel(t, s.Master))
	}
	await(t, "the Sentinels know each other", func() bool {
		for _, one := range s.Sentinels {
			info := fmt.Sprint(one.Do("INFO", "sentinel"))
			if !strings.Contains(info, "status=ok") || !strings.Contains(info, "slaves=1,sentinels=3") {
				return false
			}
		}
		return true
	})
	await(t, "the replica follows", func() bool {
		return strings.Contains(fmt.Sprint(s.Replica.Do("INFO", "replication")), "master_link_status:up")
	})
	return s
}

func startOneSentinel(t *testing.T, master *Redis) *Redis {
	t.Helper()
	host, port := reserve(t)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	err := os.WriteFile(file, []byte(strings.Join([]string{
		"bind " + host,
		"port " + port,
		"protected-mode no",
		// Others find it where it listens, not at the address that it calls from.
		"sentinel announce-ip " + host,
		"sentinel announce-port " + port,
		"sentinel monitor " + MasterName + " " + master.Host + " " + master.Port + " 2",
		"sentinel down-after-milliseconds " + MasterName + " 500",
		"sentinel failover-timeout " + MasterName + " 2000",
	}, "\n")), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, host, port, []string{file, "--sentinel"})
}

// Addresses are those of the Sentinels.
func (s *Sentinel) Addresses() []string { return addresses(s.Sentinels) }

func addresses(all []*Redis) []string {
	list := make([]string, 0, len(all))
	for _, one := range all {
		list = append(list, one.Address())
	}
	return list
}
