package attach

import (
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// checkHello reports every field of a hello that is at fault.
func checkHello(hello *realtimev1.AttachHello) error {
	var found []*errdetails.BadRequest_FieldViolation
	fault := func(bad bool, field, format string, args ...any) {
		if bad {
			found = append(found, &errdetails.BadRequest_FieldViolation{Field: field, Description: fmt.Sprintf(format, args...)})
		}
	}
	fault(hello.GetGroup() == "", "hello.group", "is required")
	fault(len(hello.GetWorker()) > maxName, "hello.worker", "is longer than %d bytes", maxName)
	fault(!validCredits(hello.GetCredits()), "hello.credits", "is not 0 to %d", maxCredits)
	for field, patterns := range map[string][]string{
		"hello.namespaces": hello.GetNamespaces(), "hello.events": hello.GetEvents(),
	} {
		fault(len(patterns) > maxPatterns, field, "has more than %d entries", maxPatterns)
		for i, p := range patterns {
			fault(p == "" || len(p) > maxPattern,
				fmt.Sprintf("%s[%d]", field, i), "is not 1 to %d bytes", maxPattern)
		}
	}
	if len(found) > 0 {
		return invalidHello(found)
	}
	return nil
}

func validCredits(n int32) bool { return n >= 0 && n <= maxCredits }
