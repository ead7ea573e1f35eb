package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/pattern"
)

// Rule says what becomes of the client events that it matches.
type Rule struct {
	// Name is the rule's label in metrics. Empty means its events.
	Name string
	// Events are names of events, and patterns of names between "^" and "$".
	// Required.
	Events []string
	// Backend answers the events. Required.
	Backend Backend
	// AckRequired drops events of clients that ask for no acknowledgement.
	AckRequired bool
	// Timeout is the deadline of a call, waiting for a place included; zero
	// leaves the backend's own.
	Timeout time.Duration
	// MaxInFlight is how many of the rule's events the backend handles at once;
	// zero leaves the backend's own limit. More wait for half of Timeout, which
	// must be set, so that those that get a place have time to be answered.
	MaxInFlight int
	// Once answers an event that a client repeats, without asking again.
	Once Once
}

// Routes are the rules of a namespace: the first that matches an event decides.
type Routes struct {
	routes []*route
}

// route is a rule at work.
type route struct {
	Rule
	names    []string
	patterns []*regexp.Regexp
	places   *semaphore.Weighted // nil without a limit of its own
	answers  *answers            // nil if nothing is answered once
}

// NewRoutes reads rules, in their order. Without any, every event is without a
// route. The error has a line for each fault.
func NewRoutes(rules []Rule) (*Routes, error) {
	rs := &Routes{}
	var faults []error
	for i, rule := range rules {
		r, err := newRoute(rule)
		for _, fault := range unwrap(err) {
			faults = append(faults, fmt.Errorf("routes[%d].%w", i, fault))
		}
		rs.routes = append(rs.routes, r)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return rs, nil
}

func newRoute(rule Rule) (*route, error) {
	r := &route{Rule: rule}
	r.Name = cmp.Or(rule.Name, strings.Join(rule.Events, ","))
	var faults []error
	if len(rule.Events) == 0 {
		faults = append(faults, errors.New("events: at least one is needed"))
	}
	for i, event := range rule.Events {
		if !pattern.Is(event) {
			r.names = append(r.names, event)
			continue
		}
		whole, err := pattern.Compile(event)
		if err != nil {
			faults = append(faults, fmt.Errorf("events[%d]: %q: %w", i, event, err))
		}
		r.patterns = append(r.patterns, whole)
	}
	if rule.Timeout < 0 {
		faults = append(faults, fmt.Errorf("timeout: %v is negative", rule.Timeout))
	}
	switch {
	case rule.MaxInFlight < 0:
		faults = append(faults, fmt.Errorf("max_in_flight: %d is negative", rule.MaxInFlight))
	case rule.MaxInFlight > 0 && rule.Timeout == 0:
		faults = append(faults, errors.New("max_in_flight: needs a timeout"))
	}
	faults = append(faults, rule.Once.validate())
	if rule.MaxInFlight > 0 {
		r.places = semaphore.NewWeighted(int64(rule.MaxInFlight))
	}
	if rule.Once.Window > 0 {
		r.answers = newAnswers(rule.Once.Window)
	}
	return r, errors.Join(faults...)
}

// unwrap are the faults that were joined.
func unwrap(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return nil
}

// find returns the route of an event, nil if it has none.
func (rs *Routes) find(event string) *route {
	for _, r := range rs.routes {
		if r.matches(event) {
			return r
		}
	}
	return nil
}

func (r *route) matches(event string) bool {
	return slices.Contains(r.names, event) ||
		slices.ContainsFunc(r.patterns, func(p *regexp.Regexp) bool { return p.MatchString(event) })
}

// route finds who answers an event. Without rules it is the namespace's
// backend.
func (p Policy) route(event string) (*route, *failure) {
	switch {
	case p.Routes == nil && p.Backend == nil:
		return nil, &failure{Code: codeNoBackend, Reason: "No backend takes this event"}
	case p.Routes == nil:
		return p.all, nil
	}
	if r := p.Routes.find(event); r != nil {
		return r, nil
	}
	return nil, &failure{Code: codeNoRoute, Reason: "No route takes this event"}
}

// call makes a call with the rule's deadline, once there is a place for it.
func (r *route) call(
	ctx context.Context, req *realtimev1.OnEventRequest,
) (*realtimev1.OnEventResponse, *failure) {
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	if r.places != nil {
		if !r.acquire(ctx) {
			return nil, &failure{Code: codeRouteBusy, Reason: "Too many of these events are being handled", Temporary: true}
		}
		defer r.places.Release(1)
	}
	reply, err := r.Backend.OnEvent(ctx, req)
	return reply, backendFailure(err)
}

func (r *route) acquire(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout/2)
	defer cancel()
	return r.places.Acquire(ctx, 1) == nil
}
