package report

import (
	"fmt"
	"html"
	"strings"
)

// Panel is a small chart of its own: a thing that was measured, with a bar for
// each subject.
type Panel struct {
	Title string
	Bars  []Bar
}

// Bar is a value, or that there is none.
type Bar struct {
	Name    string
	Value   float64
	Missing bool
	// Ours is the bar that the reader looks for.
	Ours bool
}

// Panels are those of the rows that are to be drawn.
func (r *Results) Panels() []Panel {
	var panels []Panel
	for _, row := range r.Rows {
		if !row.Drawn {
			continue
		}
		p := Panel{Title: row.Name + ", " + row.Unit}
		for i, subject := range r.Subjects {
			value, ok := row.Median(subject)
			p.Bars = append(p.Bars, Bar{subject, value, !ok, i == 0})
		}
		panels = append(panels, p)
	}
	return panels
}

// The chart's measures, in pixels.
const (
	columns    = 2
	panelWidth = 440
	labelWidth = 150
	barWidth   = 200 // of the longest bar
	lineHeight = 22
	margin     = 24
	headHeight = 44
)

// The colours go with the reader's scheme. The ground is drawn as well, so that
// a page of the other scheme does no harm.
const style = `<style>
.ground{fill:#fff}.text{fill:#1f2328}.faint{fill:#656d76}.bar{fill:#afb8c1}.ours{fill:#0969da}
@media(prefers-color-scheme:dark){.ground{fill:#0d1117}.text{fill:#e6edf3}.faint{fill:#8d96a0}.bar{fill:#484f58}.ours{fill:#4493f8}}
text{font:12px system-ui,sans-serif}.title{font-weight:600}.head{font-size:15px;font-weight:600}
</style>
`

// Chart draws the panels as SVG, two in a row, each to its own scale.
func Chart(title string, panels []Panel) string {
	height := 0
	for _, p := range panels {
		height = max(height, (len(p.Bars)+2)*lineHeight)
	}
	lines := (len(panels) + columns - 1) / columns
	w, h := 2*margin+columns*panelWidth, headHeight+lines*height+margin
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n", w, h, w, h)
	fmt.Fprintf(&out, "<title>%s</title>\n%s", html.EscapeString(title), style)
	fmt.Fprintf(&out, `<rect class="ground" width="%d" height="%d" rx="6"/>`+"\n", w, h)
	fmt.Fprintf(&out, `<text class="text head" x="%d" y="30">%s</text>`+"\n", margin, html.EscapeString(title))
	for i, p := range panels {
		p.draw(&out, margin+i%columns*panelWidth, headHeight+i/columns*height)
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func (p Panel) draw(out *strings.Builder, x, y int) {
	longest := 0.0
	for _, b := range p.Bars {
		longest = max(longest, b.Value)
	}
	y += lineHeight
	fmt.Fprintf(out, `<text class="text title" x="%d" y="%d">%s</text>`+"\n", x, y, html.EscapeString(p.Title))
	for _, b := range p.Bars {
		y += lineHeight
		b.draw(out, x, y, longest)
	}
}

func (b Bar) draw(out *strings.Builder, x, y int, longest float64) {
	length, label := 0.0, "–"
	if !b.Missing {
		label = number(b.Value)
		if longest > 0 {
			length = max(1, barWidth*b.Value/longest)
		}
	}
	class := "bar"
	if b.Ours {
		class = "ours"
	}
	start := float64(x + labelWidth)
	fmt.Fprintf(out, `<text class="faint" x="%d" y="%d">%s</text>`, x, y, html.EscapeString(b.Name))
	fmt.Fprintf(out, `<rect class="%s" x="%.0f" y="%d" width="%.1f" height="14" rx="2"/>`, class, start, y-11, length)
	fmt.Fprintf(out, `<text class="text" x="%.1f" y="%d">%s</text>`+"\n", start+length+6, y, label)
}
