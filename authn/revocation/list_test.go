package revocation_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn/revocation"
)

var (
	at    = time.Date(2026, 12, 1, 12, 0, 0, 500e6, time.UTC)
	until = at.Add(time.Hour)
)

func ofUser(namespace, user string) revocation.Revocation {
	return revocation.Revocation{Namespace: namespace, User: user, At: at, Until: until}
}

func ofToken(namespace, token string) revocation.Revocation {
	return revocation.Revocation{Namespace: namespace, Token: token, At: at, Until: until}
}

func TestWhatIsRevoked(t *testing.T) {
	before, after := at.Add(-time.Minute), at.Add(time.Nanosecond)
	for _, test := range []struct {
		name       string
		revocation revocation.Revocation
		credential revocation.Credential
		want       bool
	}{
		{"older", ofUser("/", "ada"), revocation.Credential{"/", "ada", "t", before}, true},
		{"of the same moment", ofUser("/", "ada"), revocation.Credential{"/", "ada", "t", at}, true},
		{"of an unknown time", ofUser("/", "ada"), revocation.Credential{"/", "ada", "t", time.Time{}}, true},
		{"newer", ofUser("/", "ada"), revocation.Credential{"/", "ada", "t", after}, false},
		{"of another user", ofUser("/", "ada"), revocation.Credential{"/", "bob", "ada", before}, false},
		{"of nobody", ofUser("/", "ada"), revocation.Credential{"/", "", "", before}, false},
		{"in another namespace", ofUser("/", "ada"), revocation.Credential{"/chat", "ada", "t", before}, false},
		{"in any namespace", ofUser("", "ada"), revocation.Credential{"/chat", "ada", "t", before}, true},
		{"by its name", ofToken("/", "t"), revocation.Credential{"/", "ada", "t", after}, true},
		{"by another name", ofToken("/", "t"), revocation.Credential{"/", "t", "u", before}, false},
		{"without a name", ofToken("/", "t"), revocation.Credential{"/", "ada", "", before}, false},
		{"by its name anywhere", ofToken("", "t"), revocation.Credential{"/chat", "", "t", after}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.revocation.Covers(test.credential); got != test.want {
				t.Errorf("the revocation says %v", got)
			}
			l := revocation.NewList(1)
			if err := l.Add(test.revocation, at); err != nil {
				t.Fatal(err)
			}
			if got := l.Revoked(test.credential, after); got != test.want {
				t.Errorf("the list says %v", got)
			}
			if l.Revoked(test.credential, until) {
				t.Error("it is still revoked when it has ended by itself")
			}
		})
	}
}

func TestRevokedAgain(t *testing.T) {
	l := revocation.NewList(1)
	first, second := ofUser("/", "ada"), ofUser("/", "ada")
	second.At, second.Until = at.Add(time.Minute), at.Add(2*time.Minute)
	between := revocation.Credential{"/", "ada", "", at.Add(time.Second)}
	for _, r := range []revocation.Revocation{second, first} { // in whatever order they are heard
		if news, dropped := l.Hear(r, at); !news || dropped {
			t.Errorf("news %v, dropped %v", news, dropped)
		}
	}
	if !l.Revoked(between, until.Add(-1)) {
		t.Error("what the second has revoked is good before the end of the first")
	}
	for _, r := range []revocation.Revocation{second, first} {
		if news, _ := l.Hear(r, at); news {
			t.Error("what is known is news")
		}
	}
	if all := l.All(at); len(all) != 1 || !all[0].At.Equal(second.At) || !all[0].Until.Equal(first.Until) {
		t.Errorf("got %+v", all)
	}
}

func TestFullList(t *testing.T) {
	l := revocation.NewList(2)
	brief := ofUser("/", "brief")
	brief.Until = at.Add(time.Minute)
	for _, r := range []revocation.Revocation{brief, ofUser("/", "ada")} {
		if err := l.Add(r, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Add(ofUser("/", "bob"), at); !errors.Is(err, revocation.ErrFull) {
		t.Errorf("a third one: %v", err)
	}
	if err := l.Add(ofUser("/", "ada"), at); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	if news, dropped := l.Hear(ofUser("/", "bob"), at); !news || !dropped {
		t.Errorf("heard of a third one: news %v, dropped %v", news, dropped)
	}
	for user, want := range map[string]bool{"brief": false, "ada": true, "bob": true} {
		if got := l.Revoked(revocation.Credential{Namespace: "/", User: user}, at); got != want {
			t.Errorf("%s is revoked: %v", user, got)
		}
	}
}

func TestThoseThatAreOverGo(t *testing.T) {
	l := revocation.NewList(3)
	for n := range 3 {
		if err := l.Add(ofToken("/", fmt.Sprint(n)), at); err != nil {
			t.Fatal(err)
		}
	}
	late := ofToken("/", "late")
	late.At, late.Until = until, until.Add(time.Hour)
	if len(l.All(until)) != 0 {
		t.Error("they are not over")
	}
	if err := l.Add(late, until); err != nil || l.Len() != 1 {
		t.Errorf("%v, and %d are kept", err, l.Len())
	}
	if news, _ := l.Hear(ofToken("/", "0"), until); news {
		t.Error("what is over is news")
	}
}
