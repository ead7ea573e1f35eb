package authn_test

import (
	"fmt"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/seed52a35d2d/realtime-server/authn"
)

func TestSecretsAreNotPrinted(t *testing.T) {
	for secret, want := range map[authn.Secret]struct{ text, yaml string }{
		"hush": {"********", "'********'\n"}, "": {"", "\"\"\n"},
	} {
		for _, verb := range []string{"%s", "%v", "%+v", "%#v"} {
			if got := fmt.Sprintf(verb, secret); got != want.text {
				t.Errorf("%s of %q is %q", verb, string(secret), got)
			}
		}
		if got, err := yaml.Marshal(secret); err != nil || string(got) != want.yaml {
			t.Errorf("%q becomes %q, %v", string(secret), got, err)
		}
	}
}
