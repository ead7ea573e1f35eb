package realtime

import (
	"context"
	"crypto/tls"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Option changes how [Dial] connects.
type Option func(*config)

type config struct {
	transport credentials.TransportCredentials
	apiKey    *string // nil: the client has none
	dial      []grpc.DialOption
}

// WithAPIKey sends key with every call, as `authorization: Bearer <key>`. An
// empty key is an error of [Dial].
func WithAPIKey(key string) Option {
	return func(c *config) { c.apiKey = &key }
}

// WithTLS replaces the TLS configuration, for private roots or a client
// certificate.
func WithTLS(cfg *tls.Config) Option {
	return func(c *config) { c.transport = credentials.NewTLS(cfg) }
}

// WithPlaintext turns TLS off. Everything is then readable on the way, the API
// key included: it is meant for loopback, and for networks that something else
// encrypts, such as a service mesh.
func WithPlaintext() Option {
	return func(c *config) { c.transport = insecure.NewCredentials() }
}

// WithDialOptions adds options of gRPC itself, such as interceptors or
// keepalive. They come last and win.
func WithDialOptions(opts ...grpc.DialOption) Option {
	return func(c *config) { c.dial = append(c.dial, opts...) }
}

func newConfig(opts []Option) *config {
	c := &config{transport: credentials.NewTLS(nil)}
	for _, opt := range opts {
		opt(c)
	}
	return c
}

func (c *config) dialOptions() ([]grpc.DialOption, error) {
	opts := []grpc.DialOption{grpc.WithTransportCredentials(c.transport)}
	if c.apiKey != nil {
		if *c.apiKey == "" {
			return nil, errors.New("the API key is empty")
		}
		plaintext := c.transport.Info().SecurityProtocol == "insecure"
		opts = append(opts, grpc.WithPerRPCCredentials(bearer{key: *c.apiKey, plaintext: plaintext}))
	}
	return append(opts, c.dial...), nil
}

// bearer is an API key as gRPC credentials.
type bearer struct {
	key       string
	plaintext bool // WithPlaintext allowed the key to travel in the clear
}

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.key}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials]: gRPC
// itself refuses to send the key over a connection that is less than it says.
func (b bearer) RequireTransportSecurity() bool { return !b.plaintext }
