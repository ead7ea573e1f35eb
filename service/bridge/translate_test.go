package bridge

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed52a35d2d/realtime-server/authn/anonymous"
	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/sio"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// sockets is a server without clients.
func sockets(t *testing.T) *sio.Server {
	t.Helper()
	everybody, err := anonymous.New()
	if err != nil {
		t.Fatal(err)
	}
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	gateway := service.NewGateway(map[string]service.Policy{"/": {Authenticator: everybody}}, service.DefaultConfig(), log, reg)
	cfg := sio.DefaultConfig()
	cfg.Namespaces = []string{"/"}
	server, err := sio.New(cfg, gateway, log, reg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close(t.Context())
		gateway.Close()
	})
	return server
}

// TestNobodyStaysNobody: what is for nobody that Node could have is not sent,
// because its form would be that for everybody.
func TestNobodyStaysNobody(t *testing.T) {
	b := &Bridge{Params: Params{Sockets: sockets(t)}}
	id := "abcdefghijklmnopqrst"
	for name, test := range map[string]struct {
		target *realtimev1.Target
		want   *nodewire.Options // nil is nothing
	}{
		"nothing":           {&realtimev1.Target{}, nil},
		"users":             {&realtimev1.Target{Users: []string{"ada"}}, nil},
		"users but a room":  {&realtimev1.Target{Users: []string{"ada"}, ExceptRooms: []string{"r"}}, nil},
		"a room":            {&realtimev1.Target{Rooms: []string{"r"}}, &nodewire.Options{Rooms: []string{"r"}}},
		"a room and users":  {&realtimev1.Target{Rooms: []string{"r"}, Users: []string{"ada"}}, &nodewire.Options{Rooms: []string{"r"}}},
		"an id":             {&realtimev1.Target{ConnectionIds: []string{id}}, &nodewire.Options{Rooms: []string{id}}},
		"a room but an id":  {&realtimev1.Target{Rooms: []string{"r"}, ExceptConnectionIds: []string{id}, ExceptRooms: []string{"s"}}, &nodewire.Options{Rooms: []string{"r"}, Except: []string{"s", id}}},
		"a room, not users": {&realtimev1.Target{Rooms: []string{"r"}, ExceptUsers: []string{"ada"}}, &nodewire.Options{Rooms: []string{"r"}}},
	} {
		for kind, call := range map[nodewire.Kind]*clusterv1.Call{
			nodewire.Broadcast:  {Request: &clusterv1.Call_Send{Send: &realtimev1.SendRequest{Target: test.target}}},
			nodewire.Join:       {Request: &clusterv1.Call_JoinRoom{JoinRoom: &realtimev1.JoinRoomRequest{Target: test.target}}},
			nodewire.Leave:      {Request: &clusterv1.Call_LeaveRoom{LeaveRoom: &realtimev1.LeaveRoomRequest{Target: test.target}}},
			nodewire.Disconnect: {Request: &clusterv1.Call_Disconnect{Disconnect: &realtimev1.DisconnectRequest{Target: test.target}}},
		} {
			_, messages := b.messages(call)
			var got *nodewire.Options
			if len(messages) > 0 {
				got = &messages[0].Options
				if messages[0].Kind != kind {
					t.Errorf("%s: %s became %s", name, kind, messages[0].Kind)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s, %s: -want +got\n%s", name, kind, diff)
			}
		}
	}
}

func TestTargetOf(t *testing.T) {
	id := "abcdefghijklmnopqrst"
	for name, test := range map[string]struct {
		options nodewire.Options
		want    sio.Target
	}{
		"nobody":   {nodewire.Options{}, sio.Target{}},
		"everyone": {nodewire.Options{Everyone: true, Except: []string{"r", id}}, sio.Target{Everyone: true, ExceptRooms: []string{"r", id}, ExceptIDs: []string{id}}},
		"rooms":    {nodewire.Options{Rooms: []string{"r", id}}, sio.Target{Rooms: []string{"r", id}, IDs: []string{id}}},
	} {
		if diff := cmp.Diff(test.want, targetOf(&test.options)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}
