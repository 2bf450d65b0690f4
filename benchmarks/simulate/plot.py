"""Evictions against purges, a panel a trace, a point a policy; as SVG, or as PNG with Pillow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log10
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT, _COLUMNS = 470, 330, 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 22, 58, 46
_OURS, _OTHERS, _INK, _FAINT = "#0b6e4f", "#b5521b", "#222222", "#dddddd"
# Pixels: points so close share a label; the width of a letter, roughly.
_NEAR, _LETTER = 8.0, 6.6
# Lines do not strike texts through.
_HALO = 'stroke="white" stroke-width="4" paint-order="stroke"'


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line, a dot or a text, in pixels from the top left. `to` is a line's other end or a dot's radius."""

    kind: Literal["line", "dot", "text"]
    x: float
    y: float
    color: str
    to: tuple[float, float] = (0.0, 0.0)
    text: str = ""
    size: int = 12
    anchor: Literal["start", "middle", "end"] = "start"


def write(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the rows of a simulation into a file, whose suffix decides on its format."""
    traces = list(dict.fromkeys(row["trace"] for row in rows))
    marks = []
    for number, trace in enumerate(traces):
        right, down = number % _COLUMNS * _WIDTH, number // _COLUMNS * _HEIGHT
        marks += [*_panel([row for row in rows if row["trace"] == trace], right, down)]
    size = (min(len(traces), _COLUMNS) * _WIDTH, -(-len(traces) // _COLUMNS) * _HEIGHT)
    if path.suffix == ".png":
        _write_png(marks, size, path)
    else:
        path.write_text(_svg(marks, size), encoding="utf-8")


def _panel(rows: Sequence[dict[str, Any]], right: float, down: float) -> Iterator[Mark]:
    left, top = right + _LEFT, down + _TOP
    across, along = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    low = log10(max(1, min(row["purges"] for row in rows))) - 0.15
    high = log10(max(1, *(row["purges"] for row in rows))) + 0.15
    most = log10(1 + max(10, *(row["evictions"] for row in rows))) * 1.15

    def place(purges: float, evictions: float) -> tuple[float, float]:
        x = left + (log10(max(1, purges)) - low) / (high - low) * across
        return x, top + along - log10(1 + evictions) / most * along

    yield Mark("text", left, down + 24, _INK, text=rows[0]["trace"], size=15)
    yield Mark(
        "text", left, down + 42, _INK, text=f"{rows[0]['mode']}; needless evictions, by purges", size=11
    )
    for value in (0, *(10**power for power in range(7))):
        if log10(1 + value) <= most:
            _, y = place(1, value)
            yield Mark("line", left, y, _FAINT, to=(left + across, y))
            yield Mark("text", left - 6, y + 4, _INK, text=_short(value), size=11, anchor="end")
    for value in (step * 10**power for power in range(7) for step in (1, 2, 5)):
        if low <= log10(value) <= high:
            x, _ = place(value, 0)
            yield Mark("line", x, top + along, _FAINT, to=(x, top + along + 5))
            yield Mark("text", x, top + along + 19, _INK, text=_short(value), size=11, anchor="middle")
    yield from _points(rows, [place(row["purges"], row["evictions"]) for row in rows])


def _points(rows: Sequence[dict[str, Any]], places: Sequence[tuple[float, float]]) -> Iterator[Mark]:
    """Dots, and a label each, or one for those that lie on each other."""
    groups: list[tuple[tuple[float, float], list[dict[str, Any]]]] = []
    for row, (x, y) in zip(rows, places, strict=True):
        for (other_x, other_y), members in groups:
            if abs(x - other_x) + abs(y - other_y) < _NEAR and members[0]["policy"] != "ours":
                members.append(row)
                break
        else:
            groups.append(((x, y), [row]))
    taken = [(x - 7, y - 7, x + 7, y + 7) for (x, y), _ in groups]
    for (x, y), members in groups:
        color, radius = (_OURS, 7) if members[0]["policy"] == "ours" else (_OTHERS, 5)
        yield Mark("dot", x, y, color, to=(radius, 0))
        text = ", ".join(row["policy"] for row in members)
        if stale := max(row["stale_at_month_end"] for row in members):
            text += f" ({stale:,} stale)"
        yield _label(x, y, text, color, taken)


def _label(x: float, y: float, text: str, color: str, taken: list[Box]) -> Mark:
    """A text where nothing is in its way: beside a point if possible, else above or below."""
    width = len(text) * _LETTER
    for down in (4, -12, 20, -27, 35):
        for start in (x + 11, x - 11 - width, x - width / 2):
            box = (start, y + down - 11, start + width, y + down + 3)
            edge = start // _WIDTH * _WIDTH
            inside = edge + _LEFT <= start and start + width <= edge + _WIDTH
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                return Mark("text", start, y + down, color, text=text)
    return Mark("text", x + 11, y + 4, color, text=text)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _short(value: int) -> str:
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value // unit}{letter}"
    return str(value)


def _svg(marks: Sequence[Mark], size: tuple[int, int]) -> str:
    shapes = []
    for mark in marks:
        at = f'x="{mark.x:.1f}" y="{mark.y:.1f}"'
        if mark.kind == "text":
            shape = (
                f'<text {at} fill="{mark.color}" font-size="{mark.size}" text-anchor="{mark.anchor}" {_HALO}>'
                f"{escape(mark.text)}</text>"
            )
        elif mark.kind == "dot":
            shape = f'<circle cx="{mark.x:.1f}" cy="{mark.y:.1f}" r="{mark.to[0]:g}" fill="{mark.color}"/>'
        else:
            shape = (
                f'<line x1="{mark.x:.1f}" y1="{mark.y:.1f}" x2="{mark.to[0]:.1f}" y2="{mark.to[1]:.1f}" '
                f'stroke="{mark.color}"/>'
            )
        shapes.append(shape)
    width, height = size
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *shapes,
            "</svg>\n",
        ]
    )


def _write_png(marks: Sequence[Mark], size: tuple[int, int], path: Path, scale: int = 2) -> None:
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - only who wants a PNG needs Pillow

    image = Image.new("RGB", (size[0] * scale, size[1] * scale), "white")
    draw = ImageDraw.Draw(image)
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for mark in marks:
        x, y = mark.x * scale, mark.y * scale
        if mark.kind == "text":
            font = ImageFont.load_default(mark.size * scale)
            halo: Any = {"stroke_width": 2 * scale, "stroke_fill": "white"}
            draw.text((x, y), mark.text, fill=mark.color, font=font, anchor=anchors[mark.anchor], **halo)
        elif mark.kind == "dot":
            radius = mark.to[0] * scale
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=mark.color)
        else:
            draw.line((x, y, mark.to[0] * scale, mark.to[1] * scale), fill=mark.color, width=scale)
    image.save(path)
