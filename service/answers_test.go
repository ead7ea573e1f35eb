package service

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio"
)

func keyOf(n byte) (key onceKey) {
	key[0] = n
	return key
}

func TestAnswersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as := newAnswers(time.Minute)
		a, _ := as.begin(keyOf(1))
		as.finish(a, nil, true)
		time.Sleep(time.Minute - time.Nanosecond)
		if _, first := as.begin(keyOf(1)); first {
			t.Error("forgotten within the window")
		}
		time.Sleep(time.Nanosecond)
		if _, first := as.begin(keyOf(1)); !first {
			t.Error("remembered after the window")
		}
	})
}

func TestAnswersAreBounded(t *testing.T) {
	as := newAnswers(time.Hour)
	third := []sio.Arg{{JSON: make([]byte, maxAnswerBytes/3)}}
	for n := byte(1); n <= 3; n++ {
		a, _ := as.begin(keyOf(n))
		as.finish(a, third, true)
	}
	if as.bytes > maxAnswerBytes || len(as.by) != 2 || as.by[keyOf(1)] != nil {
		t.Errorf("%d bytes of %d answers", as.bytes, len(as.by))
	}
	a, _ := as.begin(keyOf(4))
	as.finish(a, []sio.Arg{{Binary: make([]byte, maxAnswerBytes+1)}}, true)
	if as.by[keyOf(4)] != nil || len(as.by) != 2 {
		t.Error("remembers an answer that alone is too much")
	}
	if !a.ok || len(a.args) != 1 {
		t.Error("those who wait for it do not get it")
	}
}
