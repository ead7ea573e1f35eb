package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	ours "github.com/seed52a35d2d/realtime-server/sio/parser"
)

// differences lists where one of the two accepts a message and the other does
// not, and why ours does as it does. The stock decoder is that of Node.
var differences = []struct {
	text   string
	ours   error // nil where ours accepts and theirs refuses
	theirs bool  // whether theirs accepts
	// like tells which other messages differ in this way; nil means all with
	// the same error.
	like func(m message) bool
	why  string
}{
	{`2`, ours.ErrPayload, true, message.withoutPayload, "the rest of their server takes the missing payload for an array, and panics"},
	{`50-`, ours.ErrPayload, true, message.withoutPayload, "likewise"},
	{`31`, ours.ErrPayload, true, message.withoutPayload, "likewise"},
	{`1null`, ours.ErrPayload, true, message.nullDisconnect, "the stock decoder refuses it"},
	{`3["x"]`, ours.ErrPayload, true, message.ackWithoutID, "it answers nothing"},
	{`2["x"]]`, ours.ErrPayload, true, message.trailing, "it is no JSON text; the stock decoder refuses it"},
	{`2["newListener"]`, ours.ErrPayload, true, message.reservedName, "the name is reserved by the stock decoder, too"},
	{`2[42]`, nil, false, message.numericName, "the stock decoder takes numbers for names"},
	{`2["x",1e999]`, nil, false, message.hugeNumber, "JSON stays as it is written; what is too big is up to whoever reads it"},
	{`29007199254740992["x"]`, ours.ErrID, true, nil, "a client in JavaScript cannot count so far"},
	{`5101-["x"]`, ours.ErrTooManyAttachments, true, nil, "theirs keeps attachments without limit"},
	{`51-["x",{"_placeholder":true}]`, ours.ErrPlaceholder, true, nil, "the stock decoder refuses it as illegal attachments"},
	{`51-["x",{"_placeholder":true,"num":"0"}]`, ours.ErrPlaceholder, true, nil, "likewise"},
	{`51-["x",{"_placeholder":true,"num":0.5}]`, ours.ErrPlaceholder, true, nil, "no attachment has half a number"},
}

// attachments are what a decoder is given that asks for them.
var attachments = [][]byte{{1}, {2, 2}, {}}

func TestDifferences(t *testing.T) {
	for _, d := range differences {
		_, errOurs := decodeOurs(d.text, attachments)
		_, errTheirs := decodeTheirs(d.text, attachments)
		if !same(errOurs, d.ours) || accepted(errTheirs) != d.theirs {
			t.Errorf("%s: ours %v, theirs %v; %s", d.text, errOurs, errTheirs, d.why)
		}
		if m, ok := split(d.text); d.like != nil && (!ok || !d.like(m)) {
			t.Errorf("%s is not like itself", d.text)
		}
	}
}

// TestStuckAfterZero: a binary packet that announces no attachment leaves
// their decoder waiting for one, so that the next packet ends the session.
func TestStuckAfterZero(t *testing.T) {
	decoder := ours.Decoder{Limits: ours.Limits{Depth: 1}}
	for _, text := range []string{`50-["x"]`, `2["y"]`} {
		if p, err := decoder.Text([]byte(text)); p == nil || err != nil {
			t.Errorf("ours reads %s as %v, %v", text, p, err)
		}
	}
	if err := feedTheirs(`50-["x"]`, `2["y"]`); err == nil {
		t.Error("theirs goes on: the difference is gone")
	}
}

// parts are what messages are put together of, in their order. What is usual
// stands more than once.
var parts = [][]string{
	{"0", "1", "2", "3", "4", "5", "6", "7", "", "a"},
	{"", "", "0-", "1-", "2-", "3-", "4-", "100-", "101-", "01-", "-", "1", "1.0-", "+1-", "99999999999999999999-"},
	{"", "", "/", "/,", "/a,", "/a", "/a?b=c,", ",", "/é,"},
	{"", "", "0", "7", "007", "9007199254740991", "9007199254740992", "18446744073709551616", "-1", "1.5"},
	{"", "", "", " ", "\n", "\x00"},
	{
		"", "null", "1", `"x"`, "{}", `{"a":1}`, "[]", "[null]", "[{}]", `[""]`, "[42]", "[-0.5,1]",
		`["x"]`, `["x",1e5,null,[[{}]]]`, `["x"`, `["x",]`, `["x",1e999]`, `["\ud800"]`,
		`["connect"]`, `["disconnecting"]`, `["newListener",1]`, `["remove\u004cistener"]`,
		`["x",{"_placeholder":true,"num":0}]`,
		`["x",[{"a":{"num":1,"_placeholder":true}}],{"_placeholder":true,"num":0}]`,
		`["x",{"_placeholder":true,"num":9}]`,
		`["x",{"_placeholder":true,"num":-1}]`,
		`["x",{"_placeholder":true,"num":1.5}]`,
		`["x",{"_placeholder":true,"num":"0"}]`,
		`["x",{"_placeholder":true}]`,
		`["x",{"_placeholder":1,"num":0}]`,
		`["x",{"_placeholder":true,"num":0,"_placeholder":false}]`,
		`[{"_placeholder":true,"num":0}]`,
	},
	{"", "", "", " ", "]", "x", `["y"]`, "\r\n\t"},
}

// TestNoOtherDifference: messages put together of good and bad parts are read
// alike, or differ in a way that is listed.
func TestNoOtherDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for _, choices := range parts {
			text.WriteString(rapid.SampledFrom(choices).Draw(t, "part"))
		}
		if problem := unlisted(text.String()); problem != "" {
			t.Fatal(problem)
		}
	})
}

func FuzzDifferences(f *testing.F) {
	for _, d := range differences {
		f.Add(d.text)
	}
	f.Add(`52-/a,7["x",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]`)
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // the session below has refused it
		}
		if problem := unlisted(text); problem != "" {
			t.Fatal(problem)
		}
	})
}

// unlisted describes a difference that is not listed, "" if there is none.
func unlisted(text string) string {
	a, errOurs := decodeOurs(text, attachments)
	b, errTheirs := decodeTheirs(text, attachments)
	if accepted(errOurs) == accepted(errTheirs) {
		if errOurs == nil && errTheirs == nil && !reflect.DeepEqual(a, b) {
			return fmt.Sprintf("%q is %#v to ours and %#v to theirs", text, a, b)
		}
		return ""
	}
	m, _ := split(text)
	for _, d := range differences {
		if same(errOurs, d.ours) && accepted(errTheirs) == d.theirs && (d.like == nil || d.like(m)) {
			return ""
		}
	}
	return fmt.Sprintf("%q: ours %v, theirs %v", text, errOurs, errTheirs)
}

// accepted reports whether our parser, or the library's decoder, has nothing
// against what it has seen. errNumber is not the parser's but this test's,
// which goes on to make values of the JSON.
func accepted(err error) bool {
	return err == nil || errors.Is(err, errWaits) || errors.Is(err, errNumber)
}

// same reports whether an error is the one that is listed.
func same(err, listed error) bool {
	return listed == nil && accepted(err) || listed != nil && errors.Is(err, listed)
}

// message is a text in its parts.
type message struct {
	kind    byte
	id      string
	payload string
}

var layout = regexp.MustCompile(`(?s)^([0-4]|[56]\d+-)(?:/[^,]*(?:,|$))?(\d*)(.*)$`)

func split(text string) (message, bool) {
	found := layout.FindStringSubmatch(text)
	if found == nil {
		return message{}, false
	}
	return message{found[1][0], found[2], found[3]}, true
}

func (m message) withoutPayload() bool { return m.payload == "" && m.kind >= event }

func (m message) nullDisconnect() bool { return m.kind == disconnect && m.value() == nil }

func (m message) ackWithoutID() bool { return (m.kind == ack || m.kind == binaryAck) && m.id == "" }

// trailing: the payload is a JSON text, and then more.
func (m message) trailing() bool {
	return !json.Valid([]byte(m.payload)) && json.NewDecoder(strings.NewReader(m.payload)).Decode(new(any)) == nil
}

func (m message) reservedName() bool {
	return slices.Contains([]any{"newListener", "removeListener"}, m.name())
}

func (m message) numericName() bool { _, isNumber := m.name().(float64); return isNumber }

// name is what stands first in the payload.
func (m message) name() any {
	array, _ := m.value().([]any)
	if len(array) == 0 {
		return nil
	}
	return array[0]
}

func (m message) hugeNumber() bool {
	return errors.Is(unmarshal([]byte(m.payload), new(any)), errNumber)
}

func (m message) value() (value any) {
	_ = json.NewDecoder(strings.NewReader(m.payload)).Decode(&value) // no JSON is nil
	return value
}
