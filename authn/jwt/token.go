package jwt

import (
	"encoding/json"
	"strings"

	"github.com/seed52a35d2d/realtime-server/authn"
)

// find returns the token of a client: of its auth, else of the header, else
// of the query, as far as they are configured.
func (t Token) find(claims authn.Claims) (string, error) {
	if token, found, err := t.ofAuth(claims.Auth); found || err != nil {
		return bare(token), err
	}
	if t.Header != "" && claims.Headers[t.Header] != "" {
		return bare(claims.Headers[t.Header]), nil
	}
	if t.Query != "" && claims.Query[t.Query] != "" {
		return bare(claims.Query[t.Query]), nil
	}
	return "", &authn.Refusal{Code: CodeMissing, Message: "A token is needed"}
}

func (t Token) ofAuth(auth json.RawMessage) (token string, found bool, err error) {
	if t.Auth == "" || len(auth) == 0 {
		return "", false, nil
	}
	value := lookup(objectOf(auth), t.Auth)
	if value == nil || value == "" {
		return "", false, nil
	}
	token, isString := value.(string)
	if !isString {
		return "", false, invalid(errMalformed)
	}
	return token, true, nil
}

// bare takes away what clients put before a token out of habit.
func bare(token string) string {
	const scheme = "bearer "
	if len(token) > len(scheme) && strings.EqualFold(token[:len(scheme)], scheme) {
		return strings.TrimSpace(token[len(scheme):])
	}
	return token
}

// objectOf returns nil for what is no object: auth may be any value.
func objectOf(text []byte) map[string]any {
	var object map[string]any
	if json.Unmarshal(text, &object) != nil {
		return nil
	}
	return object
}

// lookup returns the value at a path such as "user.id", nil if there is none.
// A name with dots of its own, such as "https://example.com/roles", goes
// before a path.
func lookup(object map[string]any, path string) any {
	if value, found := object[path]; found {
		return value
	}
	for i, c := range path {
		if c != '.' {
			continue
		}
		if inner, isObject := object[path[:i]].(map[string]any); isObject {
			return lookup(inner, path[i+1:])
		}
	}
	return nil
}
