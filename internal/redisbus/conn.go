package redisbus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// conn is a connection to a Redis server that has let us in.
type conn struct {
	net.Conn
	in *reader
	// address is the one that was dialled.
	address string
}

// dialer makes connections. It reads passwords and certificates each time.
type dialer struct{ cfg Config }

// network connects to an address, over TLS if that is configured. go-redis
// dials with it as well.
func (d dialer) network(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.DialTimeout)
	defer cancel()
	plain, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil || !d.cfg.TLS.Enabled {
		return plain, err
	}
	cfg, err := d.cfg.TLS.config(address)
	if err != nil {
		plain.Close()
		return nil, err
	}
	secure := tls.Client(plain, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, err
	}
	return secure, nil
}

// credentials are the user's name and present password.
func (d dialer) credentials(context.Context) (username, password string, err error) {
	if d.cfg.PasswordFile == "" {
		return d.cfg.Username, d.cfg.Password, nil
	}
	text, err := os.ReadFile(d.cfg.PasswordFile)
	if err != nil {
		return "", "", fmt.Errorf("password_file: %w", err)
	}
	return d.cfg.Username, strings.TrimRight(string(text), "\r\n"), nil
}

// server connects to a Redis server and makes sure that it is no replica. In a
// Cluster that is left to the Cluster.
func (d dialer) server(ctx context.Context, address string) (*conn, error) {
	username, password, err := d.credentials(ctx)
	if err != nil {
		return nil, err
	}
	c, err := d.open(ctx, address, username, password)
	if err != nil || d.cfg.ofCluster() {
		return c, err
	}
	role, err := c.ask(ctx, "ROLE")
	if err == nil {
		err = masterOnly(role)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// masterOnly looks at an answer to ROLE. If the ACL does not let us ask, the
// probe has to find out.
func masterOnly(role reply) error {
	var refused replyError
	switch {
	case errors.As(role.err, &refused) && refused.cause() == CauseAuth:
		return refused
	case role.err == nil && len(role.list) > 0 && role.list[0].text != "master":
		return errReplica
	}
	return nil
}

// open connects and authenticates. ctx has a deadline.
func (d dialer) open(ctx context.Context, address, username, password string) (*conn, error) {
	network, err := d.network(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: network, in: newReader(network), address: address}
	if err := c.authenticate(ctx, username, password); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *conn) authenticate(ctx context.Context, username, password string) error {
	if password == "" {
		return nil
	}
	args := []string{"AUTH", password}
	if username != "" {
		args = []string{"AUTH", username, password} // Redis 6 and later
	}
	answer, err := c.ask(ctx, args...)
	if err != nil {
		return err
	}
	return answer.err
}

// ask makes one call, which ends with ctx. It is for connections on which
// nothing else goes on.
func (c *conn) ask(ctx context.Context, args ...string) (reply, error) {
	deadline, _ := ctx.Deadline() // none is the zero time, which is none as well
	if err := c.SetDeadline(deadline); err != nil {
		return reply{}, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if _, err := c.Write(newCommand(args...)); err != nil {
		return reply{}, err
	}
	answer, err := c.in.reply()
	if err != nil {
		return reply{}, err
	}
	if !stop() {
		return reply{}, context.Cause(ctx)
	}
	return answer, c.SetDeadline(time.Time{})
}
