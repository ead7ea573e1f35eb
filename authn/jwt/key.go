package jwt

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// asymmetric are the algorithms whose keys may be public, so that a JWK set
// may hold them.
var asymmetric = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// symmetric are those whose keys are secrets.
var symmetric = []string{"HS256", "HS384", "HS512"}

// minRSABits is the least that RFC 7518, 3.3 allows.
const minRSABits = 2048

// key is a key with the algorithms by which it may have signed. A key takes
// part in no other, whatever a token says: an RSA key is no HMAC secret.
type key struct {
	id         string // "" fits every token
	value      jwt.VerificationKey
	algorithms []string
}

// newKey returns a key with all algorithms that fit it or, if there are some,
// with those of only.
func newKey(id string, value jwt.VerificationKey, only ...string) (key, error) {
	algorithms := algorithmsOf(value)
	if len(algorithms) == 0 {
		return key{}, errors.New("is of no kind that signs tokens, or too short for it")
	}
	for _, alg := range only {
		if !slices.Contains(algorithms, alg) {
			return key{}, fmt.Errorf("does not fit algorithm %q, only %q", alg, algorithms)
		}
	}
	if len(only) > 0 {
		algorithms = only
	}
	return key{id: id, value: value, algorithms: algorithms}, nil
}

func algorithmsOf(value jwt.VerificationKey) []string {
	switch k := value.(type) {
	case []byte:
		return hmacOf(len(k))
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return nil
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return []string{"ES256"}
		case 384:
			return []string{"ES384"}
		case 521:
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}

// hmacOf follows RFC 7518, 3.2: a secret is at least as long as the hash.
func hmacOf(bytes int) []string {
	var all []string
	for _, h := range []struct {
		alg   string
		bytes int
	}{{"HS256", 32}, {"HS384", 48}, {"HS512", 64}} {
		if bytes >= h.bytes {
			all = append(all, h.alg)
		}
	}
	return all
}

// fitting returns the keys that may have signed a token with this kid, ""
// if it names none, and this algorithm.
func fitting(keys []key, kid, alg string) []jwt.VerificationKey {
	var found []jwt.VerificationKey
	for _, k := range keys {
		if (kid == "" || k.id == "" || k.id == kid) && slices.Contains(k.algorithms, alg) {
			found = append(found, k.value)
		}
	}
	return found
}

// loadKeys makes keys of a configuration and of what its files hold.
func loadKeys(all []Key, files map[string]file) ([]key, error) {
	var keys []key
	var faults []error
	for n, from := range all {
		value, err := from.load(files)
		if err == nil {
			var k key
			k, err = newKey(from.ID, value, from.Algorithms...)
			keys = append(keys, k)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("keys[%d] %q: %w", n, from.ID, err))
		}
	}
	return keys, errors.Join(faults...)
}

// path is the file that a key is in, "" if there is none.
func (k Key) path() string { return cmp.Or(k.SecretFile, k.PEMFile) }

func (k Key) load(files map[string]file) (jwt.VerificationKey, error) {
	if k.Secret != "" {
		return []byte(k.Secret), nil
	}
	f := files[k.path()]
	switch {
	case f.err != nil:
		return nil, f.err
	case k.SecretFile != "":
		text := bytes.TrimRight(f.content, "\r\n") // of the editor that wrote it
		return text, checkSecret(text)
	}
	return parsePEM(f.content)
}

// checkSecret keeps a public key from being taken for a secret: everybody could
// sign with it.
func checkSecret(secret []byte) error {
	if bytes.Contains(secret, []byte("-----BEGIN ")) {
		return errors.New("is a PEM file, which belongs into pem_file")
	}
	return nil
}

// parsePEM reads the first block of a file: a public key or a certificate.
func parsePEM(text []byte) (jwt.VerificationKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("holds no PEM block")
	}
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	}
	return nil, fmt.Errorf("holds %q, not a public key", block.Type)
}
