// Package realtime is the Go client of realtime-server: it reaches browsers
// over Socket.IO, and it answers the server's questions about them.
//
// A [Client] calls the server:
//
//	client, err := realtime.Dial("realtime.example.com:443", realtime.WithAPIKey(key))
//	…
//	event := realtime.NewEvent("notification", map[string]string{"message": "Hello"})
//	_, err = client.Send(ctx, realtime.Users("42"), event)
//
// A [Backend] is called by it:
//
//	err := realtime.Serve(ctx, ":50052", &realtime.Backend{
//		Authenticate: func(ctx context.Context, req realtime.AuthRequest) (realtime.Accept, error) {
//			user, ok := userOf(req.Claims.Token())
//			if !ok {
//				return realtime.Accept{}, realtime.Refuse("BAD_TOKEN", "Log in first", nil)
//			}
//			return realtime.Accept{UserID: user}, nil
//		},
//	})
//
// Where the server cannot dial the backend, the backend dials out instead:
//
//	err := realtime.Attach(ctx, client, "chat", backend)
//
// A call that the server refused returns its gRPC status as the error:
// [google.golang.org/grpc/status.Code], [ReasonOf] and [FieldViolationsOf]
// read it.
// An event that cannot be encoded is an error before anything is sent.
// No call is repeated by this package; Send has no idempotency key yet, so
// whether to repeat one is the caller's decision.
package realtime
