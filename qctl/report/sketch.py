"""A schematic as plain values (boxes, wires, marks, labels) and its rendering to PNG, SVG or PDF without a display."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyBboxPatch

from qctl.errors import RequestError

__all__ = ["FORMATS", "Box", "Label", "Mark", "Sketch", "Wire", "figure", "render"]

FORMATS = (".png", ".svg", ".pdf")
_INCH = 0.40
_COLOURS = {
    "drive": "#1f5fbf",
    "flux": "#1a8a4a",
    "ttl": "#0f8a8a",
    "readout": "#7a3fb0",
    "acquire": "#c2571a",
    "lo": "#c0243c",
    "dc": "#6b8e23",
    "trigger": "#333333",
    "event": "#b07d1a",
    "reference": "#8a8a8a",
    "qubit": "#222222",
}
_WORDS = {
    "drive": "drive",
    "flux": "flux",
    "ttl": "TTL",
    "readout": "readout",
    "acquire": "to digitizer",
    "lo": "local oscillator",
    "dc": "static bias",
    "trigger": "trigger",
    "event": "next point",
    "reference": "10 MHz reference",
}
_FILLS = {"qubit": "#eef3fb", "instrument": "#f7f5f0", "lo": "#fbeef0", "trigger": "#ececec", "beam": "#f3eefb"}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with its lower left corner at x, y; the title is bold, the lines small."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wire:
    """A line through its points, in the colour of its kind; `name` is what it stands for."""

    points: tuple[tuple[float, float], ...]
    kind: str
    name: str = ""
    arrow: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A symbol: a mixer, a bias tee, or a dot where wires join, each on a wire; or an atom in its register."""

    x: float
    y: float
    kind: str
    shape: Literal["mixer", "tee", "dot", "atom"]


@dataclass(frozen=True, slots=True)
class Label:
    """A short text; x, y is its middle left, centre or middle right."""

    x: float
    y: float
    text: str
    kind: str = "qubit"
    align: Literal["left", "center", "right"] = "left"
    size: float = 7.0


@dataclass(slots=True)
class Sketch:
    """All that a picture shows, in units of the distance between two rows."""

    title: str = ""
    boxes: list[Box] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    def bounds(self) -> tuple[float, float, float, float]:
        """Return left, bottom, right and top of everything; of words alone, room for them."""
        xs = [x for wire in self.wires for x, _ in wire.points] + [box.x for box in self.boxes] or [0.0, 6.0]
        ys = [y for wire in self.wires for _, y in wire.points] + [box.y for box in self.boxes] or [-1.0, 0.0]
        right = [*xs, *(box.x + box.width for box in self.boxes)]
        top = [*ys, *(box.y + box.height for box in self.boxes)]
        return min(xs), min(ys), max(right), max(top)


def render(sketch: Sketch, path: str | Path, dpi: int = 150) -> Path:
    """Draw a sketch into a file; the ending chooses PNG, SVG or PDF.

    Raises
    ------
    RequestError
        If the ending is none of these, or the file can't be written.
    """
    file = Path(path)
    if file.suffix.lower() not in FORMATS:
        raise RequestError(f"{file.name}: the ending is not one of {', '.join(FORMATS)}")
    drawn = figure(sketch)
    try:
        drawn.savefig(file, dpi=dpi)
    except OSError as error:
        raise RequestError(f"{file}: {error.strerror}") from error
    return file


def figure(sketch: Sketch) -> Figure:
    """Return a sketch as a matplotlib figure."""
    left, bottom, right, top = sketch.bounds()
    left, bottom, right, top = left - 0.6, bottom - 1.6, right + 0.6, top + 1.3
    figure = Figure(figsize=((right - left) * _INCH, (top - bottom) * _INCH), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_axis_off()
    axes.text(left + 0.6, top - 0.55, sketch.title, fontsize=12, fontweight="bold", va="center")
    for wire in sketch.wires:
        _wire(axes, wire)
    for box in sketch.boxes:
        _box(axes, box)
    for mark in sketch.marks:
        _mark(axes, mark)
    for label in sketch.labels:
        axes.text(
            label.x,
            label.y,
            label.text,
            fontsize=label.size,
            color=_COLOURS.get(label.kind, "#222222"),
            ha=label.align,
            va="center",
            zorder=6,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.9},
        )
    used = {wire.kind for wire in sketch.wires}
    axes.legend(
        handles=[
            Line2D([], [], color=_COLOURS[kind], lw=1.4, ls=_dash(kind), label=word)
            for kind, word in _WORDS.items()
            if kind in used
        ],
        loc="lower left",
        bbox_to_anchor=(0.01, 0.0),
        ncol=len(_WORDS),
        fontsize=7.5,
        frameon=False,
    )
    return figure


def _dash(kind: str) -> str | tuple[int, tuple[float, ...]]:
    return {"reference": (0, (1.5, 1.5)), "trigger": (0, (4, 1.5))}.get(kind, "-")


def _wire(axes: Axes, wire: Wire) -> None:
    xs, ys = zip(*wire.points, strict=True)
    colour = _COLOURS[wire.kind]
    width = {"reference": 0.8, "trigger": 0.9, "qubit": 2.0}.get(wire.kind, 1.2)
    layer = 1 if wire.kind == "qubit" else 2
    axes.plot(
        xs,
        ys,
        color="#c4cad6" if wire.kind == "qubit" else colour,
        lw=width,
        ls=_dash(wire.kind),
        zorder=layer,
        solid_joinstyle="round",
    )
    if wire.arrow:
        axes.annotate(
            "",
            xy=wire.points[-1],
            xytext=wire.points[-2],
            arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 0, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8},
            zorder=3,
        )


def _box(axes: Axes, box: Box) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (box.x, box.y),
            box.width,
            box.height,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=_FILLS[box.kind],
            edgecolor="#444444",
            lw=0.9,
            zorder=4,
        )
    )
    middle, step = box.x + box.width / 2, 0.42
    y = box.y + box.height / 2 + step * len(box.lines) / 2
    axes.text(middle, y, box.title, fontsize=9, fontweight="bold", ha="center", va="center", zorder=5)
    for k, line in enumerate(box.lines, start=1):
        axes.text(middle, y - step * k - 0.04, line, fontsize=6.2, color="#444444", ha="center", va="center", zorder=5)


def _mark(axes: Axes, mark: Mark) -> None:
    colour = _COLOURS[mark.kind]
    if mark.shape in ("dot", "atom"):
        axes.add_patch(Circle((mark.x, mark.y), 0.13, facecolor=colour, edgecolor="white", lw=0.6, zorder=5))
        return
    radius = 0.26
    axes.add_patch(Circle((mark.x, mark.y), radius, facecolor="white", edgecolor=colour, lw=1.1, zorder=5))
    reach = radius * (0.707 if mark.shape == "mixer" else 1)
    strokes = (
        [((-1, -1), (1, 1)), ((-1, 1), (1, -1))] if mark.shape == "mixer" else [((-1, 0), (1, 0)), ((0, -1), (0, 0))]
    )
    for (x0, y0), (x1, y1) in strokes:
        axes.plot(
            [mark.x + x0 * reach, mark.x + x1 * reach],
            [mark.y + y0 * reach, mark.y + y1 * reach],
            color=colour,
            lw=1.0,
            zorder=6,
        )
