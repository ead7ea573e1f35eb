package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestChart(t *testing.T) {
	for _, test := range []struct {
		name   string
		panels []Panel
		want   []string
	}{
		{"nothing", nil, []string{`height="68"`}},
		{"the longest bar has the whole width, others their part", []Panel{{"connect, µs", []Bar{{"ours", 5, false, true}, {"floor", 10, false, false}}}}, []string{
			`>connect, µs</text>`,
			`<rect class="ours" x="174" y="77" width="100.0"`, `>5.00</text>`,
			`<rect class="bar" x="174" y="99" width="200.0"`, `>10.0</text>`,
		}},
		{"each panel has its own scale", []Panel{{"a", []Bar{{"ours", 1, false, true}}}, {"b", []Bar{{"ours", 100, false, true}}}}, []string{
			`x="174" y="77" width="200.0"`, `x="614" y="77" width="200.0"`,
		}},
		{"what is missing has no bar", []Panel{{"a", []Bar{{"peer", 0, true, false}}}}, []string{`width="0.0"`, `>–</text>`}},
		{"a very short bar is still seen", []Panel{{"a", []Bar{{"x", 0.001, false, false}, {"y", 1000, false, false}}}}, []string{`width="1.0"`}},
		{"zeros only", []Panel{{"a", []Bar{{"x", 0, false, false}}}}, []string{`width="0.0"`, `>0.00</text>`}},
		{"names are text", []Panel{{"<a> & b", []Bar{{`"x"`, 1, false, false}}}}, []string{`&lt;a&gt; &amp; b`, `&#34;x&#34;`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			svg := Chart("title", test.panels)
			for _, want := range test.want {
				if !strings.Contains(svg, want) {
					t.Errorf("no %s in\n%s", want, svg)
				}
			}
			if err := wellFormed(svg); err != nil {
				t.Error(err)
			}
		})
	}
}

func wellFormed(text string) error {
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("XML: %w", err)
		}
	}
}
