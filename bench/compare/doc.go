// Package compare measures realtime-server beside other servers and beside two
// floors, in one run and in turns: what a unit of work costs each, in processor
// time and memory of the server. Its tests run on Linux only, which tells.
package compare
