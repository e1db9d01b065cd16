"""The plots, as SVG: throughput against file size, and rates against the size of the tables."""

import math
from dataclasses import dataclass
from html import escape
from statistics import median

from benches.downloads import NAMES
from benches.growth import side_name

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 66, 172, 84, 62
# Readable on a light and on a dark page: the picture brings its own ground, and follows the reader's preference.
STYLE = """
svg { --ground: #ffffff; --frame: #d8dee4; --grid: #eaeef2; --text: #1f2328; --quiet: #59636e;
      --a: #0969da; --b: #bc4c00; --c: #1a7f37; --d: #8250df; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --frame: #30363d; --grid: #21262d; --text: #e6edf3; --quiet: #9198a1;
        --a: #4493f8; --b: #f0883e; --c: #3fb950; --d: #ab7df8; }
}
text { fill: var(--quiet);
       font: 13px system-ui, -apple-system, "Segoe UI", "Liberation Sans", Helvetica, Arial, sans-serif; }
.title { font-size: 17px; font-weight: 600; fill: var(--text); }
.ground { fill: var(--ground); stroke: var(--frame); }
.grid { stroke: var(--grid); stroke-width: 1; }
.axis { stroke: var(--frame); stroke-width: 1; }
.target { stroke: var(--quiet); stroke-width: 1.5; stroke-dasharray: 5 5; }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round; }
.spread { stroke-width: 8; stroke-linecap: round; opacity: 0.3; }
.dot { stroke: var(--ground); stroke-width: 1.5; }
.name { font-weight: 600; }
"""
COLOURS = "abcd"


@dataclass
class Line:
    """`points` are (x, value, lowest, highest)."""

    name: str
    points: list


@dataclass
class Chart:
    title: str
    subtitle: str
    x_title: str
    x_labels: dict  # by x, which is laid out by its logarithm
    lines: list
    target: float | None = None
    target_name: str = ""

    @property
    def y_max(self):
        """120 %, or more where a reading is higher."""
        return max(1.2, *(math.ceil(highest * 5) / 5 for line in self.lines for *_, highest in line.points))

    def x(self, value):
        least, most = math.log(min(self.x_labels)), math.log(max(self.x_labels))
        return LEFT + 18 + (math.log(value) - least) / (most - least) * (WIDTH - LEFT - RIGHT - 36)

    def y(self, value):
        return HEIGHT - BOTTOM - value / self.y_max * (HEIGHT - TOP - BOTTOM)

    def svg(self):
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(self.title)}">',
            f"<style>{STYLE}</style>",
            f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10"/>',
            text(24, 36, self.title, "title"),
            text(24, 58, self.subtitle),
            *self.grid(),
            *self.target_line(),
        ]
        for line, colour in reversed(list(zip(self.lines, COLOURS))):  # the first on top
            parts += self.drawn(line, colour)
        parts += self.names()
        return "\n".join([*parts, "</svg>", ""])

    def grid(self):
        right, foot = WIDTH - RIGHT, HEIGHT - BOTTOM
        for step in range(0, round(self.y_max * 100) + 1, 20):
            y = self.y(step / 100)
            yield f'<line class="{"grid" if step else "axis"}" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield text(LEFT - 10, y + 4.5, f"{step} %", anchor="end")
        for value, name in self.x_labels.items():
            yield text(self.x(value), foot + 22, name, anchor="middle")
        yield text((LEFT + right) / 2, foot + 46, self.x_title, anchor="middle")

    def target_line(self):
        if self.target is not None:
            y = self.y(self.target)
            yield f'<line class="target" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield text(LEFT + 8, y + 17, self.target_name)

    def drawn(self, line, colour):
        ink = f"var(--{colour})"
        for x, _value, lowest, highest in line.points:
            x, low, high = self.x(x), self.y(lowest), self.y(highest)
            yield f'<line class="spread" stroke="{ink}" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'
        path = " ".join(f"{self.x(x):.1f},{self.y(value):.1f}" for x, value, *_ in line.points)
        yield f'<polyline class="line" stroke="{ink}" points="{path}"/>'
        for x, value, lowest, highest in line.points:
            told = f"{line.name}, {self.x_labels[x]}: {value:.1%} ({lowest:.1%} to {highest:.1%})"
            yield (
                f'<circle class="dot" fill="{ink}" cx="{self.x(x):.1f}" cy="{self.y(value):.1f}" r="4.5">'
                f"<title>{escape(told)}</title></circle>"
            )

    def names(self):
        """Each at the end of its line, moved apart where lines end close together."""
        ends = sorted(
            (self.y(line.points[-1][1]), line.name, colour)
            for line, colour in zip(self.lines, COLOURS)
        )
        floor = -math.inf
        x = WIDTH - RIGHT + 12
        for y, name, colour in ends:
            y = max(y, floor)
            floor = y + 19
            yield f'<text class="name" style="fill: var(--{colour})" x="{x}" y="{y + 4.5:.1f}">{escape(name)}</text>'


def text(x, y, content, kind="", anchor="start"):
    kind = f' class="{kind}"' if kind else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def draw(found, directory):
    """Draws what the results have readings for; returns the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    charts = {"downloads.svg": downloads(found), "growth.svg": growth(found)}
    for name, chart in charts.items():
        if chart is not None:
            (directory / name).write_text(chart.svg())
            yield directory / name


def against(ours, peer, x):
    """One point: our readings as a part of the peer's."""
    rounds = [one / other for one, other in zip(ours, peer)]
    return x, median(ours) / median(peer), min(rounds), max(rounds)


def downloads(found):
    sides = {size: found["readings"].get(f"download {name}", {}).get("sides", {}) for size, name in NAMES.items()}
    sides = {size: readings for size, readings in sides.items() if "static" in readings}
    lines = []
    for side, name in ("Cloakroom", "Cloakroom"), ("constant", "Constant upstream"), ("Django", "Django"):
        points = [against(by[side], by["static"], size) for size, by in sides.items() if side in by]
        if points:
            lines.append(Line(name, points))
    if len(sides) < 2 or not lines:
        return None
    return Chart(
        "What a permission check costs, by file size",
        "Throughput of a download through nginx, where nginx without any check is 100 %",
        "file size",
        {size: NAMES[size] for size in sides},
        lines,
        1.0,
        "nginx alone",
    )


def growth(found):
    counts = found["settings"]["table_sizes"]
    lines = []
    for contest, name in {
        "redemption": "redeem a ticket",
        "files(first: 50)": "files",
        "sharedWithMe(first: 50)": "sharedWithMe",
    }.items():
        by = found["readings"].get(contest, {}).get("sides", {})
        readings = {count: by[side_name(count, counts)] for count in counts if side_name(count, counts) in by}
        if len(readings) == len(counts):
            first = readings[counts[0]]
            lines.append(Line(name, [against(ours, first, count) for count, ours in readings.items()]))
    if not lines:
        return None
    return Chart(
        "What more rows cost",
        f"Redemptions and pages of 50 a second as the tables grow, where {counts[0]:,} files and shares are 100 %",
        "files, and as many shares, in the database",
        {count: f"{count:,}" for count in counts},
        lines,
        0.8,
        "target: 80 %",
    )
