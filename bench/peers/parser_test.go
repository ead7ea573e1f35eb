package peers

import (
	"flag"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestMain has rapid check more than it would by itself, unless the command
// line says how much.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "10000"); err != nil {
		panic(err) // rapid has lost its flag
	}
	m.Run()
}

// TestTheyReadUs: what we encode, both read as it was meant.
func TestTheyReadUs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPacket.Draw(t, "packet")
		text, attachments, err := encodeOurs(p)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		wantBothRead(t, p, text, attachments)
	})
}

// TestWeReadThem: what they encode, both read as it was meant.
func TestWeReadThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPacket.Draw(t, "packet")
		text, attachments := encodeTheirs(p)
		wantBothRead(t, p, text, attachments)
	})
}

func wantBothRead(t *rapid.T, want packet, text string, attachments [][]byte) {
	t.Helper()
	for name, decode := range map[string]func(string, [][]byte) (packet, error){
		"ours": decodeOurs, "theirs": decodeTheirs,
	} {
		if got, err := decode(text, attachments); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s reads %q, %x as\n%#v, %v, want\n%#v", name, text, attachments, got, err, want)
		}
	}
}
