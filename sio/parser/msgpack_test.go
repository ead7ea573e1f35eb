package parser

import (
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tinylib/msgp/msgp"
)

// The bytes of the tests are those of notepack.io 2.2, as far as it can make
// them.

func bytesOf(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Parts of messages.
const (
	keyType = "a474797065 "
	keyData = "a464617461 "
	keyNsp  = "a36e7370 "
	keyID   = "a26964 "
	root    = keyNsp + "a12f "
)

func TestDecodeMsgpack(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     Packet
	}{
		{
			"CONNECT, whose auth is undefined", "83" + keyType + "00" + keyData + "d40000" + root,
			Packet{Type: Connect, Namespace: "/"},
		},
		{
			"CONNECT with auth", "83" + keyType + "00" + keyData + "81a5746f6b656ea178" + root,
			Packet{Type: Connect, Namespace: "/", Data: []byte(`{"token":"x"}`)},
		},
		{
			"DISCONNECT", "82" + keyType + "01" + keyNsp + "a52f63686174",
			Packet{Type: Disconnect, Namespace: "/chat"},
		},
		{
			"EVENT with id and options", "85" + keyType + "02" + keyData + "92a2686901" + "a76f7074696f6e73 81a8636f6d7072657373c3" + keyID + "ccc8" + root,
			Packet{Type: Event, Namespace: "/", ID: 200, HasID: true, Data: []byte(`["hi",1]`)},
		},
		{
			"EVENT whose id is undefined", "84" + keyType + "02" + keyData + "91a26869" + keyID + "d40000" + root,
			Packet{Type: Event, Namespace: "/", Data: []byte(`["hi"]`)},
		},
		{
			"ACK", "84" + keyID + "00" + keyType + "03" + keyData + "90" + root,
			Packet{Type: Ack, Namespace: "/", HasID: true, Data: []byte(`[]`)},
		},
		{
			"bytes", "83" + keyType + "02" + keyData + "94a162 c4020102 c400 82 a178 9203c702000009 a179c40107" + root,
			Packet{
				Type: Event, Namespace: "/",
				Data:        []byte(`["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"x":[3,{"_placeholder":true,"num":2}],"y":{"_placeholder":true,"num":3}}]`),
				Attachments: [][]byte{{1, 2}, {}, {0, 9}, {7}},
			},
		},
		{
			"the last of repeated keys", "85" + keyType + "03" + keyType + "02" + keyData + "91c40101" + keyData + "91a161" + root,
			Packet{Type: Event, Namespace: "/", Data: []byte(`["a"]`)},
		},
		{
			"a lookalike without bytes", "83" + keyType + "02" + keyData + "92a16181ac5f706c616365686f6c646572c3" + root,
			Packet{Type: Event, Namespace: "/", Data: []byte(`["a",{"_placeholder":true}]`)},
		},
	} {
		got, err := DecodeMsgpack(bytesOf(t, test.in), Limits{4, MaxDepth})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(&test.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.name, diff)
		}
	}
}

// eventOf is the message of an event with one argument, and what it should be
// in JSON.
func eventOf(arg []byte) []byte {
	b := msgp.AppendInt(msgp.AppendString(msgp.AppendMapHeader(nil, 3), "type"), int(Event))
	b = msgp.AppendString(msgp.AppendString(b, "nsp"), "/")
	b = msgp.AppendString(msgp.AppendArrayHeader(msgp.AppendString(b, "data"), 2), "e")
	return append(b, arg...)
}

func TestDecodeMsgpackValues(t *testing.T) {
	for in, want := range map[string]string{
		"c0": "null", "c2": "false", "c3": "true",
		"00": "0", "7f": "127", "e0": "-32", "ccff": "255", "cdffff": "65535", "ceffffffff": "4294967295",
		"cfffffffffffffffff": "18446744073709551615", "d3 8000000000000000": "-9223372036854775808",
		"cf 0020000000000001": "9007199254740993",
		"d080":                "-128", "d18000": "-32768", "d2 80000000": "-2147483648",
		"cb 3ff8000000000000": "1.5", "cb 3ff0000000000000": "1", "cb 8000000000000000": "0", "ca 3fc00000": "1.5",
		"cb 7ff0000000000000": "null", "cb fff0000000000000": "null", "cb 7ff8000000000000": "null",
		"cb 444b1ae4d6e2ef50": "1e+21", "cb 3e45798ee2308c3a": "1e-8", "cb 0000000000000001": "5e-324", "cb 7fefffffffffffff": "1.7976931348623157e+308",
		"a0": `""`, "a3 e282ac": `"€"`, "a4 f09f9982": `"🙂"`, "d901 61": `"a"`, "da0001 61": `"a"`, "db00000001 61": `"a"`,
		"a7 225c2f08090a1f":                `"\"\\/\b\t\n\u001f"`,
		"a7 0c0d7f3c3e2600":                "\"\\f\\r\x7f<>&\\u0000\"",
		"a3 e280a8":                        "\"\u2028\"",
		"a2 61ff":                          `"a` + "\uFFFD" + `"`,
		"d40000":                           "null",
		"92 d40000 01":                     "[null,1]",
		"83 a161 d40000 a162 01 a163 c0":   `{"b":1,"c":null}`,
		"83 a17a 01 a161 02 a17a 03":       `{"z":1,"a":2,"z":3}`,
		"82 07 01 ff 02":                   `{"7":1,"-1":2}`,
		"80":                               "{}",
		"90":                               "[]",
		"92 90 81 a0 80":                   `[[],{"":{}}]`,
		"d700 0000019ac1e3a5c0":            `"2025-11-26T20:38:33.152Z"`,
		"d700 ffffffffffffffff":            `"1969-12-31T23:59:59.999Z"`,
		"d700 001eb208c2dc0000":            `"+275760-09-13T00:00:00.000Z"`,
		"d700 001eb208c2dc0001":            "null",
		"d700 ffe14df73d240000":            `"-271821-04-20T00:00:00.000Z"`,
		"d6ff 00000001":                    `"1970-01-01T00:00:01.000Z"`,
		"d7ff 7735940000000001":            `"1970-01-01T00:00:01.500Z"`,
		"c70cff 1dcd6500 ffffffffffffffff": `"1969-12-31T23:59:59.500Z"`,
		"c70cff 00000000 7fffffffffffffff": "null",
		"c70cff 00000000 8000000000000000": "null",
	} {
		got, err := DecodeMsgpack(eventOf(bytesOf(t, in)), Limits{0, MaxDepth})
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if want := `["e",` + want + `]`; string(got.Data) != want {
			t.Errorf("%s: got %s, want %s", in, got.Data, want)
		}
	}
}

func TestDecodeMsgpackExtensions(t *testing.T) {
	for in, want := range map[string]Arg{
		"c70200 0102":               {Binary: []byte{1, 2}},
		"c7 08 00 0000000000000001": {Binary: []byte{0, 0, 0, 0, 0, 0, 0, 1}}, // as long as a date
		"c8000100 07":               {Binary: []byte{7}},
		"c90000000000":              {Binary: []byte{}},
		"d405 07":                   {JSON: []byte(`[5,` + placeholderText + `]`), Attachments: [][]byte{{7}}},
		"d500 0102":                 {JSON: []byte(`[0,` + placeholderText + `]`), Attachments: [][]byte{{1, 2}}},
		"d8fe 00112233445566778899aabbccddeeff": {
			JSON:        []byte(`[-2,` + placeholderText + `]`),
			Attachments: [][]byte{{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}},
		},
	} {
		p, err := DecodeMsgpack(eventOf(bytesOf(t, in)), Limits{1, MaxDepth})
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		_, args, err := p.Event()
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if diff := cmp.Diff([]Arg{want}, args); diff != "" {
			t.Errorf("%s: -want +got\n%s", in, diff)
		}
	}
}

func TestDecodeMsgpackRefuses(t *testing.T) {
	event := func(arg string) string { return hex.EncodeToString(eventOf(bytesOf(t, arg))) }
	for _, test := range []struct {
		in   string
		want error
	}{
		{"", ErrPayload},
		{"c0", ErrPayload},
		{"90", ErrPayload},
		{"80", ErrPayload},
		{"81" + root, ErrPayload},
		{"81" + keyType + "02", ErrPayload},
		{"82" + keyType + "05" + root, ErrType},
		{"82" + keyType + "ff" + root, ErrType},
		{"82" + keyType + "a130" + root, ErrType},
		{"82" + keyType + "01" + keyNsp + "07", ErrPayload},
		{"82" + keyType + "01" + keyNsp + "c0", ErrPayload},
		{"83" + keyType + "01" + keyData + "c0" + root, ErrPayload},
		{"83" + keyType + "00" + keyData + "90" + root, ErrPayload},
		{"83" + keyType + "00" + keyData + "c0" + root, ErrPayload},
		{"82" + keyType + "02" + root, ErrPayload},
		{"83" + keyType + "02" + keyData + "90" + root, ErrPayload},
		{"83" + keyType + "02" + keyData + "91c0" + root, ErrPayload},
		{"83" + keyType + "02" + keyData + "91a7636f6e6e656374" + root, ErrPayload},
		{"83" + keyType + "03" + keyData + "90" + root, ErrPayload},
		{"84" + keyType + "03" + keyData + "90" + keyID + "ff" + root, ErrID},
		{"84" + keyType + "03" + keyData + "90" + keyID + "c0" + root, ErrID},
		{"84" + keyType + "03" + keyData + "90" + keyID + "cf0020000000000000" + root, ErrID},
		{"83" + keyType + "04" + keyData + "90" + root, ErrPayload},
		{"82" + keyType + "01" + root + "00", ErrPayload}, // a byte too many
		{event("c1"), ErrPayload},
		{event(""), ErrPayload},
		{event("c403 0102"), ErrPayload},
		{event("c6ffffffff 01"), ErrPayload},
		{event("dbffffffff 61"), ErrPayload},
		{event("ddffffffff 01"), ErrPayload},
		{event("dfffffffff a161 01"), ErrPayload},
		{event("c9ffffffff 00"), ErrPayload},
		{event("c7"), ErrPayload},
		{event("c8 00"), ErrPayload},
		{event("d7ff"), ErrPayload},
		{event("cb 00"), ErrPayload},
		{event("81 c0 01"), ErrPayload},
		{event("81 c40161 01"), ErrPayload},
		{event("81 a161"), ErrPayload},
		{event("93 c400 c400 c400"), ErrTooManyAttachments},
		{event("92 c400 81ac5f706c616365686f6c646572c3"), ErrPlaceholder},
		{event("81 ac5f706c616365686f6c646572 c3" + "00"), ErrPayload},
		{event(strings.Repeat("91", MaxDepth-1)), ErrPayload},
		{event(strings.Repeat("91", MaxDepth) + "01"), ErrTooDeep}, // the array of arguments counts
	} {
		if got, err := DecodeMsgpack(bytesOf(t, test.in), Limits{2, MaxDepth}); !errors.Is(err, test.want) {
			t.Errorf("%.60s = %.60v, %v, want %v", test.in, got, err, test.want)
		}
	}
	if _, err := DecodeMsgpack(bytesOf(t, event(strings.Repeat("91", MaxDepth-1)+"01")), Limits{0, MaxDepth}); err != nil {
		t.Errorf("as deep as may be: %v", err)
	}
}

func TestAppendMsgpack(t *testing.T) {
	for _, test := range []struct {
		in   Packet
		want string
	}{
		{Packet{Type: Connect, Namespace: "/", Data: []byte(`{"sid":"x"}`)}, "83" + keyType + "00" + keyData + "81a3736964a178" + root},
		{Packet{Type: Connect, Namespace: "/"}, "82" + keyType + "00" + root},
		{Packet{Type: Disconnect, Namespace: "/chat"}, "82" + keyType + "01" + keyNsp + "a52f63686174"},
		{Packet{Type: ConnectError, Namespace: "/", Data: []byte(`"no"`)}, "83" + keyType + "04" + keyData + "a26e6f" + root},
		{Packet{Type: Event, Namespace: "/", Data: []byte(`["a"]`)}, "83" + keyType + "02" + keyData + "91a161" + root},
		{Packet{Type: Ack, Namespace: "/", ID: 300, HasID: true, Data: []byte(`[]`)}, "84" + keyType + "03" + keyData + "90" + root + keyID + "cd012c"},
		{
			Packet{Type: BinaryEvent, Namespace: "/", Data: []byte(`["a",[{"num":1,"_placeholder":true},{"_placeholder":true,"num":0}], 1]`), Attachments: [][]byte{{1}, {}}},
			"83" + keyType + "02" + keyData + "93a16192c400c4010101" + root,
		},
		{
			Packet{Type: Event, Namespace: "/", Data: []byte(`["a",{"_placeholder":true,"num":0}]`)},
			"83" + keyType + "02" + keyData + "92a16182ac5f706c616365686f6c646572c3a36e756d00" + root,
		},
	} {
		want := hex.EncodeToString(bytesOf(t, test.want))
		if got := hex.EncodeToString(AppendMsgpack(nil, &test.in)); got != want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", test.in.Type, test.in.Data, got, want)
		}
	}
}

func TestAppendMsgpackValues(t *testing.T) {
	for in, want := range map[string]string{
		`null`: "c0", `true`: "c3", `false`: "c2", `""`: "a0", `{}`: "80", `[ ]`: "90",
		`0`: "00", `-0`: "00", `127`: "7f", `128`: "cc80", `-1`: "ff", `-33`: "d0df",
		`4294967295`: "ceffffffff", `4294967296`: "cf0000000100000000", `18446744073709551615`: "cfffffffffffffffff",
		`-9223372036854775808`: "d38000000000000000",
		`18446744073709551616`: "cb43f0000000000000", `-9223372036854775809`: "cbc3e0000000000000",
		`1.5`: "cb3ff8000000000000", `1.0`: "cb3ff0000000000000", `1e2`: "cb4059000000000000",
		`1e999`: "cb7ff0000000000000", `-1E999`: "cbfff0000000000000",
		`"\u20ac\ud83d\ude42\n"`: "a8 e282ac f09f9982 0a", `"\ud83d"`: "a3 efbfbd", `"/,:{}[]"`: "a7 2f2c3a7b7d5b5d",
		` { "b" : [ 1 , { } ] , "a" : "x" } `: "82 a162 92 01 80 a161 a178",
		`[[[],[1,2]],{"a":{"b":[]}}]`:         "92 92 90 92 01 02 81 a161 81 a162 90",
		`{"a":1,"a":2}`:                       "82 a161 01 a161 02",
		`"` + strings.Repeat("x", 32) + `"`:   "d920" + strings.Repeat("78", 32),
		`[` + strings.Repeat("0,", 16) + `0]`: "dc0011" + strings.Repeat("00", 17),
	} {
		if got, want := hex.EncodeToString(appendValue(nil, []byte(in), nil)), hex.EncodeToString(bytesOf(t, want)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestDeepMsgpack encodes what nests as deep as JSON may.
func TestDeepMsgpack(t *testing.T) {
	const depth = MaxDepth - 1 // the array of arguments counts
	arg := Arg{JSON: []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))}
	p, err := NewEvent("/", "deep", []Arg{arg})
	if err != nil {
		t.Fatal(err)
	}
	q, err := DecodeMsgpack(AppendMsgpack(nil, p), Limits{0, MaxDepth})
	if err != nil || string(q.Data) != string(p.Data) {
		t.Fatalf("came back with %v", err)
	}
}

func TestAppendFloat(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 1: "1", -1.5: "-1.5", 123456789: "123456789",
		1e20: "100000000000000000000", 1e21: "1e+21", 1.5e300: "1.5e+300", 1e-6: "0.000001", 1e-7: "1e-7", 1.25e-10: "1.25e-10",
		math.MaxFloat64: "1.7976931348623157e+308", math.Inf(-1): "null",
	} {
		if got := string(appendFloat(nil, f)); got != want {
			t.Errorf("%g: got %s, want %s", f, got, want)
		}
	}
}
