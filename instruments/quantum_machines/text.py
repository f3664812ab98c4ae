"""Write QUA: points that differ in numbers alone are a loop over arrays, and so are equal stretches of a point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from qctl.instruments.quantum_machines.elements import Element, Line

__all__ = ["Program", "written"]

_HEAD = """# UNVERIFIED: written from QUA's public documentation; no OPX has run it. Made by qctl for {instrument}.
from qm.qua import *

with program() as prog:
    n = declare(int)
    p = declare(int)
    k = declare(int)
"""
_MOST_FOLDED = 8
"""Lines of a stretch that is looked for again."""
_FEWEST = 3

Point = tuple[tuple[Line, ...], ...]
"""Of each element, its lines."""


class Program(NamedTuple):
    """QUA, and what it needs.

    Attributes
    ----------
    text : str
    n_statements : int
    """

    text: str
    n_statements: int


class _Text:
    """The state while a program is written."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, tuple[float, ...]], str] = {}
        self.body: list[str] = []
        self.n_statements = 0

    def add(self, depth: int, text: str) -> None:
        self.body.append("    " * depth + text)
        self.n_statements += 1

    def number(self, kind: str, column: tuple[float, ...]) -> str:
        """Return how a number is written that each point of a loop has its own of."""
        whole = kind in ("wait", "frequency")
        if all(value == column[0] for value in column):
            return repr(int(column[0])) if whole else repr(float(column[0]))
        word = "int" if whole else "fixed"
        return self.arrays.setdefault((word, column), f"v{len(self.arrays)}") + "[p]"


def written(
    points: Sequence[Point], elements: Sequence[Element], peaks: dict[tuple[str, int], float], instrument: str,
    n_shots: int, averaged: bool, streams: Sequence[tuple[str, str, int]],
) -> Program:  # fmt: skip
    """Return the program.

    Parameters
    ----------
    points : sequence of Point
    elements : sequence of Element
    peaks : dict
        Element and pulse → volts that its waveform reaches; a play's amplitude is scaled by it.
    instrument : str
    n_shots : int
    averaged : bool
    streams : sequence of (slot, port, n)
        Results, and how many of each a shot has.
    """
    work = _Text()
    names = {slot: f"s{k}" for k, (slot, *_) in enumerate(streams)}
    work.add(1, f"with for_(n, 0, n < {n_shots}, n + 1):")
    for _, members in groupby(points, key=_shape):
        _loop(work, list(members), elements, peaks, names)
    if streams:
        work.add(1, "with stream_processing():")
    for slot, _, n_each in streams:
        for part in ("i", "q"):
            end = f".average().save('{names[slot]}_{part}')" if averaged else f".save_all('{names[slot]}_{part}')"
            work.add(2, f"{names[slot]}_{part}.buffer({n_each}){end}")
    head = _HEAD.format(instrument=instrument)
    for slot, *_ in streams:
        head += "".join(f"    {names[slot]}_{x} = declare_output_stream()\n" for x in "iq")
    for e in elements:
        if e.acquires:
            head += "".join(f"    {e.name}_{x} = declare(fixed)\n" for x in "iq")
    for (word, column), name in work.arrays.items():
        values = [int(v) if word == "int" else float(v) for v in column]
        head += f"    {name} = declare({word}, value={values!r})\n"
    return Program(head + "\n".join(work.body) + "\n", work.n_statements)


def _shape(point: Point) -> tuple[tuple[tuple[str, tuple[object, ...]], ...], ...]:
    return tuple(tuple((line.kind, line.what) for line in lines) for lines in point)


def _loop(
    work: _Text, points: list[Point], elements: Sequence[Element], peaks: dict[tuple[str, int], float],
    names: dict[str, str],
) -> None:  # fmt: skip
    """Write points of one shape."""
    depth = 2
    if len(points) > 1:
        work.add(depth, f"with for_(p, 0, p < {len(points)}, p + 1):")
        depth += 1
    for e in elements:
        work.add(depth, f"reset_frame('{e.name}')")
        work.add(depth, f"reset_if_phase('{e.name}')")
    work.add(depth, "align()")
    work.add(depth, "with strict_timing_():")
    depth += 1
    for j, e in enumerate(elements):
        columns = list(zip(*(point[j] for point in points), strict=True))
        idle = [column[0].kind == "frame" and not any(line.value for line in column) for column in columns]
        statements = [
            _statement(work, e, column, peaks, names) for column, no in zip(columns, idle, strict=True) if not no
        ]
        for n_times, part in _folded(statements):
            deeper = depth
            if n_times > 1:
                work.add(depth, f"with for_(k, 0, k < {n_times}, k + 1):")
                deeper += 1
            for statement in part:
                for text in statement.split("\n"):
                    work.add(deeper, text)


def _statement(
    work: _Text, element: Element, column: Sequence[Line], peaks: dict[tuple[str, int], float], names: dict[str, str]
) -> str:
    """Return one statement, whose number each point has its own of."""
    kind, what, _ = column[0]
    values = tuple(line.value for line in column)
    name = element.name
    if kind == "wait":
        return f"wait({work.number(kind, values)}, '{name}')"
    if kind == "frequency":
        return f"update_frequency('{name}', {work.number(kind, values)})"
    if kind == "frame":
        return f"frame_rotation_2pi({work.number(kind, values)}, '{name}')"
    peak = peaks[name, int(str(what[0]))]
    scales = tuple(value / peak if peak else 0.0 for value in values)
    scale = "" if all(x == 1.0 for x in scales) else f", amplitude_scale={work.number(kind, scales)}"
    if kind == "play":
        return f"play('p{what[0]}', '{name}'{scale})"
    i, q, stream = f"{name}_i", f"{name}_q", names[str(what[1])]
    a, b, c = (f"{x}{what[0]}" for x in "abc")
    return (
        f"measure('p{what[0]}', '{name}', dual_demod.full('{a}', 'out1', '{b}', 'out2', {i}), "
        f"dual_demod.full('{c}', 'out1', '{a}', 'out2', {q}){scale})\nsave({i}, {stream}_i)\nsave({q}, {stream}_q)"
    )


def _folded(statements: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield stretches of statements, and how often each is repeated."""
    at, loose = 0, list[str]()
    while at < len(statements):
        for n in range(1, _MOST_FOLDED + 1):
            part = statements[at : at + n]
            times = 1
            while statements[at + times * n : at + (times + 1) * n] == part:
                times += 1
            if times >= _FEWEST and not any("[p]" in text for text in part):
                if loose:
                    yield 1, loose
                    loose = []
                yield times, part
                at += times * n
                break
        else:
            loose.append(statements[at])
            at += 1
    if loose:
        yield 1, loose
