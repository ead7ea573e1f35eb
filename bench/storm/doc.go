// Package storm measures what happens when all clients lose their connection at
// once, and the backend that has to say who they are can answer only so many of
// them in a second. Its tests run on Linux only, which tells how much memory the
// server uses.
package storm
