package jwt

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// Config says which tokens are believed, and what they say. Zero values of
// times and sizes mean the default, unless the field says otherwise.
type Config struct {
	// Keys are those that are known without asking. Those in files are read again
	// when their files change.
	Keys []Key `yaml:"keys"`
	// JWKS is where further keys come from.
	JWKS JWKS `yaml:"jwks"`
	// Issuers are the values of iss that are believed. Empty means all.
	Issuers []string `yaml:"issuers"`
	// Audiences are the values of aud of which a token needs one. Empty means
	// that aud does not count.
	Audiences []string `yaml:"audiences"`
	// Leeway is how far the clocks of issuer and server may differ; zero means
	// not at all.
	Leeway time.Duration `yaml:"leeway"`
	// MaxLifetime is for how long a token may still be good when it arrives;
	// zero means for any time.
	MaxLifetime time.Duration `yaml:"max_lifetime"`
	// MaxBytes is the longest token.
	MaxBytes int `yaml:"max_bytes"`
	// Token is where the token is.
	Token Token `yaml:"token"`
	// Claims say who the client is.
	Claims Claims `yaml:"claims"`
}

// Key is one key: a secret, or a public key. Exactly one of Secret, SecretFile
// and PEMFile is set.
type Key struct {
	// ID is the kid of the tokens that this key signed. Without one the key is
	// tried for every token.
	ID         string       `yaml:"id"`
	Secret     authn.Secret `yaml:"secret"`
	SecretFile string       `yaml:"secret_file"`
	PEMFile    string       `yaml:"pem_file"`
	// Algorithms narrow down those that fit the key.
	Algorithms []string `yaml:"algorithms"`
}

// JWKS is a JWK set that is fetched by HTTP.
type JWKS struct {
	// URL is where the set is. Empty means that there is none.
	URL string `yaml:"url"`
	// CA is a PEM file with the authorities that may vouch for the issuer. Empty
	// means those of the system.
	CA string `yaml:"ca"`
	// AllowHTTP takes sets without TLS from other hosts too. Whoever can change
	// such a set can be every user.
	AllowHTTP bool `yaml:"allow_http"`
	// Timeout is how long one fetch may take.
	Timeout time.Duration `yaml:"timeout"`
	// Refresh is the time between two fetches.
	Refresh time.Duration `yaml:"refresh"`
	// MinInterval is the least time between two fetches: after a failure, and
	// if tokens name keys that are not known.
	MinInterval time.Duration `yaml:"min_interval"`
	// MaxAge is for how long keys are used that could not be fetched again.
	MaxAge time.Duration `yaml:"max_age"`
}

// Claims says what of a token makes the client. Each is the name of a claim,
// or a path such as "realm_access.roles".
type Claims struct {
	// User is the id of the user, a string or a whole number.
	User string `yaml:"user"`
	// Rooms is one room or a list of them. Empty means none.
	Rooms string `yaml:"rooms"`
	// RoomPrefix stands before each of these rooms.
	RoomPrefix string `yaml:"room_prefix"`
	// Metadata is what backends are told, by its name there.
	Metadata map[string]string `yaml:"metadata"`
}

// WithDefaults returns c with the defaults in place of zeros.
func (c Config) WithDefaults() Config {
	c.MaxBytes = cmp.Or(c.MaxBytes, 8<<10)
	c.Claims.User = cmp.Or(c.Claims.User, "sub")
	if c.Token == (Token{}) {
		c.Token.Auth = "token"
	}
	c.JWKS.Timeout = cmp.Or(c.JWKS.Timeout, 5*time.Second)
	c.JWKS.Refresh = cmp.Or(c.JWKS.Refresh, 10*time.Minute)
	c.JWKS.MinInterval = cmp.Or(c.JWKS.MinInterval, 10*time.Second)
	c.JWKS.MaxAge = cmp.Or(c.JWKS.MaxAge, 24*time.Hour)
	return c
}

// Validate reports every fault of a configuration with its defaults at once. It
// reads no files.
func (c Config) Validate() error {
	var faults []error
	if len(c.Keys) == 0 && c.JWKS.URL == "" {
		faults = append(faults, errors.New("keys: at least one is needed, or jwks.url"))
	}
	for n, k := range c.Keys {
		if err := k.validate(); err != nil {
			faults = append(faults, fmt.Errorf("keys[%d]: %w", n, err))
		}
		if k.PEMFile != "" && k.ID == "" && c.JWKS.URL != "" {
			faults = append(faults, fmt.Errorf("keys[%d].id: is needed beside jwks.url", n))
		}
	}
	if c.Leeway < 0 || c.MaxLifetime < 0 || c.MaxBytes < 0 {
		faults = append(faults, errors.New("leeway, max_lifetime, max_bytes: must not be negative"))
	}
	return errors.Join(append(faults, c.Token.Validate("token."), c.JWKS.validate())...)
}

func (k Key) validate() error {
	sources := 0
	for _, source := range []string{string(k.Secret), k.SecretFile, k.PEMFile} {
		if source != "" {
			sources++
		}
	}
	if sources != 1 {
		return errors.New("needs one of secret, secret_file and pem_file")
	}
	if k.Secret == "" {
		return nil
	}
	_, err := newKey(k.ID, []byte(k.Secret), k.Algorithms...)
	if err = errors.Join(err, checkSecret([]byte(k.Secret))); err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	return nil
}

func (j JWKS) validate() error {
	if j.URL == "" {
		return nil
	}
	var faults []error
	if at, err := url.Parse(j.URL); err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" {
		faults = append(faults, errors.New("jwks.url: is no URL such as https://login.example.com/jwks.json"))
	} else if at.Scheme == "http" && !j.AllowHTTP && !isLoopback(at.Hostname()) {
		faults = append(faults, errors.New("jwks.url: is not https; allow_http takes keys from anybody on the way"))
	}
	if j.CA != "" && strings.HasPrefix(j.URL, "http:") {
		faults = append(faults, errors.New("jwks.ca: is of no use without https"))
	}
	if j.Timeout < 0 || j.Refresh < 0 || j.MinInterval < 0 || j.MaxAge < 0 {
		faults = append(faults, errors.New("jwks: times must not be negative"))
	}
	if j.MaxAge < j.Refresh {
		faults = append(faults, errors.New("jwks.max_age: must not be shorter than refresh"))
	}
	return errors.Join(faults...)
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
