package authority

import (
	"crypto/x509"
	"errors"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Identity is what a client certificate says of its holder, and what that
// allows. Exactly one of SPIFFE, DNS and CommonName is set; the certificate
// must say exactly that.
type Identity struct {
	// SPIFFE is the certificate's only URI, such as spiffe://example.org/shop.
	SPIFFE string `yaml:"spiffe"`
	// DNS is one of its DNS names.
	DNS string `yaml:"dns"`
	// CommonName is the one of its subject.
	CommonName string `yaml:"common_name"`
	Grant      `yaml:",inline"`
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (i *Identity) UnmarshalYAML(node *yaml.Node) error {
	*i = Identity{}
	targets := i.targets()
	targets["spiffe"], targets["dns"], targets["common_name"] = &i.SPIFFE, &i.DNS, &i.CommonName
	return readSettings(node, "an identity", targets)
}

// MarshalYAML implements [yaml.Marshaler].
func (i Identity) MarshalYAML() (any, error) {
	said := i.settings()
	for key, value := range map[string]string{"spiffe": i.SPIFFE, "dns": i.DNS, "common_name": i.CommonName} {
		if value != "" {
			said[key] = value
		}
	}
	return said, nil
}

// feature is one thing that a certificate says of its holder.
type feature struct{ kind, value string }

const (
	kindSPIFFE     = "spiffe"
	kindDNS        = "dns"
	kindCommonName = "common_name"
)

// feature is what a certificate has to say.
func (i Identity) feature() (feature, error) {
	var wanted []feature
	for _, f := range []feature{{kindSPIFFE, i.SPIFFE}, {kindDNS, strings.ToLower(i.DNS)}, {kindCommonName, i.CommonName}} {
		if f.value != "" {
			wanted = append(wanted, f)
		}
	}
	if len(wanted) != 1 {
		return feature{}, errors.New("needs exactly one of spiffe, dns and common_name")
	}
	if u, err := url.Parse(i.SPIFFE); i.SPIFFE != "" && (err != nil || u.Scheme != "spiffe" || u.Host == "" || u.String() != i.SPIFFE) {
		return feature{}, errors.New("spiffe: is no URI such as spiffe://example.org/shop")
	}
	return wanted[0], nil
}

// features are what a certificate says. One with several URIs is no SPIFFE
// identity (X.509-SVID, section 2).
func features(cert *x509.Certificate) []feature {
	var said []feature
	if len(cert.URIs) == 1 && cert.URIs[0].Scheme == "spiffe" {
		said = append(said, feature{kindSPIFFE, cert.URIs[0].String()})
	}
	for _, name := range cert.DNSNames {
		said = append(said, feature{kindDNS, strings.ToLower(name)})
	}
	return append(said, feature{kindCommonName, cert.Subject.CommonName})
}
