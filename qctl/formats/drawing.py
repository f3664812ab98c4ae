"""Draws a circuit as text, a line for each qubit, and as a picture through matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.counting import wires
from qctl.program.expressions import Expression, Value
from qctl.program.opcodes import CONTROLLED, GATES, OPCODES, Op

__all__ = ["MOST_INSTRUCTIONS", "draw_picture", "draw_text"]

MOST_INSTRUCTIONS = 20_000
"""Instructions above which nobody could read a drawing."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An instruction in a drawing: its column, the qubits that it spans, and a label at each that it acts on."""

    column: int
    first: int
    last: int
    labels: dict[int, str]


def marks(body: Body) -> list[Mark]:
    """Return where each instruction stands: as far left as what it spans allows."""
    if len(body) > MOST_INSTRUCTIONS:
        raise RequestError(f"a drawing of {len(body)} instructions is over {MOST_INSTRUCTIONS}: draw a part of it")
    free = [0] * body.n_qubits
    found = []
    for i in range(len(body)):
        labels = _labels(body, i)
        if labels:
            first, last = min(labels), max(labels)
            column = max(free[first : last + 1])
            free[first : last + 1] = [column + 1] * (last + 1 - first)
            found.append(Mark(column, first, last, labels))
    return found


def _labels(body: Body, i: int) -> dict[int, str]:
    op = Op(int(body.instructions[i]["op"]))
    if op in GATES:
        _, qubits, params, n_controls = body.gate(i)
        base, own = CONTROLLED.get(op, (op, 0))
        n = n_controls + own
        angles = ", ".join(_number(value) for value in params)
        name = OPCODES[base].name + (f"({angles})" if angles else "")
        return {q: "●" if k < n else name for k, q in enumerate(qubits)}
    if op is Op.BARRIER:
        return dict.fromkeys((q for q in body.wide(i)[0] if q < body.n_qubits), "░")
    if op in (Op.BEGIN, Op.END):
        block = body.blocks[int(body.instructions[i]["a"])]
        word = f"{block.kind.name.lower()}[" if op is Op.BEGIN else "]"
        return dict.fromkeys(range(body.n_qubits), word)
    text = f"M→{body.bits[int(body.instructions[i]['b'])]}" if op is Op.MEASURE else OPCODES[op].name
    return {q: text for kind, q in wires(body, i) if kind == "q"}


def _number(value: Value) -> str:
    return str(value) if isinstance(value, Expression) else f"{value:.4g}"


def draw_text(body: Body) -> str:
    """Return the drawing as lines of text, qubit 0 at the top."""
    placed = marks(body)
    n_columns = 1 + max((mark.column for mark in placed), default=-1)
    widths = [1] * n_columns
    for mark in placed:
        widths[mark.column] = max(widths[mark.column], *map(len, mark.labels.values()))
    starts = [sum(widths[:k]) + 2 * k + 1 for k in range(n_columns)]
    total = sum(widths) + 2 * n_columns + 1
    lines = [["─"] * total if k % 2 == 0 else [" "] * total for k in range(2 * body.n_qubits)]
    for mark in placed:
        middle = starts[mark.column] + (widths[mark.column] - 1) // 2
        for k in range(2 * mark.first + 1, 2 * mark.last):
            lines[k][middle] = "│" if k % 2 else "┼"
        for q, label in mark.labels.items():
            at = starts[mark.column] + (widths[mark.column] - len(label)) // 2
            lines[2 * q][at : at + len(label)] = label
    margin = max(map(len, body.qubits), default=0)
    names = [f"{body.qubits[k // 2]:>{margin}}: " if k % 2 == 0 else " " * (margin + 2) for k in range(len(lines))]
    return "\n".join(
        (name + "".join(line)).rstrip() for name, line in zip(names, lines[: 2 * body.n_qubits - 1], strict=False)
    )


def draw_picture(body: Body, path: str | Path) -> Path:
    """Draw into a file; the ending chooses PNG, SVG or PDF.

    Raises
    ------
    RequestError
        If the ending is none of these, or the file can't be written.
    """
    from matplotlib.figure import Figure

    file = Path(path)
    if file.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise RequestError(f"{file.name}: the ending is not one of .png, .svg, .pdf")
    placed = marks(body)
    n_columns = 1 + max((mark.column for mark in placed), default=0)
    figure = Figure(figsize=(1 + 0.9 * n_columns, 0.5 + 0.6 * body.n_qubits))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-1.2, n_columns), ylim=(body.n_qubits - 0.4, -0.6))
    axes.set_axis_off()
    for q, name in enumerate(body.qubits):
        axes.plot([-0.5, n_columns - 0.4], [q, q], color="#888888", lw=1, zorder=1)
        axes.text(-0.6, q, name, ha="right", va="center", fontsize=9)
    for mark in placed:
        axes.plot([mark.column] * 2, [mark.first, mark.last], color="#1f5fbf", lw=1.2, zorder=2)
        for q, label in mark.labels.items():
            if label == "●":
                axes.plot([mark.column], [q], "o", color="#1f5fbf", ms=6, zorder=4)
            else:
                box = {"boxstyle": "round,pad=0.3", "facecolor": "#eef3fb", "edgecolor": "#1f5fbf"}
                axes.text(mark.column, q, label, ha="center", va="center", fontsize=8, bbox=box, zorder=3)
    try:
        figure.savefig(file)
    except OSError as error:
        raise RequestError(f"{file}: {error.strerror}") from error
    return file
