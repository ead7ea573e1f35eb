package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/anonymous"
	"github.com/seed52a35d2d/realtime-server/authn/callback"
	"github.com/seed52a35d2d/realtime-server/authn/chain"
	"github.com/seed52a35d2d/realtime-server/authn/jwt"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/service/apierror"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// apiPage is what the tests of this file hold against the code.
const apiPage = "../docs/api.md"

// apiTable returns the cells of the first table below a heading of the page,
// without the backquotes around them.
func apiTable(t *testing.T, heading string) [][]string {
	t.Helper()
	page, err := os.ReadFile(apiPage)
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(string(page), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", apiPage, heading)
	}
	var rows [][]string
	for line := range strings.Lines(below) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || len(rows) > 0 && line == "" {
			break
		}
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("there is no table below %q", heading)
	}
	return rows[2:] // behind the head and the line under it
}

// column is one column of a table, without its repetitions.
func column(rows [][]string, i int) []string {
	var cells []string
	for _, row := range rows {
		if !slices.Contains(cells, row[i]) {
			cells = append(cells, row[i])
		}
	}
	slices.Sort(cells)
	return cells
}

func TestPageOfErrors(t *testing.T) {
	want := map[string]string{}
	for number, name := range realtimev1.ErrorReason_name {
		if number != 0 {
			err := apierror.New(realtimev1.ErrorReason(number), "")
			want[strings.TrimPrefix(name, "ERROR_REASON_")] = code.Code(status.Code(err)).String()
		}
	}
	got := map[string]string{}
	for _, row := range apiTable(t, "### Errors") {
		got[row[0]] = row[1]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons and codes (-code +page):\n%s", diff)
	}
}

func TestPageOfMethods(t *testing.T) {
	for heading, desc := range map[string]grpc.ServiceDesc{
		"## Realtime":        realtimev1.Realtime_ServiceDesc,
		"## RealtimeBackend": realtimev1.RealtimeBackend_ServiceDesc,
	} {
		var want []string
		for _, method := range desc.Methods {
			want = append(want, method.MethodName)
		}
		for _, stream := range desc.Streams {
			want = append(want, stream.StreamName)
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, column(apiTable(t, heading), 0)); diff != "" {
			t.Errorf("%s (-code +page):\n%s", heading, diff)
		}
	}
}

func TestPageOfReportLevels(t *testing.T) {
	var want []string
	for number, name := range realtimev1.ReportLevel_name {
		if number != 0 {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	got := column(apiTable(t, "### Delivery reports"), 0)
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], "`") // what is said of the default
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-code +page):\n%s", diff)
	}
}

func TestPageOfMissingAcks(t *testing.T) {
	var want []string
	for number, name := range realtimev1.MissingAckReason_name {
		if number != 0 {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, column(apiTable(t, "### Acknowledgements of clients"), 0)); diff != "" {
		t.Errorf("(-code +page):\n%s", diff)
	}
}

// reasons are the texts of all reasons; the first that is none panics.
func reasons() (texts []string) {
	defer func() { _ = recover() }()
	for r := sio.Reason(1); ; r++ {
		texts = append(texts, r.String())
	}
}

func TestPageOfEnds(t *testing.T) {
	want := reasons()
	if !slices.Contains(want, sio.ReasonSlowConsumer.String()) {
		t.Fatalf("the reasons end early: %q", want)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, column(apiTable(t, "### Why a connection ended"), 0)); diff != "" {
		t.Errorf("(-code +page):\n%s", diff)
	}
}

// ackCodes are the values of the constants code… of failure.go.
func ackCodes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "failure.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := map[string]string{
		"callback.CodeUnavailable":  callback.CodeUnavailable,
		"callback.CodeInvalidReply": callback.CodeInvalidReply,
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "code") {
			return true
		}
		var value string
		switch v := spec.Values[0].(type) {
		case *ast.BasicLit:
			value, err = strconv.Unquote(v.Value)
		case *ast.SelectorExpr:
			value = elsewhere[fmt.Sprintf("%v.%v", v.X, v.Sel)]
		}
		if err != nil || value == "" {
			t.Errorf("cannot read the constant %s", spec.Names[0].Name)
		}
		values = append(values, value)
		return false
	})
	slices.Sort(values)
	return values
}

func TestPageOfAcknowledgements(t *testing.T) {
	rows := apiTable(t, "### Acknowledgements that are errors")
	if diff := cmp.Diff(ackCodes(t), column(rows, 0)); diff != "" {
		t.Errorf("codes (-code +page):\n%s", diff)
	}
}

func TestPageOfRooms(t *testing.T) {
	want := []string{service.RoomDenied, service.RoomInvalid, service.RoomReserved}
	if diff := cmp.Diff(want, column(apiTable(t, "### Rooms that clients ask for"), 0)); diff != "" {
		t.Errorf("codes (-code +page):\n%s", diff)
	}
}

// answering is a backend that answers Authenticate, and nothing else.
type answering func() (*realtimev1.AuthenticateResponse, error)

func (a answering) Authenticate(context.Context, *realtimev1.AuthenticateRequest) (*realtimev1.AuthenticateResponse, error) {
	return a()
}

// knock is a client that is kept out.
type knock struct {
	connect string // where to, in the end
	after   string // where the client is already
	who     authn.Authenticator
	revoked string // a user whose credentials are revoked before
}

// checkingTokens checks tokens.
func checkingTokens(t *testing.T, cfg jwt.Config) *jwt.Authenticator {
	t.Helper()
	a, err := jwt.New(cfg, maxRooms, jwt.Watch{
		Log:     slog.New(slog.DiscardHandler),
		Fetches: jwt.NewFetches(prometheus.NewRegistry()).MustCurryWith(prometheus.Labels{"namespace": "/"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// badTokens are clients with every kind of token that is not taken.
func badTokens(t *testing.T) []knock {
	t.Helper()
	secret := strings.Repeat("s", 32)
	tokens := checkingTokens(t, jwt.Config{Keys: []jwt.Key{{Secret: authn.Secret(secret)}}})
	far := time.Now().Add(time.Hour).Unix()
	knocks := []knock{{connect: "40", who: tokens}, {connect: `40{"token":"x"}`, who: tokens}}
	for _, claims := range []gojwt.MapClaims{{"exp": 1}, {"exp": far, "nbf": far}, {"exp": far}} {
		signed, err := gojwt.NewWithClaims(gojwt.SigningMethodHS256, claims).SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		knocks = append(knocks, knock{connect: `40{"token":"` + signed + `"}`, who: tokens})
	}
	away := checkingTokens(t, jwt.Config{JWKS: jwt.JWKS{URL: "http://127.0.0.1:1/"}})
	return append(knocks, knock{connect: `40{"token":"eyJhbGciOiJFZERTQSJ9.e30.AAAA"}`, who: away})
}

// badTickets are clients with every kind of ticket that is not taken.
func badTickets() []knock {
	office, lost := ticket.NewOffice(prometheus.NewRegistry()), ticket.NewOffice(prometheus.NewRegistry())
	lost.SetStore(away{})
	tickets, unheard := office.Authenticator(ticket.Config{}, maxRooms), lost.Authenticator(ticket.Config{}, maxRooms)
	formed := `40{"ticket":"` + strings.Repeat("A", 43) + `"}`
	return []knock{
		{connect: "40", who: tickets},
		{connect: formed, who: tickets},
		{connect: formed, who: unheard},
		{connect: "40", who: chain.New(tickets, unheard)},
	}
}

// TestPageOfRefusals lets clients meet every way of being kept out.
func TestPageOfRefusals(t *testing.T) {
	asking := func(reply *realtimev1.AuthenticateResponse, err error) authn.Authenticator {
		return callback.New(answering(func() (*realtimev1.AuthenticateResponse, error) { return reply, err }), maxRooms)
	}
	refuse := &realtimev1.AuthenticateResponse{Result: &realtimev1.AuthenticateResponse_Refuse{Refuse: &realtimev1.Refuse{}}}
	everybody, err := anonymous.New()
	if err != nil {
		t.Fatal(err)
	}
	crash := authenticator(func(context.Context, authn.Handshake) (authn.Identity, error) {
		return authn.Identity{}, errors.New("crash")
	})
	ada := authenticator(func(context.Context, authn.Handshake) (authn.Identity, error) {
		return authn.Identity{User: "ada"}, nil
	})

	seen := map[string]string{}
	for _, c := range append(append(badTokens(t), badTickets()...), []knock{
		{connect: "40/nowhere,", who: crash},
		{connect: "40/team-a,", after: "40", who: everybody},
		{connect: "40/team-b,", after: "40/team-a,", who: everybody},
		{connect: "40", who: asking(refuse, nil)},
		{connect: "40", who: asking(nil, errors.New("away"))},
		{connect: "40", who: asking(&realtimev1.AuthenticateResponse{}, nil)},
		{connect: "40", who: crash},
		{connect: "40", who: ada, revoked: "ada"},
	}...) {
		w := newWorld(t, service.Policy{Authenticator: c.who})
		if c.revoked != "" {
			w.revokeUser(t, &realtimev1.RevokeUserRequest{UserId: c.revoked})
		}
		b := open(t, w.door, "", nil)
		if c.after != "" {
			b.send(c.after)
			b.want(c.after)
		}
		b.send(c.connect)
		packet := b.want("44")
		var told struct {
			Message string
			Data    *struct {
				Code, Reason string
				Temporary    bool
			}
		}
		if err := json.Unmarshal([]byte(packet[strings.Index(packet, "{"):]), &told); err != nil {
			t.Fatal(err)
		}
		if told.Data == nil {
			seen["none"] = told.Message + " –"
			continue
		}
		seen[told.Data.Code] = fmt.Sprint(told.Message, " ", told.Data.Temporary)
	}
	page := map[string]string{}
	for _, row := range apiTable(t, "### connect_error") {
		for i := range row {
			row[i] = strings.TrimPrefix(row[i], "yours, or `") // what a Refuse without words becomes
		}
		page[row[1]] = row[0] + " " + row[2]
	}
	if diff := cmp.Diff(seen, page); diff != "" {
		t.Errorf("message and temporary by code (-seen +page):\n%s", diff)
	}
}
