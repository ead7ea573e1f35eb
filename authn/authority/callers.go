package authority

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/seed52a35d2d/realtime-server/authn/apikey"
)

// Errors of [Callers.ByCertificate].
var (
	ErrNoIdentity    = errors.New("the client certificate fits no identity")
	ErrTwoIdentities = errors.New("the client certificate fits several identities")
)

// Callers are all who may call. They are safe for concurrent use.
type Callers struct {
	keys       map[string]Key
	identities map[string]Identity

	changing sync.Mutex // one change at a time
	current  atomic.Pointer[directory]
}

// directory is who may call at one time. It does not change.
type directory struct {
	keys       *apikey.Keys
	byName     map[string]*Caller
	identities map[feature]*Caller
}

// New returns the callers of a configuration, or all that is wrong with it. No
// callers let nobody in.
func New(keys map[string]Key, identities map[string]Identity) (*Callers, error) {
	c := &Callers{keys: keys, identities: identities}
	c.current.Store(&directory{})
	if err := c.SetMore(nil); err != nil {
		return nil, err
	}
	return c, nil
}

// SetMore replaces the keys that stand beside those of the configuration. If
// there is anything wrong with them, nothing changes.
func (c *Callers) SetMore(more map[string]Key) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	d := &directory{byName: map[string]*Caller{}, identities: map[feature]*Caller{}}
	err := errors.Join(d.addKeys(c.keys, more), d.addIdentities(c.identities))
	if err != nil {
		return err
	}
	before := c.current.Load()
	for name, caller := range d.byName {
		caller.follow(before.byName[name])
	}
	c.current.Store(d)
	return nil
}

func (d *directory) addKeys(sets ...map[string]Key) error {
	var secrets []apikey.Key
	var faults []error
	for _, set := range sets {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			key := set[name]
			faults = append(faults, within("api_keys."+name, key.Validate()), d.add(newCaller(name, ByKey, key.Grant)))
			secrets = append(secrets, apikey.Key{Name: name, Key: string(key.Secret)})
		}
	}
	var err error
	d.keys, err = apikey.New(secrets)
	return errors.Join(append(faults, err)...)
}

func (d *directory) addIdentities(identities map[string]Identity) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(identities)) {
		identity := identities[name]
		f, err := identity.feature()
		if other := d.identities[f]; err == nil && other != nil {
			err = fmt.Errorf("fits the same certificates as %q", other.Name)
		}
		caller := newCaller(name, ByCertificate, identity.Grant)
		d.identities[f] = caller
		faults = append(faults, within("identities."+name, errors.Join(err, identity.Validate())), d.add(caller))
	}
	return errors.Join(faults...)
}

// maxName keeps lines and labels short.
const maxName = 128

func (d *directory) add(c *Caller) error {
	switch {
	case len(c.Name) > maxName || !utf8.ValidString(c.Name):
		return fmt.Errorf("%.20q is no name of at most %d bytes of UTF-8", c.Name, maxName)
	case d.byName[c.Name] != nil && c.Kind != d.byName[c.Name].Kind:
		return fmt.Errorf("a key and an identity are both named %q", c.Name)
	}
	d.byName[c.Name] = c
	return nil
}

// ByKey returns the caller with the key of an authorization header,
// [apikey.ErrMissing] if there is none, or [apikey.ErrInvalid].
func (c *Callers) ByKey(authorization string) (*Caller, error) {
	d := c.current.Load()
	name, err := d.keys.Check(authorization)
	if err != nil {
		return nil, err
	}
	return d.byName[name], nil
}

// ByCertificate returns the caller with a verified certificate. It is nil if
// there are no identities: then certificates only open the door.
func (c *Callers) ByCertificate(cert *x509.Certificate) (*Caller, error) {
	d := c.current.Load()
	if len(d.identities) == 0 {
		return nil, nil
	}
	var found *Caller
	for _, f := range features(cert) {
		switch caller := d.identities[f]; {
		case caller == nil || caller == found:
		case found != nil:
			return nil, ErrTwoIdentities
		default:
			found = caller
		}
	}
	if found == nil {
		return nil, ErrNoIdentity
	}
	return found, nil
}

// Now returns what has become of a caller; nil if its name is gone. A key with
// a new secret is the same caller.
func (c *Callers) Now(caller *Caller) *Caller {
	now := c.current.Load().byName[caller.Name]
	if now == nil || now.Kind != caller.Kind {
		return nil
	}
	return now
}

// within puts a prefix before every fault of a part.
func within(key string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(key + ": " + strings.ReplaceAll(err.Error(), "\n", "\n"+key+": "))
}
