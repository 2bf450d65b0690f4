"""Draws needless evictions against purges: a panel for each trace, a point for each policy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator
from matplotlib.transforms import Bbox

_OURS, _OTHERS, _INK, _GRID = "#0b6e4f", "#b5521b", "#222222", "#dddddd"

_STYLE: Any = {
    # A page may be light or dark. The figure brings its own background.
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": _INK,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "font.size": 10.0,
    # A dollar in the name of a trace is no formula.
    "text.parse_math": False,
    # The SVG contains text as text, and equal rows make equal files.
    "svg.fonttype": "none",
    "svg.hashsalt": "imagekit-s3-purge",
}
_METADATA = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}

_MOST_COLUMNS = 2
_PANEL_INCHES = (5.6, 4.0)

_NEAR_POINTS = 6.0
"""Policies whose points are closer than that share a label."""

_SIDES: tuple[tuple[float, Literal["left", "center", "right"]], ...] = (
    (8, "left"),
    (-8, "right"),
    (0, "center"),
)
_LABEL_PLACES = [
    (x, y, side)
    for y in (0, 13, -13, 26, -26, 39, -39, 52, -52)
    for x, side in _SIDES
    if x or abs(y) > _NEAR_POINTS
]
"""Where a label may be: points to the right and up from its dot, and the side of the text at that place."""


def write(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the rows of a simulation into a file, whose suffix (.svg or .png) decides its format."""
    traces = list(dict.fromkeys(row["trace"] for row in rows))
    columns = min(len(traces), _MOST_COLUMNS)
    lines = -(-len(traces) // columns)
    with mpl.rc_context(_STYLE):
        figure = Figure((_PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * lines), layout="constrained")
        canvas = FigureCanvasAgg(figure)
        figure.suptitle(f"Needless evictions against purges, {rows[0]['mode']} bucket")
        panels = figure.subplots(lines, columns, squeeze=False).flat
        for trace, axes in zip(traces, panels, strict=False):
            _draw_axes(axes, trace, [row for row in rows if row["trace"] == trace])
        for axes in panels[len(traces) :]:
            axes.set_axis_off()
        # The layout sets the places of the dots, and labels need these.
        figure.draw_without_rendering()
        for trace, axes in zip(traces, panels, strict=False):
            _draw_points(axes, canvas, [row for row in rows if row["trace"] == trace])
        figure.savefig(path, metadata=_METADATA[path.suffix], dpi=150)


def _draw_axes(axes: Axes, trace: str, rows: Sequence[dict[str, Any]]) -> None:
    purges = [max(1, row["purges"]) for row in rows]
    evictions = [row["evictions"] for row in rows]
    low, high = min(purges) / 1.5, max(purges) * 1.5
    axes.set_title(trace, loc="left")
    axes.set_xlabel("purges (number, log scale)")
    axes.set_ylabel("needless evictions (objects, log scale)")
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_yscale("symlog", linthresh=1.0, linscale=0.3)
    axes.set_ylim(-0.7, 3.0 * max(10, *evictions))
    steps = (1.0, 2.0, 5.0) if high / low > 10 else (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0)
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=99))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(EngFormatter(sep=""))
        axis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color=_GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def _draw_points(axes: Axes, canvas: FigureCanvasAgg, rows: Sequence[dict[str, Any]]) -> None:
    """Draw a dot for each policy; policies with almost the same figures share one dot and one label."""
    groups = _groups(axes, rows)
    for members in groups:
        ours = members[0]["policy"] == "ours"
        x, y = _place(members[0])
        axes.plot(x, y, "o", color=_OURS if ours else _OTHERS, markersize=10 if ours else 7, clip_on=False)
    dots = [axes.transData.transform(_place(members[0])) for members in groups]
    pixels = axes.figure.dpi / 72
    taken = [Bbox.from_extents(x, y, x, y).padded(6 * pixels) for x, y in dots]
    for members in groups:
        taken = [*taken, _draw_label(axes, canvas, members, taken)]


def _groups(axes: Axes, rows: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The rows in groups: rows whose dots would overlap are one group. Ours is always a group of its own."""
    near = _NEAR_POINTS * axes.figure.dpi / 72
    groups: list[list[dict[str, Any]]] = []
    for row in rows:
        x, y = axes.transData.transform(_place(row))
        for members in groups:
            other_x, other_y = axes.transData.transform(_place(members[0]))
            if abs(x - other_x) + abs(y - other_y) < near and members[0]["policy"] != "ours":
                members.append(row)
                break
        else:
            groups.append([row])
    return groups


def _draw_label(
    axes: Axes, canvas: FigureCanvasAgg, members: Sequence[dict[str, Any]], taken: Sequence[Bbox]
) -> Bbox:
    """Draw a label at the first free place. Returns the box that it takes."""
    text = ", ".join(row["policy"] for row in members)
    if stale := max(row["stale_at_month_end"] for row in members):
        text += f" ({stale:,} stale)"
    ours = members[0]["policy"] == "ours"
    label = axes.annotate(
        text,
        _place(members[0]),
        xytext=(0, 0),
        textcoords="offset points",
        va="center",
        color=_OURS if ours else _OTHERS,
        weight="bold" if ours else "normal",
        annotation_clip=False,
        # A white box keeps the lines of the grid out of the text.
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )
    label.set_in_layout(False)
    panel = axes.get_window_extent()
    renderer: Any = canvas.get_renderer()  # type: ignore[no-untyped-call] # of matplotlib
    for right, up, side in _LABEL_PLACES:
        label.set_position((right, up))
        label.set_horizontalalignment(side)
        box = label.get_window_extent(renderer)
        inside = panel.x0 <= box.x0 and box.x1 <= panel.x1 and panel.y0 <= box.y0 and box.y1 <= panel.y1
        if inside and not any(box.overlaps(other) for other in taken):
            return box
    return box


def _place(row: dict[str, Any]) -> tuple[float, float]:
    """Where a policy's dot is, in purges and evictions. A logarithmic axis has no 0."""
    return max(1, row["purges"]), row["evictions"]
