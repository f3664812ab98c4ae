"""The wiring of a lab as a picture: generators on the left, a row for each line, a column for each qubit.

A row starts at its outputs, passes its mixer or bias tee, and ends in a dot on the column of its qubit; a feedline
crosses the columns of all its qubits and goes on to the digitizer on the right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from qctl.lab import Instrument, Lab, OutputRef, Port
from qctl.report.register import draw_registers
from qctl.report.sketch import Box, Label, Mark, Sketch, Wire, render

__all__ = ["draw_wiring", "sketch_wiring"]

_BOX_WIDTH = 4.6
_PIN = 0.62
_GAP = 0.7
_LEFT = 4.2
_COLUMN = 2.4
_TALL = 2.1
_ROLES = ("drive", "flux", "ttl", "readout")


@dataclass(slots=True)
class _Row:
    """One horizontal line of the picture: a port, or all ports of a feedline."""

    ports: list[Port]
    y: float = 0.0
    pins: list[tuple[float, float]] = field(default_factory=list)

    @property
    def first(self) -> Port:
        return self.ports[0]

    @property
    def name(self) -> str:
        if len(self.ports) == 1:
            return self.first.name
        names = ", ".join(port.target for port in self.ports[:6])
        return f"{self.first.feedline}: {names}{' …' if len(self.ports) > 6 else ''}"

    @property
    def kind(self) -> str:
        return self.first.role if self.first.role in _ROLES else "drive"


def draw_wiring(lab: Lab, path: str | Path) -> Path:
    """Draw a lab's wiring into a PNG, SVG or PDF file and return its path.

    Raises
    ------
    RequestError
        If the ending of the path is none of these, or the file can't be written.
    """
    return render(sketch_wiring(lab), path)


def sketch_wiring(lab: Lab) -> Sketch:
    """Return the picture of a lab's wiring as plain values."""
    sketch = Sketch(title=f"{lab.name}: wiring")
    rows = _rows(lab)
    generators = _generators(lab, rows)
    bottom = _place_generators(sketch, lab, rows, generators)
    lanes = _lanes(lab, rows)
    n_bias = sum(row.first.dc is not None for row in rows)
    start = _LEFT + _BOX_WIDTH + 1.2
    label_x = start + 0.9 * len(lanes) + 0.6 * n_bias + 0.5
    columns = _columns(sketch, lab, rows, label_x + 4.0)
    right = max(columns.values(), default=label_x) + 1.6
    _draw_rows(sketch, lab, rows, {lo: start + 0.9 * k for k, lo in enumerate(lanes)}, label_x, columns)
    bottom = _draw_sources(sketch, lab, rows, {lo: start + 0.9 * k for k, lo in enumerate(lanes)}, right, bottom)
    boxes = _draw_digitizers(sketch, lab, rows, right, bottom)
    _draw_triggers(sketch, lab, generators, boxes, min([bottom, *(box.y for box in sketch.boxes)]) - 0.9)
    _draw_rest(sketch, lab)
    draw_registers(sketch, lab)
    return sketch


def _rows(lab: Lab) -> list[_Row]:
    """Return drive lines, then flux lines, then feedlines; so that an instrument's outputs stay together."""
    order = {name: k for p in lab.processors.values() for k, name in enumerate((*p.qubits, *getattr(p, "beam", {})))}
    ports = sorted(lab.ports.values(), key=lambda port: (_ROLES.index(port.role), order.get(port.target, 0)))
    rows: dict[str, _Row] = {}
    for port in ports:
        rows.setdefault(f"feedline {port.feedline}" if port.feedline else port.name, _Row([])).ports.append(port)
    return list(rows.values())


def _generators(lab: Lab, rows: list[_Row]) -> list[Instrument]:
    """Return the boxes of the left column: a bias source comes after the generators of the lines that it biases."""
    place: dict[str, float] = {}
    for k, row in enumerate(rows):
        for ref in row.first.outputs:
            place.setdefault(ref.instrument, k)
    for k, row in enumerate(rows):
        if row.first.dc is not None:
            place[row.first.dc.instrument] = max(place.get(row.first.dc.instrument, 0), k + 0.5)
    return [lab.instrument(name) for name in sorted(place, key=lambda name: place[name])]


def _hertz(frequency_hz: float) -> str:
    return f"{frequency_hz / 1e9:.6g} GHz" if frequency_hz >= 1e9 else f"{frequency_hz / 1e6:.6g} MHz"


def _words(instrument: Instrument) -> tuple[str, ...]:
    clock = f"clock {_hertz(instrument.clock_hz)}" if instrument.clock_hz else ""
    if instrument.frequency_hz is not None and instrument.power_dbm is not None:
        clock = f"{_hertz(instrument.frequency_hz)}, {instrument.power_dbm:g} dBm"
    lines = (instrument.model, instrument.address, clock)
    return tuple(line if len(line) <= 40 else f"{line[:39]}…" for line in lines if line)


def _pin_words(instrument: Instrument, number: int) -> str:
    """Return an output's number, with its range where it holds a voltage or a current."""
    if number in instrument.current:
        low, high = instrument.current[number].limits_a
        return f"{number}: {low * 1e3:g} to {high * 1e3:g} mA"
    output = instrument.output[number]
    low, high = output.limits_v
    return str(number) if output.slew_v_per_s is None else f"{number}: {low:g} to {high:g} V"


def _place_generators(sketch: Sketch, lab: Lab, rows: list[_Row], generators: list[Instrument]) -> float:
    """Stack the left column from the top; put each row at the middle of its pins. Return the bottom."""
    pins: dict[OutputRef, tuple[float, float]] = {}
    y = 0.0
    used = {ref for row in rows for ref in (*row.first.outputs, *((row.first.dc,) if row.first.dc else ()))}
    for instrument in generators:
        numbers = [n for n in (*instrument.output, *instrument.current) if OutputRef(instrument.name, n) in used]
        height = max(_PIN * (len(numbers) + 0.6), 2.3)
        sketch.boxes.append(
            Box(_LEFT, y - height, _BOX_WIDTH, height, "instrument", instrument.name, _words(instrument))
        )
        top = y - height / 2 + _PIN * (len(numbers) - 1) / 2
        for k, number in enumerate(numbers):
            pin = (_LEFT + _BOX_WIDTH, top - _PIN * k)
            pins[OutputRef(instrument.name, number)] = pin
            sketch.labels.append(Label(pin[0] + 0.1, pin[1] + 0.17, _pin_words(instrument, number), size=5.5))
        y -= height + _GAP
    for row in rows:
        row.pins = [pins[ref] for ref in row.first.outputs]
        row.y = sum(pin[1] for pin in row.pins) / len(row.pins) if row.pins else y
        if not row.pins:
            y -= 1.0
    _spread(rows)
    for row in rows:
        if row.first.dc is not None:
            row.pins.append(pins[row.first.dc])
    return min(y, *(row.y for row in rows)) if rows else y


def _spread(rows: list[_Row]) -> None:
    """Push rows apart that would touch, from the top down."""
    ordered = sorted(rows, key=lambda row: -row.y)
    for above, below in pairwise(ordered):
        below.y = min(below.y, above.y - _PIN)


def _lanes(lab: Lab, rows: list[_Row]) -> list[str]:
    return list(dict.fromkeys(row.first.lo for row in rows if row.first.lo is not None))


def _columns(sketch: Sketch, lab: Lab, rows: list[_Row], start: float) -> dict[str, float]:
    """Draw the column of each qubit and beam with its couplers; return where they are."""
    columns: dict[str, float] = {}
    top = 1.2
    for processor in lab.processors.values():
        for name in (*processor.qubits, *getattr(processor, "beam", {})):
            columns[name] = x = start + _COLUMN * len(columns)
            ends = [row.y for row in rows if any(port.target == name for port in row.ports)]
            if ends:
                sketch.wires.append(Wire(((x, top), (x, min(ends))), "qubit", name))
            qubit = processor.qubit.get(name)
            words = (f"{qubit.frequency_hz / 1e9:.6g} GHz" if qubit else getattr(processor, "beam", {})[name].purpose,)
            kind = "qubit" if qubit else "beam"
            sketch.boxes.append(Box(x - 0.85, top, 1.7, 1.15, kind, name, words))
        level = 0
        for coupler in processor.coupler.values():
            a, b = sorted(columns[qubit] for qubit in coupler.qubits)
            if b - a < 1.5 * _COLUMN:
                sketch.wires.append(Wire(((a + 0.85, top + 0.57), (b - 0.85, top + 0.57)), "qubit", coupler.name))
                continue
            level += 1
            y = top + 1.15 + 0.35 * level
            sketch.wires.append(Wire(((a, top + 1.15), (a, y), (b, y), (b, top + 1.15)), "qubit", coupler.name))
    return columns


def _draw_rows(
    sketch: Sketch, lab: Lab, rows: list[_Row], lanes: dict[str, float], label_x: float, columns: dict[str, float]
) -> None:
    biased = [row for row in rows if row.first.dc is not None]
    for row in rows:
        port, kind = row.first, row.kind
        waveform = row.pins[: len(port.outputs)]
        entry = lanes.get(port.lo or "", label_x - 0.8)
        if row in biased:
            tee = label_x - 0.3 - 0.6 * (len(biased) - biased.index(row))
            entry = tee
            sketch.wires.append(Wire((row.pins[-1], (tee, row.pins[-1][1]), (tee, row.y)), "dc", port.name))
            sketch.marks.append(Mark(tee, row.y, "dc", "tee"))
        for pin in waveform:
            knee = _LEFT + _BOX_WIDTH + 0.65
            shift = 0.0 if len(waveform) == 1 else (0.16 if pin is waveform[0] else -0.16)
            points = [pin, (knee, pin[1]), (knee + 0.15, row.y + shift), (entry, row.y + shift)]
            sketch.wires.append(Wire(tuple(points), kind, port.name))
        if port.lo is not None and waveform:
            sketch.marks.append(Mark(lanes[port.lo], row.y, "lo", "mixer"))
        ends = [columns[p.target] for p in row.ports]
        if waveform or row in biased:
            sketch.wires.append(Wire(((entry, row.y), (max(ends), row.y)), kind, port.name))
        sketch.marks += [Mark(x, row.y, kind, "dot") for x in ends]
        sketch.labels.append(
            Label(label_x if row.pins else min(ends) - 0.3, row.y, row.name, kind, "left" if row.pins else "right")
        )


def _draw_sources(
    sketch: Sketch, lab: Lab, rows: list[_Row], lanes: dict[str, float], right: float, bottom: float
) -> float:
    """Draw each LO above or below the rows that it feeds, with its line through their mixers; return the bottom."""
    middle = sum(row.y for row in rows) / max(len(rows), 1)
    up, down = 0, 0
    for name, x in lanes.items():
        fed = [row for row in rows if row.first.lo == name]
        above = sum(row.y for row in fed) / len(fed) >= middle
        if above:
            y, up = 0.6 + 2.7 * up, up + 1
        else:
            down += 1
            y = bottom - 2.7 * down
        instrument = lab.instrument(name)
        box = Box(x + 0.3 - _BOX_WIDTH, y, _BOX_WIDTH, _TALL, "lo", name, _words(instrument))
        sketch.boxes.append(box)
        edge = y if above else y + _TALL
        far = min(row.y for row in fed) if above else max(row.y for row in fed)
        if any(row.first.outputs for row in fed):
            sketch.wires.append(Wire(((x, edge), (x, far)), "lo", name))
        listening = [row for row in fed if row.first.inputs]
        if listening:
            path = ((x + 0.3, y + _TALL / 2), (right, y + _TALL / 2), (right, listening[-1 if above else 0].y))
            sketch.wires.append(Wire(path, "lo", name))
        if instrument.reference:
            _reference(sketch, box, instrument.reference)
    return bottom - 2.7 * down


def _reference(sketch: Sketch, box: Box, word: str) -> None:
    """Tag a box that is too far from the rail with where its reference comes from."""
    y = box.y + 0.35
    sketch.wires.append(Wire(((box.x - 0.5, y), (box.x, y)), "reference", box.title))
    text = "10 MHz" if word == "external" else "internal"
    sketch.labels.append(Label(box.x - 0.55, y, text, "reference", "right", 5.5))


def _draw_digitizers(sketch: Sketch, lab: Lab, rows: list[_Row], right: float, bottom: float) -> list[Box]:
    """Draw the boxes of the right column, with the down-converter of each feedline."""
    listening = [row for row in rows if row.first.inputs]
    names = list(dict.fromkeys(ref.instrument for row in listening for ref in row.first.inputs))
    boxes: list[Box] = []
    x = right + 1.8
    level = float("inf")
    for name in names:
        instrument = lab.instrument(name)
        fed = [(row, ref) for row in listening for ref in row.first.inputs if ref.instrument == name]
        height = max(_PIN * (len(fed) + 0.6), 2.3)
        middle = min(sum(row.y for row, _ in fed) / len(fed), level - height / 2 - _GAP)
        box = Box(x, middle - height / 2, _BOX_WIDTH, height, "instrument", name, _words(instrument))
        level = box.y
        boxes.append(box)
        sketch.boxes.append(box)
        for k, (row, ref) in enumerate(fed):
            pin = (x, middle + _PIN * ((len(fed) - 1) / 2 - k))
            sketch.labels.append(Label(x - 0.1, pin[1] + 0.17, str(ref.input), align="right", size=5.5))
            begin = (right, row.y)
            sketch.wires.append(Wire((begin, (right + 0.7, pin[1]), pin), "acquire", row.first.name))
        if instrument.reference:
            sketch.labels.append(
                Label(x + _BOX_WIDTH / 2, box.y + box.height + 0.62, "10 MHz", "reference", "center", 5.5)
                if instrument.reference == "external"
                else Label(x + _BOX_WIDTH / 2, box.y + box.height + 0.62, "internal", "reference", "center", 5.5)
            )
            top = (x + _BOX_WIDTH / 2, box.y + box.height)
            sketch.wires.append(Wire(((top[0], top[1] + 0.45), top), "reference", name))
    for row in listening:
        last = max(mark.x for mark in sketch.marks if mark.shape == "dot" and mark.y == row.y)
        sketch.wires.append(Wire(((last, row.y), (right, row.y)), "acquire", row.first.name))
        if row.first.lo is not None:
            sketch.marks.append(Mark(right, row.y, "lo", "mixer"))
    return boxes


def _draw_triggers(
    sketch: Sketch, lab: Lab, generators: Iterable[Instrument], digitizers: list[Box], low: float
) -> None:
    """Draw trigger sources on the far left, their lines as rails, and the reference as a dotted rail beside them."""
    left = {box.title: box for box in sketch.boxes if box.x == _LEFT}
    right = {box.title: box for box in digitizers}
    sources = list(dict.fromkeys(i.trigger.source for i in lab.instruments.values() if i.trigger is not None))
    rails: dict[tuple[str, int], float] = {}
    kinds: dict[tuple[str, int], str] = {}
    y = 0.5
    for name in [source for source in sources if source not in left and source not in right]:
        instrument = lab.instrument(name)
        fed = [
            left[i.name] for i in generators if i.trigger is not None and i.trigger.source == name and i.name in left
        ]
        y = min(y, fed[0].y + fed[0].height / 2 + 1.2) if fed else y
        box = Box(-3.1, y - 2.0, _BOX_WIDTH, 2.0, "trigger", name, _words(instrument))
        sketch.boxes.append(box)
        left[name] = box
        if instrument.reference:
            word = "10 MHz" if instrument.reference == "external" else "internal reference"
            sketch.labels.append(Label(box.x + box.width / 2, box.y - 0.3, word, "reference", "center", 5.5))
        y -= 2.9
    ends = [(i, "trigger", i.trigger) for i in lab.instruments.values()]
    for instrument, kind, wire in [*ends, *((i, "event", i.event) for i in lab.instruments.values())]:
        target = left.get(instrument.name) or right.get(instrument.name)
        if wire is None or target is None or wire.source not in left:
            continue
        source = left[wire.source]
        rail = rails.setdefault((wire.source, wire.line), 2.2 + 0.35 * len(rails))
        begin = (source.x + source.width, source.y + source.height / 2 - (0.0 if kind == "trigger" else 0.55))
        if source.x == _LEFT:
            begin = (source.x, source.y + 0.3)
        if instrument.name in left:
            goal = target.y + target.height / 2 + (0.2 if kind == "trigger" else -0.2)
            side = target.x
            if target.x == source.x:  # a chassis passes its triggers on
                side, goal = target.x + target.width, target.y + target.height - 0.4
            points: tuple[tuple[float, float], ...] = (begin, (rail, begin[1]), (rail, goal), (side, goal))
        else:
            x = target.x + target.width / 2
            points = (begin, (rail, begin[1]), (rail, low), (x, low), (x, target.y))
        kinds[wire.source, wire.line] = kind
        sketch.wires.append(Wire(points, kind, instrument.name, arrow=True))
    for name, line in rails:
        x = min(at for (source_name, _), at in rails.items() if source_name == name)
        source = left[name]
        up = 0.22 if kinds[name, line] == "trigger" else -0.33
        sketch.labels.append(
            Label(x - 0.1, source.y + source.height / 2 + up, f"line {line}", kinds[name, line], "right", 5.5)
        )
    _reference_rail(sketch, [box for i in generators if i.reference == "external" for box in [left[i.name]]])


def _reference_rail(sketch: Sketch, boxes: list[Box]) -> None:
    if not boxes:
        return
    x = _LEFT - 0.55
    ys = [box.y + box.height / 2 - 0.3 for box in boxes]
    sketch.wires.append(Wire(((x, max(ys)), (x, min(ys) - 0.9)), "reference", "rail"))
    sketch.wires += [Wire(((x, y), (box.x, y)), "reference", box.title) for y, box in zip(ys, boxes, strict=True)]
    sketch.labels.append(Label(x, min(ys) - 1.15, "10 MHz", "reference", "center", 5.5))


def _draw_rest(sketch: Sketch, lab: Lab) -> None:
    """List instruments that no port reaches."""
    drawn = {box.title for box in sketch.boxes}
    rest = [instrument.name for instrument in lab.instruments.values() if instrument.name not in drawn]
    if rest:
        bottom = sketch.bounds()[1] if sketch.boxes else 0.0
        sketch.labels.append(Label(_LEFT, bottom - 0.5, f"not wired: {', '.join(rest)}", "reference"))
