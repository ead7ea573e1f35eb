package wire_test

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/wire"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

func value(v *structpb.Value) *realtimev1.Arg {
	return &realtimev1.Arg{Kind: &realtimev1.Arg_Value{Value: v}}
}

// sent is a message as its receiver has it.
func sent[M proto.Message](t *testing.T, m M) M {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	received, _ := m.ProtoReflect().New().Interface().(M)
	if err := proto.Unmarshal(raw, received); err != nil {
		t.Fatal(err)
	}
	return received
}

func TestArg(t *testing.T) {
	for _, test := range []struct {
		name   string
		arg    *realtimev1.Arg
		json   string
		binary []byte
	}{
		{"JSON as it is", &realtimev1.Arg{Kind: &realtimev1.Arg_Json{Json: ` {"b":9007199254740993,"a":1}`}}, ` {"b":9007199254740993,"a":1}`, nil},
		{"empty JSON", &realtimev1.Arg{Kind: &realtimev1.Arg_Json{}}, "", nil},
		{"null", value(structpb.NewNullValue()), "null", nil},
		{"false", value(structpb.NewBoolValue(false)), "false", nil},
		{"zero", value(structpb.NewNumberValue(0)), "0", nil},
		{"empty string", value(structpb.NewStringValue("")), `""`, nil},
		{"bytes", &realtimev1.Arg{Kind: &realtimev1.Arg_Binary{Binary: []byte{1}}}, "", []byte{1}},
		{"no bytes", &realtimev1.Arg{Kind: &realtimev1.Arg_Binary{}}, "", []byte{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			arg, err := wire.Arg(sent(t, test.arg))
			if err != nil {
				t.Fatal(err)
			}
			if string(arg.JSON) != test.json || !bytes.Equal(arg.Binary, test.binary) ||
				(arg.Binary == nil) != (test.binary == nil) {
				t.Errorf("got %+v", arg)
			}
		})
	}
}

func TestArgWithoutJSON(t *testing.T) {
	if _, err := wire.Arg(sent(t, &realtimev1.Arg{})); !errors.Is(err, wire.ErrUnset) {
		t.Errorf("unset: %v", err)
	}
	for name, v := range map[string]*structpb.Value{
		"NaN":      structpb.NewNumberValue(math.NaN()),
		"infinity": structpb.NewNumberValue(math.Inf(1)),
		"unset":    {},
	} {
		if arg, err := wire.Arg(sent(t, value(v))); err == nil {
			t.Errorf("%s: %s", name, arg.JSON)
		}
	}
}

func TestHandshakeCanAlwaysBeSent(t *testing.T) {
	const bad = "a\xffb"
	h := wire.Handshake(authn.Handshake{
		Claims: authn.Claims{
			Auth:    []byte(`"` + bad + `"`),
			Query:   map[string]string{bad: bad},
			Headers: map[string]string{"referer": bad},
		},
		Observed: authn.Observed{URL: bad, Time: time.Unix(5, 0), Transport: "polling", Secure: true},
	})
	got := sent(t, h)
	if q := got.GetClaims().GetQuery()["a\uFFFDb"]; q != "a\uFFFDb" || !utf8.ValidString(q) {
		t.Errorf("query %q", got.GetClaims().GetQuery())
	}
	if o := got.GetObserved(); o.GetTime().AsTime().Unix() != 5 || o.GetTransport() != "polling" || !o.GetSecure() {
		t.Errorf("observed %v", o)
	}
}
