package realtime_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/seed52a35d2d/realtime-server/clients/go/realtime"
)

func Example() {
	client, err := realtime.Dial("realtime.example.com:443", realtime.WithAPIKey(os.Getenv("REALTIME_API_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	event := realtime.NewEvent("notification", map[string]string{"message": "Hello"})
	delivery, err := client.Send(context.Background(), realtime.Users("42"), event)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("connections of user 42:", delivery.Matched)
}

func ExampleServe() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	err := realtime.Serve(ctx, ":50052", &realtime.Backend{
		Authenticate: func(_ context.Context, req realtime.AuthRequest) (realtime.Accept, error) {
			if req.Claims.Token() != "secret" {
				return realtime.Accept{}, realtime.Refuse("BAD_TOKEN", "Log in first", nil)
			}
			return realtime.Accept{UserID: "42", Rooms: []string{"news"}}, nil
		},
		OnEvent: func(_ context.Context, req realtime.EventRequest) ([]any, error) {
			var text string
			if err := req.Event.Decode(0, &text); err != nil {
				return nil, err
			}
			return []any{map[string]int{"length": len(text)}}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleRegister() {
	cert, err := tls.LoadX509KeyPair("server.crt", "server.key")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	realtime.Register(server, &realtime.Backend{
		Authenticate: func(context.Context, realtime.AuthRequest) (realtime.Accept, error) {
			return realtime.Accept{ExpiresAt: time.Now().Add(time.Hour)}, nil
		},
	})
	// Further services, then server.Serve.
}

func ExampleClient_Send() {
	client := dialLocal()
	defer client.Close()

	// Everybody in room "match-7" but the referees, while it is news.
	target := realtime.Target{Rooms: []string{"match-7"}, ExceptRooms: []string{"referees"}}
	event := realtime.Event{
		Name: "position", Args: []any{0.5, -1.25},
		Volatile: true, ExpiresAfter: time.Second,
	}
	delivery, err := client.Send(context.Background(), target, event, realtime.WithReport(realtime.ReportWritten))
	if err != nil {
		log.Fatal(realtime.ReasonOf(err), realtime.FieldViolationsOf(err))
	}
	fmt.Println(delivery.Written, delivery.Dropped)
}

func ExampleClient_Disconnect() {
	client := dialLocal()
	defer client.Close()

	_, err := client.Disconnect(context.Background(), realtime.Users("42"),
		realtime.WithReason("password changed"),
		realtime.WithLastEvent(realtime.NewEvent("logged-out")))
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleClient_Connections() {
	client := dialLocal()
	defer client.Close()

	for connection, err := range client.Connections(context.Background(), realtime.Filter{Room: "news"}) {
		switch {
		case errors.Is(err, realtime.ErrPartial):
			fmt.Println("there may be more")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(connection.GetId(), connection.GetUserId())
		}
	}
}

// dialLocal is a client of a server that runs with --dev on this machine.
func dialLocal() *realtime.Client {
	client, err := realtime.Dial("127.0.0.1:50051", realtime.WithPlaintext())
	if err != nil {
		log.Fatal(err)
	}
	return client
}
