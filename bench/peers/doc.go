// Package peers holds realtime-server against the Socket.IO server of the Go
// ecosystem that it does not use, github.com/zishang520/socket.io/v2: both
// parsers must mean the same by every packet, but for a list of differences
// that are meant.
//
// It is a module of its own: the library needs old QUIC packages, and these
// must not bind the service.
package peers
