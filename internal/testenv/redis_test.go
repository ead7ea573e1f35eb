package testenv

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestRedisComesAndGoes(t *testing.T) {
	server := StartRedis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Address(), MaxRetries: -1})
	defer client.Close()
	ping := func() error { return client.Ping(t.Context()).Err() }
	if err := ping(); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if ping() == nil {
		t.Error("a server that was killed answers")
	}
	server.Start()
	if err := ping(); err != nil {
		t.Error(err)
	}
	server.Pause()
	server.Resume()
	if err := ping(); err != nil {
		t.Error(err)
	}
}
