package redisbus

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"
)

// Config says which Redis is used, and how.
type Config struct {
	// Addresses are host:port of Redis. One is a single server; several are
	// nodes of a Redis Cluster; with MasterName they are Sentinels. Not all of
	// a Cluster's nodes need to be named. Default none: no Redis.
	Addresses []string `yaml:"addresses"`
	// MasterName is what the Sentinels call their master. Default empty: no
	// Sentinels.
	MasterName string `yaml:"master_name"`
	// Cluster says that a single address is a node of a Redis Cluster.
	// Default false.
	Cluster bool `yaml:"cluster"`
	// Username is the ACL user. Default empty: the user "default".
	Username string `yaml:"username"`
	// Password is the user's. Default empty: none.
	Password string `yaml:"password"`
	// PasswordFile is a file with the password, read for every new connection,
	// so that it can be changed without a restart. Default empty: Password.
	PasswordFile string `yaml:"password_file"`
	// SentinelUsername is the ACL user of the Sentinels. Default empty.
	SentinelUsername string `yaml:"sentinel_username"`
	// SentinelPassword is the Sentinels' password. Default empty: none.
	SentinelPassword string `yaml:"sentinel_password"`
	// Database is the number of the database that keys are kept in. Messages
	// know no databases: Prefix keeps deployments apart. A Cluster has 0 only.
	// Default 0.
	Database int `yaml:"database"`
	// TLS protects the connections, those to Sentinels included. Default off.
	TLS TLS `yaml:"tls"`
	// Prefix begins the names of all channels and keys. Deployments with
	// different prefixes share a Redis without hearing each other. 1 to 64 of
	// the characters A-Z a-z 0-9 . _ -. Default "realtime".
	Prefix string `yaml:"prefix"`
	// DialTimeout is how long it may take to find the master and to connect,
	// TLS and authentication included. Default 2s.
	DialTimeout time.Duration `yaml:"dial_timeout"`
	// CallTimeout is how long Redis may take to answer, where the caller has
	// no earlier deadline. Default 2s.
	CallTimeout time.Duration `yaml:"call_timeout"`
	// ProbeInterval is the time between two messages that the server sends to
	// itself through Redis. Default 2s.
	ProbeInterval time.Duration `yaml:"probe_interval"`
	// PoolSize is how many connections for commands are kept with each Redis
	// server. Messages have connections of their own. Default 16.
	PoolSize int `yaml:"pool_size"`
	// MaxQueue is how many bytes of messages may wait for Redis before more
	// are refused. In a Cluster each of the 16 parts of the channels has a
	// sixteenth of it. Default 16 MiB.
	MaxQueue int `yaml:"max_queue"`
}

// DefaultConfig returns the configuration that lacks only addresses.
func DefaultConfig() Config {
	return Config{
		Prefix:        "realtime",
		DialTimeout:   2 * time.Second,
		CallTimeout:   2 * time.Second,
		ProbeInterval: 2 * time.Second,
		PoolSize:      16,
		MaxQueue:      16 << 20,
	}
}

// Enabled reports whether there is a Redis at all.
func (c Config) Enabled() bool { return len(c.Addresses) > 0 }

// ofCluster reports whether the addresses are nodes of a Redis Cluster.
func (c Config) ofCluster() bool {
	return c.MasterName == "" && (c.Cluster || len(c.Addresses) > 1)
}

// validPrefix has no colon, which separates the prefix from the rest of a name.
var validPrefix = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Validate reports everything that is wrong with c but the content of files,
// which is read when it is needed.
func (c Config) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	for _, address := range c.Addresses {
		_, port, err := net.SplitHostPort(address)
		fault(err != nil || port == "", "addresses: %q is not host:port", address)
	}
	fault(c.MasterName != "" && !c.Enabled(), "master_name: needs the addresses of Sentinels")
	fault(c.MasterName != "" && c.Cluster, "cluster: excludes master_name")
	fault(c.Username != "" && c.Password == "" && c.PasswordFile == "", "username: needs a password")
	fault(c.Password != "" && c.PasswordFile != "", "password_file: excludes password")
	fault(c.SentinelUsername != "" && c.SentinelPassword == "", "sentinel_username: needs sentinel_password")
	fault(c.SentinelPassword != "" && c.MasterName == "", "sentinel_password: needs master_name")
	fault(c.Database < 0, "database: %d is negative", c.Database)
	fault(c.Database > 0 && c.ofCluster(), "database: a Redis Cluster has only 0")
	fault(!validPrefix.MatchString(c.Prefix), "prefix: %q is not 1 to 64 of A-Z a-z 0-9 . _ -", c.Prefix)
	fault(c.DialTimeout <= 0, "dial_timeout: %v is not positive", c.DialTimeout)
	fault(c.CallTimeout <= 0, "call_timeout: %v is not positive", c.CallTimeout)
	fault(c.ProbeInterval <= 0, "probe_interval: %v is not positive", c.ProbeInterval)
	fault(c.PoolSize <= 0, "pool_size: %d is not positive", c.PoolSize)
	fault(c.MaxQueue < buckets, "max_queue: %d is less than %d", c.MaxQueue, buckets)
	fault((c.TLS.Cert == "") != (c.TLS.Key == ""), "tls: cert and key need each other")
	fault(!c.TLS.Enabled && c.TLS != TLS{}, "tls: has files or a server name but is not enabled")
	return errors.Join(faults...)
}
