"""Small plots as SVG: lines over numbers, or bars over labels. They follow the reader's light or dark scheme."""

import math
from collections.abc import Sequence
from html import escape

from tests.bench.result import Plot

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 76, 20, 52, 76
STYLE = """
svg { font: 13px system-ui, sans-serif; background: #fff; color-scheme: light dark }
text { fill: #333 } .title { font-size: 15px; font-weight: 600 }
.axis { stroke: #999 } .grid { stroke: #ddd }
.goal { stroke: #b3261e; stroke-dasharray: 6 4 } .goaltext { fill: #b3261e }
.s0 { stroke: #0b57d0; fill: #0b57d0 } .s1 { stroke: #b06000; fill: #b06000 }
.s2 { stroke: #146c2e; fill: #146c2e } .s3 { stroke: #7a3ea1; fill: #7a3ea1 }
.s4 { stroke: #00696f; fill: #00696f } .s5 { stroke: #8c1d40; fill: #8c1d40 } .line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  svg { background: #16181c } text { fill: #ddd } .axis { stroke: #777 } .grid { stroke: #333 }
  .goal { stroke: #ff8a80 } .goaltext { fill: #ff8a80 }
  .s0 { stroke: #8ab4f8; fill: #8ab4f8 } .s1 { stroke: #fdd663; fill: #fdd663 }
  .s2 { stroke: #81c995; fill: #81c995 } .s3 { stroke: #d7aefb; fill: #d7aefb }
  .s4 { stroke: #78d9df; fill: #78d9df } .s5 { stroke: #ff8bb0; fill: #ff8bb0 } .line { fill: none }
}
"""


def svg(plot: Plot) -> str:
    """The plot as a whole SVG document."""
    points = [point for series in plot.series for point in series.points if math.isfinite(point[1])]
    ys = [y for _, y in points] + ([plot.goal] if plot.goal is not None else [])
    top = _nice(max(ys, default=1.0) * 1.05)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(plot.title, quote=True)}"><style>{STYLE}</style>',
        f'<text class="title" x="{LEFT}" y="20">{escape(plot.title)}</text>',
        *_y_axis(plot, top),
        *(_bars(plot, top) if plot.labels else _lines(plot, points, top)),
        *_legend(plot),
    ]
    if plot.goal is not None:
        y = _y(plot.goal, top)
        parts.append(f'<line class="goal" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="goaltext" x="{WIDTH - RIGHT}" y="{y - 5}" text-anchor="end">goal</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM), 1)


def _y_axis(plot: Plot, top: float) -> list[str]:
    parts = [f'<text x="{LEFT - 60}" y="{TOP - 10}">{escape(plot.y)}</text>']
    for n in range(5):
        value = top * n / 4
        y = _y(value, top)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{_told(value)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 32}" text-anchor="middle">{escape(plot.x)}</text>')
    return parts


def _lines(plot: Plot, points: Sequence[tuple[float, float]], top: float) -> list[str]:
    xs = [x for x, _ in points] or [0.0, 1.0]
    least, greatest = min(0.0, *xs), max(xs) or 1.0

    def x_of(value: float) -> float:
        return round(LEFT + (value - least) / (greatest - least) * (WIDTH - LEFT - RIGHT), 1)

    parts = []
    for n in range(5):
        value = least + (greatest - least) * n / 4
        place = f'x="{x_of(value)}" y="{HEIGHT - BOTTOM + 18}"'
        parts.append(f'<text {place} text-anchor="middle">{_told(value)}</text>')
    for n, series in enumerate(plot.series):
        way = " ".join(f"{x_of(x)},{_y(y, top)}" for x, y in series.points if math.isfinite(y))
        parts.append(f'<polyline class="s{n % 6} line" points="{way}"/>')
    return parts


def _bars(plot: Plot, top: float) -> list[str]:
    room = (WIDTH - LEFT - RIGHT) / len(plot.labels)
    wide = room * 0.7 / max(1, len(plot.series))
    parts = []
    for place, label in enumerate(plot.labels):
        middle = LEFT + room * (place + 0.5)
        at = f'x="{middle:.1f}" y="{HEIGHT - BOTTOM + 18}"'
        turned = f' transform="rotate(-20 {middle:.1f} {HEIGHT - BOTTOM + 18})"' if len(plot.labels) > 6 else ""
        parts.append(f'<text {at} text-anchor="middle"{turned}>{escape(label)}</text>')
    for n, series in enumerate(plot.series):
        for position, value in series.points:
            left, y = LEFT + room * (position + 0.15) + wide * n, _y(value, top)
            high = HEIGHT - BOTTOM - y
            parts.append(
                f'<rect class="s{n % 6}" x="{left:.1f}" y="{y}" width="{wide * 0.92:.1f}" height="{high:.1f}"/>'
            )
            parts.append(f'<text x="{left + wide / 2:.1f}" y="{y - 4}" text-anchor="middle">{_told(value)}</text>')
    return parts


def _legend(plot: Plot) -> list[str]:
    parts, x = list[str](), float(LEFT)
    for n, series in enumerate(plot.series):
        parts.append(f'<rect class="s{n % 6}" x="{x}" y="{HEIGHT - 18}" width="12" height="12"/>')
        parts.append(f'<text x="{x + 17}" y="{HEIGHT - 8}">{escape(series.name)}</text>')
        x += 40 + 7 * len(series.name)
    return parts


def _nice(value: float) -> float:
    """The next round number: 1, 2, 2.5, 4, 5 or 8 times a power of ten."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 4, 5, 8, 10, 20) if step * power >= value)


def _told(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
