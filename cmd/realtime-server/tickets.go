package main

import (
	"slices"

	"github.com/seed52a35d2d/realtime-server/authn/chain"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	"github.com/seed52a35d2d/realtime-server/internal/tickets"
	"github.com/seed52a35d2d/realtime-server/service"
)

// completeTicket fills in where tickets are, if the chain takes some.
func (n *Namespace) completeTicket() {
	var at ticket.Config
	switch {
	case n.Ticket != nil:
		at = n.Ticket.WithDefaults()
	case slices.Contains(n.Chain, chain.Ticket):
		at = at.WithDefaults()
	default:
		return
	}
	n.Ticket = &at
}

// offerTickets lets the API issue tickets for the namespaces that take them.
func (p *parts) offerTickets(cfg *Config) {
	taken := map[string]bool{}
	for name, n := range cfg.Namespaces {
		taken[name] = slices.Contains(n.Chain, chain.Ticket)
	}
	p.api.SetTickets(service.Tickets{Office: p.office, Taken: taken, MaxRooms: cfg.SocketIO.MaxRooms})
}

// shareTickets makes a ticket good at every node of the cluster.
func (p *parts) shareTickets(cfg *Config) {
	p.office.SetStore(tickets.New(p.bus.Client(), cfg.Redis.Prefix, cfg.Redis.CallTimeout))
}
